"""Health of integrations: calls are recorded in memory, judged in the database, and gated by it.

1. `record` keeps a call in this process. `flush` adds the calls of a second, of all integrations,
   to the figures of all processes, in one transaction (workflows/integrations/judgement.py).
2. `refresh` reads which integrations are DOWN, RECOVERING, PAUSED or OFF. All processes do so every
   second, so a status holds everywhere within two seconds.
3. `calls_max` and `may_call` answer from that, without the database.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import structlog

import models.queries.integrations.gates as gate_queries
import models.queries.integrations.health as health_queries
import workflows.integrations.judgement as judgement
from domain.integrations.figures import CallOutcome, TryResult
from domain.integrations.health import calls_max
from domain.integrations.states import IntegrationStatus
from domain.values.codes import comparison_key
from integrations.monitoring import CallMonitor
from models.database.errors import unforeseen
from models.database.sessions import Session
from workflows.integrations.judgement import RECOVERY_PROBE, News
from workflows.transactions.runner import Transactions

logger = structlog.get_logger(__name__)

FLUSH_SECONDS: Final = 1.0
WAIT_SECONDS: Final = 0.1
# Calls kept for one integration while the database cannot be reached; older ones are dropped.
PENDING_MAX: Final = 10_000

Item = TypeVar("Item")


class HealthMonitor:
    """Records the calls of this process, and limits them. Takes codes in any spelling."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._pending: dict[str, deque[CallOutcome]] = {}
        self._gates: Mapping[str, tuple[IntegrationStatus, datetime]] = {}
        self._under_way: Counter[str] = Counter()
        self._ended = asyncio.Event()

    def record(
        self, code: str, result: TryResult, seconds: float, error: str | None = None
    ) -> None:
        """Record a call that has just ended. `error`: why it failed, as text for people."""
        now = self._transactions.clock()
        outcome = CallOutcome(result, now - timedelta(seconds=seconds), now, error)
        key = comparison_key(code)
        self._pending.setdefault(key, deque(maxlen=PENDING_MAX)).append(outcome)

    def calls_max(self, code: str) -> int | None:
        """The number of calls that may be under way in all processes; None: no limit."""
        gate = self._gates.get(comparison_key(code))
        return None if gate is None else calls_max(*gate, self._transactions.clock())

    def may_call(self, code: str) -> bool:
        """False if the integration is DOWN, PAUSED or OFF."""
        return self.calls_max(code) != 0

    def monitor(self, code: str) -> CallMonitor:
        """The monitor of a client of this integration."""
        return _Monitor(self, code)

    async def alone(self, code: str, call: Callable[[], Awaitable[None]]) -> None:
        """Make a call that the status does not limit, unless this process makes another one now."""
        key = comparison_key(code)
        if self._under_way[key]:
            return
        self._under_way[key] += 1
        try:
            await call()
        finally:
            self._leave(key)

    async def each(
        self,
        code: str,
        items: Sequence[Item],
        most: int,
        call: Callable[[Item], Awaitable[object]],
    ) -> None:
        """Call for each item, in their order, for at most `most` at the same time.

        RECOVERING allows fewer. Stops at the first item for which no call is allowed. A failure
        does not keep the others from being called; the first one is raised at the end.
        """
        key = comparison_key(code)
        failures: list[Exception] = []

        async def one(item: Item) -> None:
            try:
                await call(item)
            except Exception as error:  # noqa: BLE001 - raised below, after the others
                failures.append(error)
            finally:
                self._leave(key)

        async with asyncio.TaskGroup() as tasks:
            for item in items:
                if not await self._enter(key, most):
                    break
                tasks.create_task(one(item))
        if failures:
            raise failures[0]

    async def _enter(self, key: str, most: int) -> bool:
        """Wait until another call may begin, and count it. False: none is allowed."""
        while (limit := self.calls_max(key)) != 0:
            if self._under_way[key] < (most if limit is None else min(most, limit)):
                self._under_way[key] += 1
                return True
            self._ended.clear()
            # The limit of RECOVERING rises without the end of a call.
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._ended.wait()
        return False

    def _leave(self, key: str) -> None:
        self._under_way[key] -= 1
        self._ended.set()

    async def claim_probe(self, integration_id: UUID, status: IntegrationStatus) -> bool:
        """Take the probe that is due for an integration, in one of all processes.

        A DOWN integration has one every RESTOW_PROBE_SECONDS, a RECOVERING one every second.
        """
        now = self._transactions.clock()
        every = self._transactions.terms.probe_every
        if status is IntegrationStatus.RECOVERING:
            every = min(every, RECOVERY_PROBE)
        return await self._transactions.run(
            lambda tx: health_queries.claim_probe(tx.session, integration_id, now, now + every)
        )

    async def refresh(self, session: Session) -> None:
        """Read which integrations may not be called as usual."""
        self._gates = {
            comparison_key(row["code"]): (IntegrationStatus(row["status"]), row["status_since_at"])
            for row in await gate_queries.gates(session)
        }

    async def flush(self) -> None:
        """Judge the integrations by the calls that this process has recorded."""
        pending, self._pending = self._pending, {}
        if not pending:
            return
        news = {key: News(tuple(outcomes)) for key, outcomes in pending.items()}
        try:
            await self._transactions.run(lambda tx: judgement.take(tx, news))
        except Exception:
            for key, outcomes in self._pending.items():
                pending.setdefault(key, deque(maxlen=PENDING_MAX)).extend(outcomes)
            self._pending = pending
            raise
        async with self._transactions.database.reading() as session:
            await self.refresh(session)

    async def run(self) -> None:
        """Record and read every second, until cancelled."""
        while True:
            try:
                await self.flush()
                async with self._transactions.database.reading() as session:
                    await self.refresh(session)
            except Exception as error:  # tried again: the last known statuses hold until then
                logger.warning("health.failed", error=repr(error), exc_info=unforeseen(error))
            await asyncio.sleep(FLUSH_SECONDS)


class _Monitor:
    """The monitor of one integration."""

    def __init__(self, health: HealthMonitor, code: str) -> None:
        self._health, self._code = health, code

    def may_call(self) -> bool:
        return self._health.may_call(self._code)

    def record(self, result: TryResult, seconds: float, error: str | None = None) -> None:
        self._health.record(self._code, result, seconds, error)
