"""Lists of refunds: filters and sorts, each served by an index in its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.values.codes import comparison_key
from domain.values.sorts import RefundSort
from domain.values.time_ranges import TimeRange
from models.database.sessions import Session
from models.queries.listing.filters import in_range, one_of
from models.queries.listing.paging import Direction, Page, SortKey, Window
from models.queries.listing.scopes import CHECKED, Scope
from models.queries.reads.refunds import ShownRefundRow, visible

_ID = SortKey("r.id", "id", "uuid")
_CREATED = SortKey("r.created_at", "created_at", "instant")
_SORTS: Final[Mapping[RefundSort, tuple[tuple[SortKey, ...], Direction]]] = {
    RefundSort.NEWEST: ((_ID,), "DESC"),
    RefundSort.OLDEST: ((_ID,), "ASC"),
    RefundSort.AMOUNT: ((SortKey("r.amount_minor", "amount_minor", "bigint"), _ID), "DESC"),
    RefundSort.UPDATED: ((SortKey("r.updated_at", "updated_at", "instant"), _ID), "DESC"),
}
_OF_CHANNEL = (
    "EXISTS (SELECT 1 FROM sales_order c WHERE c.id = r.order_id"
    f" AND c.channel_id = (SELECT id FROM channel WHERE code_key = {{}}){CHECKED})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFilters:
    """The filters of a list of refunds; None: no condition.

    `among` and `without`: only these refunds, and none of these.
    """

    statuses: Sequence[str] | None = None
    channel: str | None = None
    created: TimeRange | None = None
    among: Sequence[UUID] | None = None
    without: Sequence[UUID] | None = None


async def refunds(
    session: Session, scope: Scope, window: Window, filters: RefundFilters, sort: RefundSort
) -> Page[ShownRefundRow]:
    """Refunds that pass all filters. A range of time is read in its own order."""
    order, direction = _SORTS[sort]
    if filters.created is not None and order == (_ID,):
        order = (_CREATED, _ID)
    listing = visible(scope).sorted_by(*order, direction=direction)
    one_of(listing, "r.status", filters.statuses)
    in_range(listing, "r.created_at", filters.created)
    if filters.channel is not None:
        listing.where(_OF_CHANNEL, comparison_key(filters.channel))
    if filters.among is not None:
        listing.where("r.id = ANY({}::uuid[])", list(filters.among))
    if filters.without is not None:
        listing.where("NOT (r.id = ANY({}::uuid[]))", list(filters.without))
    return await listing.page(session, window)
