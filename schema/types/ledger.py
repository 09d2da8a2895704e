"""Ledger: journal entries, trial balance and closed periods."""

from collections.abc import Sequence
from datetime import datetime

import strawberry

from domain.ledger.accounts import ACCOUNT_NAMES
from models.queries.reads.ledger import AccountTotalsRow, JournalLineRow, PeriodCloseRow
from schema.context import Context
from schema.fields.edges import edge, node_edge
from schema.fields.money import Money
from schema.fields.node import Node, found_by
from server.projection.records import made


@strawberry.type
class JournalLine:
    """A debit or a credit of one account; the other one is null."""

    account: str
    """Code of the account: `inventory`, …"""
    debit: Money | None
    credit: Money | None

    @staticmethod
    def from_row(row: JournalLineRow) -> "JournalLine":
        """A row of journal_line."""
        debit, credit = row["debit_minor"], row["credit_minor"]
        return JournalLine(
            account=row["account"],
            debit=Money.of(debit, row["currency"]) if debit else None,
            credit=Money.of(credit, row["currency"]) if credit else None,
        )


@found_by(lambda loaders: loaders.entries)
@strawberry.type
class JournalEntry(Node):
    """An entry of the journal. Entries never change; corrections are made by a reversing entry."""

    posted_at: datetime
    """Time of posting."""
    effective_at: datetime
    """Time at which the entry takes effect. For an event in a closed period it is the first instant
    after that period; `memo` has the true time.
    """
    memo: str
    """Description for people."""
    reference: str
    """Number of the document: of an order, a return (RMA) or a delivery."""
    lines: list[JournalLine] = edge(
        lambda loaders: loaders.lines_of_entry,
        "id",
        made(lambda _, rows: [JournalLine.from_row(row) for row in rows or ()]),
        rows=20,
    )
    """Lines of the entry. Debits and credits are equal in each currency."""
    reverses: "JournalEntry | None" = node_edge("JournalEntry", "reverses_id")
    """The entry that this one reverses; null: none."""


@strawberry.type
class AccountBalance:
    """Debits and credits of an account in one currency."""

    account: str
    """Code of the account."""
    name: str
    debit: Money
    credit: Money
    balance: Money
    """Debit minus credit."""

    @staticmethod
    def from_row(row: AccountTotalsRow) -> "AccountBalance":
        """A sum over journal lines."""
        debit, credit, currency = int(row["debit_minor"]), int(row["credit_minor"]), row["currency"]
        return AccountBalance(
            account=row["account"],
            name=ACCOUNT_NAMES.get(row["account"], row["account"]),
            debit=Money.of(debit, currency),
            credit=Money.of(credit, currency),
            balance=Money.of(debit - credit, currency),
        )


@strawberry.type
class TrialBalance:
    """Balances at an instant, one row per account and currency.

    Entries with an `effectiveAt` up to that instant count.
    """

    as_of: datetime
    balanced: bool
    """True if debits and credits are equal in each currency."""
    accounts: list[AccountBalance]

    @staticmethod
    def from_rows(rows: Sequence[AccountTotalsRow], as_of: datetime) -> "TrialBalance":
        """Sums per account and currency."""
        difference: dict[str, int] = {}
        for row in rows:
            change = int(row["debit_minor"]) - int(row["credit_minor"])
            difference[row["currency"]] = difference.get(row["currency"], 0) + change
        return TrialBalance(
            as_of=as_of,
            balanced=not any(difference.values()),
            accounts=[AccountBalance.from_row(row) for row in rows],
        )


@found_by(lambda loaders: loaders.periods)
@strawberry.type
class Period:
    """A closed period: no entry can take effect up to and including its last instant."""

    through: datetime
    """Last instant of the period."""
    closed_at: datetime
    closed_by: str
    """Actor that closed it."""

    @classmethod
    def from_row(cls, row: PeriodCloseRow, context: Context) -> "Period":
        """A row of period_close."""
        return cls(
            through=row["through_at"], closed_at=row["closed_at"], closed_by=row["closed_by"]
        )
