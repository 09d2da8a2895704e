"""Reads of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import models.queries.access as key_queries
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
_HAS_WORKER = "t.claimed_by = {} AND (t.status NOT IN ('OPEN', 'CLAIMED') OR t.lease_until_at > {})"


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
    statuses: Sequence[str] | None,
    claimed_by: str | None,
    now: datetime,
) -> Page[TaskRow]:
    """Tasks by queue, location, status and worker, by priority.

    A task with an expired claim is OPEN, and has no worker.
    """
    listing = _visible(scope).equal("t.queue", queue)
    listing.coded("t.location_id", "location", location)
    parts = [_in_status(status, now) for status in sorted(set(statuses or ()))]
    if len(parts) == 1:
        listing.where(parts[0][0], *parts[0][1])
    elif parts:
        listing.either(*parts)
    elif statuses is not None:
        listing.where("1 = 0")
    if claimed_by is not None:
        worker = await key_queries.actor_named(session, claimed_by) or claimed_by
        listing.where(_HAS_WORKER, worker, now)
    return await listing.page(session, window)


def _in_status(status: str, now: datetime) -> tuple[str, Sequence[object]]:
    """The condition of a status at this time, and its values."""
    if status == "OPEN":
        return f"{_IS_LIVE} AND (t.status = 'OPEN' OR t.lease_until_at <= {{}})", (now,)
    if status == "CLAIMED":
        return f"{_IS_LIVE} AND t.status = 'CLAIMED' AND t.lease_until_at > {{}}", (now,)
    return "t.status = {}", (status,)


async def tasks_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, TaskRow]:
    """Tasks by id, if the caller may see them."""
    listing = _visible(scope).where("t.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")
