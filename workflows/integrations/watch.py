"""The job that watches integrations: their backlogs, figures that age, and probes.

A probe is a read: it looks up something that does not exist, and never makes a payment or a label.
The process that delivers to a webhook probes it with its oldest message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial

import structlog

import models.queries.integrations.backlogs as backlog_queries
import models.queries.integrations.health as health_queries
import workflows.integrations.judgement as judgement
from domain.integrations.health import WaitingWork, in_status, judge
from domain.integrations.states import IntegrationStatus
from domain.integrations.validation import PAYMENTS_CODE, carrier_code
from domain.values.codes import comparison_key
from integrations.carriers.carrier import Carrier
from integrations.errors import IntegrationError
from integrations.payments.gateway import PaymentGateway
from models.database.sessions import Session
from models.queries.integrations.health import ProbeRow
from workflows.integrations.health import HealthMonitor
from workflows.integrations.judgement import News
from workflows.transactions.runner import Transactions

logger = structlog.get_logger(__name__)

Probe = Callable[[], Awaitable[None]]


class IntegrationWatch:
    """Watches all integrations, and probes the systems of the settings."""

    def __init__(
        self,
        transactions: Transactions,
        health: HealthMonitor,
        gateway: PaymentGateway,
        carriers: Mapping[str, Carrier],
    ) -> None:
        self._transactions = transactions
        self._health = health
        self._probes: dict[str, Probe] = {PAYMENTS_CODE: gateway.probe}
        for code, client in carriers.items():
            self._probes[comparison_key(carrier_code(code))] = client.probe

    async def watch(self) -> int:
        """Store the backlogs, and judge the integrations whose figures have aged. Returns 0."""
        now = self._transactions.clock()
        async with self._transactions.database.snapshot() as session:
            news = await _news(session, now)
        if news:
            await self._transactions.run(lambda tx: judgement.take(tx, news))
        return 0

    async def probe(self) -> int:
        """Make the probes that are due. Returns 0."""
        async with self._transactions.database.reading() as session:
            due = await health_queries.due_probes(session, self._transactions.clock())
        probed = [row for row in due if comparison_key(row["code"]) in self._probes]
        await asyncio.gather(*map(self._probe, probed))
        await self._health.flush()
        return 0

    async def _probe(self, row: ProbeRow) -> None:
        # While RECOVERING has work to do, its calls prove as much as a probe.
        await self._health.alone(row["code"], partial(self._claim_and_probe, row))

    async def _claim_and_probe(self, row: ProbeRow) -> None:
        key, status = comparison_key(row["code"]), IntegrationStatus(row["status"])
        if not await self._health.claim_probe(row["id"], status):
            return
        try:
            await self._probes[key]()
        except IntegrationError as error:
            logger.info("integration.probe_failed", integration=key, why=str(error))


async def _news(session: Session, now: datetime) -> dict[str, News]:
    """The integrations that have another backlog than before, or whose status changes by time."""
    rows = await health_queries.live(session)
    waiting = await backlog_queries.backlogs(session, now)
    stored = await health_queries.health_by_integration(session, [row["id"] for row in rows])
    rules = await judgement.rules_of(session, now, rows)
    news: dict[str, News] = {}
    for row in rows:
        key = comparison_key(row["code"])
        backlog = waiting.get(key, WaitingWork())
        found, status = stored.get(row["id"]), IntegrationStatus(row["status"])
        is_recovering = status is IntegrationStatus.RECOVERING
        if found is None:
            if backlog.count or is_recovering:
                news[key] = News(backlog=backlog)
            continue
        record = in_status(health_queries.health_record(found), status, row["status_since_at"])
        is_resumed = is_recovering and found["next_probe_at"] is None
        if record.backlog != backlog or is_resumed or judge(status, record, rules[row["id"]], now):
            news[key] = News(backlog=backlog)
    return news
