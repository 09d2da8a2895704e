"""Demands of orders and holds, and the units that their channel may promise them.

A location that is not LIVE, in a channel whose orders the policy routes, supplies only demands that
name it: it is *beyond* the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from domain.errors import InsufficientStock
from domain.values.totals import totals
from models.queries.catalog.lookups import ChannelFacts, ItemFacts, LocationFacts
from workflows.availability.atp_context import AtpContext
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Demand:
    """Units of an item, from `location` if it is set, else from any. `field`: path of the line."""

    item: ItemFacts
    quantity: int
    location: str | None
    field: tuple[str, ...]


def promised(
    tx: Transaction,
    context: AtpContext,
    channel: ChannelFacts,
    item: ItemFacts,
    named: Collection[int] = (),
) -> int:
    """Units of an item that the channel may sell now, according to the locked levels.

    `named`: locations that an order names, beside those that any order may use.
    """
    places = context.open_places(channel, item)
    if named:
        places |= context.unclosed_places(channel, item).intersection(named)
    units = (level.promisable for level in tx.stock.of_item(item.id) if level.location_id in places)
    return context.promise(channel, item, units)


def check_promised(
    tx: Transaction, context: AtpContext, channel: ChannelFacts, demands: Sequence[Demand]
) -> None:
    """Raise InsufficientStock at the first line of an item of which too few may be sold."""
    wanted = totals((demand.item.id, demand.quantity) for demand in demands)
    first = {demand.item.id: demand for demand in reversed(demands)}
    beyond = named_beyond(context, channel, context.opened(channel), demands)
    for item_id, quantity in wanted.items():
        item, field = first[item_id].item, (*first[item_id].field, "quantity")
        can_sell = promised(tx, context, channel, item, [place.id for place in beyond])
        if can_sell < quantity:
            raise InsufficientStock(item.sku, quantity, can_sell, field=field)
        if beyond:
            # Only the units of lines that name such a location may come from there.
            codes = {place.code for place in beyond}
            rest = sum(
                each.quantity
                for each in demands
                if each.item.id == item_id and each.location not in codes
            )
            can_sell = promised(tx, context, channel, item)
            if can_sell < rest:
                raise InsufficientStock(item.sku, rest, can_sell, field=field)


def promised_part(
    tx: Transaction, context: AtpContext, channel: ChannelFacts, demands: Sequence[Demand]
) -> list[Demand]:
    """Reduce each demand to the units that can be promised now, those that name a place first."""
    limited: list[Demand] = []
    for demand in sorted(demands, key=lambda each: each.location is None):
        before = [each for each in limited if each.item.id == demand.item.id]
        quantity = min(demand.quantity, _room(tx, context, channel, before, demand))
        if quantity > 0:
            limited.append(replace(demand, quantity=quantity))
    return limited


def _room(
    tx: Transaction,
    context: AtpContext,
    channel: ChannelFacts,
    before: Sequence[Demand],
    demand: Demand,
) -> int:
    """Units that a demand can be promised after those `before` it, which name a location."""
    item = demand.item
    beyond = named_beyond(context, channel, context.opened(channel), (*before, demand))
    sold = sum(each.quantity for each in before)
    room = promised(tx, context, channel, item, [place.id for place in beyond]) - sold
    if demand.location is None:
        codes = {place.code for place in beyond}
        sold_here = sum(each.quantity for each in before if each.location not in codes)
        return min(room, promised(tx, context, channel, item) - sold_here)
    usable = context.unclosed_places(channel, item)
    there = sum(
        promisable_at(tx, item.id, place.id)
        for place in channel.locations
        if place.code == demand.location and place.id in usable
    )
    return min(
        room, there - sum(each.quantity for each in before if each.location == demand.location)
    )


def named_units(
    demands: Iterable[Demand], places: Collection[LocationFacts]
) -> Iterable[tuple[tuple[str, str], int]]:
    """((SKU, location), units) of the demands that name one of these locations."""
    codes = {place.code for place in places}
    for demand in demands:
        if demand.location is not None and demand.location in codes:
            yield (demand.item.sku, demand.location), demand.quantity


def named_beyond(
    context: AtpContext, channel: ChannelFacts, opened: ChannelFacts, demands: Iterable[Demand]
) -> tuple[LocationFacts, ...]:
    """The named locations that only orders which name them may use. A measure may close others."""
    named = {demand.location for demand in demands if demand.location is not None}
    if not named:
        return ()
    unclosed = context.unclosed(channel).locations
    return tuple(
        place for place in unclosed if place.code in named and place not in opened.locations
    )


def promisable_at(tx: Transaction, item_id: int, location_id: int) -> int:
    level = tx.stock.level(item_id, location_id)
    return 0 if level is None else level.promisable
