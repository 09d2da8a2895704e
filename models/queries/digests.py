"""Rows that carry a digest of their content, read again to be held against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.sessions import Row, Session

# Tables whose rows carry a digest of their content, and the columns that it covers.
DIGESTED: dict[str, tuple[str, ...]] = {
    "stock_movement": (
        *("id", "kind", "item_id", "location_id", "from_state", "to_state", "quantity"),
        *("reason_id", "reference", "note", "actor", "occurred_at", "value_minor"),
        "value_currency",
    ),
    "journal_entry": (
        *("id", "posted_at", "effective_at", "memo", "reference", "reverses_id", "channel_id"),
        *("location_id", "actor"),
    ),
    "event": (
        *("id", "type", "occurred_at", "actor", "subject_type", "subject_key", "subject_version"),
        *("channel_id", "location_id", "data"),
    ),
    "audit_entry": (
        *("id", "recorded_at", "actor", "action", "subject", "before", "after"),
        "content_digest",
    ),
}


async def digested(session: Session, table: str, after: Any, limit: int) -> Sequence[Row]:
    """The next rows behind an id, in id order; from the first where `after` is None."""
    columns = ", ".join(DIGESTED[table])
    where = "" if after is None else "WHERE id > $1"
    args = () if after is None else (after,)
    return await session.fetch(
        f"SELECT {columns}, digest FROM {table} {where} ORDER BY id LIMIT {limit}", *args
    )


async def lines_of_entries(session: Session, entry_ids: Sequence[Any]) -> Sequence[Row]:
    """The journal lines of these entries, in line order."""
    return await session.fetch(
        "SELECT entry_id, account, currency, debit_minor, credit_minor FROM journal_line"
        " WHERE entry_id = ANY($1::uuid[]) ORDER BY entry_id, line_no",
        list(entry_ids),
    )
