"""Reads of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import models.queries.listing.visibility as visibility
from models.database.sessions import Session
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key
from models.queries.listing.scopes import Scope
from models.tasks import TaskRow

# The most urgent first; of equals the oldest, which has the highest seniority.
_RANK = (
    SortKey("t.priority", "priority", "bigint"),
    SortKey("t.seniority", "seniority", "bigint"),
    SortKey("t.id", "id", "uuid"),
)
# As in the condition of the partial indexes, so that they are used.
_IS_LIVE = "t.status IN ('OPEN', 'CLAIMED')"


def _visible(scope: Scope) -> Listing[TaskRow]:
    listing = Listing(TaskRow, "t.*", visibility.TASK.table, *_RANK)
    return visibility.TASK.within(listing, scope)


async def tasks(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    queue: str | None,
    location: str | None,
    status: str | None,
    now: datetime,
) -> Page[TaskRow]:
    """Tasks by queue, location and status, by priority; a task with an expired claim is OPEN."""
    listing = _visible(scope).equal("t.queue", queue)
    listing.coded("t.location_id", "location", location)
    if status == "OPEN":
        listing.where(f"{_IS_LIVE} AND (t.status = 'OPEN' OR t.lease_until_at <= {{}})", now)
    elif status == "CLAIMED":
        listing.where(f"{_IS_LIVE} AND t.status = 'CLAIMED' AND t.lease_until_at > {{}}", now)
    else:
        listing.equal("t.status", status)
    return await listing.page(session, window)


async def tasks_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, TaskRow]:
    """Tasks by id, if the caller may see them."""
    listing = _visible(scope).where("t.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")
