"""Codes of items: read by item, found by scan, and replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.catalog.item_codes import scan_key
from models.catalog import ItemCode, ItemCodeRow
from models.database.rows import Flag
from models.database.sessions import Session
from models.queries.catalog.lookups import ItemFacts, items_by_sku
from models.queries.listing.paging import grouped

_COLUMNS = "c.item_id, c.code, c.scan_key, c.units, c.is_listed, c.is_shared"


async def codes_by_item(session: Session, ids: Sequence[int]) -> Mapping[int, list[ItemCodeRow]]:
    """The codes of these items, in the order of their lists."""
    rows = await session.rows(
        ItemCodeRow,
        f"SELECT {_COLUMNS} FROM item_code c WHERE c.item_id = ANY($1::bigint[])"
        " ORDER BY c.item_id, c.id",
        list(ids),
    )
    return grouped(rows, "item_id")


class CodeHolderRow(ItemCodeRow):
    """A code with its item's SKU."""

    sku: str


async def holders(session: Session, keys: Iterable[str]) -> Sequence[CodeHolderRow]:
    """The items that have codes with these keys, the oldest code first."""
    return await session.rows(
        CodeHolderRow,
        f"SELECT {_COLUMNS}, i.sku FROM item_code c JOIN item i ON i.id = c.item_id"
        " WHERE c.scan_key = ANY($1::text[]) ORDER BY c.id",
        sorted(set(keys)),
    )


# A barcode that only one item still has names it again.
_UNSHARE = """
UPDATE item_code SET is_shared = FALSE WHERE is_shared AND scan_key = ANY($1::text[])
  AND (SELECT COUNT(*) FROM item_code o WHERE o.scan_key = item_code.scan_key) = 1
"""


async def replace_codes(
    session: Session, item_ids: Sequence[int], rows: Sequence[ItemCodeRow], freed: Sequence[str]
) -> None:
    """Replace all codes of locked items. `freed`: keys of shared codes that they no longer have."""
    await session.execute("DELETE FROM item_code WHERE item_id = ANY($1::bigint[])", list(item_ids))
    await session.insert(ItemCode, rows)
    if freed:
        await session.execute(_UNSHARE, sorted(set(freed)))


@dataclass(frozen=True, slots=True)
class ScannedItem:
    """An item that a SKU or a code names, and the units that one scan means."""

    item: ItemFacts
    units: int = 1


class _ScannedRow(ItemCodeRow):
    id: int
    sku: str
    category: str | None
    price_minor: int | None
    price_currency: str | None
    unit_cost_minor: int | None
    active: Flag


_SCANNED = f"""
SELECT {_COLUMNS}, i.id, i.sku, i.category, i.price_minor, i.price_currency, i.unit_cost_minor,
  i.active
FROM item_code c JOIN item i ON i.id = c.item_id WHERE c.scan_key = ANY($1::text[]) ORDER BY c.id
"""


async def scanned(session: Session, codes: Iterable[str]) -> Mapping[str, Sequence[ScannedItem]]:
    """The items that each of these texts names: by SKU, else by a code. Unknown ones are missing.

    Several items: they share an old barcode. SKUs alone cost one statement.
    """
    wanted = list(dict.fromkeys(codes))
    by_sku = await items_by_sku(session, wanted)
    found: dict[str, list[ScannedItem]] = {
        code: [ScannedItem(by_sku[code])] for code in wanted if code in by_sku
    }
    keys = {code: scan_key(code) for code in wanted if code not in found}
    if not keys:
        return found
    by_key: dict[str, list[ScannedItem]] = {}
    for row in await session.rows(_ScannedRow, _SCANNED, sorted(set(keys.values()))):
        item = ItemFacts(
            id=row["id"],
            sku=row["sku"],
            category=row["category"],
            price_minor=row["price_minor"],
            price_currency=row["price_currency"],
            unit_cost_minor=row["unit_cost_minor"],
            active=row["active"],
        )
        by_key.setdefault(row["scan_key"], []).append(ScannedItem(item, row["units"]))
    return found | {code: by_key[key] for code, key in keys.items() if key in by_key}
