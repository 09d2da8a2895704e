"""Filters that several lists share: ranges of time, and one or several states."""

from __future__ import annotations

from collections.abc import Sequence

from domain.values.time_ranges import TimeRange
from models.database.rows import RowT
from models.queries.listing.paging import Listing


def in_range(listing: Listing[RowT], column: str, wanted: TimeRange | None) -> Listing[RowT]:
    """Only rows whose instant lies in the range; None: no condition."""
    if wanted is None:
        return listing
    if wanted.start is not None:
        listing.where(f"{column} >= {{}}", wanted.start)
    if wanted.end is not None:
        listing.where(f"{column} < {{}}", wanted.end)
    return listing


def one_of(listing: Listing[RowT], column: str, values: Sequence[str] | None) -> Listing[RowT]:
    """Only rows with one of these values; None: no condition.

    Several are read one by one, because an index has them in the order of the list for each value.
    """
    if values is None:
        return listing
    distinct = sorted(set(values))
    if len(distinct) == 1:
        return listing.equal(column, distinct[0])
    if not distinct:
        return listing.where("1 = 0")
    return listing.either(*((f"{column} = {{}}", (value,)) for value in distinct))
