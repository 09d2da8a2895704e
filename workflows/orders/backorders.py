"""Allocation of backorders: channels by priority, then the oldest order first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.continuity.measures as measure_queries
import models.queries.orders.fulfillment_holds as hold_queries
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.orders.orders as order_queries
import workflows.availability.atp_context as atp_context
import workflows.availability.caps as caps
import workflows.availability.routing as routing
import workflows.measures.quarantines as quarantines
import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
from domain.events.orders import OrderAllocated
from domain.orders.fulfillment_holds import status_under
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState
from domain.stock.states import StockState
from models.queries.catalog.lookups import ChannelFacts, ItemFacts
from models.queries.orders.orders import BackorderedLineRow
from workflows.orders.fulfillments import ParcelContents, ParcelLine
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.runner import Transactions
from workflows.transactions.stock_levels import Level, StockMove
from workflows.transactions.transaction import Transaction

SERVED_MAX = 200
ITEMS_MAX = 50
SYSTEM = "system"


async def serve(tx: Transaction, item_ids: frozenset[int]) -> int:
    """Allocate units of these items to backordered lines. Returns the number of lines served.

    Units that a playbook quarantines are taken first; backorders do not get them. The items' stock
    must be locked. Orders locked by another transaction are skipped, and at most SERVED_MAX lines
    are read. A job serves the others. Records `order.allocated`.
    """
    await tx.flush()
    has_backorders, measures = await tx.session.ask(
        order_queries.has_backordered_items(sorted(item_ids)), measure_queries.active()
    )
    tx.measures = measures.at(tx.now)
    await quarantines.take_arrivals(tx, item_ids)
    if not has_backorders:
        return 0
    items = await lookups.items_by_id(tx.session, item_ids)
    context = await caps.try_lock(tx, await atp_context.read(tx.session, item_ids, tx.now))
    tx.measures = context.measures
    channels = {channel.id: channel for channel in context.channels}
    # Lines that cannot be served are not read: they would use up the limit of SERVED_MAX lines.
    servable = [
        (channel_id, item_id)
        for channel_id, item_id in context.backordered
        if _units_to_serve(tx, context, channels[channel_id], items[item_id], None) > 0
    ]
    if not servable:
        return 0
    there = [
        (level.location_id, item_id)
        for item_id in items
        for level in tx.stock.of_item(item_id)
        if level.promisable > 0
    ]
    waiting = await order_queries.backordered_lines(tx.session, servable, there, SERVED_MAX)
    orders = {
        order.id: order
        for order in await locked_orders.try_lock(tx, [row["order_id"] for row in waiting])
    }
    served = 0
    found: dict[UUID, dict[int, list[ParcelLine]]] = {}
    for row in waiting:
        order = orders.get(row["order_id"])
        if order is None:
            continue
        channel = channels[row["channel_id"]]
        portions = _take(tx, context, channel, items[row["item_id"]], order, row)
        served += bool(portions)
        caps.take(context, {place for place, _ in portions} - found.get(order.id, {}).keys())
        for location_id, quantity in portions:
            parcels = found.setdefault(order.id, {})
            line = ParcelLine(row["line_id"], row["item_id"], quantity)
            parcels.setdefault(location_id, []).append(line)
    held = await hold_queries.held_orders(tx.session, sorted(found)) if found else frozenset()
    for order_id, parcels in found.items():
        order = orders[order_id]
        await _promise(tx, context, channels[order.channel_id], order, parcels)
        await _create_fulfillments(tx, order, parcels, is_held=order_id in held)
    return served


def _units_to_serve(
    tx: Transaction,
    context: atp_context.AtpContext,
    channel: ChannelFacts,
    item: ItemFacts,
    places: Collection[int] | None,
) -> int:
    """Units of an item that backorders of a channel may take, after those served before them.

    `places`: the locations that the line may use; None: all that some line may use. The safety
    buffer and the units protected for channels of higher priority are left.
    """
    if not channel.active:
        return 0
    if places is None:
        places = context.unclosed_places(channel, item)
    units = sum(level.promisable for level in _levels(tx, item, places))
    return units - context.buffer_of(channel, item) - context.protected_from(channel, item)


def _levels(tx: Transaction, item: ItemFacts, places: Collection[int]) -> list[Level]:
    """The levels of an item at these locations."""
    return [level for level in tx.stock.of_item(item.id) if level.location_id in places]


def _take(
    tx: Transaction,
    context: atp_context.AtpContext,
    channel: ChannelFacts,
    item: ItemFacts,
    order: LockedOrder,
    row: BackorderedLineRow,
) -> list[tuple[int, int]]:
    """Allocate the line's backordered units, from the fullest location first; (location, units)."""
    line = order.line(row["line_id"])
    assert line is not None
    places = context.open_places(channel, item)
    if line.location_id is not None:
        places |= context.unclosed_places(channel, item) & {line.location_id}
    limit = _units_to_serve(tx, context, channel, item, places)
    if line.location_id is not None:
        places &= {line.location_id}
    wanted = min(line.units[OrderLineState.BACKORDERED], limit)
    taken = []
    for level in sorted(_levels(tx, item, places), key=_fullest_first):
        units = min(wanted, level.promisable)
        if units > 0:
            wanted -= units
            taken.append((level.location_id, units))
            _allocate(tx, level, units, order)
            line.shift(OrderLineState.BACKORDERED, OrderLineState.ALLOCATED, units)
    return taken


def _fullest_first(level: Level) -> tuple[int, int]:
    return (-level.promisable, level.location_id)


def _allocate(tx: Transaction, level: Level, units: int, order: LockedOrder) -> None:
    tx.stock.move(
        StockMove(
            item_id=level.item_id,
            location_id=level.location_id,
            from_state=StockState.AVAILABLE,
            to_state=StockState.ALLOCATED,
            quantity=units,
            actor=SYSTEM,
            channel_id=order.channel_id,
            reference=f"Order:{order.id}",
        ),
    )


async def _promise(
    tx: Transaction,
    context: atp_context.AtpContext,
    channel: ChannelFacts,
    order: LockedOrder,
    place_ids: Iterable[int],
) -> None:
    """Set the promised dates of an order without backordered units, as if it were placed now.

    An order that has a ship-by date keeps it: it was promised to the customer.
    """
    is_waiting = any(line.units[OrderLineState.BACKORDERED] for line in order.lines)
    if is_waiting or order.ship_by_at is not None:
        return
    items = await lookups.items_by_id(tx.session, {line.item_id for line in order.lines})
    places = {*place_ids}
    for parcel in await fulfillment_queries.of_order(tx.session, order.id):
        if parcel["shipped_at"] is None and parcel["status"] != FulfillmentStatus.CANCELLED:
            places.add(parcel["location_id"])
    country = await order_queries.country_of(tx.session, order.id)
    terms = (country, order.service_level)
    dates = await routing.promise_from(tx, context, channel, items.values(), places, *terms)
    await order_queries.write_promise(tx.session, order.id, *dates, tx.now)
    order.row = {**order.row, "ship_by_at": dates[0], "deliver_by_at": dates[1]}


async def _create_fulfillments(
    tx: Transaction,
    order: LockedOrder,
    parcels: Mapping[int, list[ParcelLine]],
    *,
    is_held: bool,
) -> None:
    created: dict[str, int] = {}
    contents = [
        ParcelContents(location_id, lines) for location_id, lines in sorted(parcels.items())
    ]
    status = status_under(FulfillmentStatus.OPEN, is_held=is_held)
    added = await fulfillments.add_to_order(tx, order, contents, actor=SYSTEM, status=status)
    for fulfillment_id, each in zip(added, contents, strict=True):
        created[str(fulfillment_id)] = sum(line.quantity for line in each.lines)
    await tx.flush()
    event = OrderAllocated(**await locked_orders.write(tx, order), fulfillments=created)
    locked_orders.record(tx, order, event, SYSTEM)


class BackorderRounds:
    """Serves backorders that transactions left, ITEMS_MAX items a step, in turn by item.

    An item that cannot be served, or fails, delays the others by one turn at most.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._after = 0

    async def serve(self) -> int:
        """Serve the next items. Returns the number of lines that got units."""
        async with self._transactions.database.reading() as session:
            item_ids = await order_queries.servable_items(session, self._after, ITEMS_MAX)
        self._after = item_ids[-1] if len(item_ids) == ITEMS_MAX else 0
        if not item_ids:
            return 0

        async def work(tx: Transaction) -> int:
            await tx.stock.lock(item_ids)
            return await serve(tx, frozenset(item_ids))

        return await self._transactions.run(work)
