"""CLOSE_LOCATION: unpicked parcels of a closed location leave from elsewhere, or are on hold."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.continuity.parcels as parcel_queries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
import workflows.orders.measure_holds as measure_holds
import workflows.orders.picks as picks
import workflows.reservations.expired_units as expired_units
import workflows.warehouse.shortages as shortages
from domain.access.callers import SYSTEM
from domain.errors import InsufficientStock
from domain.events.fulfillments import FulfillmentCancelled
from domain.events.orders import OrderRerouted
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.scans import ScannedUnits
from domain.stock.states import StockState
from domain.values.totals import totals
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from models.policies import PlaybookRunRow
from models.queries.continuity.parcels import ConcernedParcelRow
from workflows.orders.locked_orders import Line, LockedOrder
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

ACTOR = SYSTEM.actor


async def move_or_hold(tx: Transaction, run: PlaybookRunRow, found: ConcernedParcelRow) -> bool:
    """Send a parcel's units from elsewhere; where they lack, or it is held, put it on hold.

    Locks the order, then the stock. False if another transaction has locked the order.
    """
    orders = await locked_orders.try_lock(tx, [found["order_id"]])
    parcel = await fulfillment_queries.fulfillment(tx.session, found["id"])
    if not orders or parcel is None:
        return False
    [order] = orders
    status = FulfillmentStatus(parcel["status"])
    is_moved = status is FulfillmentStatus.OPEN and await _move(tx, order, parcel)
    if not is_moved and not await measure_holds.place(tx, order, parcel, run["id"]):
        return False
    await parcel_queries.add_closed(tx.session, run["id"])
    return True


async def _move(tx: Transaction, order: LockedOrder, parcel: FulfillmentRow) -> bool:
    """Supply an OPEN parcel from the channel's other locations. False if they have too little."""
    lines = [
        line
        for line in await fulfillment_queries.lines_of(tx.session, [parcel["id"]])
        if line["quantity"]
    ]
    wanted = totals((line["item_id"], line["quantity"]) for line in lines)
    expired = await expired_units.lock_stock(tx, wanted)
    await picks.book(tx, wanted)
    lines = [
        line
        for line in await fulfillment_queries.lines_of(tx.session, [parcel["id"]])
        if line["quantity"]
    ]
    origin = (await lookups.locations_by_id(tx.session, [parcel["location_id"]]))[
        parcel["location_id"]
    ]
    try:
        async with tx.savepoint():
            _give_up(tx, order, parcel, lines)
            missing = [(_line(order, line), line["quantity"]) for line in lines]
            found = await shortages.replace_elsewhere(
                tx, order, missing, origin, expired, parcel["id"], ACTOR
            )
            if found.backordered:
                sku = missing[0][0].sku
                raise InsufficientStock(sku, sum(wanted.values()), 0)
            await _write(tx, order, parcel, lines, found.fulfillment_ids)
    except InsufficientStock:
        return False
    return True


def _line(order: LockedOrder, line: FulfillmentLineRow) -> Line:
    found = order.line(line["order_line_id"])
    assert found is not None
    return found


def _give_up(
    tx: Transaction, order: LockedOrder, parcel: FulfillmentRow, lines: list[FulfillmentLineRow]
) -> None:
    """Release the units of a parcel at its location; picked ones come back unbinned."""
    wanted = totals((line["item_id"], line["quantity"]) for line in lines)
    picked = totals((line["item_id"], line["picked"]) for line in lines)
    for item_id, units in sorted(wanted.items()):
        tx.stock.move(
            StockMove(
                item_id=item_id,
                location_id=parcel["location_id"],
                from_state=StockState.ALLOCATED,
                to_state=StockState.AVAILABLE,
                quantity=units,
                picked=picked[item_id],
                actor=ACTOR,
                channel_id=order.channel_id,
                reference=f"Order:{order.id}",
            )
        )


async def _write(
    tx: Transaction,
    order: LockedOrder,
    parcel: FulfillmentRow,
    lines: list[FulfillmentLineRow],
    fulfillment_ids: Sequence[UUID],
) -> None:
    """Write the cancelled parcel and the order. One `order.rerouted` for each new parcel."""
    await tx.flush()
    version, cancelled = parcel["version"] + 1, FulfillmentStatus.CANCELLED
    nothing = ScannedUnits(0, 0, 0)
    await fulfillment_queries.write_units(tx.session, [(line["id"], nothing) for line in lines])
    await fulfillment_queries.write_status(
        tx.session, [(parcel["id"], str(cancelled), version)], tx.now
    )
    event = FulfillmentCancelled(
        **fulfillments.step(order.row, cancelled, parcel["status"]),
        shortages=None,
        rerouted=tuple(fulfillment_ids),
        backordered=None,
    )
    fulfillments.record(tx, event, parcel, version, order.row, ACTOR)
    for new_id in fulfillment_ids:
        rerouted = OrderRerouted(
            **await locked_orders.write(tx, order), from_=parcel["id"], to=new_id
        )
        locked_orders.record(tx, order, rerouted, ACTOR)
