"""Parcels that runs of playbooks hold or move to other locations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session
from models.policies import PlaybookRunRow

_OF_CHANNELS = (
    " AND o.channel_id = ANY(ARRAY(SELECT c.channel_id FROM playbook_place c"
    " WHERE c.run_id = $1 AND c.channel_id IS NOT NULL))"
)
_AT_LOCATIONS = (
    " AND f.location_id = ANY(ARRAY(SELECT c.location_id FROM playbook_place c"
    " WHERE c.run_id = $1 AND c.location_id IS NOT NULL))"
)
_WITH_ITEMS = (
    " AND f.id = ANY(ARRAY(SELECT l.fulfillment_id FROM fulfillment_line l JOIN playbook_item p"
    " ON p.item_id = l.item_id WHERE p.run_id = $1 AND l.quantity > 0))"
)
_UNHELD = (
    " AND NOT EXISTS (SELECT 1 FROM fulfillment_hold h WHERE h.fulfillment_id = f.id"
    " AND h.run_id = $1 AND h.released_at IS NULL)"
)
_UNSHIPPED = "f.status IN ('ON_HOLD','OPEN','PICKED','PACKED')"
_UNPICKED = "f.status IN ('ON_HOLD','OPEN')"


class ConcernedParcelRow(TypedDict):
    """A parcel that a run concerns, with its order."""

    id: UUID
    order_id: UUID


def _concerned(run: PlaybookRunRow, statuses: str, *, by_items: bool) -> str:
    """The parcels in these statuses that the restrictions of a run take, without its own hold."""
    parts = [statuses]
    if run["channels"] is not None:
        parts.append(_OF_CHANNELS)
    if run["locations"] is not None:
        parts.append(_AT_LOCATIONS)
    if by_items and run["skus"] is not None:
        parts.append(_WITH_ITEMS)
    return f"fulfillment f JOIN sales_order o ON o.id = f.order_id WHERE {''.join(parts)}{_UNHELD}"


async def to_hold(
    session: Session, run: PlaybookRunRow, limit: int
) -> Sequence[ConcernedParcelRow]:
    """The next parcels that HOLD_PARCELS of a run holds; not locked."""
    return await _next(session, run, _concerned(run, _UNSHIPPED, by_items=True), limit)


async def to_move(
    session: Session, run: PlaybookRunRow, limit: int
) -> Sequence[ConcernedParcelRow]:
    """The next unpicked parcels at locations that a run closes; not locked."""
    return await _next(session, run, _concerned(run, _UNPICKED, by_items=False), limit)


async def _next(
    session: Session, run: PlaybookRunRow, source: str, limit: int
) -> Sequence[ConcernedParcelRow]:
    sql = f"SELECT f.id, f.order_id FROM {source} ORDER BY f.id LIMIT $2"
    return await session.rows(ConcernedParcelRow, sql, run["id"], limit)


async def add_closed(session: Session, run_id: UUID) -> None:
    """Count one more parcel that CLOSE_LOCATION of a locked run has moved or held."""
    await session.execute(
        "UPDATE playbook_measure SET affected = affected + 1"
        " WHERE run_id = $1 AND kind = 'CLOSE_LOCATION'",
        run_id,
    )


class RunHoldRow(TypedDict):
    """A live hold of a run, with its order."""

    id: UUID
    order_id: UUID


async def holds_to_release(session: Session, run_id: UUID, limit: int) -> Sequence[RunHoldRow]:
    """The next live holds of a run; not locked."""
    return await session.rows(
        RunHoldRow,
        "SELECT id, order_id FROM fulfillment_hold WHERE run_id = $1 AND released_at IS NULL"
        " ORDER BY id LIMIT $2",
        run_id,
        limit,
    )
