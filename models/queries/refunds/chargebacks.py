"""Chargebacks of captured payments."""

from __future__ import annotations

from typing import TypedDict
from uuid import UUID

from domain.values.codes import comparison_key
from models.database.sessions import Session


class NamedPaymentRow(TypedDict):
    """A captured payment, found by the gateway's reference."""

    id: UUID
    order_id: UUID
    amount_minor: int
    currency: str


async def payment_named(session: Session, reference: str) -> NamedPaymentRow | None:
    """The newest payment with this reference; None: no payment has it."""
    return await session.row(
        NamedPaymentRow,
        "SELECT id, order_id, amount_minor, currency FROM order_payment WHERE reference_key = $1"
        " ORDER BY captured_at DESC, id DESC LIMIT 1",
        comparison_key(reference),
    )


async def charged_back_minor(session: Session, payment_id: UUID) -> int:
    """The amount of a payment that chargebacks have taken, under its order's lock."""
    found = await session.value(
        int,
        "SELECT CAST(SUM(amount_minor) AS bigint) AS amount FROM payment_chargeback"
        " WHERE payment_id = $1",
        payment_id,
    )
    return found or 0


async def charged_back_of_order(session: Session, order_id: UUID) -> int:
    """The amount of an order's payments that chargebacks have taken, under the order's lock."""
    found = await session.value(
        int,
        "SELECT CAST(SUM(c.amount_minor) AS bigint) AS amount FROM payment_chargeback c"
        " JOIN order_payment p ON p.id = c.payment_id WHERE p.order_id = $1",
        order_id,
    )
    return found or 0


async def is_recorded(session: Session, payment_id: UUID, gateway_reference: str) -> bool:
    """True if a chargeback with the gateway's reference is recorded, under the order's lock."""
    found = await session.value(
        int,
        "SELECT 1 AS found FROM payment_chargeback"
        " WHERE payment_id = $1 AND gateway_reference = $2",
        payment_id,
        gateway_reference,
    )
    return found is not None
