"""Reads of operational exceptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import models.queries.access as key_queries
import models.queries.listing.visibility as visibility
from models.database.sessions import Session
from models.exceptions import ExceptionStepRow, OperationalExceptionRow
from models.queries.listing.filters import one_of
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import Scope

_ID = SortKey("x.id", "id", "uuid")


_DUE = SortKey("x.due_at", "due_at", "instant")
# As in the conditions of the partial indexes.
_OPEN = "x.status NOT IN ('RESOLVED', 'AUTO_RESOLVED')"
# The rule of domain.exceptions.is_breached. Breached ones are found by their due time, and among
# those that wait: both are few, however many others are open.
_BREACHED = """x.id = ANY(ARRAY(
  SELECT id FROM operational_exception
  WHERE status IN ('OPEN', 'ASSIGNED', 'IN_PROGRESS') AND due_at < {}
  UNION ALL
  SELECT id FROM operational_exception
  WHERE status = 'WAITING' AND due_at < COALESCE(waiting_since_at, {})))"""
_UNBREACHED = (
    f"NOT ({_OPEN} AND x.due_at <"
    " CASE WHEN x.status = 'WAITING' AND x.waiting_since_at IS NOT NULL"
    " THEN x.waiting_since_at ELSE {} END)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionFilters:
    """The filters of a list of exceptions; None: no condition. `subject`: `Order:<key>`."""

    status: str | None = None
    severity: str | None = None
    kinds: Sequence[str] | None = None
    owner: str | None = None
    owner_role: str | None = None
    location: str | None = None
    subject: str | None = None
    is_open: bool | None = None
    is_breached: bool | None = None


def _visible(scope: Scope) -> Listing[OperationalExceptionRow]:
    table = visibility.OPERATIONAL_EXCEPTION.table
    listing = Listing(OperationalExceptionRow, "x.*", table, _ID)
    return visibility.OPERATIONAL_EXCEPTION.within(listing, scope)


async def exceptions(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    filters: ExceptionFilters,
    by_due: bool,
    now: datetime,
) -> Page[OperationalExceptionRow]:
    """Exceptions that pass all filters, newest first, or by their due time."""
    listing = _visible(scope).equal("x.status", filters.status)
    if by_due:
        listing.sorted_by(_DUE, _ID, direction="ASC")
    one_of(listing, "x.kind", filters.kinds)
    owner = filters.owner
    named = None if owner is None else await key_queries.actor_named(session, owner) or owner
    listing.equal("x.severity", filters.severity).equal("x.owner", named)
    listing.equal("x.owner_role", filters.owner_role).equal("x.subject_key", filters.subject)
    listing.coded("x.location_id", "location", filters.location)
    if filters.is_open is not None:
        listing.where(_OPEN if filters.is_open else f"NOT ({_OPEN})")
    if filters.is_breached is not None:
        if filters.is_breached:
            listing.where(_BREACHED, now, now)
        else:
            listing.where(_UNBREACHED, now)
    return await listing.page(session, window)


async def exceptions_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, OperationalExceptionRow]:
    """Exceptions by id, if the caller may see them."""
    listing = _visible(scope).where("x.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def steps_by_exception(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[ExceptionStepRow]]:
    """The steps of exceptions that the caller sees, oldest first."""
    sql = (
        "SELECT exception_id, recorded_at, actor, action, status, owner, note FROM exception_step"
        " WHERE exception_id = ANY($1::uuid[]) ORDER BY exception_id, id"
    )
    rows = await session.rows(ExceptionStepRow, sql, list(ids))
    return grouped(rows, "exception_id")
