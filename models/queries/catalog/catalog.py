"""Master data to be changed: locked by code, written by row or by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from domain.values.codes import ByCode, keys_of
from domain.values.search_texts import search_text
from models.catalog import ChannelLocation, Item, ItemText, VersionedItemRow
from models.database.rows import picked
from models.database.sessions import Session
from models.queries.events.lock_numbers import HIERARCHY

ITEM_COLUMNS = (
    "name",
    "barcode",
    "category",
    "price_minor",
    "price_currency",
    "unit_cost_minor",
    "unit_cost_currency",
    "returnable",
    "supplier_id",
    "active",
    "image_url",
    "attributes",
    "country_of_origin",
    "customs_code",
)


async def lock_items(session: Session, skus: Iterable[str]) -> ByCode[VersionedItemRow]:
    """Lock the items of these SKUs in one order; unknown ones are missing."""
    rows = await session.rows(
        VersionedItemRow,
        f"SELECT id, sku, version, updated_at, {', '.join(ITEM_COLUMNS)} FROM item"
        " WHERE sku_key = ANY($1::text[]) ORDER BY sku_key FOR NO KEY UPDATE",
        keys_of(skus),
    )
    return ByCode(rows, lambda row: row["sku"])


async def insert_items(
    session: Session, facts: Mapping[str, Mapping[str, object]], now: datetime
) -> ByCode[VersionedItemRow]:
    """Insert items by SKU, in the lock order, and return them locked. Raises UniqueConflict."""
    rows = [
        {
            "sku": sku,
            **{column: facts[sku][column] for column in ITEM_COLUMNS},
            "created_at": now,
            "updated_at": now,
        }
        for sku in sorted(facts)
    ]
    await session.insert(Item, rows)
    created = await lock_items(session, facts)
    texts = [
        {"item_id": each["id"], "search_text": _search_text(each)} for each in created.values()
    ]
    await session.insert(ItemText, texts)
    return created


_UPDATE_ITEM = f"""
UPDATE item SET {", ".join(f"{column} = ${i}" for i, column in enumerate(ITEM_COLUMNS, start=4))},
  version = $2, updated_at = $3 WHERE id = $1
"""
_UPDATE_TEXT = "UPDATE item_text SET search_text = $2 WHERE item_id = $1 AND search_text <> $2"


async def update_items(session: Session, rows: Sequence[VersionedItemRow], now: datetime) -> None:
    """Write all columns of locked items; each row has its id and its new version."""
    if not rows:
        return
    await session.execute_many(
        _UPDATE_ITEM,
        [(row["id"], row["version"], now, *picked(row, ITEM_COLUMNS)) for row in rows],
    )
    await session.execute_many(_UPDATE_TEXT, [(row["id"], _search_text(row)) for row in rows])


def _search_text(row: VersionedItemRow) -> str:
    return search_text(row["sku"], row["name"], row["barcode"])


class CodeRow(TypedDict):
    """The id and the code of a row."""

    id: int
    code: str


async def suppliers_named(session: Session, codes: Iterable[str]) -> ByCode[CodeRow]:
    """Suppliers by code; unknown ones are missing."""
    wanted = keys_of(codes)
    rows = await session.rows(
        CodeRow, "SELECT id, code FROM supplier WHERE code_key = ANY($1::text[])", wanted
    )
    return ByCode(rows, lambda row: row["code"])


async def lock_hierarchy(session: Session) -> None:
    """Allow one transaction at a time to change parents of locations: two could create a cycle."""
    if session.engine == "postgres":
        await session.execute("SELECT pg_advisory_xact_lock($1)", HIERARCHY)


_UPWARDS = """
WITH RECURSIVE up (id, code, kind, parent_id, depth) AS (
  SELECT id, code, kind, parent_id, 1 FROM location WHERE id = $1
  UNION ALL
  SELECT l.id, l.code, l.kind, l.parent_id, up.depth + 1
  FROM location l JOIN up ON l.id = up.parent_id WHERE up.depth < $2
)
SELECT id, code, kind FROM up ORDER BY depth
"""


class LocationKindRow(TypedDict):
    """A location's id, code and kind."""

    id: int
    code: str
    kind: str


async def upwards(session: Session, location_id: int, most: int) -> Sequence[LocationKindRow]:
    """A location and its ancestors, the nearest first, up to a limit."""
    return await session.rows(LocationKindRow, _UPWARDS, location_id, most)


class _KindRow(TypedDict):
    kind: str


async def kinds_within(session: Session, location_id: int) -> list[str]:
    """The kinds of a location's direct children."""
    rows = await session.rows(
        _KindRow,
        "SELECT DISTINCT kind FROM location WHERE parent_id = $1 ORDER BY kind",
        location_id,
    )
    return [row["kind"] for row in rows]


async def claim_location(session: Session, location_id: int) -> None:
    """Wait for transactions that put units at a location, and block later ones.

    Movements, holds and fulfillments lock their location through their foreign keys.
    """
    await session.value(int, "SELECT id FROM location WHERE id = $1 FOR UPDATE", location_id)


_USE = """
SELECT
  (SELECT CAST(COALESCE(SUM(available + held + allocated + quality_control + quarantine
     + refurbishing + damaged), 0) AS bigint)
   FROM stock_level WHERE location_id = $1) AS units,
  (SELECT COUNT(DISTINCT reservation_id) FROM reservation_line
   WHERE location_id = $1 AND held_until_at IS NOT NULL) AS holds,
  (SELECT COUNT(*) FROM fulfillment WHERE location_id = $1
     AND status IN ('ON_HOLD', 'OPEN', 'PICKED', 'PACKED')) AS fulfillments,
  (SELECT COUNT(*) FROM transfer WHERE (origin_id = $1 OR destination_id = $1)
     AND status IN ('REQUESTED', 'IN_TRANSIT', 'PARTIALLY_RECEIVED')) AS transfers,
  (SELECT COUNT(*) FROM channel_location WHERE location_id = $1) AS channels
"""


class LocationUseRow(TypedDict):
    """Numbers of uses of a location, by kind."""

    units: int
    holds: int
    fulfillments: int
    transfers: int
    channels: int


async def location_use(session: Session, location_id: int) -> LocationUseRow:
    """Uses of a location: units in any state, open holds, fulfillments and transfers, channels."""
    row = await session.row(LocationUseRow, _USE, location_id)
    assert row is not None
    return row


async def locations_named(session: Session, codes: Iterable[str]) -> ByCode[LocationKindRow]:
    """(id, code, kind) of locations by code; unknown ones are missing."""
    rows = await session.rows(
        LocationKindRow,
        "SELECT id, code, kind FROM location WHERE code_key = ANY($1::text[])",
        keys_of(codes),
    )
    return ByCode(rows, lambda row: row["code"])


async def channel_locations(session: Session, channel_id: int) -> dict[str, int]:
    """The locations of a channel, active or not: ids by code, in order of code."""
    rows = await session.rows(
        CodeRow,
        "SELECT l.id, l.code FROM channel_location cl JOIN location l ON l.id = cl.location_id"
        " WHERE cl.channel_id = $1 ORDER BY l.code",
        channel_id,
    )
    return {row["code"]: row["id"] for row in rows}


async def set_channel_locations(
    session: Session, channel_id: int, *, gone: Iterable[int], come: Iterable[int]
) -> None:
    """Remove and add locations (by id) of a locked channel."""
    if removed := sorted(gone):
        await session.execute(
            "DELETE FROM channel_location WHERE channel_id = $1"
            " AND location_id = ANY($2::bigint[])",
            channel_id,
            removed,
        )
    await session.insert(
        ChannelLocation,
        [{"channel_id": channel_id, "location_id": each} for each in sorted(come)],
    )
