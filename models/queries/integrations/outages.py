"""Outages of integrations for which no playbook has been started yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session


class OutageRow(TypedDict):
    """An integration that is DOWN, and the beginning of its outage."""

    id: UUID
    kind: str
    channel_id: int | None
    begun_at: datetime


async def unanswered(session: Session) -> Sequence[OutageRow]:
    """The integrations that are DOWN and have had no run in this outage; not locked."""
    return await session.rows(
        OutageRow,
        # Never null here: the table checks it.
        "SELECT i.id, i.kind, i.channel_id,"
        " COALESCE(i.outage_since_at, i.status_since_at) AS begun_at FROM integration i"
        " WHERE i.status NOT IN ('HEALTHY','DEGRADED') AND i.status = 'DOWN'"
        " AND NOT EXISTS (SELECT 1 FROM playbook_run r WHERE r.integration_id = i.id"
        " AND r.integration_id IS NOT NULL AND r.started_at >= i.outage_since_at)"
        " ORDER BY i.id",
    )
