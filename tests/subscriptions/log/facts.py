"""Events to write to the log, and helpers to wait for them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from models.database.database import Database
from tests.builders.payloads import payload_of
from workflows.transactions.actions import Reactions
from workflows.transactions.runner import BeforeCommit, Transactions
from workflows.transactions.transaction import Transaction

NO_REACTIONS = Reactions({})


def now() -> datetime:
    return datetime.now(UTC)


def transactions(
    database: Database,
    committed: Callable[[], None] = lambda: None,
    before_commit: BeforeCommit = lambda events: None,
) -> Transactions:
    """Transactions without reactions."""
    return Transactions(
        database,
        clock=now,
        new_id=uuid.uuid4,
        reactions=NO_REACTIONS,
        committed=committed,
        before_commit=before_commit,
    )


def note(tx: Transaction, number: int, **facts: Any) -> None:
    """Record an event with a number in its data."""
    subject_type, key = facts.pop("subject", ("Item", number))
    data = {"number": number, **facts.pop("data", {})}
    payload = payload_of(facts.pop("type", "item.noted"), subject_type, data)
    tx.outbox.record(payload, key, actor=facts.pop("actor", "tester"), **facts)


async def write(writer: Transactions, *numbers: int, **facts: Any) -> None:
    """Commit a transaction with one event per number."""

    async def work(tx: Transaction) -> None:
        for number in numbers:
            note(tx, number, **facts)

    await writer.run(work)


async def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    """Poll until the condition is true."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Open a database during the block. Tortoise supports one database at a time."""
    database = Database(url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
