"""Reads of stock levels, movements and transfers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
import models.queries.reads.catalog as catalog_reads
from domain.stock.states import MovementKind
from domain.stock.transfers import issued_transfer_number
from domain.values.codes import comparison_key, keys_of, stored_form
from models.catalog import ItemRow, LocationRow
from models.database.keys import shown_columns
from models.database.rows import RowT
from models.database.sessions import Session
from models.database.sql import question
from models.migrations.dialect import Engine
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key
from models.queries.listing.related import RelatedRows
from models.queries.listing.scopes import CHECKED, Scope
from models.queries.listing.selections import Selection, ShownColumns
from models.queries.reads.catalog import ALL_ITEMS, ITEM, LOCATION, ItemFilters
from models.stock import StockLevelRow, StockMovementRow
from models.transfers import Transfer, TransferLineUnits, TransferRow

_LEVEL = SortKey("s.id", "id", "bigint")
_MOVEMENT = SortKey("m.id", "id", "uuid")


def _levels(scope: Scope) -> Listing[StockLevelRow]:
    listing = Listing(StockLevelRow, "s.*", visibility.STOCK_LEVEL.table, _LEVEL)
    return visibility.STOCK_LEVEL.within(listing, scope)


def _movements(scope: Scope) -> Listing[StockMovementRow]:
    listing = Listing(StockMovementRow, "m.*", visibility.STOCK_MOVEMENT.table, _MOVEMENT)
    return visibility.STOCK_MOVEMENT.within(listing, scope)


_OF_SKUS = "s.item_id IN (SELECT id FROM item WHERE sku_key = ANY({}::text[]))"
_AT_LOCATIONS = "s.location_id IN (SELECT id FROM location WHERE code_key = ANY({}::text[]))"
_LAST_MOVEMENT = (
    "SELECT m.kind FROM stock_movement m WHERE m.item_id = s.item_id"
    " AND m.location_id = s.location_id ORDER BY m.id DESC LIMIT 1"
)
_BELOW = "s.available < s.safety_stock"
_WITH_ITEM = f"EXISTS (SELECT 1 FROM item i WHERE i.id = s.item_id AND {{}}{CHECKED})"
LOOKED_UP_MAX = 1_000  # items


async def levels(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    skus: Sequence[str] | None,
    locations: Sequence[str] | None,
    of_items: ItemFilters = ALL_ITEMS,
    is_below_safety: bool | None = None,
    having: Sequence[str] | None = None,
) -> Page[StockLevelRow]:
    """Levels by SKUs, locations, facts of their items, and units; None: all.

    `having`: with units in one of these states.
    """
    listing = _levels(scope)
    if skus is not None:
        listing.where(_OF_SKUS, keys_of(skus))
    if locations is not None:
        listing.where(_AT_LOCATIONS, keys_of(locations))
    if of_items != ALL_ITEMS:
        await _of_items(session, listing, of_items)
    if is_below_safety is not None:
        listing.where(_BELOW if is_below_safety else f"NOT ({_BELOW})")
    if having is not None:
        units = " OR ".join(f"s.{state.lower()} > 0" for state in sorted(set(having)))
        listing.where(f"({units})" if units else "1 = 0")
    return await listing.page(session, window)


async def _of_items(
    session: Session, listing: Listing[StockLevelRow], filters: ItemFilters
) -> None:
    """Only levels of items with these facts.

    The levels of few items are looked up. Of many items a page is soon full, so the levels are read
    in the order of the list, and their items are checked.
    """
    ids = Selection(frozenset({"id"}))
    found = await catalog_reads.items(session, Window(LOOKED_UP_MAX, selection=ids), filters)
    if not found.has_next:
        listing.where("s.item_id = ANY({}::bigint[])", [row["id"] for row in found.rows])
        return
    if filters.term is not None:
        listing.where(_contains(session.engine), filters.term)
    if filters.category is not None:
        listing.where(_WITH_ITEM.format("i.category = {}"), stored_form(filters.category))
    if filters.supplier is not None:
        supplier = "i.supplier_id = (SELECT id FROM supplier WHERE code_key = {})"
        listing.where(_WITH_ITEM.format(supplier), comparison_key(filters.supplier))


def _contains(engine: Engine) -> str:
    """The condition that the text of a level's item contains a folded search."""
    place = "position({}::text IN x.search_text)"
    if engine == "sqlite":
        place = "instr(x.search_text, {})"
    found = f"x.item_id = s.item_id AND {place} > 0{CHECKED}"
    return f"EXISTS (SELECT 1 FROM item_text x WHERE {found})"


async def levels_by_id(
    session: Session, scope: Scope, ids: Sequence[int]
) -> Mapping[int, StockLevelRow]:
    """Levels by id, if the caller may see their location."""
    listing = _levels(scope).where("s.id = ANY({}::bigint[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


class _LevelCauseRow(TypedDict):
    id: int
    cause: str | None


async def level_causes(
    session: Session,
    scope: Scope,
    sku_keys: Collection[str] | None,
    location_keys: Collection[str] | None,
    after: int,
    limit: int,
) -> list[tuple[int, str]]:
    """(id, kind of the last movement) of the levels after an id that the caller may see, in order.

    A level without a movement was made by a setting, which counts as ADJUSTED.
    """
    columns = f"s.id, ({_LAST_MOVEMENT}) AS cause"
    listing = Listing(_LevelCauseRow, columns, visibility.STOCK_LEVEL.table, _LEVEL)
    visibility.STOCK_LEVEL.within(listing, scope).sorted_by(_LEVEL, direction="ASC")
    for condition, keys in ((_OF_SKUS, sku_keys), (_AT_LOCATIONS, location_keys)):
        if keys is not None:
            listing.where(condition, sorted(keys))
    rows = (await listing.page(session, Window(limit, after=[after]))).rows
    return [(row["id"], row["cause"] or str(MovementKind.ADJUSTED)) for row in rows]


@dataclass(frozen=True, slots=True)
class LevelDetails:
    """A level with its item and location, from one snapshot."""

    level: StockLevelRow
    item: ItemRow
    location: LocationRow


async def level_details_by_id(session: Session, ids: Sequence[int]) -> Mapping[int, LevelDetails]:
    """Levels by id with their items and locations, in one round trip."""
    wanted = list(ids)
    levels, items, locations = await session.ask(
        question(
            StockLevelRow,
            "SELECT * FROM stock_level WHERE id = ANY($1::bigint[])",
            (wanted,),
            _keyed,
        ),
        question(
            ItemRow,
            f"SELECT {ITEM} FROM item t WHERE t.id IN"
            " (SELECT item_id FROM stock_level WHERE id = ANY($1::bigint[]))",
            (wanted,),
            _keyed,
        ),
        question(
            LocationRow,
            f"SELECT {LOCATION} FROM location t WHERE t.id IN"
            " (SELECT location_id FROM stock_level WHERE id = ANY($1::bigint[]))",
            (wanted,),
            _keyed,
        ),
    )
    return {
        key: LevelDetails(level, items[level["item_id"]], locations[level["location_id"]])
        for key, level in levels.items()
    }


def _keyed(rows: Sequence[RowT]) -> Mapping[int, RowT]:
    return by_key(rows, "id")


async def movements(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    sku: str | None,
    location: str | None,
    reference: str | None,
) -> Page[StockMovementRow]:
    """Movements by SKU, location and reference, newest first."""
    listing = _movements(scope).referring("m.reference", reference)
    if sku is not None:
        listing.where("m.item_id = (SELECT id FROM item WHERE sku_key = {})", comparison_key(sku))
    listing.coded("m.location_id", "location", location)
    return await listing.page(session, window)


async def movements_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, StockMovementRow]:
    """Movements by id, if the caller may see their location and channel."""
    listing = _movements(scope).where("m.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


_TRANSFER_ID = SortKey("t.id", "id", "uuid")
_TRANSFER = shown_columns(Transfer, "t")
_AT_END = "t.{} = (SELECT id FROM location WHERE code_key = {{}})"


def _transfers(scope: Scope) -> Listing[TransferRow]:
    """Transfers that the caller may see."""
    listing = Listing(TransferRow, _TRANSFER, visibility.TRANSFER.table, _TRANSFER_ID)
    return visibility.TRANSFER.within(listing, scope)


async def transfers(
    session: Session, scope: Scope, window: Window, *, status: str | None, location: str | None
) -> Page[TransferRow]:
    """Transfers by status and by one of their locations, newest first."""
    listing = _transfers(scope).equal("t.status", status)
    if location is not None:
        key = comparison_key(location)
        listing.either(
            (_AT_END.format("origin_id"), (key,)), (_AT_END.format("destination_id"), (key,))
        )
    return await listing.page(session, window)


async def transfers_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, TransferRow]:
    """Transfers by id, if the caller may see them."""
    listing = _transfers(scope).where("t.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def transfer_by_number(session: Session, scope: Scope, number: str) -> TransferRow | None:
    """The transfer with a number, as it was typed."""
    listing = _transfers(scope).equal("t.number", issued_transfer_number(number))
    return next(iter(await listing.all(session, 1)), None)


class ShownTransferLineRow(TransferLineUnits):
    """A line of a transfer with its item's SKU."""

    transfer_id: UUID
    item_id: int
    sku: str


LINES_OF_TRANSFER = RelatedRows(
    ShownTransferLineRow,
    "transfer_line l",
    "transfer_id",
    "l.line_no",
    looked_up={"sku": "(SELECT i.sku FROM item i WHERE i.id = l.item_id)"},
)


async def lines_by_transfer(
    session: Session, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[ShownTransferLineRow]]:
    """The lines of each of these transfers, in their order."""
    return await LINES_OF_TRANSFER.read(session, ids, columns)
