"""Sweeps of exceptions, and what they have opened."""

from __future__ import annotations

from typing import Any

from models.database.database import Database
from tests.builders.transactions import rows
from workflows.exceptions.sweep import ExceptionSweep
from workflows.transactions.runner import Transactions


async def sweep(transactions: Transactions) -> None:
    """Open exceptions for all that is overdue: one whole sweep."""
    steps = ExceptionSweep(transactions)
    while await steps.step():
        pass


async def of_kind(database: Database, kind: str) -> list[dict[str, Any]]:
    """All exceptions of a kind, oldest first."""
    return await rows(
        database,
        "SELECT * FROM operational_exception WHERE kind = $1 ORDER BY opened_at, subject_key",
        kind,
    )


async def statuses(database: Database, kind: str) -> list[str]:
    """The status of each exception of a kind, oldest first."""
    return [row["status"] for row in await of_kind(database, kind)]
