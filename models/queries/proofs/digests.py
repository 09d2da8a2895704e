"""Rows that carry a digest of their content, read to verify it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast
from uuid import UUID

from models.database.sessions import Session

# Tables whose rows carry a digest, and the columns that it covers.
DIGESTED: dict[str, tuple[str, ...]] = {
    "stock_movement": (
        *("id", "kind", "item_id", "location_id", "from_state", "to_state", "quantity"),
        *("reason_id", "channel_id", "reference", "note", "actor", "occurred_at", "value_minor"),
        *("value_currency", "transaction_id"),
    ),
    "bin_movement": (
        *("id", "level_id", "from_bin_id", "to_bin_id", "quantity", "actor", "occurred_at"),
        "transaction_id",
    ),
    "journal_entry": (
        *("id", "posted_at", "effective_at", "memo", "reference", "reverses_id", "channel_id"),
        *("location_id", "actor", "transaction_id"),
    ),
    "event": (
        *("id", "type", "occurred_at", "actor", "subject_type", "subject_key", "subject_version"),
        *("channel_id", "location_id", "data", "transaction_id"),
    ),
    "audit_entry": (
        *("id", "recorded_at", "actor", "action", "subject", "before", "after"),
        *("content_digest", "transaction_id"),
    ),
}


@dataclass(frozen=True, slots=True)
class DigestedRow:
    """A row's columns that its digest covers, and the digest."""

    content: Mapping[str, object]
    digest: str

    @property
    def id(self) -> object:
        """The row's id: a UUID, or an event's number."""
        return self.content["id"]


async def digested(
    session: Session, table: str, after: object, limit: int
) -> Sequence[DigestedRow]:
    """The next rows after an id, in id order; `after` None: from the first."""
    where = "" if after is None else "WHERE id > $1"
    args = () if after is None else (after,)
    return await _digested(session, table, f"{where} ORDER BY id LIMIT {limit}", *args)


async def digested_by_id(
    session: Session, table: str, ids: Sequence[UUID]
) -> Sequence[DigestedRow]:
    """The rows with these ids."""
    return await _digested(session, table, "WHERE id = ANY($1::uuid[])", list(ids))


async def _digested(
    session: Session, table: str, condition: str, *args: object
) -> Sequence[DigestedRow]:
    names = DIGESTED[table]
    rows = await session.fetch(f"SELECT {', '.join(names)}, digest FROM {table} {condition}", *args)
    return [DigestedRow({name: row[name] for name in names}, row["digest"]) for row in rows]


class CoveredLineRow(TypedDict):
    """A journal line with all its columns, which the digest of its entry covers."""

    id: UUID
    entry_id: UUID
    line_no: int
    account: str
    currency: str
    debit_minor: int
    credit_minor: int


async def lines_of_entries(
    session: Session, entry_ids: Sequence[object]
) -> Sequence[CoveredLineRow]:
    """The journal lines of these entries, in line order."""
    return await session.rows(
        CoveredLineRow,
        "SELECT id, entry_id, line_no, account, currency, debit_minor, credit_minor"
        " FROM journal_line WHERE entry_id = ANY($1::uuid[]) ORDER BY entry_id, line_no",
        list(entry_ids),
    )


_COVERED = ("stock_movement", "bin_movement", "journal_entry", "event", "archived_event")
_BY_TRANSACTION = " UNION ALL ".join(
    (
        *(
            f"SELECT transaction_id, digest, NULL AS content_digest FROM {table}"
            for table in _COVERED
        ),
        "SELECT transaction_id, NULL, content_digest FROM audit_entry",
    )
)


class TransactionDigestRow(TypedDict):
    """A digest that a transaction wrote, or one by which an audit row covers all of them."""

    transaction_id: UUID
    digest: str | None
    content_digest: str | None


def by_transaction(session: Session, size: int) -> AsyncIterator[Sequence[TransactionDigestRow]]:
    """The digests written by each transaction, and the digests in its audit rows that cover them.

    Rows of (transaction_id, digest, content_digest); one of the two digests is null. The database
    sorts them, because an index for this query alone would cost every writer.
    """
    pages = session.pages(f"{_BY_TRANSACTION} ORDER BY transaction_id", size)
    return cast("AsyncIterator[Sequence[TransactionDigestRow]]", pages)
