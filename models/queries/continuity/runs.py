"""Runs of playbooks: locked, written, and the work that is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session
from models.policies import PlaybookMeasureRow, PlaybookRunRow

RUN = (
    "r.id, r.playbook, r.status, r.reason, r.policy_scope, r.policy_version, r.end_by,"
    " CAST(r.channels AS text) AS channels, CAST(r.locations AS text) AS locations,"
    " CAST(r.skus AS text) AS skus, CAST(r.carriers AS text) AS carriers, r.started_by,"
    " r.started_at, r.ends_at, r.ended_by, r.ended_at, r.end_note, r.barrier, r.integration_id,"
    " r.version"
)


async def lock_run(session: Session, run_id: UUID) -> PlaybookRunRow | None:
    """Lock a run and read it."""
    sql = f"SELECT {RUN} FROM playbook_run r WHERE r.id = $1 FOR NO KEY UPDATE OF r"
    return await session.row(PlaybookRunRow, sql, run_id)


async def try_lock_run(session: Session, run_id: UUID) -> PlaybookRunRow | None:
    """Lock a run and read it; None if another transaction has locked it."""
    sql = f"SELECT {RUN} FROM playbook_run r WHERE r.id = $1 FOR NO KEY UPDATE OF r SKIP LOCKED"
    return await session.row(PlaybookRunRow, sql, run_id)


async def lock_run_of_integration(session: Session, integration_id: UUID) -> PlaybookRunRow | None:
    """Lock and read the live run that an integration's outage has started; None: there is none."""
    return await session.row(
        PlaybookRunRow,
        f"SELECT {RUN} FROM playbook_run r WHERE r.integration_id = $1"
        " AND r.integration_id IS NOT NULL AND r.status IN ('STARTING','ACTIVE')"
        " FOR NO KEY UPDATE OF r",
        integration_id,
    )


class _RunIdRow(TypedDict):
    id: UUID


async def moving(session: Session) -> list[UUID]:
    """The runs that a job has to bring on: those that start and those that end, oldest first."""
    rows = await session.rows(
        _RunIdRow,
        "SELECT id FROM playbook_run WHERE status <> 'ENDED' AND status IN ('STARTING','ENDING')"
        " ORDER BY status, started_at, id",
    )
    return [row["id"] for row in rows]


async def over(session: Session, now: datetime, limit: int) -> list[UUID]:
    """Live runs whose end by the clock has come."""
    rows = await session.rows(
        _RunIdRow,
        "SELECT id FROM playbook_run WHERE status IN ('STARTING','ACTIVE') AND ends_at <= $1"
        " ORDER BY ends_at, id LIMIT $2",
        now,
        limit,
    )
    return [row["id"] for row in rows]


async def write_status(session: Session, run_id: UUID, status: str) -> None:
    """Write the status that a job has brought a run to."""
    await session.execute(
        "UPDATE playbook_run SET status = $2, barrier = NULL WHERE id = $1", run_id, status
    )


async def write_end(
    session: Session, run_id: UUID, status: str, ended_by: str, now: datetime, note: str | None
) -> None:
    """Write that the measures of a run have ended."""
    await session.execute(
        "UPDATE playbook_run SET status = $2, ended_by = $3, ended_at = $4, end_note = $5,"
        " barrier = NULL, version = version + 1 WHERE id = $1",
        run_id,
        status,
        ended_by,
        now,
        note,
    )


async def measures_of(session: Session, run_id: UUID) -> Sequence[PlaybookMeasureRow]:
    """The measures of a run, by kind."""
    return await session.rows(
        PlaybookMeasureRow,
        "SELECT id, run_id, kind, units, affected FROM playbook_measure WHERE run_id = $1"
        " ORDER BY kind",
        run_id,
    )


async def set_barrier(session: Session, run_id: UUID) -> None:
    """Store the number of this transaction: all that may not have seen the run have smaller ones.

    The `xmax` of its snapshot would be too small. It follows the newest transaction that has ended,
    and one that began after that may be running. Transactions on SQLite write one after the other:
    none is older and still running.
    """
    own = "0"
    if session.engine == "postgres":
        own = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
    await session.execute(f"UPDATE playbook_run SET barrier = {own} WHERE id = $1", run_id)


async def is_passed(session: Session, barrier: int) -> bool:
    """True if all transactions that are older than the barrier have ended."""
    if session.engine != "postgres":
        return True
    oldest = await session.value(
        int, "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS xmin"
    )
    assert oldest is not None
    return oldest >= barrier
