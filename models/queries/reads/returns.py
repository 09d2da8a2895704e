"""Reads of returns, their units, inspections, and dispositions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.returns.states import issued_rma_number
from domain.values.codes import comparison_key
from models.database.keys import shown_columns
from models.database.sessions import Session
from models.queries.listing.paging import Listing, SortKey, by_key, grouped
from models.queries.listing.related import RelatedRows
from models.queries.listing.scopes import Scope
from models.queries.listing.selections import ShownColumns
from models.returns import DispositionStepRow, InspectionRow, Return, ReturnItemRow, ReturnRow

_ID = SortKey("r.id", "id", "uuid")
_RETURN = shown_columns(Return, "r")


def visible(scope: Scope) -> Listing[ReturnRow]:
    """Returns that the caller may see."""
    listing = Listing(ReturnRow, _RETURN, visibility.RETURN.table, _ID)
    return visibility.RETURN.within(listing, scope)


async def returns_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ReturnRow]:
    """Returns by id, if the caller may see them."""
    listing = visible(scope).where("r.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def return_by_number(session: Session, scope: Scope, rma_number: str) -> ReturnRow | None:
    """The return with an RMA number, as it was typed."""
    listing = visible(scope).equal("r.rma_number", issued_rma_number(rma_number))
    return next(iter(await listing.all(session, 1)), None)


async def return_by_tracking_number(
    session: Session, scope: Scope, tracking_number: str
) -> ReturnRow | None:
    """The newest return whose parcel has a tracking number."""
    key = comparison_key(tracking_number)
    listing = visible(scope).equal("r.tracking_number_key", key)
    return next(iter(await listing.all(session, 1)), None)


async def returns_by_order(
    session: Session, scope: Scope, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[ReturnRow]]:
    """Returns of each of these orders that the caller may see, oldest first."""
    return await visible(scope).owned(session, "order_id", ids, columns=columns)


class ShownReturnItemRow(ReturnItemRow):
    """A group of a return's units, with its item's SKU."""

    sku: str


_ITEMS = "SELECT t.*, i.sku FROM return_item t JOIN item i ON i.id = t.item_id"


_ITEMS_OF_RETURN = RelatedRows(
    ShownReturnItemRow,
    "return_item t",
    "return_id",
    "t.position",
    looked_up={"sku": "(SELECT i.sku FROM item i WHERE i.id = t.item_id)"},
)


async def groups_by_return(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[ShownReturnItemRow]]:
    """All groups of units of each of these returns, in order of creation."""
    return await _ITEMS_OF_RETURN.read(session, ids)


async def items_by_return(
    session: Session, scope: Scope, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[ShownReturnItemRow]]:
    """The groups of units of each of these returns that the caller may see, in order of creation.

    Those at locations outside its scope are omitted.
    """
    if scope.location_ids is None:
        return await _ITEMS_OF_RETURN.read(session, ids, columns)
    needed = None if columns is None else columns | {"location_id"}
    found = await _ITEMS_OF_RETURN.read(session, ids, needed)
    return {
        key: [row for row in rows if scope.sees_location(row["location_id"])]
        for key, rows in found.items()
    }


async def items_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShownReturnItemRow]:
    """Groups of units by id, if the caller may see their return and their location."""
    sql = f"{_ITEMS} WHERE t.id = ANY($1::uuid[])"
    rows = await session.rows(ShownReturnItemRow, sql, list(ids))
    seen = await returns_by_id(session, scope, list({row["return_id"] for row in rows}))
    found = [row for row in rows if scope.sees_location(row["location_id"])]
    return by_key([row for row in found if row["return_id"] in seen], "id")


async def steps_by_return(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[DispositionStepRow]]:
    """The executed dispositions of each of these returns, oldest first."""
    rows = await session.rows(
        DispositionStepRow,
        "SELECT * FROM disposition_step WHERE return_id = ANY($1::uuid[])"
        " ORDER BY return_id, return_version, executed_at, id",
        list(ids),
    )
    return grouped(rows, "return_id")


async def inspections_by_return(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[InspectionRow]]:
    """The inspections of each of these returns, oldest first."""
    rows = await session.rows(
        InspectionRow,
        "SELECT * FROM inspection WHERE return_id = ANY($1::uuid[])"
        " ORDER BY return_id, return_version, inspected_at, id",
        list(ids),
    )
    return grouped(rows, "return_id")


async def claimed_by_line(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """Units of each of these order lines claimed by returns; lines without any are missing."""
    rows = await session.fetch(
        "SELECT t.order_line_id, SUM(t.quantity) AS units FROM return_item t"
        " JOIN customer_return r ON r.id = t.return_id WHERE t.order_line_id = ANY($1::uuid[])"
        " AND CASE WHEN r.status IN ('DECLINED', 'CANCELLED', 'EXPIRED')"
        " THEN COALESCE(t.disposition, '') IN ('SCRAP', 'LIQUIDATE')"
        " ELSE t.state <> 'MISSING' END GROUP BY t.order_line_id",
        list(ids),
    )
    return {row["order_line_id"]: int(row["units"]) for row in rows}
