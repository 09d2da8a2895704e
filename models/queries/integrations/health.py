"""Health of integrations: locked and written by workers, and read for probes and display."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import orjson

from domain.integrations.figures import buckets_from_json
from domain.integrations.health import HealthRecord, WaitingWork
from models.database.sessions import Session
from models.integrations import IntegrationHealthRow
from models.queries.listing.paging import by_key

_HEALTH = (
    "h.integration_id, h.since_at, h.judged_since_at, h.failures_in_a_row, h.successes_in_a_row,"
    " h.last_success_at, h.last_error, h.backlog, h.oldest_at, h.next_probe_at,"
    " CAST(h.buckets AS text) AS buckets"
)


class JudgedRow(TypedDict):
    """An integration, as its health is judged."""

    id: UUID
    code: str
    kind: str
    status: str
    status_since_at: datetime
    channel_id: int | None


_JUDGED = "SELECT i.id, i.code, i.kind, i.status, i.status_since_at, i.channel_id"


async def by_code(session: Session, code_keys: Collection[str]) -> Sequence[JudgedRow]:
    """The integrations with these keys of codes, by id; not locked."""
    return await session.rows(
        JudgedRow,
        f"{_JUDGED} FROM integration i WHERE i.code_key = ANY($1::text[]) ORDER BY i.id",
        list(code_keys),
    )


async def live(session: Session) -> Sequence[JudgedRow]:
    """All integrations that are not PAUSED or OFF, by id."""
    return await session.rows(
        JudgedRow,
        f"{_JUDGED} FROM integration i WHERE i.status NOT IN ('PAUSED','OFF') ORDER BY i.id",
    )


async def lock(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, IntegrationHealthRow]:
    """The health of these integrations, locked in the order of their ids. A first one is made."""
    await session.execute(
        "INSERT INTO integration_health (integration_id, since_at, judged_since_at, buckets)"
        " SELECT i.id, i.status_since_at, i.status_since_at, '[]' FROM integration i"
        " WHERE i.id = ANY($1::uuid[]) AND NOT EXISTS"
        " (SELECT 1 FROM integration_health n WHERE n.integration_id = i.id)"
        " ON CONFLICT (integration_id) DO NOTHING",
        list(ids),
    )
    rows = await session.rows(
        IntegrationHealthRow,
        f"SELECT {_HEALTH} FROM integration_health h WHERE h.integration_id = ANY($1::uuid[])"
        " ORDER BY h.integration_id FOR NO KEY UPDATE OF h",
        list(ids),
    )
    return by_key(rows, "integration_id")


async def health_by_integration(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, IntegrationHealthRow]:
    """The health of these integrations; not locked. Absent: they were never called."""
    rows = await session.rows(
        IntegrationHealthRow,
        f"SELECT {_HEALTH} FROM integration_health h WHERE h.integration_id = ANY($1::uuid[])",
        list(ids),
    )
    return by_key(rows, "integration_id")


def health_record(row: IntegrationHealthRow) -> HealthRecord:
    """A row of integration_health as a record."""
    return HealthRecord(
        since=row["since_at"],
        judged_since=row["judged_since_at"],
        failures_in_a_row=row["failures_in_a_row"],
        successes_in_a_row=row["successes_in_a_row"],
        last_success_at=row["last_success_at"],
        last_error=row["last_error"],
        backlog=WaitingWork(row["backlog"], row["oldest_at"]),
        buckets=buckets_from_json(orjson.loads(row["buckets"])),
    )


async def write(session: Session, row: IntegrationHealthRow) -> None:
    """Write a locked row."""
    await session.execute(
        "UPDATE integration_health SET since_at = $2, judged_since_at = $3, failures_in_a_row = $4,"
        " successes_in_a_row = $5, last_success_at = $6, last_error = $7, backlog = $8,"
        " oldest_at = $9, next_probe_at = $10, buckets = $11 WHERE integration_id = $1",
        row["integration_id"],
        row["since_at"],
        row["judged_since_at"],
        row["failures_in_a_row"],
        row["successes_in_a_row"],
        row["last_success_at"],
        row["last_error"],
        row["backlog"],
        row["oldest_at"],
        row["next_probe_at"],
        row["buckets"],
    )


class ProbeRow(TypedDict):
    """An integration for which a probe is due."""

    id: UUID
    code: str
    status: str


async def due_probes(session: Session, now: datetime) -> Sequence[ProbeRow]:
    """The integrations that are DOWN or RECOVERING and whose next probe is due."""
    return await session.rows(
        ProbeRow,
        "SELECT i.id, i.code, i.status FROM integration i"
        " JOIN integration_health h ON h.integration_id = i.id"
        " WHERE i.status NOT IN ('HEALTHY','DEGRADED') AND i.status IN ('DOWN','RECOVERING')"
        " AND h.next_probe_at <= $1 ORDER BY i.code_key",
        now,
    )


async def claim_probe(
    session: Session, integration_id: UUID, now: datetime, next_at: datetime
) -> bool:
    """Take the probe that is due, and make the next one due at `next_at`. False: it is taken."""
    changed = await session.execute(
        "UPDATE integration_health SET next_probe_at = $3 WHERE integration_id = $1"
        " AND next_probe_at <= $2",
        integration_id,
        now,
        next_at,
    )
    return changed == 1
