"""Reads of the journal, balances, and closed periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.returns.states import references_named
from models.database.rows import Total
from models.database.sessions import Session
from models.ledger import JournalEntryRow as JournalEntryRow
from models.ledger import JournalLineRow as JournalLineRow
from models.ledger import PeriodCloseRow as PeriodCloseRow
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import CHECKED, Scope
from models.queries.listing.whole_lists import whole_list

_ID = SortKey("e.id", "id", "uuid")
_LINE_ENTRY = SortKey("l.entry_id", "id", "uuid")
PERIODS_MAX = 5_000


def _visible(scope: Scope) -> Listing[JournalEntryRow]:
    listing = Listing(JournalEntryRow, "e.*", visibility.JOURNAL_ENTRY.table, _ID)
    return visibility.JOURNAL_ENTRY.within(listing, scope)


def _on_account(scope: Scope, account: str) -> Listing[JournalEntryRow]:
    """Entries with a line on this account, in the order of the account's index.

    Of several lines of an entry on the account, only the first counts.
    """
    source = "journal_line l JOIN journal_entry e ON e.id = l.entry_id"
    listing = Listing(JournalEntryRow, "e.*", source, _LINE_ENTRY).equal("l.account", account)
    listing.where(
        "NOT EXISTS (SELECT 1 FROM journal_line k WHERE k.entry_id = l.entry_id"
        f" AND k.account = l.account AND k.line_no < l.line_no{CHECKED})"
    )
    return visibility.JOURNAL_ENTRY.within(listing, scope)


class _Conditions:
    """The WHERE clause of a statement over visible entries `e`, and its values."""

    def __init__(self, scope: Scope) -> None:
        self.values: list[object] = []
        self._conditions: list[str] = []
        for condition in visibility.JOURNAL_ENTRY.conditions(scope):
            text, values = visibility.bound(condition, scope)
            self.add(text, *values)

    def add(self, condition: str, *values: object) -> Self:
        """Only rows with this condition; each `{}` becomes the placeholder of a value."""
        first = len(self.values) + 1
        places = [f"${first + number}" for number in range(len(values))]
        self._conditions.append(condition.format(*places))
        self.values.extend(values)
        return self

    def __str__(self) -> str:
        return " AND ".join(self._conditions)


async def entries(
    session: Session, scope: Scope, window: Window, *, reference: str | None, account: str | None
) -> Page[JournalEntryRow]:
    """Journal entries by reference and account, newest first."""
    listing = _visible(scope) if account is None else _on_account(scope, account)
    return await listing.referring("e.reference", reference).page(session, window)


async def entries_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, JournalEntryRow]:
    """Journal entries by id, if the caller may see them."""
    listing = _visible(scope).where("e.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def lines_by_entry(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[JournalLineRow]]:
    """The lines of each of these entries, in their order."""
    rows = await session.rows(
        JournalLineRow,
        "SELECT entry_id, account, currency, debit_minor, credit_minor FROM journal_line"
        " WHERE entry_id = ANY($1::uuid[]) ORDER BY entry_id, line_no",
        list(ids),
    )
    return grouped(rows, "entry_id")


class AccountTotalsRow(TypedDict):
    """Debits and credits of an account in a currency."""

    account: str
    currency: str
    debit_minor: Total
    credit_minor: Total


async def balances(session: Session, scope: Scope, as_of: datetime) -> Sequence[AccountTotalsRow]:
    """Debits and credits of each account and currency, of visible entries up to `as_of`."""
    where = _Conditions(scope).add("e.effective_at <= {}", as_of)
    return await session.rows(
        AccountTotalsRow,
        "SELECT l.account, l.currency, sum(l.debit_minor) AS debit_minor,"
        " sum(l.credit_minor) AS credit_minor FROM journal_line l"
        " JOIN journal_entry e ON e.id = l.entry_id"
        f" WHERE {where} GROUP BY l.account, l.currency ORDER BY l.account, l.currency",
        *where.values,
    )


async def periods(session: Session) -> Sequence[PeriodCloseRow]:
    """Closed periods, newest first."""
    rows = await session.rows(
        PeriodCloseRow,
        f"SELECT * FROM period_close ORDER BY through_at DESC LIMIT {PERIODS_MAX + 1}",
    )
    return whole_list(rows, PERIODS_MAX, "closed periods")


async def periods_by_id(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, PeriodCloseRow]:
    """Closed periods by id."""
    rows = await session.rows(
        PeriodCloseRow, "SELECT * FROM period_close WHERE id = ANY($1::uuid[])", list(ids)
    )
    return by_key(rows, "id")


@dataclass(frozen=True, slots=True)
class JournalCut:
    """Part of the journal: facts from `since` up to but excluding `until`; None: no bound."""

    posted_until: datetime
    since: datetime | None = None
    until: datetime | None = None
    account: str | None = None
    reference: str | None = None


class ExportedLineRow(TypedDict):
    """A journal line with its entry, and the codes of the entry's channel and location."""

    entry_id: UUID
    posted_at: datetime
    effective_at: datetime
    reference: str
    memo: str
    reverses_id: UUID | None
    channel: str | None
    location: str | None
    actor: str
    line_no: int
    account: str
    currency: str
    debit_minor: int
    credit_minor: int


async def journal_lines(
    session: Session,
    scope: Scope,
    cut: JournalCut,
    after: Sequence[object] | None,
    limit: int,
) -> Sequence[ExportedLineRow]:
    """Journal lines with their entry, oldest fact first, after (effective_at, entry, line)."""
    where = _Conditions(scope).add("e.posted_at <= {}", cut.posted_until)
    if cut.since is not None:
        where.add("e.effective_at >= {}", cut.since)
    if cut.until is not None:
        where.add("e.effective_at < {}", cut.until)
    if cut.account is not None:
        where.add("l.account = {}", cut.account)
    if cut.reference is not None:
        where.add("e.reference = ANY({}::text[])", references_named(cut.reference))
    if after is not None:
        where.add("(e.effective_at, e.id, l.line_no) > ({}, {}, {})", *after)
    return await session.rows(
        ExportedLineRow,
        "SELECT e.id AS entry_id, e.posted_at, e.effective_at, e.reference, e.memo, e.reverses_id,"
        " c.code AS channel, p.code AS location, e.actor, l.line_no, l.account, l.currency,"
        " l.debit_minor, l.credit_minor FROM journal_entry e"
        " JOIN journal_line l ON l.entry_id = e.id LEFT JOIN channel c ON c.id = e.channel_id"
        " LEFT JOIN location p ON p.id = e.location_id"
        f" WHERE {where} ORDER BY e.effective_at, e.id, l.line_no LIMIT {limit}",
        *where.values,
    )
