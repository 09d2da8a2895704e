"""Refunds: what goes back, why, who agreed, and how it was paid out."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from domain.access.callers import Caller
from models.database.sessions import Row
from models.queries.reads.refunds import OrderMoney
from schema.context import Info
from schema.fields.edges import TypeNamed, edge, node_edge
from schema.fields.enums import AttemptState, RefundKind, RefundStatus, Tender
from schema.fields.money import Money, money
from schema.fields.node import Node, found_by, load_all
from schema.fields.scalars import json_of
from schema.types.catalog import ReasonCode
from schema.types.decisions import PolicyDecision
from schema.types.ledger import JournalEntry
from server.projection.records import Record, derived, made


@strawberry.type
class RefundComponent:
    """One part of a refund's amount."""

    kind: str
    """items, tax, shipping, shipping tax, restocking fee or goodwill."""
    amount: Money
    """A fee that is kept is negative."""
    note: str | None
    """How it was worked out, in words."""


@strawberry.type
class Approval:
    """What an actor said of a refund."""

    actor: str
    decision: str
    """APPROVED or REJECTED."""
    at: datetime
    note: str | None


@strawberry.type
class RefundAttempt:
    """One attempt at paying out, under a key that the gateway knows it by."""

    number: int
    """Counts up from 1; a new one is made by `refundRetry` only."""
    state: AttemptState
    created_at: datetime
    sent_at: datetime | None
    """When the gateway was first called; null: not yet."""
    settled_at: datetime | None
    """When it became known what came of it; null: not yet."""
    settled_by: str | None
    """The person who found out what came of it; null where the gateway told."""
    gateway_reference: str | None
    """The gateway's own number; null until it gave one."""
    reason: str | None
    """Why it failed, as the gateway told."""


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
    """A column that is the staff's affair; null for roles that may not see decisions."""

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
    """Money that goes back on one payment, or as store credit."""

    status: RefundStatus
    kind: RefundKind
    amount: Money = money("amount_minor", "currency")
    """An estimate while it is EVIDENCE_PENDING, then fixed."""
    tender: Tender
    breakdown: list[RefundComponent] = derived(_breakdown)
    """Parts that add up to the amount."""
    decision: PolicyDecision = derived(
        lambda refund: PolicyDecision.from_json(refund.row["decision"], refund.context)
    )
    """What the REFUND policy decided."""
    required_evidence: list[str] = derived(lambda refund: _words(refund.row["required_evidence"]))
    """What it waits for: AUTHORIZED, CARRIER_SCAN, RECEIVED, INSPECTED."""
    evidence: list[str] = derived(lambda refund: _words(refund.row["evidence"]))
    """What of it has come."""
    approvals_required: int
    """How many actors must agree: 0 to 2."""
    payment_reference: str | None
    """The payment that it draws on."""
    gateway_reference: str | None
    """The gateway's number of the attempt that counts; null until there is one."""
    requested_by: str | None = _internal("requested_by")
    """The actor by whom it came to be; may not approve it. Null for shops and partners."""
    note: str | None = _internal("note")
    """Why it was opened, in words; null for shops and partners."""
    closing_note: str | None = _internal("closing_note")
    """Why it was rejected, cancelled or settled by hand; null for shops and partners."""
    created_at: datetime
    decided_at: datetime | None
    """When the amount and the approvals were decided; null while evidence is missing."""
    settled_at: datetime | None
    """When it ended; null while it has not."""
    return_: Annotated["Node", TypeNamed("Return")] | None = node_edge(
        "Return", "return_id", name="return"
    )
    """Null: it is for no return."""
    order: Annotated["Node", TypeNamed("Order")] = node_edge("Order", "order_id")
    reason: ReasonCode | None = node_edge("ReasonCode", "reason_id")
    """Null: it follows from a return's units."""
    approvals: list[Approval] = edge(
        lambda loaders: loaders.approvals_of_refund,
        "id",
        made(lambda _, rows: [_approval(row) for row in rows or ()]),
        seen_by=Caller.may_see_decisions,
    )
    """What was said of it; empty for roles that may not see it."""
    attempts: list[RefundAttempt] = edge(
        lambda loaders: loaders.attempts_of_refund,
        "id",
        made(lambda _, rows: [_attempt(row) for row in rows or ()]),
        seen_by=Caller.may_see_decisions,
    )
    """The oldest first; empty for roles that may not see them."""

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
