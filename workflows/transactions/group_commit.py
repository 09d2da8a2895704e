"""Group commit: requests that queue while a commit is under way share the next transaction.

No timer fills a group, so a single request never waits. Requests are taken in their order of
arrival, and each has an outcome of its own. If one request fails the whole transaction, the group
is halved until it is found, so that it does not fail the others.

Under load, requests are served in two halves that take turns: while the database writes one half,
this process receives and answers requests of the other. Answers of one group are sent while the
next is being written. If they were sent at once, this process and the database would each wait for
the other in turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from models.database.sessions import DatabaseUnavailable, OutcomeUnknown
from workflows.transactions.outcomes import Outcome, Request

GROUP_MAX = 256
QUEUE_MAX = 10_000
CROWD_MIN = 32
# The longest time for which an outcome is held back, in case the next group waits for a lock.
HOLD_BACK_SECONDS = 0.02
_ABANDONED = "the transaction was abandoned"

CommandT = TypeVar("CommandT")
Waiting = tuple[Request[Any], "asyncio.Future[Outcome]"]


class QueueFull(Exception):
    """Too many requests are queued. Nothing was done; try again later."""


class CommitQueue(Generic[CommandT]):
    """The queue of one action.

    `together` performs requests in one transaction, and calls its second argument before the last
    statements are sent. It returns None for a request whose key another transaction uses; such a
    request is retried by `alone`. `crowd_min`: the number of requests from which two halves take
    turns. None, never, is for SQLite, which works in this process and cannot overlap with it.
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
        self.tasks: set[asyncio.Task[None]] = set()  # those that serve requests now
        self._is_writing = False
        self._held_back: list[tuple[asyncio.Future[Outcome], Outcome]] = []
        self._latest: asyncio.TimerHandle | None = None

    async def submit(self, request: Request[CommandT]) -> Outcome:
        """Queue a request and return its outcome. Raises QueueFull.

        A cancelled caller does not cancel the request.
        """
        if len(self._queue) >= self._queue_max:
            raise QueueFull(f"{self._queue_max} requests are queued already")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((request, future))
        if not self._is_writing:
            self._is_writing = True
            self._spawn(self._write())
        return await future

    async def drain(self) -> None:
        """Wait until nothing is queued or under way."""
        while self.tasks:
            await asyncio.wait(set(self.tasks))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _write(self) -> None:
        """Serve the queue, one group at a time, until it is empty."""
        group: list[Waiting] = []
        try:
            while self._queue:
                group = self._next()
                await self._serve(group)
        except asyncio.CancelledError:
            self._answer()
            while self._queue:
                _fail(
                    self._queue.popleft()[1],
                    DatabaseUnavailable("the process stopped before the request began"),
                )
            for _, future in group:
                _fail(future, OutcomeUnknown(_ABANDONED))
            raise
        finally:
            self._is_writing = False

    def _next(self) -> list[Waiting]:
        """The next group: all queued requests, or under load half of them.

        Also counts just-served clients, who probably send again at once.
        """
        count = len(self._queue)
        if self._is_crowd:
            count = min(count, (count + len(self._held_back) + 1) // 2)
        return [self._queue.popleft() for _ in range(min(count, self._group_max))]

    @property
    def _is_crowd(self) -> bool:
        """True if there are enough requests for two halves, including those just served."""
        crowd = len(self._queue) + len(self._held_back)
        return self._crowd_min is not None and crowd >= self._crowd_min

    async def _serve(self, group: Sequence[Waiting]) -> None:
        try:
            outcomes = await self._together([request for request, _ in group], self._answer)
        except Exception as error:  # noqa: BLE001 - every waiting request gets its answer
            self._answer()
            # An error of the whole database is the answer to every request. Above all a lost
            # answer to COMMIT: it must not be retried without the clients' knowledge.
            is_for_all = isinstance(error, OutcomeUnknown | DatabaseUnavailable)
            if len(group) == 1 or is_for_all:
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
                self._held_back.append((future, outcome))
        if self._queue and self._is_crowd:
            self._latest = asyncio.get_running_loop().call_later(HOLD_BACK_SECONDS, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        """Return the outcomes that were held back."""
        if self._latest is not None:
            self._latest.cancel()
            self._latest = None
        held_back, self._held_back = self._held_back, []
        for future, outcome in held_back:
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
