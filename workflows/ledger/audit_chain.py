"""Verification of the audit chain: whole, or from a checkpoint on, in time linear in its seals.

A checkpoint is the end of the chain at some time, kept outside of the database. A program that can
change the database could compute the whole chain again, or remove its last rows. The checkpoint
shows both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import models.queries.audit_chain as chain_queries
import models.queries.events.leases as lease_queries
import models.queries.proofs.digests as digests
from models.database.sessions import Session
from models.queries.audit_chain import SealedRow
from workflows.ledger.row_digests import Found, changed
from workflows.ledger.sealing import FIRST_PREVIOUS, seal_hash
from workflows.transactions.leases import JOBS_LEASE

PAGE: Final = 2_000
# An audit row is sealed within a second while a process runs the jobs. Sealing stands still if it
# has done nothing for so long, although a row waits.
STILL_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A place in the chain and the hash there."""

    sequence: int
    hash: str


START: Final = Checkpoint(0, FIRST_PREVIOUS)


async def take(session: Session) -> Checkpoint:
    """The end of the chain now."""
    end = await chain_queries.end(session)
    assert end is not None  # the migration made it
    return Checkpoint(end["sequence"], end["hash"])


async def broken_seals(session: Session, after: Checkpoint = START) -> AsyncIterator[Found]:
    """Seals after a checkpoint that do not follow from their audit row and the seal before.

    Each wrong seal is reported once: the next is compared with the stored hash.
    """
    last = after
    while rows := await chain_queries.seals_after(session, last.sequence, PAGE):
        for row in rows:
            for found in _faults(last, row):
                yield found
            last = Checkpoint(row["sequence"], row["hash"])
    end = await take(session)
    if end != last:
        yield "end of the chain", f"{last.sequence} {last.hash}", f"{end.sequence} {end.hash}"


def _faults(last: Checkpoint, row: SealedRow) -> Iterator[Found]:
    place = f"seal {row['sequence']} of audit_entry {row['audit_id']}"
    if row["sequence"] != last.sequence + 1:
        yield f"seal {last.sequence + 1}", "a seal", "a gap"
    if row["digest"] is None:
        yield place, "an audit row", "none"
        return
    expected = seal_hash(row["previous_hash"], row["sequence"], row["audit_id"], row["digest"])
    if row["previous_hash"] != last.hash:
        yield place, f"previous hash {last.hash}", row["previous_hash"]
    elif row["hash"] != expected:
        yield place, expected, row["hash"]


async def changed_since(session: Session, after: Checkpoint) -> AsyncIterator[Found]:
    """Audit rows sealed after a checkpoint whose content does not match their digest."""
    sequence = after.sequence
    while seals := await chain_queries.seals_after(session, sequence, PAGE):
        sequence = seals[-1]["sequence"]
        ids = [seal["audit_id"] for seal in seals]
        rows = await digests.digested_by_id(session, "audit_entry", ids)
        for place, expected, found in await changed(session, "audit_entry", rows):
            yield f"audit_entry {place}", expected, found


async def contradictions(session: Session, checkpoint: Checkpoint) -> list[Found]:
    """The difference between a checkpoint and the chain; empty if the chain contains it."""
    if checkpoint == START:
        return []
    found = await chain_queries.hash_at(session, checkpoint.sequence)
    if found == checkpoint.hash:
        return []
    return [(f"seal {checkpoint.sequence}", checkpoint.hash, found or "none")]


async def standstill(session: Session, now: datetime) -> list[Found]:
    """The fact that sealing stands still, although a process runs the jobs and a row waits."""
    lease = await lease_queries.lease(session, JOBS_LEASE)
    progress = await chain_queries.progress(session)
    if lease is None or lease["lease_until_at"] <= now or progress is None:
        return []
    since = max(progress["waiting_at"], progress["sealed_at"] or progress["waiting_at"])
    if now - since <= timedelta(seconds=STILL_SECONDS):
        return []
    return [("sealing", f"a seal within {STILL_SECONDS:.0f} s", f"none since {since.isoformat()}")]
