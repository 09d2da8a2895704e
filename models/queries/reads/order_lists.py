"""Lists of orders: filters and sorts, each served by an index in its order.

A filter by SKU or location drives the list from the lines or locations of orders. So a page reads
about as many rows as it shows, however many orders there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import models.queries.listing.visibility as visibility
from domain.orders.orders import issued_order_number
from domain.returns.states import issued_rma_number
from domain.values.codes import comparison_key
from domain.values.sorts import OrderSort
from domain.values.time_ranges import TimeRange
from models.database.sessions import Session
from models.queries.listing.filters import in_range, one_of
from models.queries.listing.paging import Direction, Listing, Page, SortKey, Window
from models.queries.listing.scopes import Scope
from models.queries.reads.orders import ORDER, OrderRow

_ID = SortKey("o.id", "id", "uuid")
_PLACED = SortKey("o.placed_at", "placed_at", "instant")
_SHIP_BY = SortKey("o.ship_by_at", "ship_by_at", "instant", is_optional=True)
_UPDATED = SortKey("o.updated_at", "updated_at", "instant")

_DIRECTIONS: Final[Mapping[OrderSort, Direction]] = {
    OrderSort.NEWEST: "DESC",
    OrderSort.OLDEST: "ASC",
    OrderSort.SHIP_BY: "ASC",
    OrderSort.UPDATED: "DESC",
}
# The orders of an item, each once: by its first line with the item.
_OF_ITEM = "order_line d JOIN sales_order o ON o.id = d.order_id"
_IS_ITEM = (
    "d.item_id = (SELECT id FROM item WHERE sku_key = {})"
    " AND NOT EXISTS (SELECT 1 FROM order_line e WHERE e.item_id = d.item_id"
    " AND e.order_id = d.order_id AND e.line_no < d.line_no)"
)
_AT_LOCATION = "order_location d JOIN sales_order o ON o.id = d.order_id"
_IS_LOCATION = "d.location_id = (SELECT id FROM location WHERE code_key = {})"
_ALSO_AT = (
    "EXISTS (SELECT 1 FROM order_location p WHERE p.order_id = o.id"
    " AND p.location_id = (SELECT id FROM location WHERE code_key = {}))"
)
# Each part is one look-up in an index.
_FOUND = """o.id = ANY(ARRAY(
  SELECT id FROM sales_order WHERE number = {}
  UNION SELECT s.id FROM channel c JOIN sales_order s
    ON s.channel_id = c.id AND s.external_reference_key = {}
  UNION SELECT id FROM sales_order WHERE customer_reference_key = {}
  UNION SELECT order_id FROM fulfillment WHERE tracking_number_key = {}
  UNION SELECT order_id FROM customer_return WHERE tracking_number_key = {}
  UNION SELECT order_id FROM customer_return WHERE rma_number = {}))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilters:
    """The filters of a list of orders; None: no condition."""

    statuses: Sequence[str] | None = None
    channel: str | None = None
    search: str | None = None
    placed: TimeRange | None = None
    ship_by: TimeRange | None = None
    sku: str | None = None
    location: str | None = None
    customer_reference: str | None = None


async def orders(
    session: Session, scope: Scope, window: Window, filters: OrderFilters, sort: OrderSort
) -> Page[OrderRow]:
    """Orders that pass all filters."""
    listing = _driven(filters, sort)
    visibility.ORDER.within(listing, scope)
    listing.coded("o.channel_id", "channel", filters.channel)
    in_range(listing, "o.placed_at", filters.placed)
    in_range(listing, _SHIP_BY.expression, filters.ship_by)
    if filters.customer_reference is not None:
        listing.equal("o.customer_reference_key", comparison_key(filters.customer_reference))
    if filters.search is not None:
        key = comparison_key(filters.search)
        number, rma = issued_order_number(filters.search), issued_rma_number(filters.search)
        listing.where(_FOUND, number, key, key, key, key, rma)
    return await listing.page(session, window)


def _driven(filters: OrderFilters, sort: OrderSort) -> Listing[OrderRow]:
    """The list with its order, its statuses, and the table that it is read from."""
    source, key, status = "sales_order o", _ID, "o.status"
    if filters.sku is not None:
        source, key = _OF_ITEM, SortKey("d.order_id", "id", "uuid")
    elif filters.location is not None:
        source, key, status = _AT_LOCATION, SortKey("d.order_id", "id", "uuid"), "d.status"
    listing = Listing(OrderRow, ORDER, source, key)
    if filters.sku is not None:
        listing.where(_IS_ITEM, comparison_key(filters.sku))
    if filters.location is not None:
        condition = _IS_LOCATION if filters.sku is None else _ALSO_AT
        listing.where(condition, comparison_key(filters.location))
    one_of(listing, status, filters.statuses)
    return listing.sorted_by(*_order(filters, sort, key), direction=_DIRECTIONS[sort])


def _order(filters: OrderFilters, sort: OrderSort, key: SortKey) -> tuple[SortKey, ...]:
    """The keys of a sort. A range of time is read in its own order: no index has another one."""
    if sort is OrderSort.UPDATED:
        return _UPDATED, _ID
    if sort is OrderSort.SHIP_BY:
        return _SHIP_BY, _ID
    if filters.placed is not None:
        return _PLACED, _ID
    return (key,) if filters.ship_by is None else (_SHIP_BY, _ID)
