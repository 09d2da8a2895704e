"""LEDGER_DRIFT: an hourly proof of the books, in slices; one exception for each proof that fails.

A round makes each proof in SQL once, one in a step, each in a snapshot of its own and without
locks. Then it verifies the digests of rows that were added since the last round, in pages. A page
with a difference is verified again in the next round. `make reconcile` makes all proofs at once,
and those of the audit chain, which only whole tables can prove.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import models.queries.exceptions.conditions as conditions
import models.queries.proofs.digests as digests
import models.queries.proofs.invariants as invariants
import workflows.exceptions.handling_rules as handling_rules
import workflows.exceptions.opening as exceptions
import workflows.ledger.row_digests as row_digests
from domain.exceptions import ExceptionKind
from models.queries.proofs.proof import Proof
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

KIND = ExceptionKind.LEDGER_DRIFT
ROUND = timedelta(hours=1)
PAGE_MAX = 2_000


class LedgerDrift:
    """The place of a round: the proof that is next, and the last row verified in each table."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._slices: Iterator[Proof | str] = iter(())
        self._table: str | None = None
        self._verified: dict[str, object] = {}
        self._next_round_at: datetime | None = None

    async def step(self) -> int:
        """Make one proof, or verify one page. Returns 1 while the table has more pages."""
        if self._table is not None:
            return await self._verify(self._table)
        current = next(self._slices, None)
        if current is None:
            await self._begin()
        elif isinstance(current, Proof):
            await self._prove(current)
        else:
            self._table = current
            return await self._verify(current)
        return 0

    async def _begin(self) -> None:
        """Begin a round if it is time, unless a policy switches the kind off everywhere."""
        now = self._transactions.clock()
        if self._next_round_at is not None and now < self._next_round_at:
            return
        async with self._transactions.database.reading() as session:
            rules = await handling_rules.read(session, now)
        self._next_round_at = now + ROUND
        if not all(rule.is_off for rule in rules.of_kind(KIND)):
            self._slices = iter((*invariants.PROOFS, *digests.DIGESTED))

    async def _prove(self, proof: Proof) -> None:
        async with self._transactions.database.snapshot() as session:
            await invariants.begin(session)
            found = [
                (row["place"], row["expected"], row["found"])
                for row in await invariants.differences(session, proof)
            ]
        await self._report(proof.name, found)

    async def _verify(self, table: str) -> int:
        """Verify the next page of a table. A page with a difference is the last of the round."""
        async with self._transactions.database.snapshot() as session:
            after = self._verified.get(table)
            rows = await digests.digested(session, table, after, PAGE_MAX)
            found = await row_digests.changed(session, table, rows) if rows else []
        is_last = bool(found) or len(rows) < PAGE_MAX
        if not found and rows:
            self._verified[table] = rows[-1].id
        if is_last:
            self._table = None
            await self._report(f"{table} digests", found)
        return 0 if is_last else 1

    async def _report(self, name: str, found: list[row_digests.Found]) -> None:
        await self._transactions.run(partial(_follow, name=name, found=found))


async def _follow(tx: Transaction, name: str, found: list[row_digests.Found]) -> None:
    """Open or clear the exception of a proof. One that a person resolved stays silent."""
    if not found:
        await exceptions.clear(tx, KIND, ("Proof", name))
        return
    is_silent = (await conditions.subjects_of_kind(tx.session, KIND)).get(name, False)
    if is_silent:
        return
    place, expected, shown = found[0]
    more = f", and {len(found) - 1:,} more places" if len(found) > 1 else ""
    await exceptions.open_exception(
        tx,
        KIND,
        ("Proof", name),
        f"{name}: {place}: expected {expected}, found {shown}{more}.",
    )
