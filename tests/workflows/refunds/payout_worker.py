"""Payout worker in a process of its own, which is killed by SIGKILL at a chosen point.

It is started by tests/forks, and returns the time at which it ended. It passes a point before,
inside (everything done, not committed) and after each transaction, and before and after each call
of the gateway. At the point with the number `dies_at` it kills itself.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import workflows.refunds.gateway_events
import workflows.refunds.manual_settlement
from domain.access.callers import Role, holder
from integrations.payments.gateway import GatewayAnswer, PaymentEvent
from integrations.payments.simulator import PaymentSimulator
from integrations.payments.simulator_faults import chaos
from integrations.payments.simulator_journal import PaymentJournal
from models.database.database import Database
from tests.forks.kill_points import KillPoint, MortalTransactions
from workflows.reactions import REACTIONS
from workflows.refunds.manual_settlement import RetryRefund
from workflows.refunds.payout_attempts import PayoutTerms
from workflows.refunds.payouts import Payouts
from workflows.transactions.outcomes import Request
from workflows.transactions.runner import Transactions

ROUND = timedelta(seconds=400)
ROUNDS_MAX = 40
RETRIER = holder(Role.FINANCE, actor="rita")


class MortalGateway(PaymentSimulator):
    """A gateway with points before and after each call, at which the worker may be killed."""

    kill_point: KillPoint

    async def refund(
        self, key: str, reference: str, payment_reference: str, amount_minor: int, currency: str
    ) -> GatewayAnswer:
        self.kill_point.point()
        answer = await super().refund(key, reference, payment_reference, amount_minor, currency)
        self.kill_point.point()
        return answer

    async def look_up(self, key: str) -> GatewayAnswer | None:
        self.kill_point.point()
        found = await super().look_up(key)
        self.kill_point.point()
        return found


async def run_worker(facts: dict[str, Any]) -> str:
    """Work until all refunds are paid, the rounds are used up, or the process is killed."""
    now, kill_point = datetime.fromisoformat(facts["now"]), KillPoint(facts["dies_at"])
    database = Database(facts["url"])
    await database.open()

    def clock() -> datetime:
        return now

    transactions = MortalTransactions(database, clock=clock, new_id=uuid4, reactions=REACTIONS)
    transactions.kill_point = kill_point

    async def deliver(message_id: str, event: PaymentEvent) -> None:
        await workflows.refunds.gateway_events.receive_payment_event(
            transactions, message_id, event
        )

    gateway = MortalGateway(
        behavior=chaos(facts["seed"]),
        journal=PaymentJournal(facts["journal"]),
        deliver=deliver,
        clock=lambda: now.timestamp(),
        delay_seconds=0.0,
    )
    gateway.kill_point = kill_point
    payouts = Payouts(transactions, gateway, PayoutTerms(claim=timedelta(seconds=60)))
    for _ in range(ROUNDS_MAX):
        now += ROUND
        await payouts.work()
        await asyncio.sleep(0)
        if await _is_over(database, transactions):
            break
    await gateway.close()
    await database.close()
    return now.isoformat()


async def _is_over(database: Database, transactions: Transactions) -> bool:
    """True if all refunds are paid; failed ones are retried."""
    async with database.snapshot() as session:
        found = await session.fetch("SELECT id, status FROM refund WHERE status <> 'SUCCEEDED'")
    for row in found:
        if row["status"] == "FAILED":
            command = RetryRefund(UUID(str(row["id"])))
            await transactions.perform(
                workflows.refunds.manual_settlement.retry, Request(command, RETRIER)
            )
    return not found


def live(facts: dict[str, Any]) -> str:
    """Run the worker; the last time of its clock."""
    return asyncio.run(run_worker(facts))
