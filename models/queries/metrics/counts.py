"""Accuracy of the books: what counts of a window found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from domain.metrics import Interval
from models.database.rows import Total
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from models.queries.metrics.windows import one_of


class CountedRow(TypedDict):
    """Lines that were posted, those without a variance, and their sums."""

    lines: int
    exact: Total | None
    deviation: Total | None
    expected: Total | None
    net_minor: Total | None
    absolute_minor: Total | None


# The attempt that decided: the last one that counts.
_EXPECTED = (
    "(SELECT a.expected FROM count_attempt a WHERE a.line_id = l.id AND a.counts"
    " ORDER BY a.number DESC LIMIT 1)"
)


async def counted(
    session: Session, scope: Scope, window: Interval, location_ids: Sequence[int] | None
) -> CountedRow:
    """Lines of counts that were posted in a window. They belong to a location and no channel."""
    values: list[object] = [window.start, window.end]
    of = one_of("l.location_id", "bigint", location_ids, values)
    of += one_of("l.location_id", "bigint", scope.location_ids, values)
    row = await session.row(
        CountedRow,
        "SELECT COUNT(*) AS lines, SUM(CASE WHEN l.variance = 0 THEN 1 ELSE 0 END) AS exact,"
        f" SUM(ABS(l.variance)) AS deviation, SUM(COALESCE({_EXPECTED}, 0)) AS expected,"
        " SUM(COALESCE(l.value_minor, 0)) AS net_minor,"
        " SUM(ABS(COALESCE(l.value_minor, 0))) AS absolute_minor"
        " FROM stock_count_line l WHERE l.status = 'POSTED'"
        f" AND l.posted_at >= $1 AND l.posted_at < $2{of}",
        *values,
    )
    assert row is not None
    return row
