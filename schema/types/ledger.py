"""The books: journal entries, and the balance of each account."""

from datetime import datetime

import strawberry

from domain.accounts import ACCOUNT_NAMES
from models.sessions import Row
from schema.context import Context
from schema.types.money import Money
from schema.types.node import Node, found_by, node_edge
from schema.types.records import edge, made


@strawberry.type
class JournalLine:
    """A debit or a credit of one account."""

    account: str
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
    """One fact in the books; never changed, corrected by an entry that reverses it."""

    posted_at: datetime
    effective_at: datetime
    memo: str
    reference: str
    # its debits and credits, which are equal per currency
    lines: list[JournalLine] = edge(
        lambda loaders: loaders.lines_of_entry,
        "id",
        made(lambda _, rows: [JournalLine.from_row(row) for row in rows or ()]),
    )
    # the entry that this one takes back
    reverses: "JournalEntry | None" = node_edge("JournalEntry", "reverses_id")


@strawberry.type
class AccountBalance:
    """What an account was debited and credited in one currency; balance is debit − credit."""

    account: str
    name: str
    debit: Money
    credit: Money
    balance: Money

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
    """All accounts as of an instant, cut by `effectiveAt`; one row per account and currency."""

    as_of: datetime
    balanced: bool
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
    closed_at: datetime
    closed_by: str

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Period":
        """A row of period_close."""
        return cls(
            through=row["through_at"], closed_at=row["closed_at"], closed_by=row["closed_by"]
        )
