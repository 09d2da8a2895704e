"""Transactions on a test's database, with a clock that the test controls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson

from domain.terms import DEFAULT_TERMS, Terms
from models.database.database import Database
from workflows.transactions.actions import Reactions
from workflows.transactions.outcomes import Outcome
from workflows.transactions.runner import Transactions

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that moves only when a test moves it."""

    now: datetime = field(default=MORNING)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        """Move the clock by a timedelta with these arguments."""
        self.now += timedelta(**duration)


def transactions_on(
    database: Database,
    *,
    clock: Clock | None = None,
    reactions: Reactions | None = None,
    terms: Terms = DEFAULT_TERMS,
) -> Transactions:
    """Create the Transactions of a test."""
    return Transactions(
        database,
        clock=clock or Clock(),
        new_id=uuid4,
        reactions=reactions or Reactions({}),
        terms=terms,
    )


def codes(outcome: Outcome) -> list[tuple[str, tuple[str, ...]]]:
    """(code, field) of each refusal."""
    return [(refusal.code, refusal.field) for refusal in outcome.refusals]


async def rows(database: Database, sql: str, *args: object) -> list[dict[str, Any]]:
    """Rows of a query in a new snapshot."""
    async with database.snapshot() as session:
        return [dict(row) for row in await session.fetch(sql, *args)]


async def events(database: Database, prefix: str = "") -> list[Mapping[str, Any]]:
    """Type, version and data of the events whose type starts with `prefix`, in order."""
    found = await rows(
        database,
        "SELECT type, subject_version, data FROM event WHERE type LIKE $1 ORDER BY id",
        f"{prefix}%",
    )
    return [{**row, "data": orjson.loads(row["data"])} for row in found]


async def counts(database: Database, *tables: str) -> dict[str, int]:
    """Number of rows in each table, to prove that a refused command changed nothing."""
    return {
        table: (await rows(database, f"SELECT COUNT(*) AS number FROM {table}"))[0]["number"]
        for table in tables
    }
