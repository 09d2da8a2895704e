"""Reads of the journal, balances, and closed periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from domain.returns.states import references_named
from models.database.rows import Total
from models.database.sessions import Session
from models.ledger import JournalEntryRow as JournalEntryRow
from models.ledger import JournalLineRow as JournalLineRow
from models.ledger import PeriodCloseRow as PeriodCloseRow
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import CHECKED, Scope

_ID = SortKey("e.id", "id", "uuid")
_LINE_ENTRY = SortKey("l.entry_id", "id", "uuid")
PERIODS_MAX = 5_000


def _visible(scope: Scope) -> Listing[JournalEntryRow]:
    return _within(Listing(JournalEntryRow, "e.*", "journal_entry e", _ID), scope)


def _within(listing: Listing[JournalEntryRow], scope: Scope) -> Listing[JournalEntryRow]:
    return listing.within_or_none("e.channel_id", scope.channel_ids).within_or_none(
        "e.location_id", scope.location_ids
    )


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
    return _within(listing, scope)


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
    """Debits and credits of each account and currency, of entries effective up to `as_of`."""
    conditions, values = ["e.effective_at <= $1"], [as_of]
    sums: list[object] = [*values]
    for column, ids in (("channel_id", scope.channel_ids), ("location_id", scope.location_ids)):
        if ids is not None:
            sums.append(list(ids))
            place = f"${len(sums)}::bigint[]"
            conditions.append(f"(e.{column} IS NULL OR e.{column} = ANY({place}))")
    return await session.rows(
        AccountTotalsRow,
        "SELECT l.account, l.currency, sum(l.debit_minor) AS debit_minor,"
        " sum(l.credit_minor) AS credit_minor FROM journal_line l"
        " JOIN journal_entry e ON e.id = l.entry_id"
        f" WHERE {' AND '.join(conditions)} GROUP BY l.account, l.currency"
        " ORDER BY l.account, l.currency",
        *sums,
    )


async def periods(session: Session) -> Sequence[PeriodCloseRow]:
    """Closed periods, newest first."""
    return await session.rows(
        PeriodCloseRow, f"SELECT * FROM period_close ORDER BY through_at DESC LIMIT {PERIODS_MAX}"
    )


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
    conditions = ["e.posted_at <= $1"]
    arguments: list[object] = [cut.posted_until]

    def where(condition: str, *given: object) -> None:
        places = [f"${len(arguments) + number}" for number in range(1, len(given) + 1)]
        conditions.append(condition.format(*places))
        arguments.extend(given)

    for column, ids in (("channel_id", scope.channel_ids), ("location_id", scope.location_ids)):
        if ids is not None:
            where(f"(e.{column} IS NULL OR e.{column} = ANY({{}}::bigint[]))", list(ids))
    if cut.since is not None:
        where("e.effective_at >= {}", cut.since)
    if cut.until is not None:
        where("e.effective_at < {}", cut.until)
    if cut.account is not None:
        where("l.account = {}", cut.account)
    if cut.reference is not None:
        where("e.reference = ANY({}::text[])", references_named(cut.reference))
    if after is not None:
        where("(e.effective_at, e.id, l.line_no) > ({}, {}, {})", *after)
    return await session.rows(
        ExportedLineRow,
        "SELECT e.id AS entry_id, e.posted_at, e.effective_at, e.reference, e.memo, e.reverses_id,"
        " c.code AS channel, p.code AS location, e.actor, l.line_no, l.account, l.currency,"
        " l.debit_minor, l.credit_minor FROM journal_entry e"
        " JOIN journal_line l ON l.entry_id = e.id LEFT JOIN channel c ON c.id = e.channel_id"
        " LEFT JOIN location p ON p.id = e.location_id"
        f" WHERE {' AND '.join(conditions)}"
        f" ORDER BY e.effective_at, e.id, l.line_no LIMIT {limit}",
        *arguments,
    )
