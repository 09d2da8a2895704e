"""Pool of PostgreSQL connections; idle ones may have a transaction prepared.

A query reads one snapshot. BEGIN before it and COMMIT after it would cost two round trips. So after
a read, one background call ends the transaction and begins the next one. A writing transaction ends
in the same way: its last call is "…; COMMIT; BEGIN" (models/database/postgres_session.py).

PostgreSQL takes a snapshot at a statement after BEGIN, not at BEGIN. A prepared transaction
therefore has no snapshot, no lock and no transaction id yet. It does not hold back vacuum, and it
sees the data committed at its first statement.

When all connections are in use, callers wait in one queue. A released connection goes to the first
caller; with its prepared transaction, if that caller wants one of its kind.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

import asyncpg
import structlog

import models.database.plan_cache as plan_cache
from models.database.connections import Connection, has_wanted
from models.database.plan_cache import PlanAges

logger = structlog.get_logger(__name__)

SNAPSHOT = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {plan_cache.CHOOSE}"
TRANSACTION = "BEGIN"
READY_SECONDS = 1.0
BEGUN_MAX = 2  # writing transactions that wait prepared: one per action under load is enough
WAITING_MAX = 10_000
_ANY, _SNAPSHOT, _TRANSACTION = "any", "snapshot", "transaction"
# Errors after which a connection cannot be used any more; the pool opens another one.
_BROKEN = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class _Waiting(NamedTuple):
    """A caller in the queue; it receives a connection, or None: it may open one."""

    wanted: str
    given: asyncio.Future[Connection | None]


class ConnectionPool:
    """Connections of a pool. `acquire_seconds`: longest time that a caller waits for one.

    Prepared connections serve callers of their kind, and every caller when the pool has no others
    left.
    """

    def __init__(self, pool: asyncpg.Pool[Any], acquire_seconds: float) -> None:
        self._pool = pool
        self._acquire_seconds = acquire_seconds
        self._plan_ages = PlanAges()
        # Idle connections by kind: with a prepared transaction, or with none (_ANY). Each has its
        # time, the oldest first.
        self._ready: dict[str, list[tuple[float, Connection]]] = {
            kind: [] for kind in (_ANY, _SNAPSHOT, _TRANSACTION)
        }
        self._queue: deque[_Waiting] = deque()
        self._taken = 0  # from the asyncpg pool: in use, prepared or idle
        self._is_closing = False
        self._sweep: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def prepared(self) -> int:
        """Number of connections with a prepared snapshot transaction."""
        return len(self._ready[_SNAPSHOT])

    @property
    def begun(self) -> int:
        """Number of connections with a prepared writing transaction."""
        return len(self._ready[_TRANSACTION])

    @property
    def idle(self) -> int:
        """Number of connections that are kept without a transaction."""
        return len(self._ready[_ANY])

    async def acquire(self) -> Connection:
        """A connection without a transaction. Raises TimeoutError if none becomes free."""
        if (idle := await self._take_ready(_ANY)) is not None:
            return idle
        return await self._free_one(_SNAPSHOT, _TRANSACTION) or await self._take(_ANY)

    async def _free_one(self, *kinds: str) -> Connection | None:
        """If the pool is full: a prepared connection of one of these kinds, rolled back."""
        for kind in kinds:
            while self._is_full and (ready := await self._take_ready(kind)) is not None:
                if await self._does(ready, "ROLLBACK"):
                    return ready
        return None

    async def acquire_single(self) -> Connection:
        """A connection for a single statement. Raises TimeoutError if none becomes free.

        The connection may have a prepared snapshot: the statement is then its first.
        """
        for kind in (_ANY, _SNAPSHOT):
            if self._ready[kind] and (connection := await self._take_ready(kind)) is not None:
                return connection
        if self._ready[_TRANSACTION] and (freed := await self._free_one(_TRANSACTION)) is not None:
            return freed
        return await self._take(_ANY)

    @property
    def _is_full(self) -> bool:
        """True if the pool has no more connections: all are in use or prepared."""
        most: int = self._pool.get_max_size()
        return self._taken >= most

    async def acquire_snapshot(self) -> Connection:
        """A connection in a snapshot transaction without any read yet. Raises TimeoutError."""
        for kind in (_SNAPSHOT, _ANY):
            if (ready := await self._take_ready(kind)) is not None:
                return await self._begun(ready, SNAPSHOT)
        connection = await self._free_one(_TRANSACTION) or await self._take(_SNAPSHOT)
        return await self._begun(connection, SNAPSHOT)

    async def acquire_transaction(self) -> Connection:
        """A connection in a writing transaction without any statement yet. Raises TimeoutError."""
        for kind in (_TRANSACTION, _ANY):
            if (ready := await self._take_ready(kind)) is not None:
                return await self._begun(ready, TRANSACTION)
        connection = await self._free_one(_SNAPSHOT) or await self._take(_TRANSACTION)
        return await self._begun(connection, TRANSACTION)

    async def _begun(self, connection: Connection, begin: str) -> Connection:
        if not connection.is_in_transaction():
            renewing = [plan_cache.RENEW] if self.must_renew_plans(connection) else []
            await self._call(connection, *renewing, begin)
        return connection

    async def _take(self, wanted: str) -> Connection:
        """A connection of the asyncpg pool while it has any, else one from the queue."""
        if not self._is_full:
            self._taken += 1
        elif (given := await self._wait(wanted)) is not None:
            if _is_open(given):
                return given
            await self.reset(given)  # it broke meanwhile; its slot is free again
            return await self._take(wanted)
        try:
            # An idle connection is available at once; only opening a new one needs a time-out.
            patience = None if self._pool.get_idle_size() else self._acquire_seconds
            connection: Connection = await self._pool.acquire(timeout=patience)
        except BaseException:
            self._make_room()
            raise
        return connection

    async def _wait(self, wanted: str) -> Connection | None:
        if len(self._queue) >= WAITING_MAX:
            raise TimeoutError(f"at most {WAITING_MAX} callers may wait for a connection")
        loop = asyncio.get_running_loop()
        given: asyncio.Future[Connection | None] = loop.create_future()
        waiting = _Waiting(wanted, given)
        self._queue.append(waiting)
        # A timer instead of `asyncio.timeout`, which costs as much as half the wait's other work.
        timer = loop.call_later(self._acquire_seconds, _expire, given)
        try:
            return await given
        except BaseException:
            if not given.done() or given.cancelled() or given.exception() is not None:
                with suppress(ValueError):
                    self._queue.remove(waiting)
            elif (connection := given.result()) is None:  # the slot came too late for this caller
                self._make_room()
            else:
                self.run_uncancelled(self._give(connection))
            raise
        finally:
            timer.cancel()

    def release_single(self, connection: Connection) -> None:
        """Return a connection after a single statement; without a transaction it needs no call."""
        if not _is_open(connection):
            self.run_uncancelled(self.reset(connection))
            return
        calls = ["COMMIT"] if connection.is_in_transaction() else []
        if self.must_renew_plans(connection):
            calls.append(plan_cache.RENEW)
        if calls:
            self.run_uncancelled(self._release_after(connection, "; ".join(calls)))
        else:
            self._release_idle(connection)

    async def _release_after(self, connection: Connection, call: str) -> None:
        if await self._does(connection, call):
            self._release_idle(connection)

    def _release_idle(self, connection: Connection) -> None:
        """Give a connection to the first caller in the queue, or keep it."""
        if self._first() is not None:
            self._queue.popleft().given.set_result(connection)
        elif self._is_closing:
            self.run_uncancelled(self.reset(connection))
        else:
            self._keep(connection, _ANY)

    async def release(self, connection: Connection) -> None:
        """Return a connection that is usable and without a transaction."""
        if _is_open(connection) and self._first() is not None:
            self._queue.popleft().given.set_result(connection)
        else:
            await self.reset(connection)

    async def reset(self, connection: Connection) -> None:
        """Return a connection in an unknown state.

        The asyncpg pool ends whatever is open on it, or opens another connection in its place.
        """
        try:
            await self._pool.release(connection, timeout=self._acquire_seconds)
        except Exception as error:  # noqa: BLE001 - the caller is done and must not fail by this
            logger.warning("connection.not_released", error=repr(error))
        finally:
            self._make_room()

    async def release_snapshot(self, connection: Connection) -> None:
        """Return a connection after a snapshot read; prepare it for the next one if possible."""
        if not _is_open(connection) or not self._may_be_next(_SNAPSHOT):
            await self._give(connection)
            return
        # Not in one call with BEGIN: DISCARD PLANS would take the snapshot that the reader's first
        # statement must take.
        calls = [f"COMMIT; {SNAPSHOT}"]
        if self.must_renew_plans(connection):
            calls = [f"COMMIT; {plan_cache.RENEW}", SNAPSHOT]
        if await self._does(connection, *calls):
            await self._give_prepared(connection, _SNAPSHOT)

    async def release_transaction(self, connection: Connection) -> None:
        """Return a connection after a writing transaction, maybe with the next one begun."""
        if not _is_open(connection):
            await self.reset(connection)
        elif connection.is_in_transaction():
            await self._give_prepared(connection, _TRANSACTION)
        elif not has_wanted(connection) or await self._prepares(connection):
            await self.release(connection)

    async def _prepares(self, connection: Connection) -> bool:
        """Prepare what the connection was asked for repeatedly; False if it is broken."""
        try:
            await connection.prepare_wanted()
        except Exception as error:  # noqa: BLE001 - it only saves time
            logger.warning("connection.not_prepared", error=repr(error))
            await self.reset(connection)
            return False
        return True

    def may_begin_next(self, connection: Connection) -> bool:
        """True if the transaction that ends now should begin the next one on its connection."""
        return (
            _is_open(connection)
            and not has_wanted(connection)
            and self.begun < BEGUN_MAX
            and self._may_be_next(_TRANSACTION)
            and not self._plan_ages.is_due(connection.get_server_pid())
        )

    async def _give_prepared(self, connection: Connection, kind: str) -> None:
        """Give a prepared connection to the next caller, or keep it for one."""
        if not self._may_be_next(kind):
            await self._give(connection)
        elif self._first() is not None:
            self._queue.popleft().given.set_result(connection)
        else:
            self._keep(connection, kind)

    def _may_be_next(self, kind: str) -> bool:
        """True if the next caller wants a prepared connection of this kind, or no caller waits."""
        first = self._first()
        return not self._is_closing and (first is None or first.wanted == kind)

    def must_renew_plans(self, connection: Connection) -> bool:
        """True if the connection's plans are too old; the caller must then renew them."""
        return self._plan_ages.are_over(connection.get_server_pid())

    def _first(self) -> _Waiting | None:
        """The first caller in the queue that is still waiting."""
        while self._queue and self._queue[0].given.done():
            self._queue.popleft()
        return self._queue[0] if self._queue else None

    def _make_room(self) -> None:
        """Free a slot: the first waiting caller may open a connection."""
        if self._first() is not None:
            self._queue.popleft().given.set_result(None)
        else:
            self._taken -= 1

    async def _take_ready(self, kind: str) -> Connection | None:
        """The connection of this kind that was used last; None if there is none."""
        while self._ready[kind]:
            _, connection = self._ready[kind].pop()
            if _is_open(connection):
                return connection
            await self.reset(connection)
        return None

    async def _give(self, connection: Connection) -> None:
        """Return a connection that may have a transaction."""
        if not _is_open(connection):
            await self.reset(connection)
        elif not connection.is_in_transaction() or await self._does(connection, "ROLLBACK"):
            await self.release(connection)

    async def _does(self, connection: Connection, *calls: str) -> bool:
        """Execute these statements; False if the connection is broken."""
        try:
            await self._call(connection, *calls)
        except _BROKEN:
            return False
        return True

    async def _call(self, connection: Connection, *calls: str) -> None:
        """Execute these statements; if one fails, the connection is reset."""
        try:
            for call in calls:
                await connection.execute(call)
        except BaseException:
            await self.reset(connection)
            raise

    def _keep(self, connection: Connection, kind: str) -> None:
        self._ready[kind].append((time.monotonic(), connection))
        self._arm()

    def _arm(self) -> None:
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(READY_SECONDS, self._give_back_old)

    def _give_back_old(self) -> None:
        """Release connections that were prepared or idle for READY_SECONDS."""
        self._sweep = None
        before = time.monotonic() - READY_SECONDS
        for kept in self._ready.values():
            while kept and kept[0][0] <= before:
                self.run_uncancelled(self._give(kept.pop(0)[1]))
        if any(self._ready.values()):
            self._arm()

    def run_uncancelled(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run this in a task that is never cancelled."""
        ending = asyncio.create_task(work)
        self._ending.add(ending)
        ending.add_done_callback(self._ended)
        return ending

    def _ended(self, ending: asyncio.Task[None]) -> None:
        self._ending.discard(ending)
        if not ending.cancelled() and (error := ending.exception()) is not None:
            logger.warning("connection.not_ended", error=repr(error))

    async def close(self) -> None:
        """Release all kept connections and wait, at most `acquire_seconds`, for running
        releases.
        """
        self._is_closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        for kept in self._ready.values():
            while kept:
                self.run_uncancelled(self._give(kept.pop()[1]))
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=self._acquire_seconds)


def _expire(given: asyncio.Future[Connection | None]) -> None:
    """End the wait of a caller that was given nothing in time."""
    if not given.done():
        given.set_exception(TimeoutError())


def _is_open(connection: Connection) -> bool:
    """True if the connection is open; the asyncpg pool takes back a broken one at once."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False
