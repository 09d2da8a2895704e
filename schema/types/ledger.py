"""The books: journal entries, and the balance of each account."""

from datetime import datetime

import strawberry

from domain.ledger.accounts import ACCOUNT_NAMES
from models.database.sessions import Row
from schema.context import Context
from schema.fields.edges import edge, node_edge
from schema.fields.money import Money
from schema.fields.node import Node, found_by
from server.projection.records import made


@strawberry.type
class JournalLine:
    """A debit or a credit of one account: the other one is null."""

    account: str
    """Its code: `inventory`, …"""
    debit: Money | None
    credit: Money | None

    @staticmethod
    def from_row(row: Row) -> "JournalLine":
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
    """One fact in the books. It is never changed; an entry that reverses it corrects it."""

    posted_at: datetime
    """When it was booked."""
    effective_at: datetime
    """When the fact happened; for a fact of a closed period the first instant after it, and the
    memo has the true time.
    """
    memo: str
    """What happened, for people."""
    reference: str
    """Number of the document: an order, a return (RMA), a delivery."""
    lines: list[JournalLine] = edge(
        lambda loaders: loaders.lines_of_entry,
        "id",
        made(lambda _, rows: [JournalLine.from_row(row) for row in rows or ()]),
    )
    """Debits and credits, equal in each currency."""
    reverses: "JournalEntry | None" = node_edge("JournalEntry", "reverses_id")
    """The entry that this one takes back; null: none."""


@strawberry.type
class AccountBalance:
    """What an account was debited and credited in one currency."""

    account: str
    """Its code."""
    name: str
    debit: Money
    credit: Money
    balance: Money
    """Debit less credit."""

    @staticmethod
    def from_row(row: Row) -> "AccountBalance":
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
    """All accounts as of an instant, one row per account and currency.

    Entries count from their `effectiveAt`.
    """

    as_of: datetime
    balanced: bool
    """Whether debits and credits are equal in each currency."""
    accounts: list[AccountBalance]

    @staticmethod
    def from_rows(rows: list[Row], as_of: datetime) -> "TrialBalance":
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
    """The books are closed up to and including an instant."""

    through: datetime
    """The last instant that is closed."""
    closed_at: datetime
    closed_by: str
    """The actor who closed it."""

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Period":
        """A row of period_close."""
        return cls(
            through=row["through_at"], closed_at=row["closed_at"], closed_by=row["closed_by"]
        )
