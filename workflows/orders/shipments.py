"""Shipment: a parcel is handed to its carrier, its units leave the stock, the sale is posted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import domain.ledger.entries as ledger_entries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.orders.fulfillments as fulfillments
import workflows.orders.held_steps as held_steps
import workflows.orders.locked_orders as locked_orders
import workflows.orders.parcel_numbers as parcel_numbers
import workflows.orders.picks as picks
import workflows.orders.scanned_steps as scanned_steps
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.errors import IllegalTransition, Invalid
from domain.events.fulfillments import FulfillmentShipped
from domain.events.orders import OrderShipped
from domain.events.payloads import encode
from domain.ledger.entries import Occasion, Sale, covered_by
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState, check_cause, check_client_time
from domain.problems import Problems
from domain.stock.states import StockState
from domain.values.codes import check_stored, store_codes
from domain.values.money import Money
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from models.queries.catalog.lookups import LocationFacts
from workflows.orders.fulfillments import LINE_STATE
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ShipFulfillment:
    """Record that a parcel was handed to a carrier.

    `carrier` and `tracking_number` None: those of its bought label.
    """

    fulfillment_id: UUID
    carrier: str | None = None
    tracking_number: str | None = None
    shipped_at: datetime | None = None

    def __post_init__(self) -> None:
        store_codes(self, "carrier", "tracking_number")


@dataclass(frozen=True, slots=True)
class Handover:
    """The carrier that took a parcel, its tracking number, and the time."""

    carrier: str
    tracking_number: str
    shipped_at: datetime


@one_by_one("fulfillmentShip")
async def ship(tx: Transaction, command: ShipFulfillment, caller: Caller) -> Mapping[str, Any]:
    """Hand a parcel to its carrier: the units leave the stock and the sale is posted.

    A parcel with a bought label ships under its number. The number of a configured carrier is not
    used again while another order's parcel is on its way with it (AlreadyExists).

    From OPEN or PICKED this completes pick and pack in full, unless the location requires packing.
    Locks the order, the tasks, the items' stock, then their costs. Raises IllegalTransition,
    UnitsNotScanned, Invalid (texts, times), NotFound, or TaskNotClaimed if another worker holds the
    task. Records `fulfillment.shipped` and `order.shipped`.
    """
    problems, field = Problems(), ("input", "fulfillmentId")
    with problems.under("input"):
        check_stored(command.carrier, "carrier")
    with problems.under("input"):
        check_stored(command.tracking_number, "trackingNumber")
    with problems.under("input"):
        shipped_at = time_of(tx, command.shipped_at, caller)
    with problems.under():
        order, row, location = await fulfillments.lock_with_order(
            tx, command.fulfillment_id, caller, field
        )
    problems.refuse()
    try:
        shipped_at = not_before_order(command.shipped_at, shipped_at, order)
    except Invalid as error:
        raise error.under("input") from None
    await held_steps.refuse_held(tx, row, FulfillmentStatus.SHIPPED, caller, field)
    check_may_ship(row, location, field)
    carrier, number = await parcel_numbers.choose(
        tx, row, command.carrier, command.tracking_number, caller
    )
    await tasks.admit(tx, ("Fulfillment", row["id"]), caller, field)
    lines = [
        line
        for line in await fulfillment_queries.lines_of(tx.session, [row["id"]])
        if line["quantity"]
    ]
    scanned_steps.refuse_unscanned(order, row, lines, location, FulfillmentStatus.SHIPPED, field)
    item_ids = [line["item_id"] for line in lines]
    await tx.stock.lock(item_ids)
    await tx.costs.lock(item_ids)
    await picks.book(tx, item_ids)
    handover = Handover(carrier, number, shipped_at)
    await hand_over(tx, order, row, lines, handover, caller.actor)
    return {"fulfillment": str(row["id"]), "fulfillments": [str(row["id"])]}


def time_of(tx: Transaction, stated: datetime | None, caller: Caller) -> datetime:
    """The time of a handover that a client stated; None: now. Raises Invalid at `shippedAt`."""
    may_backdate = caller.may("backdate")
    return check_client_time(stated, tx.now, may_backdate=may_backdate, field="shippedAt")


def not_before_order(stated: datetime | None, shipped_at: datetime, order: LockedOrder) -> datetime:
    """The time of a handover, not before its order. Raises Invalid at `shippedAt`."""
    return check_cause(
        stated, shipped_at, order.placed_at, "The order was placed", field="shippedAt"
    )


def check_may_ship(row: FulfillmentRow, location: LocationFacts, field: tuple[str, ...]) -> None:
    """Raise IllegalTransition unless a fulfillment of this location may be shipped now."""
    status = FulfillmentStatus(row["status"])
    ready = {FulfillmentStatus.PACKED}
    if not location.pack_required:
        ready |= {FulfillmentStatus.OPEN, FulfillmentStatus.PICKED}
    if status not in ready:
        allowed = fulfillments.next_steps(status, location)
        raise IllegalTransition("fulfillment", status, "SHIPPED", allowed, field=field)


async def hand_over(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    handover: Handover,
    actor: str,
    *,
    action: str = "fulfillmentShip",
) -> None:
    """Ship a fulfillment with these lines. Its order and tasks, stock and costs must be locked.

    The picks of its items must be booked. Records `fulfillment.shipped`, `order.shipped`, and an
    audit row of the action.
    """
    before = FulfillmentStatus(row["status"])
    cost_minor = await _send_units(tx, order, row, lines, handover, actor)
    units = {line["order_line_id"]: line["quantity"] for line in lines}
    sale = _sell(order, units, LINE_STATE[before], Money(cost_minor, tx.terms.base_currency))
    occasion = Occasion(order.number, handover.shipped_at)
    entry = ledger_entries.shipment(sum(units.values()), sale, occasion)
    tx.journal.post(entry, actor=actor, channel_id=order.channel_id, location_id=row["location_id"])
    version = row["version"] + 1
    await fulfillment_queries.write_shipment(
        tx.session,
        row["id"],
        handover.carrier,
        handover.tracking_number,
        handover.shipped_at,
        version,
        tx.now,
    )
    event = FulfillmentShipped(
        **fulfillments.work_step(order.row, FulfillmentStatus.SHIPPED, before),
        carrier=handover.carrier,
    )
    fulfillments.record(tx, event, row, version, order.row, actor)
    tx.outbox.audit(
        actor,
        action,
        ("Fulfillment", row["id"]),
        before={"status": str(before)},
        after={**encode(event), "completedPickAndPack": before is not FulfillmentStatus.PACKED},
    )
    shipped = OrderShipped(**await locked_orders.write(tx, order), fulfillment=row["id"])
    locked_orders.record(tx, order, shipped, actor)


async def _send_units(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    handover: Handover,
    actor: str,
) -> int:
    """Move the units out of the stock, and store the cost of each line. Returns the total cost."""
    costs = []
    for line in lines:
        cost_minor = tx.costs.issue(line["item_id"], line["quantity"])
        costs.append((line["id"], cost_minor))
        tx.stock.move(
            StockMove(
                item_id=line["item_id"],
                location_id=row["location_id"],
                from_state=StockState.ALLOCATED,
                to_state=None,
                quantity=line["quantity"],
                picked=line["picked"],
                actor=actor,
                channel_id=order.channel_id,
                reference=f"Order:{order.id}",
                occurred_at=handover.shipped_at,
                value_minor=cost_minor,
                value_currency=tx.terms.base_currency,
            ),
        )
    await fulfillment_queries.write_costs(tx.session, costs)
    return sum(cost for _, cost in costs)


def _sell(
    order: LockedOrder, units: Mapping[UUID, int], state: OrderLineState, cost: Money
) -> Sale:
    """Mark units as shipped. Returns their sale; the first parcel carries the shipping fee."""
    is_first = not order.has_shipped
    goods = tax = 0
    for line_id, quantity in units.items():
        line = order.line(line_id)
        assert line is not None
        net_part, tax_part = line.money.part(line.left, quantity)
        goods, tax = goods + net_part, tax + tax_part
        line.shift(state, OrderLineState.SHIPPED, quantity)
    shipping = order.shipping_minor if is_first else 0
    tax += order.shipping_tax_minor if is_first else 0
    owed = goods + tax + shipping
    deposit = covered_by(order.account.deposit_minor, owed)
    order.account = order.account.credited(-owed)
    return Sale(order.currency, goods, tax, shipping, deposit, cost)
