"""Sealing: appends committed audit rows to the chain, in the process that runs the jobs.

Writers never seal: a chain inside transactions would let only one of them commit at a time. A
trigger notes each audit row in `audit_pending`. The job takes these rows in the order of their ids,
locks the end of the chain, and writes seals, the new end and the removal in one transaction. So

- a crash leaves a row either sealed or pending;
- of two processes that seal at once, the second waits for the lock and continues after the first.
  The lease of the jobs only saves work.

The digest of an audit row covers the row and, through `content_digest`, all movements, journal
entries and events of its transaction (workflows/transactions/outbox.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

import models.queries.audit_chain as chain_queries
from models.audit import AuditSeal, AuditSealRow
from models.database.sessions import DatabaseError
from models.queries.audit_chain import ChainEndRow, UnsealedRow
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

FIRST_PREVIOUS: Final = "0" * 64
BATCH_MAX = 1_000
# After this many seals the dead rows of `audit_pending` are removed, which each scan has to skip.
SWEEP_SEALS = 20_000


def seal_hash(previous_hash: str, sequence: int, audit_id: UUID, digest: str) -> str:
    """The hash of a seal: over the hash before it, its place, and its audit row."""
    content = f"{previous_hash}:{sequence}:{audit_id}:{digest}"
    return hashlib.sha256(content.encode()).hexdigest()


class Sealing:
    """The job that seals audit rows."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._unswept = 0

    async def seal(self) -> int:
        """Seal one batch of audit rows; returns their number."""
        database = self._transactions.database
        async with database.reading() as session:
            if not await chain_queries.has_pending(session):
                return 0
        sealed = await self._transactions.run(seal_batch)
        self._unswept += sealed
        if self._unswept >= SWEEP_SEALS:
            self._unswept = 0
            await self._sweep()
        return sealed

    async def _sweep(self) -> None:
        try:
            async with self._transactions.database.reading() as session:
                await chain_queries.vacuum_pending(session)
        except DatabaseError as error:  # sweeping only saves work
            logger.warning("sealing.sweep_failed", error=repr(error))


async def seal_batch(tx: Transaction) -> int:
    """Seal the first pending audit rows, at most BATCH_MAX; returns their number."""
    end = await chain_queries.lock_end(tx.session)
    assert end is not None  # the migration made it
    rows = await chain_queries.pending(tx.session, BATCH_MAX)
    if not rows:
        return 0
    seals = _seals(end, rows)
    await chain_queries.remove_pending(tx.session, [row["audit_id"] for row in rows])
    await tx.session.insert(AuditSeal, seals)
    await chain_queries.move_end(tx.session, seals[-1]["sequence"], seals[-1]["hash"], tx.now)
    return len(seals)


def _seals(end: ChainEndRow, rows: Sequence[UnsealedRow]) -> list[AuditSealRow]:
    """The seals of these rows, in order, after the end of the chain."""
    seals: list[AuditSealRow] = []
    previous_hash = end["hash"]
    for sequence, row in enumerate(rows, start=end["sequence"] + 1):
        made = seal_hash(previous_hash, sequence, row["audit_id"], row["digest"])
        seals.append(
            {
                "sequence": sequence,
                "audit_id": row["audit_id"],
                "previous_hash": previous_hash,
                "hash": made,
            }
        )
        previous_hash = made
    return seals
