"""Reads of runs of playbooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import models.queries.listing.visibility as visibility
from models.database.sessions import Session
from models.policies import PlaybookMeasureRow, PlaybookRunRow
from models.queries.continuity.runs import RUN
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import Scope

_ID = SortKey("r.id", "id", "uuid")


def _runs(scope: Scope) -> Listing[PlaybookRunRow]:
    listing = Listing(PlaybookRunRow, RUN, visibility.PLAYBOOK_RUN.table, _ID)
    return visibility.PLAYBOOK_RUN.within(listing, scope)


async def runs(
    session: Session, scope: Scope, window: Window, *, is_active: bool | None
) -> Page[PlaybookRunRow]:
    """Runs, newest first. `is_active`: those that have not ended, or those that have."""
    listing = _runs(scope)
    if is_active is not None:
        listing.where("r.status <> 'ENDED'" if is_active else "r.status = 'ENDED'")
    return await listing.page(session, window)


async def runs_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, PlaybookRunRow]:
    """Runs by id, if the caller may see them."""
    listing = _runs(scope).where("r.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def measures_by_run(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[PlaybookMeasureRow]]:
    """The measures of each of these runs, by kind."""
    rows = await session.rows(
        PlaybookMeasureRow,
        "SELECT id, run_id, kind, units, affected FROM playbook_measure"
        " WHERE run_id = ANY($1::uuid[]) ORDER BY run_id, kind",
        list(ids),
    )
    return grouped(rows, "run_id")
