"""Figures of task queues: what waits now, and what was done in a window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from domain.metrics import AGE_ENDS, Interval, age_limits
from models.database.rows import Total
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from models.queries.listing.visibility import TASK
from models.queries.metrics.windows import medians, one_of, seconds_between, within, younger_than


class WaitingRow(TypedDict):
    """Unfinished tasks of a queue at a location. `younger_n`: those younger than AGE_ENDS[n]."""

    location_id: int
    queue: str
    depth: Total
    claimed: Total
    overdue: Total
    oldest_at: datetime
    younger_0: Total
    younger_1: Total
    younger_2: Total
    younger_3: Total
    younger_4: Total


class DoneRow(TypedDict):
    """Tasks of a queue at a location that were done, and the median time since their creation."""

    location_id: int
    queue: str
    rows: Total
    median: Total


class LapsedRow(TypedDict):
    """Claims of tasks of a queue at a location that ended with their lease."""

    location_id: int
    queue: str
    lapsed: Total


_GROUP = "t.location_id, t.queue"


async def waiting(
    session: Session,
    scope: Scope,
    now: datetime,
    location_ids: Sequence[int] | None,
    queues: Sequence[str] | None,
) -> list[WaitingRow]:
    """Unfinished tasks that the caller sees, by location and queue."""
    # Every id is above 0: the range leads SQLite to the partial index of unfinished tasks.
    values: list[object] = [now, *age_limits(now)]
    of = one_of("t.location_id", "bigint", location_ids, values)
    of += one_of("t.queue", "text", queues, values) + within(TASK, scope, values)
    sql = (
        f"SELECT {_GROUP}, COUNT(*) AS depth, SUM(CASE WHEN t.status = 'CLAIMED'"
        " AND t.lease_until_at > $1 THEN 1 ELSE 0 END) AS claimed,"
        " SUM(CASE WHEN t.due_at < $1 THEN 1 ELSE 0 END) AS overdue,"
        f" MIN(t.created_at) AS oldest_at, {younger_than('t.created_at', 2, len(AGE_ENDS))}"
        f" FROM task t WHERE t.status IN ('OPEN', 'CLAIMED') AND t.location_id > 0{of}"
        f" GROUP BY {_GROUP}"
    )
    return list(await session.rows(WaitingRow, sql, *values))


async def done(
    session: Session,
    scope: Scope,
    window: Interval,
    location_ids: Sequence[int] | None,
    queues: Sequence[str] | None,
) -> list[DoneRow]:
    """Tasks that were done in a window, by location and queue."""
    values: list[object] = [window.start, window.end]
    of = one_of("t.location_id", "bigint", location_ids, values)
    of += one_of("t.queue", "text", queues, values) + within(TASK, scope, values)
    seconds = seconds_between(session.engine, "t.created_at", "t.ended_at")
    source = f"task t WHERE t.status = 'DONE' AND t.ended_at >= $1 AND t.ended_at < $2{of}"
    sql = medians(seconds, ("t.location_id", "t.queue"), source)
    return list(await session.rows(DoneRow, sql, *values))


async def lapsed(
    session: Session,
    scope: Scope,
    window: Interval,
    location_ids: Sequence[int] | None,
    queues: Sequence[str] | None,
) -> list[LapsedRow]:
    """Claims that ended with their lease in a window, by location and queue."""
    values: list[object] = [window.start, window.end]
    of = one_of("t.location_id", "bigint", location_ids, values)
    of += one_of("t.queue", "text", queues, values) + within(TASK, scope, values)
    sql = (
        f"SELECT {_GROUP}, COUNT(*) AS lapsed FROM task_lapse p JOIN task t ON t.id = p.task_id"
        f" WHERE p.lapsed_at >= $1 AND p.lapsed_at < $2{of} GROUP BY {_GROUP}"
    )
    return list(await session.rows(LapsedRow, sql, *values))
