"""Connections to PostgreSQL, lent and given back; some stand ready with a transaction begun.

A query reads one snapshot, for which a transaction is begun before and ended behind it: two round
trips for nothing that anybody asked for. So whoever gives a connection back after reading ends its
transaction and begins the next by one call, which nobody waits for. PostgreSQL takes the snapshot
of a transaction at its first statement: one that stands ready sees nothing yet, holds nothing
back, and shows its reader what is true when it is asked.

Where all connections are lent, whoever comes waits in one queue; what is given back goes to the
first of it, a snapshot begun included where that is what it waits for.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

import asyncpg
import structlog

import models.database.plan_cache as plan_cache
from models.database.plan_cache import PlanAges

logger = structlog.get_logger(__name__)

SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
READY_SECONDS = 1.0
WAITING_MAX = 10_000
_ANY, _SNAPSHOT = "any", "snapshot"
# What a connection says that cannot be used any more: the pool makes another.
_BROKEN = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)

Connection: TypeAlias = "asyncpg.Connection[Any]"


class _Waiting(NamedTuple):
    """Somebody in the queue; what it gets, None: there is room to make one."""

    wanted: str
    given: asyncio.Future[Connection | None]


class ConnectionPool:
    """The connections of a pool. `acquire_seconds`: how long to wait for one.

    Those that stand ready are for who reads a snapshot, and anybody's where the pool is empty.
    """

    def __init__(self, pool: asyncpg.Pool[Any], acquire_seconds: float) -> None:
        self._pool = pool
        self._acquire_seconds = acquire_seconds
        self._plan_ages = PlanAges()
        self._ready: list[tuple[float, Connection]] = []  # the oldest first
        self._queue: deque[_Waiting] = deque()
        self._taken = 0  # from the pool: lent, or standing ready
        self._is_closing = False
        self._sweep: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def standing_ready(self) -> int:
        """How many stand ready with a snapshot begun."""
        return len(self._ready)

    async def acquire(self) -> Connection:
        """A connection without a transaction. Raises TimeoutError where none comes free."""
        while self._is_full and (ready := await self._take_ready()) is not None:
            if await self._does(ready, "ROLLBACK"):
                return ready
        return await self._take(_ANY)

    @property
    def _is_full(self) -> bool:
        """Whether the pool has no more to give: all are lent, or stand ready."""
        most: int = self._pool.get_max_size()
        return self._taken >= most

    async def acquire_snapshot(self) -> Connection:
        """A connection with a snapshot begun of which nothing was read yet. Raises TimeoutError."""
        ready = await self._take_ready()
        if ready is not None:
            return ready
        connection = await self._take(_SNAPSHOT)
        if not connection.is_in_transaction():
            renewing = [plan_cache.RENEW] if self.must_renew_plans(connection) else []
            await self._call(connection, *renewing, SNAPSHOT)
        return connection

    async def _take(self, wanted: str) -> Connection:
        """A connection of the pool, while it has any, or what the queue gives."""
        if not self._is_full:
            self._taken += 1
        elif (given := await self._wait(wanted)) is not None:
            if _is_open(given):
                return given
            await self.reset(given)  # it broke on its way, and its place is free again
            return await self._take(wanted)
        try:
            # What is there at once needs no timer; one that has to be made has its own.
            patience = None if self._pool.get_idle_size() else self._acquire_seconds
            connection: Connection = await self._pool.acquire(timeout=patience)
        except BaseException:
            self._make_room()
            raise
        return connection

    async def _wait(self, wanted: str) -> Connection | None:
        if len(self._queue) >= WAITING_MAX:
            raise TimeoutError(f"{WAITING_MAX} wait for a connection already")
        given: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(wanted, given)
        self._queue.append(waiting)
        try:
            async with asyncio.timeout(self._acquire_seconds):
                return await given
        except BaseException:
            if not given.done() or given.cancelled():
                with suppress(ValueError):
                    self._queue.remove(waiting)
            elif (connection := given.result()) is None:  # given to who does not wait any more
                self._make_room()
            else:
                self.at_its_end(self._give(connection))
            raise

    async def release(self, connection: Connection) -> None:
        """Give a connection back that is as it was lent: used, and without a transaction."""
        if _is_open(connection) and self._first() is not None:
            self._queue.popleft().given.set_result(connection)
        else:
            await self.reset(connection)

    async def reset(self, connection: Connection) -> None:
        """Give a connection back of which nobody knows how it was left.

        The pool looks after it: it ends what is open on it, or makes another in its place.
        """
        try:
            await self._pool.release(connection, timeout=self._acquire_seconds)
        except Exception as error:  # noqa: BLE001 - whoever had it is done, and needs no answer
            logger.warning("connection.not_released", error=repr(error))
        finally:
            self._make_room()

    async def release_snapshot(self, connection: Connection) -> None:
        """Give a connection back on which a snapshot was read; for the next one, if it can be."""
        if not _is_open(connection) or not self._may_be_next():
            await self._give(connection)
            return
        # Apart: it would take the snapshot that the reader is to take.
        calls = [f"COMMIT; {SNAPSHOT}"]
        if self.must_renew_plans(connection):
            calls = [f"COMMIT; {plan_cache.RENEW}", SNAPSHOT]
        if not await self._does(connection, *calls):
            return
        if not self._may_be_next():
            await self._give(connection)
        elif self._first() is not None:
            self._queue.popleft().given.set_result(connection)
        else:
            self._ready.append((time.monotonic(), connection))
            self._arm()

    def _may_be_next(self) -> bool:
        """Whether a snapshot is what is wanted next."""
        first = self._first()
        return not self._is_closing and (first is None or first.wanted == _SNAPSHOT)

    def must_renew_plans(self, connection: Connection) -> bool:
        """Whether the connection's plans are too old to be used; whoever asks renews them."""
        return self._plan_ages.are_over(connection.get_server_pid())

    def _first(self) -> _Waiting | None:
        """Who waits first, and still does."""
        while self._queue and self._queue[0].given.done():
            self._queue.popleft()
        return self._queue[0] if self._queue else None

    def _make_room(self) -> None:
        """The pool may make one connection more: whoever waits first does."""
        if self._first() is not None:
            self._queue.popleft().given.set_result(None)
        else:
            self._taken -= 1

    async def _take_ready(self) -> Connection | None:
        while self._ready:
            _, connection = self._ready.pop()
            if _is_open(connection):
                return connection
            await self.reset(connection)
        return None

    async def _give(self, connection: Connection) -> None:
        """Give back a connection on which a snapshot may be."""
        if not _is_open(connection):
            await self.reset(connection)
        elif not connection.is_in_transaction() or await self._does(connection, "ROLLBACK"):
            await self.release(connection)

    async def _does(self, connection: Connection, *calls: str) -> bool:
        """Make these calls on a connection; false where it turns out to be broken."""
        try:
            await self._call(connection, *calls)
        except _BROKEN:
            return False
        return True

    async def _call(self, connection: Connection, *calls: str) -> None:
        """Make these calls on a connection, which goes to the pool if one of them fails."""
        try:
            for call in calls:
                await connection.execute(call)
        except BaseException:
            await self.reset(connection)
            raise

    def _arm(self) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(READY_SECONDS, self._give_back_old)

    def _give_back_old(self) -> None:
        """Give back what nobody has read with for a while: it is a transaction without use."""
        self._sweep = None
        before = time.monotonic() - READY_SECONDS
        while self._ready and self._ready[0][0] <= before:
            self.at_its_end(self._give(self._ready.pop(0)[1]))
        if self._ready:
            self._arm()

    def at_its_end(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do this in a task that nobody cancels."""
        ending = asyncio.create_task(work)
        self._ending.add(ending)
        ending.add_done_callback(self._ended)
        return ending

    def _ended(self, ending: asyncio.Task[None]) -> None:
        self._ending.discard(ending)
        if not ending.cancelled() and (error := ending.exception()) is not None:
            logger.warning("connection.not_ended", error=repr(error))

    async def close(self) -> None:
        """Give back all that stands ready, and wait, bounded, for what is being given back."""
        self._is_closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        while self._ready:
            self.at_its_end(self._give(self._ready.pop()[1]))
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=self._acquire_seconds)


def _is_open(connection: Connection) -> bool:
    """Whether a connection is there; the pool takes back at once what breaks."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False
