"""Version 21: each filter of a list has an index in the order of the list.

Without it, a page reads all rows with the value and sorts them, or all rows without it. Live holds
are in no new index, so making a hold costs as much as before; ending one adds an entry. Lines of
the journal change their index for one of the same size.

Cancellations from before version 4 have no journal entry. Only they can lack their refund, so the
job that looks for them reads an index in which no new cancellation appears.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

_STATEMENTS = (
    "CREATE INDEX reservation_ended ON reservation (status, created_at, id) WHERE status <> 'HELD'",
    "CREATE INDEX task_by_queue ON task (queue, priority, seniority, id)",
    "CREATE INDEX operational_exception_severity ON operational_exception (severity, id)",
    "CREATE INDEX operational_exception_kind ON operational_exception (kind, id)",
    "CREATE INDEX operational_exception_owner ON operational_exception (owner, id)"
    " WHERE owner IS NOT NULL",
    "DROP INDEX journal_line_account",
    "CREATE INDEX journal_line_account ON journal_line (account, entry_id)",
    "CREATE INDEX order_cancellation_old ON order_cancellation (order_id)"
    " WHERE entry_id IS NULL AND refund_minor > 0",
)


def statements(_: Engine) -> Iterator[str]:
    """All statements of this version in order; the same on both engines."""
    yield from _STATEMENTS
