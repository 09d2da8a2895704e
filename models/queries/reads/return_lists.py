"""Lists of returns: filters and sorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.values.codes import comparison_key
from domain.values.sorts import ReturnSort
from domain.values.time_ranges import TimeRange
from models.database.sessions import Session
from models.queries.listing.filters import in_range, one_of
from models.queries.listing.paging import Direction, Page, SortKey, Window
from models.queries.listing.scopes import CHECKED, Scope
from models.queries.reads.returns import visible
from models.returns import ReturnRow

_ID = SortKey("r.id", "id", "uuid")
_REQUESTED = SortKey("r.requested_at", "requested_at", "instant")
_EXPECTED = SortKey("r.expected_by_at", "expected_by_at", "instant", is_optional=True)
_UPDATED = SortKey("r.updated_at", "updated_at", "instant")
_SORTS: Final[Mapping[ReturnSort, tuple[tuple[SortKey, ...], Direction]]] = {
    ReturnSort.NEWEST: ((_ID,), "DESC"),
    ReturnSort.OLDEST: ((_ID,), "ASC"),
    ReturnSort.EXPECTED: ((_EXPECTED, _ID), "ASC"),
    ReturnSort.UPDATED: ((_UPDATED, _ID), "DESC"),
}
_AT_LOCATION = (
    "EXISTS (SELECT 1 FROM location l WHERE l.code_key = {} AND (l.id = r.destination_id"
    " OR EXISTS (SELECT 1 FROM return_item t"
    f" WHERE t.return_id = r.id AND t.location_id = l.id{CHECKED})){CHECKED})"
)
_OF_CHANNEL = (
    "EXISTS (SELECT 1 FROM sales_order c WHERE c.id = r.order_id"
    f" AND c.channel_id = (SELECT id FROM channel WHERE code_key = {{}}){CHECKED})"
)
# Few units come back of one item, or for one reason; all returns are many.
_WITH_ITEM = (
    "r.id = ANY(ARRAY(SELECT t.return_id FROM return_item t"
    " WHERE t.item_id = (SELECT id FROM item WHERE sku_key = {})))"
)
_FOR_REASON = (
    "EXISTS (SELECT 1 FROM return_item t JOIN reason_code c ON c.id = t.reason_id"
    f" WHERE t.return_id = r.id AND c.kind = 'RETURN' AND c.code_key = {{}}{CHECKED})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnFilters:
    """The filters of a list of returns; None: no condition."""

    statuses: Sequence[str] | None = None
    location: str | None = None
    channel: str | None = None
    sku: str | None = None
    reason: str | None = None
    requested: TimeRange | None = None


async def returns(
    session: Session, scope: Scope, window: Window, filters: ReturnFilters, sort: ReturnSort
) -> Page[ReturnRow]:
    """Returns that pass all filters. A range of time is read in its own order."""
    order, direction = _SORTS[sort]
    if filters.requested is not None and order == (_ID,):
        order = (_REQUESTED, _ID)
    listing = visible(scope).sorted_by(*order, direction=direction)
    one_of(listing, "r.status", filters.statuses)
    in_range(listing, "r.requested_at", filters.requested)
    for condition, code in (
        (_AT_LOCATION, filters.location),
        (_OF_CHANNEL, filters.channel),
        (_WITH_ITEM, filters.sku),
        (_FOR_REASON, filters.reason),
    ):
        if code is not None:
            listing.where(condition, comparison_key(code))
    return await listing.page(session, window)
