"""The books: every fact posts a balanced entry in its own transaction (6.1, 6.2).

`domain.ledger` makes the entry of each kind of fact. Where units move, callers move the item's
cost with `tx.costs` first and post what it returned.
"""

from __future__ import annotations

from uuid import UUID

from domain.ledger import JournalEntry, check_balance
from models.ledger import JournalEntry as EntryRow
from models.ledger import JournalLine as LineRow
from workflows.digests import digest
from workflows.transactions import Transaction


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
    is written.
    """
    check_balance(entry.lines)
    if entry.is_empty:
        return None
    entry_id = tx.new_id()
    row = {
        "id": entry_id,
        "posted_at": tx.now,
        "effective_at": entry.effective_at,
        "memo": entry.memo,
        "reference": entry.reference,
        "reverses_id": entry.reverses,
        "channel_id": channel_id,
        "location_id": location_id,
        "actor": actor,
    }
    amounts = [[x.account, x.currency, x.debit_minor, x.credit_minor] for x in entry.lines]
    content = digest({**row, "lines": amounts})
    tx.outbox.cover(content)
    tx.add(EntryRow, {**row, "digest": content})
    for number, (account, currency, debit_minor, credit_minor) in enumerate(amounts, start=1):
        tx.add(
            LineRow,
            {
                "id": tx.new_id(),
                "entry_id": entry_id,
                "line_no": number,
                "account": account,
                "currency": currency,
                "debit_minor": debit_minor,
                "credit_minor": credit_minor,
            },
        )
    return entry_id
