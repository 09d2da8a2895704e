"""RESERVATION_EXPIRED_AFTER_PAYMENT: an order was paid for, but its hold expired and is sold out.

The exception is opened in the transaction that refuses the order, which changes nothing else. It is
cleared by the placement of the same external reference on the channel.
"""

from __future__ import annotations

from collections.abc import Sequence

import models.queries.exceptions.conditions as conditions
import workflows.exceptions.opening as exceptions
from domain.exceptions import ExceptionKind
from domain.stock.reservations import ReservationStatus, status_at
from domain.values.codes import comparison_key
from models.queries.catalog.lookups import ChannelFacts
from workflows.orders.allocations import Supply
from workflows.orders.commands import PlaceOrder
from workflows.transactions.transaction import Transaction

KIND = ExceptionKind.RESERVATION_EXPIRED_AFTER_PAYMENT


async def report(
    tx: Transaction, command: PlaceOrder, channel: ChannelFacts, supply: Supply, actor: str
) -> None:
    """Open the exception for a refused order that names payments and an expired hold."""
    hold = None if command.reservation_id is None else supply.holds.get(command.reservation_id)
    if hold is None or hold["channel_id"] != channel.id or not command.payments:
        return
    status = status_at(ReservationStatus(hold["status"]), hold["expires_at"], tx.now)
    if status is not ReservationStatus.EXPIRED:
        return
    key = comparison_key(command.external_reference)
    await exceptions.open_exception(
        tx,
        KIND,
        ("Reservation", hold["id"]),
        f"Order {command.external_reference} of {channel.code} was paid, but its hold has expired"
        " and its units are sold out.",
        channel_id=channel.id,
        details={"placedAs": conditions.placed_as(channel.id, key)},
        actor=actor,
    )


async def settle(tx: Transaction, references: Sequence[tuple[int, str]]) -> None:
    """Clear the exceptions of orders that were placed now, by (channel, key of the reference)."""
    if not references:
        return
    for hold_id in await conditions.paid_holds(tx.session, references):
        await exceptions.clear(tx, KIND, ("Reservation", hold_id))
