"""The chain of seals over the audit rows: its end, the rows that wait, and the seals in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.audit import AuditSealRow
from models.database.sessions import Session


class ChainEndRow(TypedDict):
    """The last seal of the chain; sequence 0 and a hash of zeros before the first."""

    sequence: int
    hash: str


class UnsealedRow(TypedDict):
    """An audit row that waits for its seal, and its digest."""

    audit_id: UUID
    digest: str


class SealedRow(AuditSealRow):
    """A seal with the digest of its audit row; null if that row does not exist."""

    digest: str | None


class ProgressRow(TypedDict):
    """The time of the last sealing, and the time of the oldest audit row that waits."""

    sealed_at: datetime | None
    waiting_at: datetime


_END = "SELECT sequence, hash FROM audit_chain WHERE id = 1"


async def end(session: Session) -> ChainEndRow | None:
    """The end of the chain as committed, without a lock."""
    return await session.row(ChainEndRow, _END)


async def lock_end(session: Session) -> ChainEndRow | None:
    """The end of the chain, locked until this transaction ends."""
    return await session.row(ChainEndRow, f"{_END} FOR UPDATE")


async def move_end(session: Session, sequence: int, hash_: str, now: datetime) -> None:
    """Write the new end of the locked chain."""
    await session.execute(
        "UPDATE audit_chain SET sequence = $1, hash = $2, sealed_at = $3 WHERE id = 1",
        sequence,
        hash_,
        now,
    )


async def has_pending(session: Session) -> bool:
    """True if a committed audit row waits for its seal."""
    return await session.value(UUID, "SELECT audit_id FROM audit_pending LIMIT 1") is not None


async def pending(session: Session, limit: int) -> Sequence[UnsealedRow]:
    """The first audit rows that wait for a seal, in the order of their ids."""
    return await session.rows(
        UnsealedRow,
        "SELECT id AS audit_id, digest FROM audit_entry WHERE id = ANY(ARRAY("
        "SELECT audit_id FROM audit_pending ORDER BY audit_id LIMIT $1)) ORDER BY id",
        limit,
    )


async def remove_pending(session: Session, audit_ids: Sequence[UUID]) -> None:
    """Note that these audit rows wait no more."""
    await session.execute(
        "DELETE FROM audit_pending WHERE audit_id = ANY($1::uuid[])", list(audit_ids)
    )


async def vacuum_pending(session: Session) -> None:
    """Vacuum the rows that sealing has deleted; nothing to do on SQLite. Outside transactions."""
    if session.engine == "postgres":
        await session.execute("VACUUM (SKIP_LOCKED, TRUNCATE FALSE) audit_pending")


async def seals_after(session: Session, sequence: int, limit: int) -> Sequence[SealedRow]:
    """The next seals after a place in the chain, in order."""
    return await session.rows(
        SealedRow,
        "SELECT s.sequence, s.audit_id, s.previous_hash, s.hash, a.digest"
        " FROM audit_seal s LEFT JOIN audit_entry a ON a.id = s.audit_id"
        " WHERE s.sequence > $1 ORDER BY s.sequence LIMIT $2",
        sequence,
        limit,
    )


async def hash_at(session: Session, sequence: int) -> str | None:
    """The hash of the seal at this place in the chain; None if there is none."""
    return await session.value(str, "SELECT hash FROM audit_seal WHERE sequence = $1", sequence)


async def progress(session: Session) -> ProgressRow | None:
    """The progress of sealing; None if no audit row waits."""
    return await session.row(
        ProgressRow,
        "SELECT c.sealed_at, a.recorded_at AS waiting_at FROM audit_chain c, audit_pending p"
        " JOIN audit_entry a ON a.id = p.audit_id WHERE c.id = 1 ORDER BY p.audit_id LIMIT 1",
    )
