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
# Units and parcels are counted from their own rows. A counter would be one row that every arrival
# and every new parcel updates: they would wait for each other, and could deadlock.
_MEASURES = """
SELECT m.id, m.run_id, m.kind, m.units, CAST(CASE m.kind
  WHEN 'QUARANTINE' THEN
    (SELECT COALESCE(SUM(q.taken), 0) FROM quarantined_unit q WHERE q.run_id = m.run_id)
  WHEN 'HOLD_PARCELS' THEN
    (SELECT COUNT(*) FROM fulfillment_hold h WHERE h.run_id = m.run_id)
  ELSE m.affected END AS bigint) AS affected
FROM playbook_measure m WHERE m.run_id = ANY($1::uuid[]) ORDER BY m.run_id, m.kind
"""


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
    """The measures of each of these runs, by kind, with what each has affected until now."""
    return grouped(await session.rows(PlaybookMeasureRow, _MEASURES, list(ids)), "run_id")
