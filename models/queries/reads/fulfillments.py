"""Reads of fulfillments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
import models.queries.reads.orders as order_reads
from domain.values.codes import comparison_key
from models.database.keys import shown_columns
from models.database.sessions import Session
from models.fulfillments import (
    Fulfillment,
    FulfillmentHold,
    FulfillmentHoldRow,
    FulfillmentRow,
)
from models.orders import OrderAddressRow
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.related import RelatedRows
from models.queries.listing.scopes import Scope
from models.queries.listing.selections import ShownColumns

_FULFILLMENT = shown_columns(Fulfillment, "f")
_ID = SortKey("f.id", "id", "uuid")


def _visible(scope: Scope) -> Listing[FulfillmentRow]:
    listing = Listing(FulfillmentRow, _FULFILLMENT, visibility.FULFILLMENT.table, _ID)
    return visibility.FULFILLMENT.within(listing, scope)


# The fulfillments of an item, each once: by its first line with the item.
_OF_ITEM = "fulfillment_line d JOIN fulfillment f ON f.id = d.fulfillment_id"
_IS_ITEM = (
    "d.item_id = (SELECT id FROM item WHERE sku_key = {})"
    " AND NOT EXISTS (SELECT 1 FROM fulfillment_line e WHERE e.item_id = d.item_id"
    " AND e.fulfillment_id = d.fulfillment_id AND e.id < d.id)"
)


async def fulfillments(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    location: str | None,
    status: str | None,
    sku: str | None,
) -> Page[FulfillmentRow]:
    """Fulfillments by location, status and SKU, newest first."""
    if sku is None:
        listing = _visible(scope)
    else:
        key = SortKey("d.fulfillment_id", "id", "uuid")
        listing = Listing(FulfillmentRow, _FULFILLMENT, _OF_ITEM, key)
        visibility.FULFILLMENT.within(listing, scope).where(_IS_ITEM, comparison_key(sku))
    listing.equal("f.status", status)
    listing.coded("f.location_id", "location", location)
    return await listing.page(session, window)


async def fulfillments_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, FulfillmentRow]:
    """Fulfillments by id, if the caller may see them."""
    listing = _visible(scope).where("f.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def fulfillments_by_order(
    session: Session, scope: Scope, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[FulfillmentRow]]:
    """Fulfillments of each of these orders at locations that the caller may see."""
    return await _visible(scope).owned(session, "order_id", ids, columns=columns)


class ShownLineRow(TypedDict):
    """A fulfillment line with its item's SKU."""

    fulfillment_id: UUID
    order_line_id: UUID
    item_id: int
    quantity: int
    picked: int
    packed: int
    sku: str


# The ids of an order's lines ascend with their numbers, because one action makes them in order.
LINES_OF_FULFILLMENT = RelatedRows(
    ShownLineRow,
    "fulfillment_line f",
    "fulfillment_id",
    "f.order_line_id",
    looked_up={"sku": "(SELECT i.sku FROM item i WHERE i.id = f.item_id)"},
    condition=" AND f.quantity > 0",
)


async def lines_by_fulfillment(
    session: Session, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[ShownLineRow]]:
    """The lines of each of these fulfillments with units left, in the order of the order's
    lines.
    """
    return await LINES_OF_FULFILLMENT.read(session, ids, columns)


class SlipUnitsRow(TypedDict):
    """Units of an item on a packing slip."""

    sku: str
    name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class SlipFacts:
    """The content of a packing slip; `others`: live units of the order in no line of the parcel.

    `parcel` of `parcels`: cancelled fulfillments are not counted. It is 0 for a cancelled one.
    """

    number: str
    order_number: str
    channel: str
    ship_to: OrderAddressRow | None
    parcel: int
    parcels: int
    lines: Sequence[SlipUnitsRow]
    others: Sequence[SlipUnitsRow]


class _SlipRow(TypedDict):
    id: UUID
    order_id: UUID
    number: str
    status: str
    order_number: str
    channel: str


class _SlipLineRow(TypedDict):
    id: UUID
    order_id: UUID
    sku: str
    name: str
    live: int


class _PackedRow(TypedDict):
    fulfillment_id: UUID
    order_line_id: UUID
    quantity: int


# Every fulfillment of the orders.
_SLIPS = """
SELECT f.id, f.order_id, f.number, f.status, o.number AS order_number, c.code AS channel
FROM fulfillment f JOIN sales_order o ON o.id = f.order_id JOIN channel c ON c.id = o.channel_id
WHERE f.order_id IN (SELECT order_id FROM fulfillment WHERE id = ANY($1::uuid[]))
"""
_SLIP_LINES = """
SELECT l.id, l.order_id, l.quantity - l.cancelled AS live,
  (SELECT i.sku FROM item i WHERE i.id = l.item_id) AS sku,
  (SELECT i.name FROM item i WHERE i.id = l.item_id) AS name
FROM order_line l WHERE l.order_id = ANY($1::uuid[]) ORDER BY l.order_id, l.line_no
"""
_PACKED = """
SELECT fulfillment_id, order_line_id, quantity FROM fulfillment_line
WHERE fulfillment_id = ANY($1::uuid[]) AND quantity > 0
"""


async def slips_by_fulfillment(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, SlipFacts]:
    """The packing slips of these fulfillments."""
    parcels = sorted(await session.rows(_SlipRow, _SLIPS, list(ids)), key=_place)
    order_ids = sorted({row["order_id"] for row in parcels})
    lines = await session.rows(_SlipLineRow, _SLIP_LINES, order_ids)
    packed = {
        (row["fulfillment_id"], row["order_line_id"]): row["quantity"]
        for row in await session.rows(_PackedRow, _PACKED, list(ids))
    }
    addresses = await order_reads.addresses_by_order(session, order_ids)
    slips = {}
    for row in parcels:
        if row["id"] not in ids:
            continue
        live = [
            each["id"]
            for each in parcels
            if each["order_id"] == row["order_id"] and each["status"] != "CANCELLED"
        ]
        of_order = [line for line in lines if line["order_id"] == row["order_id"]]
        units = {line["id"]: packed.get((row["id"], line["id"]), 0) for line in of_order}
        slips[row["id"]] = SlipFacts(
            number=row["number"],
            order_number=row["order_number"],
            channel=row["channel"],
            ship_to=addresses.get(row["order_id"]),
            parcel=live.index(row["id"]) + 1 if row["id"] in live else 0,
            parcels=len(live),
            lines=_slip_units(of_order, units),
            others=_slip_units(
                of_order, {line["id"]: line["live"] - units[line["id"]] for line in of_order}
            ),
        )
    return slips


def _place(row: _SlipRow) -> int:
    """The place of a fulfillment among those of its order, which ends its number."""
    return int(row["number"].rpartition("-")[2])


def _slip_units(lines: Sequence[_SlipLineRow], units: Mapping[UUID, int]) -> list[SlipUnitsRow]:
    """The units of an order's lines, without lines that have none."""
    return [
        {"sku": line["sku"], "name": line["name"], "quantity": units[line["id"]]}
        for line in lines
        if units[line["id"]]
    ]


_HOLD_ID = SortKey("h.id", "id", "uuid")


async def holds_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, FulfillmentHoldRow]:
    """Fulfillment holds by id, if the caller may see them."""
    listing = Listing(
        FulfillmentHoldRow,
        shown_columns(FulfillmentHold, "h"),
        visibility.FULFILLMENT_HOLD.table,
        _HOLD_ID,
    )
    visibility.FULFILLMENT_HOLD.within(listing, scope).where("h.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


class CoveringHoldRow(FulfillmentHoldRow):
    """A live hold with a fulfillment that it covers."""

    covered_id: UUID


_LIVE_HOLDS = f"""
SELECT f.id AS covered_id, {shown_columns(FulfillmentHold, "h")}
FROM fulfillment f JOIN fulfillment_hold h ON h.order_id = f.order_id AND h.released_at IS NULL
  AND (h.fulfillment_id IS NULL OR h.fulfillment_id = f.id)
WHERE f.id = ANY($1::uuid[]) AND f.status IN ('ON_HOLD', 'OPEN', 'PICKED', 'PACKED')
ORDER BY f.id, h.placed_at, h.id
"""


async def holds_by_fulfillment(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[CoveringHoldRow]]:
    """The live holds of each of these fulfillments that have not shipped, oldest first."""
    return grouped(await session.rows(CoveringHoldRow, _LIVE_HOLDS, list(ids)), "covered_id")
