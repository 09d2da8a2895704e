"""Refunds: what goes back, why, who agreed, and how it was paid out."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from domain.access import Caller
from models.queries.reads.refunds import OrderMoney
from models.sessions import Row
from schema.context import Info
from schema.types.catalog import ReasonCode
from schema.types.decisions import PolicyDecision
from schema.types.enums import AttemptState, RefundKind, RefundStatus, Tender
from schema.types.ledger import JournalEntry
from schema.types.money import Money, money
from schema.types.node import Node, found_by, load_all, node_edge
from schema.types.records import Record, derived, edge, made
from schema.types.scalars import json_of

if TYPE_CHECKING:
    from schema.types.orders import Order
    from schema.types.returns import Return


@strawberry.type
class RefundComponent:
    """One part of a refund's amount; a fee that is kept is negative."""

    kind: str
    amount: Money
    note: str | None


@strawberry.type
class Approval:
    """What an actor said of a refund: APPROVED or REJECTED."""

    actor: str
    decision: str
    at: datetime
    note: str | None


@strawberry.type
class RefundAttempt:
    """One attempt at paying out; `settledBy`: the person who found out what became of it."""

    number: int
    state: AttemptState
    created_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    settled_by: str | None
    gateway_reference: str | None
    reason: str | None


def _attempt(row: Row) -> RefundAttempt:
    return RefundAttempt(
        number=row["attempt_no"],
        state=AttemptState(row["state"]),
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        settled_at=row["settled_at"],
        settled_by=row["settled_by"],
        gateway_reference=row["gateway_reference"],
        reason=row["reason"],
    )


def _approval(row: Row) -> Approval:
    return Approval(
        actor=row["actor"], decision=row["decision"], at=row["decided_at"], note=row["note"]
    )


def _breakdown(refund: "Refund") -> list[RefundComponent]:
    return [
        RefundComponent(
            kind=part["kind"],
            amount=Money.of(part["amountMinor"], refund.row["currency"]),
            note=part["note"],
        )
        for part in json_of(refund.row["breakdown"])
    ]


def _internal(name: str) -> Any:
    """A column of words that staff wrote for staff; null for roles that may not see decisions."""

    def words(refund: "Refund") -> str | None:
        text: str | None = refund.row[name]
        return text if refund.context.caller.may_see_decisions() else None

    return derived(words)


def _words(stored: str) -> list[str]:
    return stored.split(", ") if stored else []


def may_see_refunds(caller: Caller) -> bool:
    """Whether an order's or a return's refunds are there for a caller."""
    return caller.may("refunds.read")


@found_by(lambda loaders: loaders.refunds)
@strawberry.type
class Refund(Node):
    """Money that goes back on one payment. While it waits for evidence, its amount is an estimate.

    The breakdown adds up to the amount.
    """

    status: RefundStatus
    kind: RefundKind
    amount: Money = money("amount_minor", "currency")
    tender: Tender
    breakdown: list[RefundComponent] = derived(_breakdown)
    decision: PolicyDecision = derived(
        lambda refund: PolicyDecision.from_json(refund.row["decision"], refund.context)
    )
    required_evidence: list[str] = derived(lambda refund: _words(refund.row["required_evidence"]))
    evidence: list[str] = derived(lambda refund: _words(refund.row["evidence"]))
    approvals_required: int
    payment_reference: str | None
    gateway_reference: str | None
    requested_by: str
    note: str | None = _internal("note")
    closing_note: str | None = _internal("closing_note")
    created_at: datetime
    decided_at: datetime | None
    settled_at: datetime | None
    return_: Annotated["Return", strawberry.lazy("schema.types.returns")] | None = node_edge(
        "Return", "return_id", name="return"
    )
    order: Annotated["Order", strawberry.lazy("schema.types.orders")] = node_edge(
        "Order", "order_id"
    )
    reason: ReasonCode | None = node_edge("ReasonCode", "reason_id")
    approvals: list[Approval] = edge(
        lambda loaders: loaders.approvals_of_refund,
        "id",
        made(lambda _, rows: [_approval(row) for row in rows or ()]),
        seen_by=Caller.may_see_decisions,
    )
    attempts: list[RefundAttempt] = edge(
        lambda loaders: loaders.attempts_of_refund,
        "id",
        made(lambda _, rows: [_attempt(row) for row in rows or ()]),
        seen_by=Caller.may_see_decisions,
    )

    @strawberry.field
    async def journal_entries(self, info: Info) -> list[JournalEntry]:
        """What it made the books say; empty for roles that may not see it."""
        if not info.context.caller.may_see_decisions():
            return []
        rows = await info.context.loaders.entries_of_refund.load(self.row["id"]) or []
        keys = sorted({row["entry_id"] for row in rows})
        found: list[JournalEntry] = await load_all(info.context, "JournalEntry", keys)
        return sorted(
            found, key=lambda entry: (entry.posted_at, entry.row["reverses_id"] is not None)
        )


def refunded_of(order: Record, money: OrderMoney | None) -> Money:
    """What has gone back of an order's money."""
    return Money.of(0 if money is None else money.refunded_minor, order.row["currency"])


def refundable_of(order: Record, money: OrderMoney | None) -> Money:
    """The most that may still go back of an order's money now."""
    return Money.of(0 if money is None else money.refundable_minor, order.row["currency"])
