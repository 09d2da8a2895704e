"""Webhooks as the processes that deliver see them: settings, leases and positions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session


class EndpointRow(TypedDict):
    """A webhook that is not OFF, with its delivery and the end of its API key."""

    id: UUID
    code: str
    url: str
    status: str
    ordering: str
    events: str | None
    fed_position: int
    version: int
    api_key_id: UUID
    holder: str
    lease_until_at: datetime
    revision: int
    rests_until_at: datetime | None
    failing_since_at: datetime | None
    failures: int
    replay_after: int | None
    replay_until: int | None
    key_revoked_at: datetime | None
    key_expires_at: datetime | None


class LockedEndpointRow(TypedDict):
    """A locked webhook whose lease is held."""

    id: UUID
    status: str
    ordering: str
    position: int
    fed_position: int
    version: int
    api_key_id: UUID | None
    revision: int
    rests_until_at: datetime | None
    failing_since_at: datetime | None
    failures: int
    replay_after: int | None
    replay_until: int | None


_LIVE = """
SELECT i.id, i.code, i.url, i.status, i.ordering, i.events, i.fed_position, i.version,
  k.id AS api_key_id, d.holder, d.lease_until_at, d.revision, d.rests_until_at, d.failing_since_at,
  d.failures, d.replay_after, d.replay_until, k.revoked_at AS key_revoked_at,
  k.expires_at AS key_expires_at
FROM webhook_delivery d JOIN integration i ON i.id = d.integration_id
JOIN api_key k ON k.id = i.api_key_id
WHERE i.status <> 'OFF' ORDER BY i.id
"""


async def live_endpoints(session: Session) -> Sequence[EndpointRow]:
    """All webhooks that are not OFF."""
    return [_endpoint(row) for row in await session.rows(_LiveRow, _LIVE)]


class _LiveRow(TypedDict):
    """A row of the query above. Columns that only webhooks have can be null in the table."""

    id: UUID
    code: str
    url: str | None
    status: str
    ordering: str | None
    events: str | None
    fed_position: int | None
    version: int
    api_key_id: UUID
    holder: str
    lease_until_at: datetime
    revision: int
    rests_until_at: datetime | None
    failing_since_at: datetime | None
    failures: int
    replay_after: int | None
    replay_until: int | None
    key_revoked_at: datetime | None
    key_expires_at: datetime | None


def _endpoint(row: _LiveRow) -> EndpointRow:
    url, ordering, fed_position = row["url"], row["ordering"], row["fed_position"]
    assert url is not None
    assert ordering is not None
    assert fed_position is not None
    return {**row, "url": url, "ordering": ordering, "fed_position": fed_position}


class _IdRow(TypedDict):
    integration_id: UUID


_FREE = """
SELECT integration_id FROM webhook_delivery
WHERE integration_id = ANY($1::uuid[]) AND (holder = $2 OR lease_until_at <= $3)
ORDER BY integration_id FOR UPDATE SKIP LOCKED
"""
_HOLD = """
UPDATE webhook_delivery SET holder = $2, lease_until_at = $3
WHERE integration_id = ANY($1::uuid[])
"""


async def take_leases(
    session: Session, ids: Sequence[UUID], holder: str, now: datetime, until: datetime
) -> set[UUID]:
    """Take or renew leases that are free or held by `holder`; returns their webhooks.

    A lease whose row another transaction has locked is left alone.
    """
    rows = await session.rows(_IdRow, _FREE, list(ids), holder, now)
    taken = [row["integration_id"] for row in rows]
    if taken:
        await session.execute(_HOLD, taken, holder, until)
    return set(taken)


async def release_leases(session: Session, holder: str, now: datetime) -> None:
    """End all leases of a holder, so that other processes need not wait."""
    await session.execute(
        "UPDATE webhook_delivery SET lease_until_at = $2 WHERE holder = $1 AND lease_until_at > $2",
        holder,
        now,
    )


_LOCKED = """
SELECT i.id, i.status, i.ordering, i.position, i.fed_position, i.version, i.api_key_id,
  d.revision, d.rests_until_at, d.failing_since_at, d.failures, d.replay_after, d.replay_until
FROM integration i JOIN webhook_delivery d ON d.integration_id = i.id
"""
_LOCK = f"""{_LOCKED}
WHERE i.id = ANY($1::uuid[]) AND d.holder = $2 AND d.lease_until_at > $3
ORDER BY i.id FOR NO KEY UPDATE
"""
_LOCK_ONE = f"{_LOCKED} WHERE i.id = $1 FOR NO KEY UPDATE"


async def lock_held(
    session: Session, ids: Sequence[UUID], holder: str, now: datetime
) -> Sequence[LockedEndpointRow]:
    """Lock webhooks whose leases the holder has, in one order; others are missing."""
    rows = await session.rows(_LockedRow, _LOCK, sorted(ids), holder, now)
    return [_locked(row) for row in rows]


class _LockedRow(TypedDict):
    """A row of the query above. Columns that only webhooks have can be null in the table."""

    id: UUID
    status: str
    ordering: str | None
    position: int | None
    fed_position: int | None
    version: int
    api_key_id: UUID | None
    revision: int
    rests_until_at: datetime | None
    failing_since_at: datetime | None
    failures: int
    replay_after: int | None
    replay_until: int | None


def _locked(row: _LockedRow) -> LockedEndpointRow:
    ordering, position, fed_position = row["ordering"], row["position"], row["fed_position"]
    assert ordering is not None
    assert position is not None
    assert fed_position is not None
    return {**row, "ordering": ordering, "position": position, "fed_position": fed_position}


async def lock_endpoint(session: Session, integration_id: UUID) -> LockedEndpointRow | None:
    """Lock a webhook, also if another process delivers to it."""
    row = await session.row(_LockedRow, _LOCK_ONE, integration_id)
    return None if row is None else _locked(row)


async def change_outage(
    session: Session,
    integration_id: UUID,
    *,
    since: datetime | None,
    failures: int,
    rests_until: datetime | None,
) -> None:
    """Write the failures and the rest of a locked webhook."""
    await session.execute(
        "UPDATE webhook_delivery SET failing_since_at = $2, failures = $3, rests_until_at = $4"
        " WHERE integration_id = $1",
        integration_id,
        since,
        failures,
        rests_until,
    )


async def add_delivery(session: Session, integration_id: UUID, now: datetime) -> None:
    """Insert the state of delivery of a new webhook; nothing happens if there is one."""
    await session.execute(
        "INSERT INTO webhook_delivery (integration_id, lease_until_at) VALUES ($1, $2)"
        " ON CONFLICT (integration_id) DO NOTHING",
        integration_id,
        now,
    )


async def revise(session: Session, integration_id: UUID) -> None:
    """Tell the process that delivers to a webhook to read its messages again."""
    await session.execute(
        "UPDATE webhook_delivery SET revision = revision + 1 WHERE integration_id = $1",
        integration_id,
    )


async def begin_anew(session: Session, integration_id: UUID) -> None:
    """Forget failures and rest of a webhook, whose messages the process reads again."""
    await session.execute(
        "UPDATE webhook_delivery SET failing_since_at = NULL, failures = 0, rests_until_at = NULL,"
        " revision = revision + 1 WHERE integration_id = $1",
        integration_id,
    )


async def set_replay(
    session: Session, integration_id: UUID, after: int | None, until: int | None
) -> None:
    """Set the positions whose events are still to be sent again; None: there are none."""
    await session.execute(
        "UPDATE webhook_delivery SET replay_after = $2, replay_until = $3,"
        " revision = revision + 1 WHERE integration_id = $1",
        integration_id,
        after,
        until,
    )


async def move_replay(session: Session, integration_id: UUID, after: int) -> None:
    """Write how far the replay of a locked webhook has come."""
    await session.execute(
        "UPDATE webhook_delivery SET replay_after = $2 WHERE integration_id = $1",
        integration_id,
        after,
    )


async def replay_of(session: Session, integration_id: UUID) -> int | None:
    """The position up to which a replay has made messages; None: no replay is under way."""
    return await session.value(
        int,
        "SELECT replay_after FROM webhook_delivery WHERE integration_id = $1",
        integration_id,
    )


async def move_fed_position(session: Session, integration_id: UUID, position: int) -> None:
    """Write the position up to which every event of a locked webhook has its message."""
    await session.execute(
        "UPDATE integration SET fed_position = $2 WHERE id = $1", integration_id, position
    )


async def move_position(session: Session, integration_id: UUID, position: int) -> None:
    """Write the position up to which every event of a locked webhook is settled."""
    await session.execute(
        "UPDATE integration SET position = $2 WHERE id = $1", integration_id, position
    )


_NEEDED = """
SELECT min(CASE WHEN d.replay_after < i.fed_position THEN d.replay_after ELSE i.fed_position END)
  AS position
FROM integration i JOIN webhook_delivery d ON d.integration_id = i.id WHERE i.status <> 'OFF'
"""


async def needed_after(session: Session) -> int | None:
    """The position after which a webhook has still to read events; None: there is no webhook."""
    return await session.value(int, _NEEDED)
