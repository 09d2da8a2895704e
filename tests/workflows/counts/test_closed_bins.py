"""Bins that are not active take no units: not by a count, by a put-back, or by an approval."""

from __future__ import annotations

import pytest

import workflows.orders.picks as picks
from models.database.database import Database
from tests.builders.floor.counts import Counting, open_counting
from tests.builders.transactions import codes
from workflows.ledger.reconciliation import reconcile
from workflows.warehouse.scanned_parcels import Scan


@pytest.fixture
async def counting(database: Database) -> Counting:
    made = await open_counting(database, blind=False, recountAbove={"units": None})
    await made.adjustments_above("0.01")
    return made


async def close(counting: Counting, code: str) -> None:
    assert not (await counting.floor.bin(code, active=False)).refusals


async def test_a_closed_bin_can_only_be_counted_empty(counting: Counting) -> None:
    await close(counting, "A-2")
    await counting.shop.receive(10)
    refused = await counting.record(("TEE-M", 9), ("TEE-M", 1, "A-2"))
    assert codes(refused) == [("INVALID", ("input", "places", "1", "binCode"))]
    assert await counting.counts() == []
    assert not (await counting.record(("TEE-M", 10), ("TEE-M", 0, "A-2"))).refusals
    assert await counting.lines() == [("POSTED", 0)]
    assert await reconcile(counting.database) == []


async def test_an_approval_leaves_units_of_a_bin_closed_since_unbinned(counting: Counting) -> None:
    await counting.shop.receive(10)
    assert not (await counting.record(("TEE-M", 3, "B-1"), ("TEE-M", 9, "A-2"))).refusals
    await close(counting, "A-2")
    [line] = await counting.line_rows()
    assert not (await counting.approve(line["id"])).refusals
    assert await counting.lines() == [("POSTED", 2)]
    assert await counting.level() == {"available": 12, "binned": 3}
    assert await reconcile(counting.database) == []


async def test_a_put_back_into_a_closed_bin_is_refused_or_unbinned(counting: Counting) -> None:
    """A put-back that was scanned before the bin was closed leaves its unit without a bin."""
    await counting.floor.receive_into(1, "A-2")
    await counting.floor.receive_into(1, "B-1")
    order = await counting.shop.place(("TEE-M", 2))
    [parcel] = await counting.shop.fulfillments(order)
    key = parcel["id"]
    assert not (await counting.warehouse.scan(Scan("TEE-M", 1, key, None, "A-2"))).refusals
    await picks.book_waiting(counting.shop.transactions)
    assert not (await counting.warehouse.scan(Scan("TEE-M", -1, key, None, "A-2"))).refusals
    await close(counting, "A-2")
    await picks.book_waiting(counting.shop.transactions)
    assert await counting.level() == {"allocated": 2, "binned": 1}
    assert await reconcile(counting.database) == []
    assert not (await counting.warehouse.scan(Scan("TEE-M", 1, key, None, "B-1"))).refusals
    refused = await counting.warehouse.scan(Scan("TEE-M", -1, key, None, "A-2"))
    assert [code for code, _ in codes(refused)] == ["INVALID"]
    assert not (await counting.warehouse.scan(Scan("TEE-M", -1, key, None, "B-1"))).refusals
