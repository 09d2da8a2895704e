"""Serves those who wait: channels by priority, then the oldest order first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.orders.orders as order_queries
import workflows.availability.atp_context as atp_context
import workflows.availability.routing as routing
import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
from domain.events.orders import OrderAllocated
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState
from domain.stock.states import StockState
from models.queries.catalog.lookups import ChannelFacts, ItemFacts
from models.queries.orders.orders import BackorderedLineRow
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.runner import Transactions
from workflows.transactions.stock_levels import Level, StockMove
from workflows.transactions.transaction import Transaction

SERVED_MAX = 200
ITEMS_MAX = 50
SYSTEM = "system"


async def serve(tx: Transaction, item_ids: frozenset[int]) -> int:
    """Allocate what became available of these items to lines that wait for it; to how many.

    The items' stock is locked. Orders that somebody else has locked are skipped, and so is what
    goes beyond SERVED_MAX lines: both are left to the job.
    """
    await tx.flush()
    if not await order_queries.has_backordered_items(tx.session, sorted(item_ids)):
        return 0
    items = await lookups.items_by_id(tx.session, item_ids)
    context = await atp_context.read(tx.session, item_ids, tx.now)
    channels = {channel.id: channel for channel in context.channels}
    # Lines that nothing can be had for would be in the way of others, up to the last of the limit.
    servable = [
        (channel_id, item_id)
        for channel_id, item_id in context.backordered
        if _room(tx, context, channels[channel_id], items[item_id]) > 0
    ]
    if not servable:
        return 0
    waiting = await order_queries.backordered_lines(tx.session, servable, SERVED_MAX)
    orders = {
        order.id: order
        for order in await locked_orders.lock_free(tx, [row["order_id"] for row in waiting])
    }
    served = 0
    found: dict[UUID, dict[int, list[tuple[UUID, int, int]]]] = {}
    for row in waiting:
        order = orders.get(row["order_id"])
        if order is None:
            continue
        channel = channels[row["channel_id"]]
        got = _take(tx, context, channel, items[row["item_id"]], order, row)
        served += bool(got)
        for location_id, quantity in got:
            parcels = found.setdefault(order.id, {})
            parcels.setdefault(location_id, []).append((row["line_id"], row["item_id"], quantity))
    for order_id, parcels in found.items():
        order = orders[order_id]
        await _promise(tx, context, channels[order.channel_id], order, parcels)
        await _send_to_work(tx, order, parcels)
    return served


def _room(
    tx: Transaction, context: atp_context.AtpContext, channel: ChannelFacts, item: ItemFacts
) -> int:
    """How many units of an item may go to who waits at a channel, those in front being served.

    The buffer and higher channels' shares stay untouched.
    """
    if not channel.active:
        return 0
    units = sum(level.promisable for level in _levels(tx, channel, item))
    return units - channel.safety_buffer - context.protected_from(channel, item)


def _levels(tx: Transaction, channel: ChannelFacts, item: ItemFacts) -> list[Level]:
    places = {place.id for place in channel.locations}
    return [level for level in tx.stock.of_item(item.id) if level.location_id in places]


def _take(
    tx: Transaction,
    context: atp_context.AtpContext,
    channel: ChannelFacts,
    item: ItemFacts,
    order: LockedOrder,
    row: BackorderedLineRow,
) -> list[tuple[int, int]]:
    """Allocate up to what the line waits for, where there is most; (location, units) taken."""
    line = order.line(row["line_id"])
    assert line is not None
    room = _room(tx, context, channel, item)
    wanted = min(line.units[OrderLineState.BACKORDERED], room)
    taken = []
    for level in sorted(_levels(tx, channel, item), key=_deepest_first):
        units = min(wanted, level.promisable)
        if units > 0:
            wanted -= units
            taken.append((level.location_id, units))
            _allocate(tx, level, units, order)
            line.shift(OrderLineState.BACKORDERED, OrderLineState.ALLOCATED, units)
    return taken


def _deepest_first(level: Level) -> tuple[int, int]:
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
    """Once nothing of an order waits any more, say when it ships, as if it were placed now.

    An order that was told a date before keeps it: that is what was promised.
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
    await order_queries.write_promise(tx.session, order.id, *dates)
    order.row = {**order.row, "ship_by_at": dates[0], "deliver_by_at": dates[1]}


async def _send_to_work(
    tx: Transaction,
    order: LockedOrder,
    parcels: Mapping[int, list[tuple[UUID, int, int]]],
) -> None:
    made: dict[str, int] = {}
    for location_id, lines in sorted(parcels.items()):
        fulfillment_id = fulfillments.add(tx, order.row, location_id, lines, actor=SYSTEM)
        made[str(fulfillment_id)] = sum(quantity for _, _, quantity in lines)
    await tx.flush()
    event = OrderAllocated(**await locked_orders.write(tx, order), fulfillments=made)
    locked_orders.record(tx, order, event, SYSTEM)


class BackorderRounds:
    """Serves lines that transactions left waiting: so many items a step, round and round.

    An item that cannot be served, or that fails, delays the others by its place in the round.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._after = 0

    async def serve(self) -> int:
        """Serve the next items; how many lines something was allocated to."""
        async with self._transactions.database.reading() as session:
            item_ids = await order_queries.servable_items(session, self._after, ITEMS_MAX)
        self._after = item_ids[-1] if len(item_ids) == ITEMS_MAX else 0
        if not item_ids:
            return 0

        async def work(tx: Transaction) -> int:
            await tx.stock.lock(item_ids)
            return await serve(tx, frozenset(item_ids))

        return await self._transactions.run(work)
