"""Inputs of availability: stock by location, expired holds, backorders, daily capacity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from domain.stock.states import promisable
from domain.values.codes import ByCode, comparison_key, keys_of
from models.database.locked_reads import FromLock
from models.database.rows import Flag, Total
from models.database.sessions import Session
from models.database.sql import Question, question
from models.queries.catalog.lookups import ItemFacts

_BACKORDERED = """
SELECT o.channel_id, l.item_id, SUM(l.backordered) AS units
FROM order_line l JOIN sales_order o ON o.id = l.order_id
WHERE l.item_id = ANY($1::bigint[]) AND l.backordered > 0
GROUP BY o.channel_id, l.item_id
"""


class _BackorderedRow(TypedDict):
    channel_id: int
    item_id: int
    units: Total


def backordered(item_ids: Sequence[int] | FromLock) -> Question[dict[tuple[int, int], int]]:
    """Open backordered units by (channel, item)."""
    return question(
        _BackorderedRow,
        _BACKORDERED,
        (item_ids,),
        lambda rows: {(row["channel_id"], row["item_id"]): int(row["units"]) for row in rows},
    )


# All inputs of the ATP rule for some SKUs: one row per level, and one row per channel with
# backordered units. A level's row includes units of expired holds that are not released yet; they
# count as available. The next end of a live hold of the item comes with each of its levels. An item
# without either has one row. The arrays make PostgreSQL look levels and lines up by their items.
_ITEM_SUPPLY = """
WITH wanted AS (
  SELECT id, sku, category, price_minor, price_currency, unit_cost_minor, active FROM item
  WHERE sku_key = ANY($1::text[])
)
SELECT i.id, i.sku, i.category, i.price_minor, i.price_currency, i.unit_cost_minor,
  i.active, s.location_id, s.available, s.safety_stock, COALESCE((
    SELECT SUM(l.quantity) FROM reservation_line l
    WHERE l.item_id = s.item_id AND l.held_until_at <= $2 AND l.location_id = s.location_id
  ), 0) AS expired, (
    SELECT l.held_until_at FROM reservation_line l
    WHERE l.item_id = s.item_id AND l.held_until_at > $2 ORDER BY l.held_until_at LIMIT 1
  ) AS next_end_at,
  NULL AS channel_id, 0 AS backordered
FROM wanted i
LEFT JOIN stock_level s ON s.item_id = i.id AND s.item_id = ANY(ARRAY(SELECT id FROM wanted))
UNION ALL
SELECT i.id, i.sku, i.category, i.price_minor, i.price_currency, i.unit_cost_minor,
  i.active, NULL, 0, 0, 0, NULL, o.channel_id, SUM(l.backordered)
FROM wanted i
JOIN order_line l ON l.item_id = i.id AND l.backordered > 0
JOIN sales_order o ON o.id = l.order_id
WHERE l.item_id = ANY(ARRAY(SELECT id FROM wanted))
GROUP BY i.id, i.sku, i.category, i.price_minor, i.price_currency, i.unit_cost_minor, i.active,
  o.channel_id
"""


class _ItemSupplyRow(TypedDict):
    id: int
    sku: str
    category: str | None
    price_minor: int | None
    price_currency: str | None
    unit_cost_minor: int | None
    active: Flag
    location_id: int | None
    available: int | None
    safety_stock: int | None
    expired: Total
    next_end_at: datetime | None
    channel_id: int | None
    backordered: Total


@dataclass(frozen=True, slots=True)
class ItemSupply:
    """An item, the promisable units of each location, and the backordered units of each channel.

    `next_end_at`: the next end of a live hold of the item; its units are promisable from then on.
    `has_expired`: units of expired holds are included; releasing the holds moves them.
    """

    item: ItemFacts
    promisable: Mapping[int, int]
    backordered: Mapping[int, int]
    has_expired: bool
    next_end_at: datetime | None


async def supply_of_items(
    session: Session, skus: Iterable[str], now: datetime
) -> ByCode[ItemSupply]:
    """The supply of these SKUs, by one statement; unknown SKUs are missing."""
    items: dict[str, ItemFacts] = {}
    units: dict[str, dict[int, int]] = {}
    owed: dict[str, dict[int, int]] = {}
    expired: set[str] = set()
    ends: dict[str, datetime | None] = {}
    for row in await session.rows(_ItemSupplyRow, _ITEM_SUPPLY, keys_of(skus), now):
        sku = row["sku"]
        if sku not in items:
            items[sku] = ItemFacts(
                id=row["id"],
                sku=sku,
                category=row["category"],
                price_minor=row["price_minor"],
                price_currency=row["price_currency"],
                unit_cost_minor=row["unit_cost_minor"],
                active=row["active"],
            )
            units[sku], owed[sku] = {}, {}
        if row["channel_id"] is not None:
            owed[sku][row["channel_id"]] = int(row["backordered"])
        elif row["location_id"] is not None:
            if row["expired"]:
                expired.add(sku)
            ends[sku] = row["next_end_at"]
            units[sku][row["location_id"]] = promisable(
                row["available"] or 0, int(row["expired"]), row["safety_stock"] or 0
            )
    found = (
        ItemSupply(items[sku], units[sku], owed[sku], sku in expired, ends.get(sku))
        for sku in items
    )
    return ByCode(found, lambda supply: supply.item.sku)


_LOAD = """
SELECT COUNT(DISTINCT order_id) FROM fulfillment
WHERE location_id = $1 AND created_at >= $2 AND status <> 'CANCELLED'
"""


async def orders_since(session: Session, location_id: int, start: datetime) -> int:
    """Number of orders that a location was given since an instant."""
    return await session.value(int, _LOAD, location_id, start) or 0


_SKUS = """
SELECT DISTINCT i.sku FROM channel c
JOIN channel_location cl ON cl.channel_id = c.id
JOIN stock_level s ON s.location_id = cl.location_id
JOIN item i ON i.id = s.item_id
WHERE c.code_key = $1 ORDER BY i.sku
"""


class _ChannelSkuRow(TypedDict):
    sku: str


async def skus_of_channel(session: Session, channel: str) -> list[str]:
    """SKUs that have ever had stock at one of a channel's locations."""
    key = comparison_key(channel)
    return [row["sku"] for row in await session.rows(_ChannelSkuRow, _SKUS, key)]
