"""The sweep of many expired holds: short transactions, all events, and no batch delays another.

RESTOW_LONG=1 sweeps 100,000 holds instead of 600.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

import models.queries.orders.reservations as reservation_queries
import workflows.reservations.expiry as reservation_expiry
from models.database.database import Database
from models.database.postgres_session import PostgresSession
from models.database.sessions import Session
from models.database.sqlite_session import SqliteSession
from tests.builders.store import SKUS, Shop, hold_all, open_shop
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import reconcile
from workflows.reservations.expiry import LOOK_MAX, SWEPT_LINES_MAX

HOLDS = 100_000 if os.environ.get("RESTOW_LONG") == "1" else 600
# BEGIN; lock the stock, then the holds; end them; write, look for backorders, write; COMMIT
CALLS_MAX = 8
MOVED = """
SELECT transaction_id, COUNT(*) AS lines, COUNT(DISTINCT item_id) AS items FROM stock_movement
WHERE from_state = 'HELD' AND to_state = 'AVAILABLE' GROUP BY transaction_id
"""


@pytest.fixture
async def shop(database: Database) -> Shop:
    shop = await open_shop(database)
    for sku in SKUS:
        await shop.receive(2 * HOLDS, sku)
    return shop


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The calls to the database of each writing transaction."""
    transactions: list[list[str]] = []
    current: dict[Session, list[str]] = {}
    writer = Database.writer

    @asynccontextmanager
    async def recorded(self: Database, committed: Callable[[], None]) -> AsyncIterator[Session]:
        async with writer(self, committed) as session:
            current[session] = []
            transactions.append(current[session])
            yield session

    monkeypatch.setattr(Database, "writer", recorded)
    for session_type in (PostgresSession, SqliteSession):
        for name in ("fetch", "execute", "execute_many", "ask", "write", "write_and_commit"):
            _record(monkeypatch, session_type, name, current)
    return transactions


def _record(
    monkeypatch: pytest.MonkeyPatch,
    session_type: type,
    name: str,
    current: Mapping[Session, list[str]],
) -> None:
    call = getattr(session_type, name)

    async def recorded(self: Session, *args: Any, **named: Any) -> Any:
        if self in current:
            current[self].append(f"{name} {args[:1]}")
        return await call(self, *args, **named)

    monkeypatch.setattr(session_type, name, recorded)


async def test_a_sweep_is_many_short_transactions(
    shop: Shop, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reservation_expiry, "BACKLOG_MIN", 0)
    orders = [[SKUS[n % 4], SKUS[(n + 1) % 4]][: 1 + n % 2] for n in range(HOLDS)]
    await hold_all(shop, orders)
    shop.clock.forward(seconds=60)
    calls.clear()
    swept = 0
    while ended := await reservation_expiry.sweep(shop.transactions):
        swept += ended
    sizes = [len(each) for each in calls]
    assert swept == HOLDS
    moved = await rows(shop.database, MOVED)
    lines = sum(map(len, orders))
    assert sum(row["lines"] for row in moved) == lines
    assert max(row["lines"] for row in moved) <= SWEPT_LINES_MAX
    assert len(sizes) == len(moved) <= lines / (SWEPT_LINES_MAX - 1) + lines / LOOK_MAX + 1
    assert max(sizes) <= CALLS_MAX
    recorded = await rows(
        shop.database,
        "SELECT subject_key, COUNT(*) AS times FROM event WHERE type = 'reservation.expired'"
        " GROUP BY subject_key",
    )
    assert Counter(row["times"] for row in recorded) == {1: HOLDS}
    changed = await rows(
        shop.database,
        "SELECT transaction_id, COUNT(*) AS events FROM event WHERE type = 'stock.changed'"
        " AND actor = 'system' GROUP BY transaction_id",
    )
    # Sorted by item: most batches move the stock of one or two items.
    assert {row["transaction_id"] for row in changed} == {row["transaction_id"] for row in moved}
    assert sum(row["events"] for row in changed) <= 2.5 * len(moved)
    assert await reconcile(shop.database) == []


async def test_batches_are_small_on_sqlite_without_a_backlog(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite every hold waits for the batch that is being written."""
    await hold_all(shop, [["TEE-M"]] * 40)
    shop.clock.forward(seconds=60)
    assert await reservation_expiry.sweep(shop.transactions) == 40
    batches = [row["lines"] for row in await rows(shop.database, MOVED)]
    assert sorted(batches) == ([8, 16, 16] if shop.database.engine == "sqlite" else [40])
    monkeypatch.setattr(reservation_expiry, "BACKLOG_MIN", 40)
    await hold_all(shop, [["TEE-M"]] * 40)
    shop.clock.forward(seconds=60)
    assert await reservation_expiry.sweep(shop.transactions) == 40
    assert max(row["lines"] for row in await rows(shop.database, MOVED)) == 40
    assert await reconcile(shop.database) == []


async def test_a_look_ends_between_holds(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reservation_expiry, "LOOK_MAX", 5)
    await hold_all(shop, [SKUS[:3]] * 3)
    await hold_all(shop, [SKUS, SKUS])
    shop.clock.forward(seconds=60)
    swept = [await reservation_expiry.sweep(shop.transactions) for _ in range(6)]
    assert swept == [1, 1, 1, 1, 1, 0]
    assert await reconcile(shop.database) == []


async def test_a_hold_of_many_lines_is_a_batch_of_its_own(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SWEPT_LINES_MAX", "BRIEF_LINES_MAX"):
        monkeypatch.setattr(reservation_expiry, name, 2)
    await hold_all(shop, [SKUS[:1], SKUS[1:], SKUS[2:3], SKUS[3:]])
    shop.clock.forward(seconds=60)
    assert await reservation_expiry.sweep(shop.transactions) == 4
    moved = await rows(shop.database, MOVED)
    assert sorted(row["lines"] for row in moved) == [1, 2, 3]


async def test_a_batch_that_fails_delays_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SWEPT_LINES_MAX", "BRIEF_LINES_MAX"):
        monkeypatch.setattr(reservation_expiry, name, 1)
    for sku in SKUS:
        await hold_all(shop, [[sku]])
    shop.clock.forward(seconds=60)
    end_holds = reservation_queries.end_holds
    number = 0

    async def fails_once(*args: Any) -> None:
        nonlocal number
        number += 1
        if number == 2:
            raise RuntimeError("broken")
        await end_holds(*args)

    monkeypatch.setattr(reservation_queries, "end_holds", fails_once)
    with pytest.raises(RuntimeError, match="broken"):
        await reservation_expiry.sweep(shop.transactions)
    statuses = await rows(shop.database, "SELECT status FROM reservation ORDER BY status")
    assert [row["status"] for row in statuses] == ["EXPIRED", "EXPIRED", "EXPIRED", "HELD"]
    assert await reservation_expiry.sweep(shop.transactions) == 1
    assert await reconcile(shop.database) == []


async def test_a_hold_that_was_extended_after_the_look_is_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extension began before the end of the hold and commits after the look."""
    held = await shop.hold(("TEE-M", 1), ttl_seconds=60)
    await hold_all(shop, [["TEE-S"]])
    shop.clock.forward(seconds=60)
    lines_over = reservation_queries.lines_over

    async def overtaken(*args: Any) -> Any:
        found = await lines_over(*args)
        shop.clock.forward(seconds=-1)
        assert not (await shop.extend(held, 120)).refusals
        shop.clock.forward(seconds=1)
        return found

    monkeypatch.setattr(reservation_queries, "lines_over", overtaken)
    assert await reservation_expiry.sweep(shop.transactions) == 1
    statuses = await rows(shop.database, "SELECT status FROM reservation ORDER BY status")
    assert [row["status"] for row in statuses] == ["EXPIRED", "HELD"]
    assert await reconcile(shop.database) == []
