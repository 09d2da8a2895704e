"""Figures of exceptions: what is open now, and what was opened and ended in a window."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypedDict

from domain.metrics import AGE_ENDS, ExceptionGroup, Interval, age_limits
from models.database.rows import Total
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from models.queries.listing.visibility import OPERATIONAL_EXCEPTION
from models.queries.metrics.windows import medians, one_of, seconds_between, within, younger_than


class OpenRow(TypedDict):
    """Open exceptions of a group. `younger_n`: those younger than AGE_ENDS[n]."""

    name: str
    opened: Total
    breached: Total
    younger_0: Total
    younger_1: Total
    younger_2: Total
    younger_3: Total
    younger_4: Total


class OpenedRow(TypedDict):
    """Exceptions of a group that were opened in a window."""

    name: str
    opened: Total


class EndedRow(TypedDict):
    """Exceptions of a group that ended in a window; `late`: after their due time."""

    name: str
    ended: Total
    cleared: Total
    late: Total


class DurationRow(TypedDict):
    """The median time from the opening to the end of the exceptions of a group."""

    name: str
    rows: Total
    median: Total


# The name of a group; empty: no owner, no location.
_NAMES: Final = {
    ExceptionGroup.KIND: "x.kind",
    ExceptionGroup.OWNER: "COALESCE(x.owner, '')",
    ExceptionGroup.OWNER_ROLE: "x.owner_role",
    ExceptionGroup.LOCATION: (
        "COALESCE((SELECT p.code FROM location p WHERE p.id = x.location_id), '')"
    ),
}
# The rule of domain.exceptions.is_breached.
_BREACHED: Final = (
    "x.due_at < CASE WHEN x.status = 'WAITING' AND x.waiting_since_at IS NOT NULL"
    " THEN x.waiting_since_at ELSE $1 END"
)


def _of(scope: Scope, location_id: int | None, values: list[object]) -> str:
    wanted = None if location_id is None else [location_id]
    at = one_of("x.location_id", "bigint", wanted, values)
    return at + within(OPERATIONAL_EXCEPTION, scope, values)


async def open_now(
    session: Session, scope: Scope, by: ExceptionGroup, location_id: int | None, now: datetime
) -> list[OpenRow]:
    """Open exceptions that the caller sees, by group."""
    # No kind is empty: the range leads SQLite to the partial index of open exceptions.
    values: list[object] = [now, *age_limits(now)]
    of = _of(scope, location_id, values)
    sql = (
        f"SELECT {_NAMES[by]} AS name, COUNT(*) AS opened,"
        f" SUM(CASE WHEN {_BREACHED} THEN 1 ELSE 0 END) AS breached,"
        f" {younger_than('x.opened_at', 2, len(AGE_ENDS))} FROM operational_exception x"
        f" WHERE x.status NOT IN ('RESOLVED', 'AUTO_RESOLVED') AND x.kind > ''{of} GROUP BY 1"
    )
    return list(await session.rows(OpenRow, sql, *values))


async def opened(
    session: Session,
    scope: Scope,
    by: ExceptionGroup,
    location_id: int | None,
    window: Interval,
) -> list[OpenedRow]:
    """Exceptions that were opened in a window, by group."""
    values: list[object] = [window.start, window.end]
    of = _of(scope, location_id, values)
    sql = (
        f"SELECT {_NAMES[by]} AS name, COUNT(*) AS opened FROM operational_exception x"
        f" WHERE x.opened_at >= $1 AND x.opened_at < $2{of} GROUP BY 1"
    )
    return list(await session.rows(OpenedRow, sql, *values))


async def ended(
    session: Session,
    scope: Scope,
    by: ExceptionGroup,
    location_id: int | None,
    window: Interval,
) -> list[EndedRow]:
    """Exceptions that ended in a window, by group."""
    values: list[object] = [window.start, window.end]
    of = _of(scope, location_id, values)
    sql = (
        f"SELECT {_NAMES[by]} AS name, COUNT(*) AS ended,"
        " SUM(CASE WHEN x.status = 'AUTO_RESOLVED' THEN 1 ELSE 0 END) AS cleared,"
        " SUM(CASE WHEN x.resolved_at > x.due_at THEN 1 ELSE 0 END) AS late"
        " FROM operational_exception x"
        f" WHERE x.resolved_at >= $1 AND x.resolved_at < $2{of} GROUP BY 1"
    )
    return list(await session.rows(EndedRow, sql, *values))


async def durations(
    session: Session,
    scope: Scope,
    by: ExceptionGroup,
    location_id: int | None,
    window: Interval,
) -> list[DurationRow]:
    """Median times from opening to end of the exceptions that ended in a window, by group."""
    values: list[object] = [window.start, window.end]
    of = _of(scope, location_id, values)
    seconds = seconds_between(session.engine, "x.opened_at", "x.resolved_at")
    source = f"operational_exception x WHERE x.resolved_at >= $1 AND x.resolved_at < $2{of}"
    sql = medians(seconds, (f"{_NAMES[by]} AS name",), source)
    return list(await session.rows(DurationRow, sql, *values))
