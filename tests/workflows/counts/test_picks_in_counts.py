"""Picks that were scanned while a count was booked: undone ones do not move, and none blocks."""

from __future__ import annotations

import pytest

import workflows.counts.posting as posting
import workflows.orders.picks as picks
from models.database.database import Database
from models.queries.stock.picks import UnbookedPickRow
from tests.builders.floor.counts import BEN, CLEO, Counting, open_counting
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.transaction import Transaction
from workflows.warehouse.scanned_parcels import Scan


@pytest.fixture
async def counting(database: Database) -> Counting:
    made = await open_counting(database, blind=False, recountAbove={"units": None})
    await made.adjustments_above("100000.00")
    await made.shop.receive(2)
    await made.shop.receive(5, "TEE-S")
    return made


async def unbooked(counting: Counting) -> list[int]:
    found = await rows(counting.database, "SELECT units FROM unbooked_pick ORDER BY id")
    return [row["units"] for row in found]


async def test_picks_that_were_undone_during_a_count_need_no_units(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count of 0 takes the units of a parcel; two of them were picked and put back meanwhile.

    On SQLite no scan gets between the steps of a count. Its scans come before the count, which
    is asked for again because the shelf changed.
    """
    order = await counting.shop.place(("TEE-M", 2), ("TEE-S", 1))
    [parcel] = await counting.shop.fulfillments(order)
    key = parcel["id"]
    undone = (Scan("TEE-M", 1, key), Scan("TEE-M", 1, key), Scan("TEE-M", -2, key))
    lock_holds = posting._lock_holds

    async def scan_first(tx: Transaction, lines: list[posting.LineToPost]) -> object:
        found = await lock_holds(tx, lines)
        assert not (await counting.warehouse.scan(*undone, by=BEN)).refusals
        return found

    if counting.database.engine == "postgres":
        monkeypatch.setattr(posting, "_lock_holds", scan_first)
    else:
        assert not (await counting.warehouse.scan(*undone, by=BEN)).refusals
    assert not (await counting.record(("TEE-M", 0), by=CLEO)).refusals
    monkeypatch.undo()
    await picks.book_waiting(counting.shop.transactions)
    assert await unbooked(counting) == []
    is_between = counting.database.engine == "postgres"
    assert await counting.level() == ({} if is_between else {"allocated": 2})
    assert await reconcile(counting.database) == []


async def test_an_item_whose_picks_cannot_be_booked_stops_no_other(counting: Counting) -> None:
    order = await counting.shop.place(("TEE-S", 2))
    [parcel] = await counting.shop.fulfillments(order)
    level = "SELECT item_id, location_id FROM stock_level s JOIN item i ON i.id = s.item_id"
    [tee] = await rows(counting.database, f"{level} WHERE i.sku = 'TEE-M'")

    async def pick_unpromised(tx: Transaction) -> None:
        picks.record(tx, tee["item_id"], tee["location_id"], 1, "ann")

    await counting.shop.transactions.run(pick_unpromised)
    assert not (await counting.warehouse.scan(Scan("TEE-S", 2, parcel["id"]), by=BEN)).refusals
    assert await picks.book_waiting(counting.shop.transactions) == 1
    assert await unbooked(counting) == [1]
    assert (await counting.level("TEE-S"))["picked"] == 2


def test_only_units_that_came_back_into_their_place_are_left_out() -> None:
    """Three from bin 1, two back: one is left. A put-back before the pick stays, as do others'."""
    given = [(1, -1), (1, 3), (2, 1), (1, -2), (None, -1), (2, -4)]
    found = picks.without_undone(
        [
            UnbookedPickRow(
                id=index, item_id=7, location_id=3, units=units, bin_id=bin_id, actor="ann"
            )
            for index, (bin_id, units) in enumerate(given)
        ]
    )
    expected = [(1, -1), (1, 1), (None, -1), (2, -3)]
    assert [(row["bin_id"], row["units"]) for row in found] == expected
