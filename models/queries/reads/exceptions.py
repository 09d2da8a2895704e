"""Reads of operational exceptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import models.queries.access as key_queries
import models.queries.listing.visibility as visibility
from models.database.sessions import Session
from models.exceptions import OperationalExceptionRow
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key
from models.queries.listing.scopes import Scope

_ID = SortKey("x.id", "id", "uuid")


def _visible(scope: Scope) -> Listing[OperationalExceptionRow]:
    table = visibility.OPERATIONAL_EXCEPTION.table
    listing = Listing(OperationalExceptionRow, "x.*", table, _ID)
    return visibility.OPERATIONAL_EXCEPTION.within(listing, scope)


async def exceptions(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    status: str | None,
    severity: str | None,
    kind: str | None,
    owner: str | None,
) -> Page[OperationalExceptionRow]:
    """Exceptions by status, severity, kind and owner, newest first."""
    listing = _visible(scope).equal("x.status", status).equal("x.severity", severity)
    named = None if owner is None else await key_queries.actor_named(session, owner) or owner
    return await listing.equal("x.kind", kind).equal("x.owner", named).page(session, window)


async def exceptions_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, OperationalExceptionRow]:
    """Exceptions by id, if the caller may see them."""
    listing = _visible(scope).where("x.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")
