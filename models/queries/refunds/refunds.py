"""Refunds: find and lock; amounts drawn on payments, and shares taken of order lines.

The lock of the order protects everything here. Actions that start from a refund lock it after the
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.database.sessions import Row, Session

_REFUND = (
    "SELECT id, order_id, return_id, cancellation_id, payment_id, family_id, kind, status,"
    " amount_minor, owed_minor, currency, tender, reason_id, note, breakdown, decision,"
    " required_evidence, evidence, approvals_required, requested_by, decided_entry_id,"
    " paid_entry_id, gateway_reference, closing_note, created_at, decided_at, settled_at, version"
    " FROM refund"
)


async def places_of(session: Session, refund_id: UUID) -> Row | None:
    """(order_id, return_id) of a refund, not locked: they never change."""
    return await session.fetch_one(
        "SELECT order_id, return_id FROM refund WHERE id = $1", refund_id
    )


async def lock_refund(session: Session, refund_id: UUID) -> Row | None:
    """Lock a refund and read it. Its order and its return must be locked before."""
    return await session.fetch_one(f"{_REFUND} WHERE id = $1 FOR NO KEY UPDATE", refund_id)


async def refunds_of_order(session: Session, order_id: UUID) -> list[Row]:
    """All refunds of an order, oldest first; under the order's lock."""
    sql = f"{_REFUND} WHERE order_id = $1 ORDER BY created_at, id"
    return list(await session.fetch(sql, order_id))


async def units_of_order(session: Session, order_id: UUID) -> list[Row]:
    """Refunded units of an order's lines, each with its refund's id, status and return."""
    return list(
        await session.fetch(
            "SELECT u.refund_id, u.order_line_id, u.quantity, u.condition, u.net_minor,"
            " u.tax_minor, r.status, r.return_id FROM refund_unit u"
            " JOIN refund r ON r.id = u.refund_id WHERE r.order_id = $1"
            " ORDER BY r.created_at, r.id, u.id",
            order_id,
        )
    )


async def cancelled_parts(session: Session, order_id: UUID) -> list[Row]:
    """Units, net and tax of an order's lines taken by cancellations, where recorded."""
    return list(
        await session.fetch(
            "SELECT l.order_line_id, SUM(l.quantity) AS quantity, SUM(l.net_minor) AS net_minor,"
            " SUM(l.tax_minor) AS tax_minor FROM order_cancellation_line l"
            " JOIN order_cancellation c ON c.id = l.cancellation_id WHERE c.order_id = $1"
            " GROUP BY l.order_line_id",
            order_id,
        )
    )


async def payments_of(session: Session, order_id: UUID) -> list[Row]:
    """An order's captured payments, in the order of capture."""
    return list(
        await session.fetch(
            "SELECT id, reference, amount_minor, drawn_minor FROM order_payment"
            " WHERE order_id = $1 ORDER BY captured_at, id",
            order_id,
        )
    )


async def write_drawn(session: Session, rows: Sequence[tuple[UUID, int]]) -> None:
    """Write (payment, amount drawn by refunds); a CHECK refuses more than the captured amount."""
    if rows:
        await session.execute_many("UPDATE order_payment SET drawn_minor = $2 WHERE id = $1", rows)


async def cancellations_without_refund(session: Session, order_id: UUID) -> list[Row]:
    """An order's cancellations that owe money and have no refund yet."""
    return list(
        await session.fetch(
            "SELECT c.id, c.items_minor, c.tax_minor, c.shipping_minor, c.refund_minor,"
            " c.reason_id, c.actor, c.entry_id"
            " FROM order_cancellation c WHERE c.order_id = $1 AND c.refund_minor > 0"
            " AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.cancellation_id = c.id)"
            " ORDER BY c.created_at, c.id",
            order_id,
        )
    )


async def orders_with_unrefunded_cancellations(session: Session, limit: int) -> list[UUID]:
    """Orders with a cancellation that owes money and has no refund yet; not locked."""
    rows = await session.fetch(
        "SELECT DISTINCT c.order_id FROM order_cancellation c WHERE c.refund_minor > 0"
        " AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.cancellation_id = c.id)"
        " ORDER BY c.order_id LIMIT $1",
        limit,
    )
    return [row["order_id"] for row in rows]


# Columns of a refund that may change, in the order of `write_refund`.
CHANGES = (
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
    "family_id",
)
_WRITE = "UPDATE refund SET {} WHERE id = $1".format(
    ", ".join(f"{name} = ${place}" for place, name in enumerate(CHANGES[1:], start=2))
)


async def write_refund(session: Session, values: Sequence[object]) -> None:
    """Write the changeable columns of a refund: the values of CHANGES."""
    await session.execute(_WRITE, *values)


async def give_back(session: Session, payment_id: UUID, amount_minor: int) -> None:
    """Release the amount that a refund draws on its payment."""
    await session.execute(
        "UPDATE order_payment SET drawn_minor = drawn_minor - $2 WHERE id = $1",
        payment_id,
        amount_minor,
    )


async def delete_units(session: Session, refund_ids: Sequence[UUID]) -> None:
    """Delete the units of refunds that still wait for evidence, before they are grouped again.

    Units of decided refunds are never deleted.
    """
    await session.execute(
        "DELETE FROM refund_unit WHERE refund_id IN (SELECT id FROM refund"
        " WHERE id = ANY($1::uuid[]) AND status = 'EVIDENCE_PENDING')",
        list(refund_ids),
    )


async def approvals_of(session: Session, refund_id: UUID) -> list[Row]:
    """Decisions of actors on a refund, in order."""
    return list(
        await session.fetch(
            "SELECT actor, decision, note, decided_at FROM refund_approval WHERE refund_id = $1"
            " ORDER BY decided_at, id",
            refund_id,
        )
    )


async def delete_messages(session: Session, before: datetime, limit: int) -> int:
    """Delete up to `limit` webhook ids accepted before an instant; returns how many there were."""
    return await session.execute(
        "DELETE FROM webhook_message WHERE id IN"
        " (SELECT id FROM webhook_message WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
        before,
        limit,
    )


async def record_message(
    session: Session, row_id: UUID, source: str, message_key: str, now: datetime
) -> bool:
    """Record a message; True if it is new. Waits for a concurrent insert of the same one."""
    taken = await session.execute(
        "INSERT INTO webhook_message (id, source, message_key, received_at)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (source, message_key) DO NOTHING",
        row_id,
        source,
        message_key,
        now,
    )
    return taken == 1
