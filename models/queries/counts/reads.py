"""Reads of stock counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.counts.states import issued_count_number
from models.counts import CountedLevelRow, StockCount, StockCountLineRow, StockCountRow
from models.database.keys import shown_columns
from models.database.rows import Flag
from models.database.sessions import Session
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import Scope

_COUNT = shown_columns(StockCount, "c")
_COUNT_ID = SortKey("c.id", "id", "uuid")
_LINE_ID = SortKey("l.id", "id", "uuid")


def _counts(scope: Scope) -> Listing[StockCountRow]:
    listing = Listing(StockCountRow, _COUNT, visibility.STOCK_COUNT.table, _COUNT_ID)
    return visibility.STOCK_COUNT.within(listing, scope)


async def counts(
    session: Session, scope: Scope, window: Window, *, status: str | None, location: str | None
) -> Page[StockCountRow]:
    """Counts by status and location, newest first."""
    listing = _counts(scope).equal("c.status", status)
    listing.coded("c.location_id", "location", location)
    return await listing.page(session, window)


async def counts_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, StockCountRow]:
    """Counts by id, if the caller may see their location."""
    listing = _counts(scope).where("c.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def count_by_number(session: Session, scope: Scope, number: str) -> StockCountRow | None:
    """The count with this number, however it was typed."""
    listing = _counts(scope).where("c.number = {}", issued_count_number(number))
    return next(iter(await listing.all(session, 1)), None)


class ShownCountLineRow(StockCountLineRow):
    """A line with the fact that its count is blind."""

    blind: Flag


_LINE = (
    "l.id, l.count_id, l.level_id, l.item_id, l.location_id, l.status, l.variance, l.value_minor,"
    " l.value_currency, l.asked_again_because, l.decided_by, l.posted_at, l.unposted,"
    " l.started_changes, l.counted_changes, l.counted_missing, l.version,"
    " (SELECT c.blind FROM stock_count c WHERE c.id = l.count_id) AS blind"
)


def _lines(scope: Scope) -> Listing[ShownCountLineRow]:
    listing = Listing(ShownCountLineRow, _LINE, visibility.STOCK_COUNT_LINE.table, _LINE_ID)
    listing.sorted_by(_LINE_ID, direction="ASC")
    return visibility.STOCK_COUNT_LINE.within(listing, scope)


async def lines_of_count(
    session: Session, scope: Scope, window: Window, count_id: UUID, *, status: str | None
) -> Page[ShownCountLineRow]:
    """The lines of a count in the order of their creation."""
    listing = _lines(scope).where("l.count_id = {}", count_id).equal("l.status", status)
    return await listing.page(session, window)


async def lines_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShownCountLineRow]:
    """Lines by id, if the caller may see their location."""
    listing = _lines(scope).where("l.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


class ShownPlaceRow(TypedDict):
    """Units that an attempt found in a bin; `bin_id` None: outside the bins."""

    attempt_id: UUID
    bin_id: int | None
    counted: int


class ShownAttemptRow(TypedDict):
    """An attempt of a line, with its status and the fact that its count is blind."""

    id: UUID
    line_id: UUID
    counted_by: str
    counted_at: datetime
    counted: int
    expected: int
    status: str
    blind: Flag


_ATTEMPTS = """
SELECT a.id, a.line_id, a.counted_by, a.counted_at, a.counted, a.expected, l.status, c.blind
FROM count_attempt a JOIN stock_count_line l ON l.id = a.line_id
JOIN stock_count c ON c.id = l.count_id
WHERE a.line_id = ANY($1::uuid[]) ORDER BY a.line_id, a.number
"""


async def attempts_by_line(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[ShownAttemptRow]]:
    """The attempts of these lines, oldest first."""
    return grouped(await session.rows(ShownAttemptRow, _ATTEMPTS, list(ids)), "line_id")


async def places_by_attempt(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[ShownPlaceRow]]:
    """The places of these attempts."""
    sql = (
        "SELECT attempt_id, bin_id, counted FROM count_place WHERE attempt_id = ANY($1::uuid[])"
        " ORDER BY attempt_id, id"
    )
    return grouped(await session.rows(ShownPlaceRow, sql, list(ids)), "attempt_id")


async def counted_levels_by_id(
    session: Session, ids: Sequence[int]
) -> Mapping[int, CountedLevelRow]:
    """The class and last count of levels; a level that has neither is missing."""
    sql = (
        "SELECT level_id, location_id, abc_class, counted_at FROM counted_level"
        " WHERE level_id = ANY($1::bigint[])"
    )
    return by_key(await session.rows(CountedLevelRow, sql, list(ids)), "level_id")
