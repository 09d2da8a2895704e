"""The journal: every business event posts a balanced entry in its own transaction.

`domain.ledger.entries` makes each kind of entry. If units move, the caller first moves the item's
cost with `tx.costs` and posts the cost that it returned.

Entries are written last, before the events only. The transaction takes a shared lock on the books,
which does not block other writers, and then reads the newest close. Closing a period takes the lock
exclusively. So no concurrent transaction can post into a closed period.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import models.queries.ledger as ledger_queries
from domain.ledger.entries import LedgerEntry, check_balance, check_close, in_open_period
from models.ledger import JournalEntry, JournalLine, PeriodClose
from workflows.transactions.digests import digest
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outbox import Outbox
from workflows.transactions.unit_of_work import Restore, UnitOfWork


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """An entry that waits to be written, with its actor, channel and location."""

    id: UUID
    entry: LedgerEntry
    actor: str
    channel_id: int | None
    location_id: int | None


class Journal:
    """The entries of a transaction, written together at its end."""

    def __init__(self, unit: UnitOfWork, outbox: Outbox) -> None:
        self._unit = unit
        self._outbox = outbox
        self._pending: list[PendingEntry] = []

    def post(
        self,
        entry: LedgerEntry,
        *,
        actor: str,
        channel_id: int | None = None,
        location_id: int | None = None,
    ) -> UUID | None:
        """Write an entry at the end of this transaction, covered by its audit rows. Returns its id.

        Returns None for an entry that moves no money; it is not written. Raises UnbalancedEntry
        before anything is written. An entry in a closed period is posted at the first instant after
        it.
        """
        check_balance(entry.lines)
        if entry.is_empty:
            return None
        pending = PendingEntry(self._unit.new_id(), entry, actor, channel_id, location_id)
        self._pending.append(pending)
        return pending.id

    @property
    def has_pending(self) -> bool:
        """True if entries wait to be written."""
        return bool(self._pending)

    async def add_rows(self) -> None:
        """Add the entries to the rows to insert, each in an open period: at its time or later.

        All other rows but the events are written before, because closing the books waits for this.
        """
        pending, self._pending = self._pending, []
        self._unit.locking(LockClass.LEDGER)
        closed_through = await ledger_queries.hold_open(self._unit.session)
        for each in pending:
            self._add(each, in_open_period(each.entry, closed_through))

    def _add(self, pending: PendingEntry, entry: LedgerEntry) -> None:
        unit = self._unit
        row = {
            "id": pending.id,
            "posted_at": unit.now,
            "effective_at": entry.effective_at,
            "memo": entry.memo,
            "reference": entry.reference,
            "reverses_id": entry.reverses,
            "channel_id": pending.channel_id,
            "location_id": pending.location_id,
            "actor": pending.actor,
            "transaction_id": unit.id,
        }
        lines = [
            {
                "id": unit.new_id(),
                "line_no": number,
                "account": line.account,
                "currency": line.currency,
                "debit_minor": line.debit_minor,
                "credit_minor": line.credit_minor,
            }
            for number, line in enumerate(entry.lines, start=1)
        ]
        content = digest({**row, "lines": [list(line.values()) for line in lines]})
        self._outbox.cover(content)
        unit.add(JournalEntry, {**row, "digest": content})
        for line in lines:
            unit.add(JournalLine, {**line, "entry_id": pending.id})

    async def close(self, through: datetime, actor: str) -> UUID:
        """Close the books up to and including an instant. Returns the id of the close.

        It waits for transactions that are posting; later transactions see the close. Raises
        PeriodNotOpen.
        """
        unit = self._unit
        unit.locking(LockClass.LEDGER)
        closed_through = await ledger_queries.hold_shut(unit.session)
        check_close(through, closed_through, unit.now)
        close_id = unit.new_id()
        row = {"id": close_id, "through_at": through, "closed_at": unit.now, "closed_by": actor}
        unit.add(PeriodClose, row)
        return close_id

    def snapshot(self) -> Restore:
        """Return a function that discards all entries posted from now on."""
        count = len(self._pending)

        def restore() -> None:
            del self._pending[count:]

        return restore
