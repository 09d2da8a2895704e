"""Refunds: find and lock; amounts drawn on payments, and shares taken of order lines.

The lock of the order protects everything here. Actions that start from a refund lock it after the
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.database.rows import Total, changed_at, picked
from models.database.sessions import Session
from models.refunds import RefundApprovalRow, RefundRow

_REFUND = (
    "SELECT id, order_id, return_id, cancellation_id, payment_id, family_id, kind, status,"
    " amount_minor, owed_minor, currency, tender, reason_id, note, breakdown, decision,"
    " required_evidence, evidence, approvals_required, requested_by, decided_entry_id,"
    " paid_entry_id, gateway_reference, closing_note, created_at, decided_at, settled_at, version,"
    " updated_at,"
    " items_minor, tax_minor, shipping_minor, shipping_tax_minor, fee_minor, unpaid_minor"
    " FROM refund"
)


class RefundPlacesRow(TypedDict):
    """The order and the return of a refund."""

    order_id: UUID
    return_id: UUID | None


class RefundedUnitsRow(TypedDict):
    """Units of an order line in a refund, and their gross share."""

    refund_id: UUID
    order_line_id: UUID
    quantity: int
    condition: str | None
    net_minor: int
    tax_minor: int
    net_kept_minor: int
    tax_kept_minor: int


class CancelledTotalsRow(TypedDict):
    """Value that an order's cancellations took; the total includes all parts."""

    total_minor: Total
    shipping_minor: Total
    shipping_tax_minor: Total


class UndoneUnitsRow(TypedDict):
    """Units of an order line in refunds that are decided and count."""

    order_line_id: UUID
    quantity: Total


class ShippingGivenRow(TypedDict):
    """Shipping and its tax in refunds that count, cancellations aside."""

    shipping_minor: Total
    shipping_tax_minor: Total


class CapturedPaymentRow(TypedDict):
    """A captured payment, and the amounts that refunds draw and chargebacks took of it."""

    id: UUID
    reference: str
    amount_minor: int
    drawn_minor: int
    charged_back_minor: Total


class OwedCancellationRow(TypedDict):
    """A cancellation that owes money."""

    id: UUID
    items_minor: int
    tax_minor: int
    shipping_minor: int
    shipping_tax_minor: int
    refund_minor: int
    reason_id: int
    actor: str
    entry_id: UUID | None


async def places_of(session: Session, refund_id: UUID) -> RefundPlacesRow | None:
    """(order_id, return_id) of a refund, not locked: they never change."""
    sql = "SELECT order_id, return_id FROM refund WHERE id = $1"
    return await session.row(RefundPlacesRow, sql, refund_id)


async def lock_refund(session: Session, refund_id: UUID) -> RefundRow | None:
    """Lock a refund and read it. Its order and its return must be locked before."""
    return await session.row(RefundRow, f"{_REFUND} WHERE id = $1 FOR NO KEY UPDATE", refund_id)


async def refunds_of_order(session: Session, order_id: UUID) -> Sequence[RefundRow]:
    """All refunds of an order, oldest first; under the order's lock."""
    sql = f"{_REFUND} WHERE order_id = $1 ORDER BY created_at, id"
    return await session.rows(RefundRow, sql, order_id)


class ApprovedFamilyRow(TypedDict):
    """An actor that approved a refund, and the refunds that were opened together with it."""

    actor: str
    family_id: UUID


async def approved_families(session: Session, order_id: UUID) -> Sequence[ApprovedFamilyRow]:
    """The approvals of an order's refunds; under the order's lock."""
    return await session.rows(
        ApprovedFamilyRow,
        "SELECT a.actor, r.family_id FROM refund r JOIN refund_approval a ON a.refund_id = r.id"
        " WHERE r.order_id = $1 AND a.decision = 'APPROVED'",
        order_id,
    )


async def has_waiting(session: Session, order_id: UUID) -> bool:
    """True if a refund of the order waits for approval; under the order's lock."""
    found = await session.value(
        int,
        "SELECT 1 AS found FROM refund WHERE order_id = $1 AND status = 'NEEDS_APPROVAL' LIMIT 1",
        order_id,
    )
    return found is not None


async def units_of_order(session: Session, order_id: UUID) -> Sequence[RefundedUnitsRow]:
    """Refunded units of an order's lines, in the order of the refunds."""
    return await session.rows(
        RefundedUnitsRow,
        "SELECT u.refund_id, u.order_line_id, u.quantity, u.condition, u.net_minor, u.tax_minor,"
        " u.net_kept_minor, u.tax_kept_minor FROM refund_unit u JOIN refund r ON r.id = u.refund_id"
        " WHERE r.order_id = $1 ORDER BY r.created_at, r.id, u.id",
        order_id,
    )


async def cancelled_totals(session: Session, order_id: UUID) -> CancelledTotalsRow:
    """The value that all cancellations of an order took."""
    row = await session.row(
        CancelledTotalsRow,
        "SELECT COALESCE(SUM(items_minor + tax_minor + shipping_minor), 0) AS total_minor,"
        " COALESCE(SUM(shipping_minor), 0) AS shipping_minor,"
        " COALESCE(SUM(shipping_tax_minor), 0) AS shipping_tax_minor"
        " FROM order_cancellation WHERE order_id = $1",
        order_id,
    )
    assert row is not None
    return row


_COUNTS = "r.status NOT IN ('REJECTED', 'REVERSED', 'CANCELLED')"
_IS_DECIDED = "r.status NOT IN ('EVIDENCE_PENDING', 'NEEDS_APPROVAL')"


async def undone_units(session: Session, order_id: UUID) -> dict[UUID, int]:
    """Units of each order line in refunds that count and are decided."""
    rows = await session.rows(
        UndoneUnitsRow,
        "SELECT u.order_line_id, SUM(u.quantity) AS quantity FROM refund_unit u"
        f" JOIN refund r ON r.id = u.refund_id WHERE r.order_id = $1 AND {_COUNTS}"
        f" AND {_IS_DECIDED} GROUP BY u.order_line_id",
        order_id,
    )
    return {row["order_line_id"]: int(row["quantity"]) for row in rows}


async def shipping_given(session: Session, order_id: UUID) -> ShippingGivenRow:
    """Shipping and its tax that decided refunds of an order took back; cancellations aside."""
    row = await session.row(
        ShippingGivenRow,
        "SELECT COALESCE(SUM(r.shipping_minor), 0) AS shipping_minor,"
        " COALESCE(SUM(r.shipping_tax_minor), 0) AS shipping_tax_minor FROM refund r"
        f" WHERE r.order_id = $1 AND {_COUNTS} AND {_IS_DECIDED}"
        " AND r.cancellation_id IS NULL",
        order_id,
    )
    assert row is not None
    return row


async def payments_of(session: Session, order_id: UUID) -> Sequence[CapturedPaymentRow]:
    """An order's captured payments, in the order of capture."""
    return await session.rows(
        CapturedPaymentRow,
        "SELECT p.id, p.reference, p.amount_minor, p.drawn_minor, COALESCE((SELECT"
        " SUM(c.amount_minor) FROM payment_chargeback c WHERE c.payment_id = p.id), 0)"
        " AS charged_back_minor FROM order_payment p WHERE p.order_id = $1"
        " ORDER BY p.captured_at, p.id",
        order_id,
    )


async def write_drawn(session: Session, rows: Sequence[tuple[UUID, int]]) -> None:
    """Write (payment, amount drawn by refunds); a CHECK refuses more than the captured amount."""
    if rows:
        await session.execute_many("UPDATE order_payment SET drawn_minor = $2 WHERE id = $1", rows)


async def cancellations_without_refund(
    session: Session, order_id: UUID
) -> Sequence[OwedCancellationRow]:
    """An order's cancellations that owe money and have no refund yet."""
    return await session.rows(
        OwedCancellationRow,
        "SELECT c.id, c.items_minor, c.tax_minor, c.shipping_minor,"
        " c.shipping_tax_minor, c.refund_minor, c.reason_id, c.actor, c.entry_id"
        " FROM order_cancellation c WHERE c.order_id = $1 AND c.refund_minor > 0"
        " AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.cancellation_id = c.id)"
        " ORDER BY c.created_at, c.id",
        order_id,
    )


class CancelledGoodsRow(TypedDict):
    """Category of goods that a cancellation took from its order."""

    cancellation_id: UUID
    category: str | None


async def cancelled_goods(session: Session, order_id: UUID) -> Sequence[CancelledGoodsRow]:
    """The categories of the goods of each cancellation of an order."""
    return await session.rows(
        CancelledGoodsRow,
        "SELECT DISTINCT c.id AS cancellation_id, i.category FROM order_cancellation c"
        " JOIN order_cancellation_line n ON n.cancellation_id = c.id"
        " JOIN order_line l ON l.id = n.order_line_id JOIN item i ON i.id = l.item_id"
        " WHERE c.order_id = $1",
        order_id,
    )


async def orders_with_unrefunded_cancellations(session: Session, limit: int) -> list[UUID]:
    """Orders with a cancellation that owes money and has no refund yet; not locked.

    Only cancellations without a journal entry, from before migration m0004: later ones bring their
    refund.
    """
    rows = await session.fetch(
        "SELECT DISTINCT c.order_id FROM order_cancellation c"
        " WHERE c.entry_id IS NULL AND c.refund_minor > 0"
        " AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.cancellation_id = c.id)"
        " ORDER BY c.order_id LIMIT $1",
        limit,
    )
    return [row["order_id"] for row in rows]


_CHANGES = (
    "id",
    "payment_id",
    "status",
    "amount_minor",
    "tender",
    "breakdown",
    "decision",
    "required_evidence",
    "evidence",
    "approvals_required",
    "decided_entry_id",
    "paid_entry_id",
    "gateway_reference",
    "closing_note",
    "decided_at",
    "settled_at",
    "version",
    "updated_at",
    "family_id",
    "items_minor",
    "tax_minor",
    "shipping_minor",
    "shipping_tax_minor",
    "fee_minor",
    "unpaid_minor",
)
_WRITE = "UPDATE refund SET {} WHERE id = $1".format(
    ", ".join(
        changed_at(f"${place}") if name == "updated_at" else f"{name} = ${place}"
        for place, name in enumerate(_CHANGES[1:], start=2)
    )
)


async def write_refund(session: Session, row: RefundRow) -> None:
    """Write the changeable columns of a refund."""
    await session.execute(_WRITE, *picked(row, _CHANGES))


async def touch(session: Session, refund_id: UUID, now: datetime) -> None:
    """Store that what a reader sees of a refund has changed, apart from its row."""
    sql = f"UPDATE refund SET {changed_at('$2')} WHERE id = $1"
    await session.execute(sql, refund_id, now)


async def give_back(session: Session, payment_id: UUID, amount_minor: int) -> None:
    """Release the amount that a refund draws on its payment."""
    await session.execute(
        "UPDATE order_payment SET drawn_minor = drawn_minor - $2 WHERE id = $1",
        payment_id,
        amount_minor,
    )


async def delete_units(session: Session, refund_ids: Sequence[UUID]) -> None:
    """Delete the units of refunds that still wait for evidence, before they are grouped again.

    Units of decided refunds stay, except for `release_units`.
    """
    await session.execute(
        "DELETE FROM refund_unit WHERE refund_id IN (SELECT id FROM refund"
        " WHERE id = ANY($1::uuid[]) AND status = 'EVIDENCE_PENDING')",
        list(refund_ids),
    )


async def release_units(session: Session, refund_id: UUID) -> None:
    """Delete the units of a refund that is withdrawn because units of it do not stay.

    Those that stay, or that come later, are refunded anew. The breakdown still names the units.
    """
    await session.execute("DELETE FROM refund_unit WHERE refund_id = $1", refund_id)


async def approvals_of(session: Session, refund_id: UUID) -> Sequence[RefundApprovalRow]:
    """Decisions of actors on a refund, in order."""
    return await session.rows(
        RefundApprovalRow,
        "SELECT refund_id, actor, decision, note, decided_at FROM refund_approval"
        " WHERE refund_id = $1 ORDER BY decided_at, id",
        refund_id,
    )
