"""Refunds: amounts, evidence, approvals and payout attempts."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, cast

import strawberry

from domain.access.callers import Caller
from models.queries.reads.ledger import JournalEntryRow
from models.queries.reads.orders import OrderRow
from models.queries.reads.refunds import OrderMoney
from models.refunds import RefundApprovalRow, RefundAttemptRow, RefundRow
from schema.context import Context, Info
from schema.fields.edges import TypeNamed, edge, node_edge
from schema.fields.enums import AttemptState, RefundKind, RefundStatus, Tender
from schema.fields.money import Money, money
from schema.fields.node import Node, found_by, load_all
from schema.fields.scalars import json_of
from schema.types.catalog import ReasonCode
from schema.types.decisions import PolicyDecision
from schema.types.ledger import JournalEntry
from server.projection.list_sizes import sized
from server.projection.records import Record, derived, made


@strawberry.type
class RefundComponent:
    """A part of a refund's amount."""

    kind: str
    """items, tax, shipping, shipping tax, restocking fee, unpaid or goodwill.

    restocking fee: kept by the retailer. unpaid: never paid, so it lowers what the order owes
    instead. goodwill: owed since a cancellation whose own refund was withdrawn.
    """
    amount: Money
    """Amount; negative for a fee that is kept."""
    note: str | None
    """Description of the calculation."""


@strawberry.type
class Approval:
    """Decision of an actor about a refund."""

    actor: str
    decision: str
    """APPROVED or REJECTED."""
    at: datetime
    note: str | None


@strawberry.type
class RefundAttempt:
    """A payout attempt. The gateway knows it by an idempotency key of its own."""

    number: int
    """Attempt number, from 1. Only `refundRetry` makes a new attempt."""
    state: AttemptState
    created_at: datetime
    sent_at: datetime | None
    """Time of the first call to the gateway; null: not called yet."""
    settled_at: datetime | None
    """Time at which the result became known; null: not known yet."""
    settled_by: str | None
    """Actor that settled it by hand; null if the gateway reported the result."""
    gateway_reference: str | None
    """Reference of the gateway; null until it sent one."""
    reason: str | None
    """Reason for the failure, as reported by the gateway."""
    contradicted_as: AttemptState | None
    """Latest report of the gateway that contradicts `state`: `refundSettle` must settle the
    attempt. Null: none, or it was settled.
    """


def _attempt(row: RefundAttemptRow) -> RefundAttempt:
    contradiction = row["contradicted_as"]
    return RefundAttempt(
        number=row["attempt_no"],
        state=AttemptState(row["state"]),
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        settled_at=row["settled_at"],
        settled_by=row["settled_by"],
        gateway_reference=row["gateway_reference"],
        reason=row["reason"],
        contradicted_as=None if contradiction is None else AttemptState(contradiction),
    )


def _approval(row: RefundApprovalRow) -> Approval:
    return Approval(
        actor=row["actor"], decision=row["decision"], at=row["decided_at"], note=row["note"]
    )


def _breakdown(row: RefundRow) -> list[RefundComponent]:
    return [
        RefundComponent(
            kind=part["kind"],
            amount=Money.of(part["amountMinor"], row["currency"]),
            note=part["note"],
        )
        for part in json_of(row["breakdown"])
    ]


def _internal(value: Callable[[RefundRow], str | None]) -> Any:
    """A column for staff; null if the caller may not see decisions."""

    def text(refund: "Refund") -> str | None:
        may_see = refund.context.caller.may_see_decisions()
        return value(cast("RefundRow", refund.row)) if may_see else None

    return derived(text)


def _decision(row: RefundRow, context: Context) -> PolicyDecision:
    return PolicyDecision.from_json(row["decision"], context)


def _required(row: RefundRow) -> list[str]:
    return _parts(row["required_evidence"])


def _reached(row: RefundRow) -> list[str]:
    return _parts(row["evidence"])


def _parts(stored: str) -> list[str]:
    return stored.split(", ") if stored else []


def may_see_refunds(caller: Caller) -> bool:
    """True if a caller may see the refunds of orders and returns."""
    return caller.may("refunds.read")


@found_by(lambda loaders: loaders.refunds)
@strawberry.type
class Refund(Node):
    """Money paid back for one payment, or as store credit."""

    status: RefundStatus
    kind: RefundKind
    amount: Money = money("amount_minor", "currency")
    """Amount; an estimate while the refund is EVIDENCE_PENDING, then fixed."""
    tender: Tender
    breakdown: list[RefundComponent] = derived(lambda refund: _breakdown(refund.row), rows=20)
    """Parts of the amount. Their sum is `amount`."""
    decision: PolicyDecision = derived(lambda refund: _decision(refund.row, refund.context))
    """Decision of the REFUND policy."""
    required_evidence: list[str] = derived(lambda refund: _required(refund.row))
    """Evidence that is required: AUTHORIZED, CARRIER_SCAN, RECEIVED, INSPECTED."""
    evidence: list[str] = derived(lambda refund: _reached(refund.row))
    """Required evidence that is present."""
    approvals_required: int
    """Number of approvals that are required: 0 to 2."""
    payment_reference: str | None
    """Payment from which the refund is taken."""
    gateway_reference: str | None
    """Gateway reference of the deciding attempt; null until there is one."""
    requested_by: str | None = _internal(lambda row: row["requested_by"])
    """Actor that caused the refund, and may not approve it. Null for shops and partners."""
    note: str | None = _internal(lambda row: row["note"])
    """Reason for its creation, as free text; null for shops and partners."""
    closing_note: str | None = _internal(lambda row: row["closing_note"])
    """Reason for its rejection, cancellation or manual settlement; null for shops and partners."""
    created_at: datetime
    decided_at: datetime | None
    """Time at which amount and approvals were decided; null while evidence is missing."""
    settled_at: datetime | None
    """Time at which it ended; null until then."""
    updated_at: datetime
    """Time of the last change of the refund or its payout attempts."""
    return_: Annotated["Node", TypeNamed("Return")] | None = node_edge(
        "Return", "return_id", name="return"
    )
    """Return that the refund belongs to; null: none."""
    order: Annotated["Node", TypeNamed("Order")] = node_edge("Order", "order_id")
    reason: ReasonCode | None = node_edge("ReasonCode", "reason_id")
    """Reason; null for a refund of returned units."""
    approvals: list[Approval] = edge(
        lambda loaders: loaders.approvals_of_refund,
        "id",
        made(lambda _, rows: [_approval(row) for row in rows or ()]),
        seen_by=Caller.may_see_decisions,
        rows=5,
    )
    """Approvals and rejections; empty if not visible to the role."""
    attempts: list[RefundAttempt] = edge(
        lambda loaders: loaders.attempts_of_refund,
        "id",
        made(lambda _, rows: [_attempt(row) for row in rows or ()]),
        seen_by=Caller.may_see_decisions,
        rows=10,
    )
    """Payout attempts, oldest first; empty if not visible to the role."""

    @strawberry.field
    @sized(10)
    async def journal_entries(self, info: Info) -> list[JournalEntry]:
        """Journal entries of the refund; empty if not visible to the role."""
        if not info.context.caller.may_see_decisions():
            return []
        row = cast("RefundRow", self.row)
        rows = await info.context.loaders.entries_of_refund.load(row["id"]) or []
        keys = sorted({each["entry_id"] for each in rows})
        found: list[JournalEntry] = await load_all(info.context, "JournalEntry", keys)
        return sorted(found, key=_order_of_entry)


def _order_of_entry(entry: JournalEntry) -> tuple[datetime, bool]:
    row = cast("JournalEntryRow", entry.row)
    return row["posted_at"], row["reverses_id"] is not None


def _currency(order: Record) -> str:
    return cast("OrderRow", order.row)["currency"]


def refunded_of(order: Record, money: OrderMoney | None) -> Money:
    """Sum of the money refunded for an order."""
    return Money.of(0 if money is None else money.refunded_minor, _currency(order))


def refundable_of(order: Record, money: OrderMoney | None) -> Money:
    """Largest amount of an order that can still be refunded now."""
    return Money.of(0 if money is None else money.refundable_minor, _currency(order))
