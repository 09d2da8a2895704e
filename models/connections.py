"""Connections to PostgreSQL, lent and given back; some stand ready with a transaction begun.

A query reads one snapshot, for which a transaction is begun before and ended behind it: two round
trips for nothing that anybody asked for. So whoever gives a connection back after reading ends its
transaction and begins the next by one call, which nobody waits for. PostgreSQL takes the snapshot
of a transaction at its first statement: one that stands ready sees nothing yet, holds nothing
back, and shows its reader what is true when it is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeAlias

import asyncpg

import models.statement_plans as statement_plans
from models.statement_plans import PlanAges

SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
READY_SECONDS = 1.0
# What a connection says that cannot be used any more: the pool makes another.
_BROKEN = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    OSError,
)

Connection: TypeAlias = "asyncpg.Connection[Any]"


class Connections:
    """The connections of a pool; those that stand ready are `take_ready`'s, and anybody's in need.

    `acquire_seconds`: how long to wait for one, and for giving one back.
    """

    def __init__(self, pool: asyncpg.Pool[Any], acquire_seconds: float) -> None:
        self._pool = pool
        self._acquire_seconds = acquire_seconds
        self._plan_ages = PlanAges()
        self._ready: list[tuple[float, Connection]] = []  # the oldest first
        self._waiting = 0
        self._is_closing = False
        self._sweep: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def standing_ready(self) -> int:
        """How many stand ready with a snapshot begun."""
        return len(self._ready)

    async def acquire(self) -> Connection:
        """A connection without a transaction. Raises TimeoutError where none comes free."""
        if not self._pool.get_idle_size():
            ready = self.take_ready()
            if ready is not None and await self._does(ready, "ROLLBACK"):
                return ready
        # What is there at once needs no timer; a connection that has to be made has its own.
        patience = None if self._pool.get_idle_size() else self._acquire_seconds
        self._waiting += 1
        try:
            connection: Connection = await self._pool.acquire(timeout=patience)
        finally:
            self._waiting -= 1
        return connection

    async def release(self, connection: Connection) -> None:
        """Give a connection back, without a transaction on it."""
        await self._pool.release(connection, timeout=self._acquire_seconds)

    def must_renew_plans(self, connection: Connection) -> bool:
        """Whether the connection's plans are too old to be used; whoever asks renews them."""
        return self._plan_ages.are_over(connection.get_server_pid())

    def take_ready(self) -> Connection | None:
        """A connection with a snapshot begun of which nothing was read yet, if one stands ready."""
        while self._ready:
            _, connection = self._ready.pop()
            if _is_open(connection):
                return connection
            self.at_its_end(self.release(connection))
        return None

    async def make_ready(self, connection: Connection) -> None:
        """End the snapshot on a connection and have it stand ready with the next.

        It is given back instead where somebody waits for one, or it is broken.
        """
        if not _is_open(connection):
            await self.release(connection)
            return
        if not self._may_keep():
            await self._end(connection)
            return
        # Apart: it would take the snapshot that the reader is to take.
        calls = [f"COMMIT; {SNAPSHOT}"]
        if self.must_renew_plans(connection):
            calls = [f"COMMIT; {statement_plans.RENEW}", SNAPSHOT]
        if await self._does(connection, *calls):
            if self._may_keep():
                self._ready.append((time.monotonic(), connection))
                self._arm()
            else:
                await self._end(connection)

    def _may_keep(self) -> bool:
        return not self._waiting and not self._is_closing

    async def _end(self, connection: Connection) -> None:
        """Give back a connection with a snapshot on it."""
        if await self._does(connection, "ROLLBACK"):
            await self.release(connection)

    async def _does(self, connection: Connection, *calls: str) -> bool:
        """Make these calls on a connection; one that is broken is given back, for another."""
        try:
            for call in calls:
                await connection.execute(call)
        except BaseException as error:
            await self.release(connection)
            if not isinstance(error, _BROKEN):
                raise
            return False
        return True

    def _arm(self) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(READY_SECONDS, self._give_back_old)

    def _give_back_old(self) -> None:
        """Give back what nobody has read with for a while: it is a transaction without use."""
        self._sweep = None
        before = time.monotonic() - READY_SECONDS
        while self._ready and self._ready[0][0] <= before:
            self.at_its_end(self._end(self._ready.pop(0)[1]))
        if self._ready:
            self._arm()

    def at_its_end(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do this in a task that nobody cancels."""
        ending = asyncio.create_task(work)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return ending

    async def close(self) -> None:
        """Give back all that stands ready, and wait, bounded, for what is being given back."""
        self._is_closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        while self._ready:
            self.at_its_end(self._end(self._ready.pop()[1]))
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=self._acquire_seconds)


def _is_open(connection: Connection) -> bool:
    """Whether a connection is there; the pool takes back at once what breaks."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False
