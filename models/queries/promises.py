"""What limits a promise: stock by location, holds that are over, backorders, daily capacity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.sessions import Row, Session

# One row per (item, location): what is available, and the units of holds past their end that
# nobody has swept yet. A hold that is over counts as available from that instant.
_SUPPLY = """
SELECT s.item_id, s.location_id, s.available, s.safety_stock, COALESCE(x.expired, 0) AS expired
FROM stock_level s
LEFT JOIN (
  SELECT l.item_id, l.location_id, SUM(l.quantity) AS expired
  FROM reservation r JOIN reservation_line l ON l.reservation_id = r.id
  WHERE r.status = 'HELD' AND r.expires_at <= $2 AND l.item_id = ANY($1::bigint[])
  GROUP BY l.item_id, l.location_id
) x ON x.item_id = s.item_id AND x.location_id = s.location_id
WHERE s.item_id = ANY($1::bigint[])
"""


async def supply(session: Session, item_ids: Sequence[int], now: datetime) -> Sequence[Row]:
    """Per level of these items: available, safety stock and units of holds that are over."""
    return await session.fetch(_SUPPLY, list(item_ids), now)


_BACKORDERED = """
SELECT o.channel_id, l.item_id, SUM(l.backordered) AS units
FROM order_line l JOIN sales_order o ON o.id = l.order_id
WHERE l.item_id = ANY($1::bigint[]) AND l.backordered > 0
GROUP BY o.channel_id, l.item_id
"""


async def backordered(session: Session, item_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """Open backordered units by (channel, item)."""
    rows = await session.fetch(_BACKORDERED, list(item_ids))
    return {(row["channel_id"], row["item_id"]): int(row["units"]) for row in rows}


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
