"""Group commit: requests that queue while a commit is under way share the next transaction.

No timer fills a group: a request that comes alone waits for nobody. Requests are taken in the order
in which they came, each has an outcome of its own, and one that fails the whole transaction is
found by halving, so that it never harms its neighbours.

A crowd is served in two halves that take turns: while the database writes for one, this process
speaks with the other. For that the answers of a group leave when all that is left of the next one
is the database's to do. Told at once they would come first, and then both would wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from models.database.database import OutcomeUnknown
from models.database.sessions import DatabaseUnavailable
from workflows.transactions.outcomes import Outcome, Request

GROUP_MAX = 256
QUEUE_MAX = 10_000
CROWD_MIN = 32
# An answer is held back no longer than this, should the next group wait for a lock.
TELL_SECONDS = 0.02
_ABANDONED = "the transaction was abandoned"

CommandT = TypeVar("CommandT")
Waiting = tuple[Request[Any], "asyncio.Future[Outcome]"]


class QueueFull(Exception):
    """More requests wait than can be served soon; nothing was done, try again later."""


class CommitQueue(Generic[CommandT]):
    """The queue in front of one action.

    `together` carries out requests in one transaction, and says when only the database's part of
    it is left; None in its answer stands for a request that must be tried by `alone`, because
    another transaction uses its key. `crowd_min`: from how many on two halves take turns; None:
    never, where the database works in this process and a half only costs what a group costs.
    """

    def __init__(
        self,
        together: Callable[
            [Sequence[Request[CommandT]], Callable[[], None]], Awaitable[list[Outcome | None]]
        ],
        alone: Callable[[Request[CommandT]], Awaitable[Outcome]],
        *,
        crowd_min: int | None = CROWD_MIN,
        group_max: int = GROUP_MAX,
        queue_max: int = QUEUE_MAX,
    ) -> None:
        self._together = together
        self._alone = alone
        self._crowd_min = crowd_min
        self._group_max = group_max
        self._queue_max = queue_max
        self._queue: deque[Waiting] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_writing = False
        self._untold: list[tuple[asyncio.Future[Outcome], Outcome]] = []
        self._latest: asyncio.TimerHandle | None = None

    async def submit(self, request: Request[CommandT]) -> Outcome:
        """The outcome of a request, whose transaction it may share. Raises QueueFull.

        Cancelling the caller does not take the request back.
        """
        if len(self._queue) >= self._queue_max:
            raise QueueFull(f"{self._queue_max} requests wait already")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((request, future))
        if not self._is_writing:
            self._is_writing = True
            self._spawn(self._write())
        return await future

    async def drain(self) -> None:
        """Wait until nothing is queued or under way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self) -> None:
        """Serve the queue until it is empty, a group at a time."""
        group: list[Waiting] = []
        try:
            while self._queue:
                group = self._next()
                await self._serve(group)
        except asyncio.CancelledError:
            self._tell()
            while self._queue:
                _fail(self._queue.popleft()[1], DatabaseUnavailable("it was not begun any more"))
            for _, future in group:
                _fail(future, OutcomeUnknown(_ABANDONED))
            raise
        finally:
            self._is_writing = False

    def _next(self) -> list[Waiting]:
        """The next group: all that wait, or of a crowd a half, who was just served included."""
        count = len(self._queue)
        if self._is_crowd:
            count = min(count, (count + len(self._untold) + 1) // 2)
        return [self._queue.popleft() for _ in range(min(count, self._group_max))]

    @property
    def _is_crowd(self) -> bool:
        """Whether there are enough for two halves: of those who wait, and who was just served."""
        crowd = len(self._queue) + len(self._untold)
        return self._crowd_min is not None and crowd >= self._crowd_min

    async def _serve(self, group: Sequence[Waiting]) -> None:
        try:
            outcomes = await self._together([request for request, _ in group], self._tell)
        except Exception as error:  # noqa: BLE001 - every waiting request gets its answer
            self._tell()
            # What the whole database said is everybody's answer; a lost answer to COMMIT above
            # all, which must not be tried again without the clients' knowing.
            is_everybodys = isinstance(error, OutcomeUnknown | DatabaseUnavailable)
            if len(group) == 1 or is_everybodys:
                for _, future in group:
                    _fail(future, error)
                return
            half = len(group) // 2
            await self._serve(group[:half])
            await self._serve(group[half:])
            return
        for (request, future), outcome in zip(group, outcomes, strict=True):
            if outcome is None:
                self._spawn(self._serve_alone(request, future))
            else:
                self._untold.append((future, outcome))
        if self._queue and self._is_crowd:
            self._latest = asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell)
        else:
            self._tell()

    def _tell(self) -> None:
        """Give their answers to those whose transaction is over."""
        if self._latest is not None:
            self._latest.cancel()
            self._latest = None
        untold, self._untold = self._untold, []
        for future, outcome in untold:
            if not future.done():
                future.set_result(outcome)

    async def _serve_alone(
        self, request: Request[CommandT], future: asyncio.Future[Outcome]
    ) -> None:
        try:
            outcome = await self._alone(request)
        except asyncio.CancelledError:
            _fail(future, OutcomeUnknown(_ABANDONED))
            raise
        except Exception as error:  # noqa: BLE001 - the waiting request gets its answer
            _fail(future, error)
        else:
            if not future.done():
                future.set_result(outcome)


def _fail(future: asyncio.Future[Outcome], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
