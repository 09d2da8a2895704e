"""Scans beside other work on the same parcel, and beside a lock on its stock."""

import asyncio
import os

import pytest

import workflows.orders.picks as picks
from models.database.database import Database
from tests.builders.warehouse import ANN, BEN, Warehouse, open_warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction
from workflows.warehouse.scanned_parcels import Scan

ROUNDS = 25 if os.environ.get("RESTOW_LONG") else 3


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(500)
    await warehouse.shop.receive(500, at="YORK")
    return warehouse


async def ending(
    warehouse: Warehouse, other: str, placed: Outcome, key: object, place: str, line: str
) -> None:
    """Other work on the parcel that is scanned."""
    match other:
        case "cancel":
            await warehouse.shop.cancel(placed, (line, 4))
        case "reroute":
            await warehouse.reroute(key, "YORK" if place == "LEEDS" else "LEEDS")
        case "short":
            await warehouse.pick(key, (line, 2), by=ANN)
        case "split":
            await warehouse.split(key, (line, 3), by=ANN)
        case _:
            await picks.book_waiting(warehouse.shop.transactions)


@pytest.mark.parametrize("other", ["cancel", "reroute", "short", "split", "book"])
async def test_scans_race_with_the_end_of_their_parcel(warehouse: Warehouse, other: str) -> None:
    for number in range(ROUNDS):
        placed = await warehouse.shop.place(("TEE-M", 6), reference=f"W-{number}")
        [parcel] = await warehouse.shop.fulfillments(placed)
        [line] = await warehouse.shop.lines(placed)
        key, place = parcel["id"], parcel["location"]
        scans = [warehouse.scan(Scan("TEE-M", 1, key), at=place, by=ANN) for _ in range(4)]
        work = ending(warehouse, other, placed, key, place, line["id"])
        await asyncio.gather(*scans[:2], work, *scans[2:])
    assert [str(each) for each in await reconcile(warehouse.database)] == []
    await picks.book_waiting(warehouse.shop.transactions)
    assert [str(each) for each in await reconcile(warehouse.database)] == []


async def test_a_scan_does_not_wait_for_a_lock_on_its_stock(warehouse: Warehouse) -> None:
    if warehouse.database.engine != "postgres":
        pytest.skip("SQLite has one writer")
    placed = await warehouse.shop.place(("TEE-M", 2))
    [parcel] = await warehouse.shop.fulfillments(placed)
    scanned = asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await tx.stock.lock([1, 2, 3, 4])
        done = await warehouse.scan(Scan("TEE-M", 1, parcel["id"]), at=parcel["location"], by=BEN)
        assert not done.refusals
        scanned.set()

    await asyncio.wait_for(warehouse.shop.transactions.run(hold), 5)
    assert scanned.is_set()
