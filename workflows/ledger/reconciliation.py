"""Reconciliation: checks the books of a database and lists each difference."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import models.queries.proofs.digests as digests
import models.queries.proofs.invariants as invariants
import models.queries.proofs.search_index as search_index
from models.database.database import Database
from models.database.sessions import Session
from models.queries.proofs.invariants import DifferenceRow
from workflows.ledger.audit_chain import Checkpoint, broken_seals, contradictions, standstill
from workflows.ledger.code_keys import wrong_keys
from workflows.ledger.row_digests import changed
from workflows.transactions.clock import machine_time
from workflows.transactions.digests import digest_of_all

PAGE = 2_000
COVERED = "audit rows cover their transaction"
KEYED = "comparison keys follow their codes"
SEARCHED = "items are found by SKU, name and barcode"
CHAINED = "audit chain"
SEALED_IN_TIME = "audit rows are sealed in time"
OTHERS = (COVERED, KEYED, SEARCHED, CHAINED, SEALED_IN_TIME)
AS_AT_CHECKPOINT = "audit chain = checkpoint"
COUNTED = ("stock_movement", "journal_entry", "sales_order", "event", "audit_entry")


@dataclass(frozen=True, slots=True)
class Difference:
    """A value in the database that contradicts other values there."""

    proof: str
    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.proof}: {self.place}: expected {self.expected}, found {self.found}"


async def reconcile(
    database: Database, checkpoint: Checkpoint | None = None, *, now: datetime | None = None
) -> list[Difference]:
    """All differences in the books, from one snapshot of the database.

    The audit chain must contain the checkpoint, if there is one.

    At most `DIFFERENCES_MAX` are listed for each proof; a last line states that there are more.
    Reads all rows: this takes minutes for millions of rows. It needs little memory and takes no
    locks.
    """
    found: list[Difference] = []
    async with database.snapshot() as session:
        await invariants.begin(session)
        for proof in invariants.PROOFS:
            found += _named(proof.name, await invariants.differences(session, proof))
        found += _named(SEARCHED, await search_index.differences(session))
        for table in digests.DIGESTED:
            found += _bounded(await _changed(session, table))
        found += _bounded(await _uncovered(session))
        found += _bounded(await _misnamed(session))
        found += _bounded(await _unchained(session, now or machine_time(), checkpoint))
    return found


def proof_count() -> int:
    """Number of proofs that `reconcile` makes: those in SQL, the digests, and `OTHERS`."""
    return len(invariants.PROOFS) + len(digests.DIGESTED) + len(OTHERS)


async def extent(database: Database) -> Mapping[str, int]:
    """Number of rows to prove, by table."""
    async with database.snapshot() as session:
        return {table: await invariants.count(session, table) for table in COUNTED}


def _named(proof: str, rows: Sequence[DifferenceRow]) -> list[Difference]:
    return _bounded([Difference(proof, r["place"], r["expected"], r["found"]) for r in rows])


def _bounded(differences: list[Difference]) -> list[Difference]:
    if len(differences) <= invariants.DIFFERENCES_MAX:
        return differences
    first = differences[: invariants.DIFFERENCES_MAX]
    return [*first, Difference(first[0].proof, "more", "no more", "more than are listed")]


async def _misnamed(session: Session) -> list[Difference]:
    """Codes whose comparison key is not their own."""
    found: list[Difference] = []
    async for place, expected, key in wrong_keys(session):
        found.append(Difference(KEYED, place, str(expected), str(key)))
        if len(found) > invariants.DIFFERENCES_MAX:
            break
    return found


async def _changed(session: Session, table: str) -> list[Difference]:
    """Rows whose content does not match the digest that was written with them."""
    found: list[Difference] = []
    after: object = None
    while len(found) <= invariants.DIFFERENCES_MAX:
        rows = await digests.digested(session, table, after, PAGE)
        if not rows:
            break
        after = rows[-1].id
        found += [
            Difference(f"{table} digests", *each) for each in await changed(session, table, rows)
        ]
    return found


async def _unchained(
    session: Session, now: datetime, checkpoint: Checkpoint | None
) -> list[Difference]:
    """Differences in the audit chain, to a checkpoint, and between sealing and its promise."""
    found = [Difference(SEALED_IN_TIME, *each) for each in await standstill(session, now)]
    if checkpoint is not None:
        contradicted = await contradictions(session, checkpoint)
        found += [Difference(AS_AT_CHECKPOINT, *each) for each in contradicted]
    async for each in broken_seals(session):
        found.append(Difference(CHAINED, *each))
        if len(found) > invariants.DIFFERENCES_MAX:
            break
    return found


async def _uncovered(session: Session) -> list[Difference]:
    """Transactions whose audit rows do not cover exactly the rows that they wrote."""
    found: list[Difference] = []
    transaction_id: UUID | None = None
    written: list[str] = []
    covered: set[str] = set()
    async for rows in digests.by_transaction(session, PAGE):
        for row in rows:
            if row["transaction_id"] != transaction_id:
                found += _check_coverage(transaction_id, written, covered)
                transaction_id, written, covered = row["transaction_id"], [], set()
            if row["digest"] is not None:
                written.append(row["digest"])
            elif row["content_digest"] is not None:
                covered.add(row["content_digest"])
        if len(found) > invariants.DIFFERENCES_MAX:
            return found
    return [*found, *_check_coverage(transaction_id, written, covered)]


def _check_coverage(
    transaction_id: UUID | None, written: Sequence[str], covered: Collection[str]
) -> Iterator[Difference]:
    expected = digest_of_all(written)
    for content in covered or ({"no audit row"} if written else ()):
        if content != expected:
            yield Difference(COVERED, f"transaction {transaction_id}", expected, content)
