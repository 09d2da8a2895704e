"""Refunds: what goes back, why, who agreed, and how it was paid out."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from models.sessions import Row
from schema.context import Context, Info
from schema.types.catalog import ReasonCode
from schema.types.decisions import PolicyDecision
from schema.types.enums import AttemptState, RefundKind, RefundStatus, Tender
from schema.types.ledger import JournalEntry
from schema.types.money import Money
from schema.types.node import Node, encode, found_by, load, load_all
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


async def _return_of(
    root: strawberry.Parent["Refund"], info: Info
) -> Annotated["Return", strawberry.lazy("schema.types.returns")] | None:
    """The return whose units it is for."""
    found: Return | None = await load(info.context, "Return", root.return_id)
    return found


@found_by(lambda loaders: loaders.refunds)
@strawberry.type
class Refund(Node):
    """Money that goes back on one payment. While it waits for evidence, its amount is an estimate.

    The breakdown adds up to the amount.
    """

    status: RefundStatus
    kind: RefundKind
    amount: Money
    tender: Tender
    breakdown: list[RefundComponent]
    decision: PolicyDecision
    required_evidence: list[str]
    evidence: list[str]
    approvals_required: int
    payment_reference: str | None
    gateway_reference: str | None
    requested_by: str
    note: str | None
    closing_note: str | None
    created_at: datetime
    decided_at: datetime | None
    settled_at: datetime | None
    key: strawberry.Private[UUID]
    order_id: strawberry.Private[UUID]
    return_id: strawberry.Private[UUID | None]
    reason_id: strawberry.Private[int | None]

    @strawberry.field
    async def order(self, info: Info) -> Annotated["Order", strawberry.lazy("schema.types.orders")]:
        """The order whose money it is."""
        found: Order = await load(info.context, "Order", self.order_id)
        return found

    return_: Annotated["Return", strawberry.lazy("schema.types.returns")] | None = strawberry.field(
        resolver=_return_of, name="return"
    )

    @strawberry.field
    async def reason(self, info: Info) -> ReasonCode | None:
        """Why, where it is not a return's."""
        found: ReasonCode | None = await load(info.context, "ReasonCode", self.reason_id)
        return found

    @strawberry.field
    async def approvals(self, info: Info) -> list[Approval]:
        """Who said what of it; empty for roles that may not see it."""
        if not info.context.caller.may_see_decisions():
            return []
        rows = await info.context.loaders.approvals_of_refund.load(self.key) or []
        return [
            Approval(
                actor=row["actor"],
                decision=row["decision"],
                at=row["decided_at"],
                note=row["note"],
            )
            for row in rows
        ]

    @strawberry.field
    async def attempts(self, info: Info) -> list[RefundAttempt]:
        """Each attempt at paying it out; empty for roles that may not see it."""
        if not info.context.caller.may_see_decisions():
            return []
        rows = await info.context.loaders.attempts_of_refund.load(self.key) or []
        return [_attempt(row) for row in rows]

    @strawberry.field
    async def journal_entries(self, info: Info) -> list[JournalEntry]:
        """What it made the books say; empty for roles that may not see it."""
        if not info.context.caller.may_see_decisions():
            return []
        rows = await info.context.loaders.entries_of_refund.load(self.key) or []
        keys = sorted({row["entry_id"] for row in rows})
        found: list[JournalEntry] = await load_all(info.context, "JournalEntry", keys)
        return sorted(found, key=lambda entry: (entry.posted_at, entry.reverses_id is not None))

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Refund":
        """A row of refund with its payment's reference."""
        currency = row["currency"]
        return cls(
            id=encode("Refund", row["id"]),
            status=RefundStatus(row["status"]),
            kind=RefundKind(row["kind"]),
            amount=Money.of(row["amount_minor"], currency),
            tender=Tender(row["tender"]),
            breakdown=_breakdown(row["breakdown"], currency),
            decision=PolicyDecision.from_json(row["decision"], context),
            required_evidence=_words(row["required_evidence"]),
            evidence=_words(row["evidence"]),
            approvals_required=row["approvals_required"],
            payment_reference=row["payment_reference"],
            gateway_reference=row["gateway_reference"],
            requested_by=row["requested_by"],
            note=row["note"],
            closing_note=row["closing_note"],
            created_at=row["created_at"],
            decided_at=row["decided_at"],
            settled_at=row["settled_at"],
            key=row["id"],
            order_id=row["order_id"],
            return_id=row["return_id"],
            reason_id=row["reason_id"],
        )


async def refunds_of_return(context: Context, return_id: UUID) -> list[Refund]:
    """The refunds of a return that the caller may see, oldest first."""
    rows = await context.loaders.refunds_of_return.load(return_id) or []
    found: list[Refund] = await load_all(context, "Refund", [row["id"] for row in rows])
    return found


async def refunds_of_order(context: Context, order_id: UUID) -> list[Refund]:
    """The refunds of an order that the caller may see, oldest first."""
    rows = await context.loaders.refunds_of_order.load(order_id) or []
    found: list[Refund] = await load_all(context, "Refund", [row["id"] for row in rows])
    return found


async def refunded_of(context: Context, order_id: UUID, currency: str) -> Money:
    """What has gone back of an order's money."""
    money = await context.loaders.order_money.load(order_id)
    return Money.of(0 if money is None else money.refunded_minor, currency)


async def refundable_of(context: Context, order_id: UUID, currency: str) -> Money:
    """The most that may still go back of an order's money now."""
    money = await context.loaders.order_money.load(order_id)
    return Money.of(0 if money is None else money.refundable_minor, currency)


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


def _breakdown(stored: Any, currency: str) -> list[RefundComponent]:
    return [
        RefundComponent(
            kind=part["kind"],
            amount=Money.of(part["amountMinor"], currency),
            note=part["note"],
        )
        for part in json_of(stored)
    ]


def _words(stored: str) -> list[str]:
    return stored.split(", ") if stored else []
