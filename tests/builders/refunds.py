"""Refund operations for tests: people, policies, and a gateway that a test controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import workflows.ledger.periods
import workflows.refunds.gateway_events
import workflows.refunds.manual_settlement
import workflows.refunds.payouts
import workflows.refunds.refunds
from domain.access.callers import Caller, Role, holder
from integrations.errors import IntegrationError
from integrations.payments.gateway import GatewayAnswer, GatewayStatus, PaymentEvent
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.returns import Desk, open_return_desk
from tests.builders.store import Shop, pounds
from tests.builders.transactions import rows
from workflows.ledger.periods import ClosePeriod
from workflows.refunds.gateway_events import MessageResult
from workflows.refunds.manual_settlement import RetryRefund, SettleRefund
from workflows.refunds.payout_attempts import PayoutTerms
from workflows.refunds.payouts import Payouts
from workflows.refunds.refunds import ApproveRefund, CancelRefund, CreateRefund, RejectRefund
from workflows.transactions.outcomes import Outcome, Request

CLERK = holder(Role.SUPPORT, actor="clara")
FIONA = holder(Role.FINANCE, actor="fiona")
FRED = holder(Role.FINANCE, actor="fred")
SUCCEEDED, PENDING, FAILED = GatewayStatus
Answer = GatewayStatus | IntegrationError | None


@dataclass
class Gateway:
    """A gateway with scripted answers, which records the calls.

    `answers` are the answers of `refund`, `found` those of `look_up`; None means that the key is
    unknown. `probes`: answers of a probe; None: it is well. The last answer of a list repeats.
    """

    answers: list[Answer] = field(default_factory=lambda: [SUCCEEDED])
    found: list[Answer] = field(default_factory=lambda: [None])
    sent: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    probes: list[IntegrationError | None] = field(default_factory=lambda: [None])
    meanwhile: Callable[[str], Any] | None = None

    async def refund(
        self, key: str, reference: str, payment_reference: str, amount_minor: int, currency: str
    ) -> GatewayAnswer:
        self.sent.append(key)
        if self.meanwhile is not None:
            await self.meanwhile(key)
        answer = _next_answer(self.answers)
        assert answer is not None
        return answer

    async def look_up(self, key: str) -> GatewayAnswer | None:
        self.looked_up.append(key)
        return _next_answer(self.found)

    async def probe(self) -> None:
        answer = self.probes[0] if len(self.probes) == 1 else self.probes.pop(0)
        if answer is not None:
            raise answer

    async def close(self) -> None:
        """Do nothing: no resource is open."""


def _next_answer(answers: list[Answer]) -> GatewayAnswer | None:
    answer = answers[0] if len(answers) == 1 else answers.pop(0)
    if isinstance(answer, IntegrationError):
        raise answer
    reason = "account_closed" if answer is FAILED else None
    return None if answer is None else GatewayAnswer(answer, "gw-1", reason)


@dataclass
class RefundDesk:
    """Refund operations on a test's database; `desk` has the return operations."""

    desk: Desk
    gateway: Gateway = field(default_factory=Gateway)
    terms: PayoutTerms = field(default_factory=PayoutTerms)

    @property
    def shop(self) -> Shop:
        return self.desk.shop

    @property
    def database(self) -> Database:
        return self.shop.database

    async def _do(self, action: Any, command: Any, by: Caller, key: str | None = None) -> Outcome:
        return await self.shop.transactions.perform(action, Request(command, by, key))

    async def create(
        self, order: Outcome, amount: str, by: Caller = CLERK, key: str | None = None, **facts: Any
    ) -> Outcome:
        money = facts.pop("money", None) or pounds(amount)
        reason, note = facts.pop("reason", "OTHER"), facts.pop("note", "Sorry.")
        command = CreateRefund(UUID(order.refs["order"]), money, reason, note, **facts)
        return await self._do(workflows.refunds.refunds.create, command, by, key)

    async def approve(self, refund: Any, by: Caller = FIONA, note: str | None = None) -> Outcome:
        return await self._do(
            workflows.refunds.refunds.approve, ApproveRefund(self.id(refund), note), by
        )

    async def reject(self, refund: Any, by: Caller = FIONA, note: str = "No.") -> Outcome:
        return await self._do(
            workflows.refunds.refunds.reject, RejectRefund(self.id(refund), note), by
        )

    async def cancel(self, refund: Any, by: Caller = FIONA, note: str = "Off.") -> Outcome:
        return await self._do(
            workflows.refunds.refunds.cancel, CancelRefund(self.id(refund), note), by
        )

    async def retry(self, refund: Any, by: Caller = FIONA) -> Outcome:
        return await self._do(
            workflows.refunds.manual_settlement.retry, RetryRefund(self.id(refund)), by
        )

    async def settle(
        self, refund: Any, *, succeeded: bool = True, by: Caller = FIONA, **facts: Any
    ) -> Outcome:
        note = facts.pop("note", "Asked the bank.")
        command = SettleRefund(self.id(refund), succeeded, note, **facts)
        return await self._do(workflows.refunds.manual_settlement.settle, command, by)

    async def pay(self) -> int:
        """Run the payout job once."""
        return await Payouts(self.shop.transactions, self.gateway, self.terms).work()

    async def receive_webhook(
        self, refund: Any, what: Told, message_id: str = "msg-1", attempt: int = -1
    ) -> MessageResult:
        """Process a gateway webhook about an attempt of a refund, by default the last one."""
        key = (await self.attempts(refund))[attempt]["key"]
        event = PaymentEvent(what, key, "gw-1")
        return await workflows.refunds.gateway_events.receive_payment_event(
            self.shop.transactions, message_id, event
        )

    async def close_books(self, through: Any, by: Caller = FIONA) -> Outcome:
        return await self._do(workflows.ledger.periods.close, ClosePeriod(through), by)

    async def refunds(self, order: Outcome | None = None) -> list[dict[str, Any]]:
        """All refunds, or those of an order, oldest first."""
        where = "" if order is None else "WHERE order_id = $1"
        named = () if order is None else (UUID(order.refs["order"]),)
        sql = f"SELECT * FROM refund {where} ORDER BY created_at, id"
        return await rows(self.database, sql, *named)

    async def find(self, refund: Any) -> dict[str, Any]:
        sql = "SELECT * FROM refund WHERE id = $1"
        return (await rows(self.database, sql, self.id(refund)))[0]

    async def status(self, refund: Any) -> str:
        return str((await self.find(refund))["status"])

    async def attempts(self, refund: Any) -> list[dict[str, Any]]:
        sql = "SELECT * FROM refund_attempt WHERE refund_id = $1 ORDER BY attempt_no"
        return await rows(self.database, sql, self.id(refund))

    async def open_exceptions(self, kind: str) -> list[str]:
        """Subjects of the open exceptions of a kind."""
        found = await rows(
            self.database,
            "SELECT subject_key FROM operational_exception WHERE kind = $1"
            " AND status NOT IN ('RESOLVED', 'AUTO_RESOLVED')",
            kind,
        )
        return [row["subject_key"] for row in found]

    async def balances(self) -> dict[str, int]:
        """Debit minus credit per account, in minor units; zero balances are left out."""
        found = await rows(
            self.database,
            "SELECT account, SUM(debit_minor) - SUM(credit_minor) AS balance FROM journal_line"
            " GROUP BY account",
        )
        return {row["account"]: int(row["balance"]) for row in found if row["balance"]}

    @staticmethod
    def id(refund: Any) -> UUID:
        """Refund id of an outcome, of a row, or of an id."""
        if isinstance(refund, Outcome):
            return UUID(str(refund.refs["refund"]))
        return refund["id"] if isinstance(refund, dict) else UUID(str(refund))


async def open_refund_desk(database: Database, **facts: Any) -> RefundDesk:
    """Create a store with stock and return policies. `facts` are fields of RefundDesk."""
    desk = await open_return_desk(database)
    return RefundDesk(desk, **facts)
