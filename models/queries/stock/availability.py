"""What limits a promise: stock by location, holds that are over, backorders, daily capacity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from domain.stock.states import promisable
from models.database.sessions import Session
from models.database.sql import Question
from models.queries.catalog.lookups import ItemFacts

ITEM_FACTS = tuple(field.name for field in fields(ItemFacts))

_BACKORDERED = """
SELECT o.channel_id, l.item_id, SUM(l.backordered) AS units
FROM order_line l JOIN sales_order o ON o.id = l.order_id
WHERE l.item_id = ANY($1::bigint[]) AND l.backordered > 0
GROUP BY o.channel_id, l.item_id
"""


def backordered(item_ids: Sequence[int]) -> Question[dict[tuple[int, int], int]]:
    """Open backordered units by (channel, item)."""
    return Question(
        _BACKORDERED,
        (list(item_ids),),
        lambda rows: {(row["channel_id"], row["item_id"]): int(row["units"]) for row in rows},
    )


# Everything about some SKUs that a promise asks for: a row per level, with the units of holds past
# their end that nobody has swept yet (they count as available from that instant), and a row per
# channel that owes units of them; an item with neither has a row of its own.
_GOODS = """
SELECT i.id, i.sku, i.category, i.price_minor, i.price_currency, i.unit_cost_minor,
  s.location_id, s.available, s.safety_stock, COALESCE(x.expired, 0) AS expired,
  NULL AS channel_id, 0 AS backordered
FROM item i
LEFT JOIN stock_level s ON s.item_id = i.id
LEFT JOIN (
  SELECT l.item_id, l.location_id, SUM(l.quantity) AS expired
  FROM reservation r JOIN reservation_line l ON l.reservation_id = r.id
  WHERE r.status = 'HELD' AND r.expires_at <= $2
  GROUP BY l.item_id, l.location_id
) x ON x.item_id = s.item_id AND x.location_id = s.location_id
WHERE i.sku = ANY($1::text[])
UNION ALL
SELECT i.id, i.sku, i.category, i.price_minor, i.price_currency, i.unit_cost_minor,
  NULL, 0, 0, 0, o.channel_id, SUM(l.backordered)
FROM item i
JOIN order_line l ON l.item_id = i.id AND l.backordered > 0
JOIN sales_order o ON o.id = l.order_id
WHERE i.sku = ANY($1::text[])
GROUP BY i.id, i.sku, i.category, i.price_minor, i.price_currency, i.unit_cost_minor, o.channel_id
"""


@dataclass(frozen=True, slots=True)
class Goods:
    """An item, what each location may promise of it, and what each channel owes of it.

    `has_expired`: units of holds that are over are counted in, which their sweeping moves.
    """

    item: ItemFacts
    promisable: Mapping[int, int]
    backordered: Mapping[int, int]
    has_expired: bool


async def goods(session: Session, skus: Sequence[str], now: datetime) -> dict[str, Goods]:
    """The goods of these SKUs by one statement; unknown SKUs are missing."""
    items: dict[str, ItemFacts] = {}
    units: dict[str, dict[int, int]] = {}
    owed: dict[str, dict[int, int]] = {}
    expired: set[str] = set()
    for row in await session.fetch(_GOODS, list(skus), now):
        sku = row["sku"]
        if sku not in items:
            items[sku] = ItemFacts(**{name: row[name] for name in ITEM_FACTS})
            units[sku], owed[sku] = {}, {}
        if row["channel_id"] is not None:
            owed[sku][row["channel_id"]] = int(row["backordered"])
        elif row["location_id"] is not None:
            if row["expired"]:
                expired.add(sku)
            can_promise = promisable(row["available"], int(row["expired"]), row["safety_stock"])
            units[sku][row["location_id"]] = can_promise
    return {sku: Goods(items[sku], units[sku], owed[sku], sku in expired) for sku in items}


_LOAD = """
SELECT location_id, COUNT(DISTINCT order_id) AS orders FROM fulfillment
WHERE location_id = $1 AND created_at >= $2 AND status <> 'CANCELLED'
GROUP BY location_id
"""


async def orders_since(session: Session, location_id: int, start: datetime) -> int:
    """How many orders a location was given since an instant."""
    row = await session.fetch_one(_LOAD, location_id, start)
    return 0 if row is None else row["orders"]


_SKUS = """
SELECT DISTINCT i.sku FROM channel c
JOIN channel_location cl ON cl.channel_id = c.id
JOIN stock_level s ON s.location_id = cl.location_id
JOIN item i ON i.id = s.item_id
WHERE c.code = $1 ORDER BY i.sku
"""


async def skus_of_channel(session: Session, channel: str) -> list[str]:
    """Every SKU that has ever lain at one of a channel's locations."""
    return [row["sku"] for row in await session.fetch(_SKUS, channel)]
