"""The books: every fact posts a balanced entry in its own transaction (6.1, 6.2).

`domain.ledger.entries` makes the entry of each kind of fact. Where units move, callers move the
item's cost with `tx.costs` first and post what it returned.

Entries are written last, in front of the events only. Then the books are held open, which costs no
other writer anything, and the newest close is read behind that: whoever closes a period waits for
those who hold the books open, so that nothing is booked into a closed period even in a race.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import models.queries.ledger as ledger_queries
from domain.ledger.entries import JournalEntry, check_balance, check_close, in_open_period
from models.ledger import JournalEntry as EntryRow
from models.ledger import JournalLine as LineRow
from models.ledger import PeriodClose
from workflows.transactions.digests import digest

if TYPE_CHECKING:
    from workflows.transactions.runner import Transaction


@dataclass(frozen=True, slots=True)
class Booking:
    """An entry that waits to be written, and whose fact it is."""

    id: UUID
    entry: JournalEntry
    actor: str
    channel_id: int | None
    location_id: int | None


class Journal:
    """The entries of a transaction, written together at its end."""

    def __init__(self) -> None:
        self._bookings: list[Booking] = []

    def add(self, booking: Booking) -> None:
        """Have an entry written with the transaction."""
        self._bookings.append(booking)

    def mark(self) -> int:
        """What to restore when a savepoint is rolled back."""
        return len(self._bookings)

    def restore(self, mark: int) -> None:
        """Forget what was posted since the mark."""
        del self._bookings[mark:]

    @property
    def has_bookings(self) -> bool:
        """Whether entries wait to be written."""
        return bool(self._bookings)

    async def book(self, tx: Transaction) -> None:
        """Add the entries to what is written next, each in the first open period from its time on.

        Everything else but the events is written before: who closes the books waits for us.
        """
        bookings, self._bookings = self._bookings, []
        tx.locking_ledger()
        closed_through = await ledger_queries.hold_open(tx.session)
        for booking in bookings:
            entry, lines = _rows(tx, booking, closed_through)
            tx.add(EntryRow, entry)
            for line in lines:
                tx.add(LineRow, line)


def post(
    tx: Transaction,
    entry: JournalEntry,
    *,
    actor: str,
    channel_id: int | None = None,
    location_id: int | None = None,
) -> UUID | None:
    """Write an entry with this transaction, covered by its audit rows; its id.

    An entry that moves no money is not written: then None. Raises UnbalancedEntry before anything
    is written. A fact of a closed period is booked at the first instant after it.
    """
    check_balance(entry.lines)
    if entry.is_empty:
        return None
    booking = Booking(tx.new_id(), entry, actor, channel_id, location_id)
    tx.journal.add(booking)
    return booking.id


async def close(tx: Transaction, through: datetime, actor: str) -> UUID:
    """Close the books up to and including an instant; the id of the close.

    Waits for those who are booking; whoever books later sees the close. Raises PeriodClosed.
    """
    tx.locking_ledger()
    closed_through = await ledger_queries.hold_shut(tx.session)
    check_close(through, closed_through, tx.now)
    close_id = tx.new_id()
    row = {"id": close_id, "through_at": through, "closed_at": tx.now, "closed_by": actor}
    tx.add(PeriodClose, row)
    return close_id


def _rows(
    tx: Transaction, booking: Booking, closed_through: datetime | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    entry = in_open_period(booking.entry, closed_through)
    row = {
        "id": booking.id,
        "posted_at": tx.now,
        "effective_at": entry.effective_at,
        "memo": entry.memo,
        "reference": entry.reference,
        "reverses_id": entry.reverses,
        "channel_id": booking.channel_id,
        "location_id": booking.location_id,
        "actor": booking.actor,
        "transaction_id": tx.id,
    }
    amounts = [[x.account, x.currency, x.debit_minor, x.credit_minor] for x in entry.lines]
    content = digest({**row, "lines": amounts})
    tx.outbox.cover(content)
    lines = [
        {
            "id": tx.new_id(),
            "entry_id": booking.id,
            "line_no": number,
            "account": account,
            "currency": currency,
            "debit_minor": debit_minor,
            "credit_minor": credit_minor,
        }
        for number, (account, currency, debit_minor, credit_minor) in enumerate(amounts, start=1)
    ]
    return {**row, "digest": content}, lines
