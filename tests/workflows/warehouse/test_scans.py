"""Scans: each unit counts for one parcel; totes, bins, mismatches, and what happens afterwards."""

from typing import Any
from uuid import UUID

import pytest

import workflows.catalog.locations
import workflows.orders.picks as picks
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.catalog import a_location
from tests.builders.transactions import codes, counts, events, rows
from tests.builders.warehouse import ANN, BEN, SUE, Warehouse, a_parcel, open_warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome
from workflows.warehouse.scanned_parcels import Scan

TABLES = ("fulfillment_line", "unbooked_pick", "event", "audit_entry", "bin_movement")


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(9)
    await warehouse.shop.receive(9, "TEE-S")
    return warehouse


async def scanned(warehouse: Warehouse, *scans: Scan, **facts: Any) -> Outcome:
    return await warehouse.scan(*scans, **facts)


async def parcel_of(warehouse: Warehouse, placed: Outcome) -> UUID:
    [parcel] = await warehouse.shop.fulfillments(placed)
    return UUID(str(parcel["id"]))


async def progress(warehouse: Warehouse, parcel: UUID) -> list[tuple[int, int, int]]:
    """(units, picked, packed) of the lines of a parcel."""
    found = await rows(
        warehouse.database,
        "SELECT f.quantity, f.picked, f.packed FROM fulfillment_line f"
        " JOIN order_line l ON l.id = f.order_line_id WHERE f.fulfillment_id = $1"
        " ORDER BY l.line_no",
        parcel,
    )
    return [(row["quantity"], row["picked"], row["packed"]) for row in found]


async def picked_units(warehouse: Warehouse, sku: str = "TEE-M") -> int:
    [row] = await rows(
        warehouse.database,
        "SELECT s.picked FROM stock_level s JOIN item i ON i.id = s.item_id"
        " JOIN location l ON l.id = s.location_id WHERE i.sku = $1 AND l.code = 'LEEDS'",
        sku,
    )
    return int(row["picked"])


async def book(warehouse: Warehouse) -> int:
    return await picks.book_waiting(warehouse.shop.transactions)


async def proven(warehouse: Warehouse) -> None:
    """The proofs hold before and after the picks are booked."""
    assert [str(each) for each in await reconcile(warehouse.database)] == []
    await book(warehouse)
    assert [str(each) for each in await reconcile(warehouse.database)] == []
    assert await faults(warehouse.database) == []


def results(outcome: Outcome) -> list[Any]:
    """(units, remaining, complete) of each scan; None for a refused one."""
    return [
        None if each is None else (each["quantity"], each["remaining"], each["complete"])
        for each in outcome.refs["results"]
    ]


async def test_the_last_scan_makes_a_parcel_picked(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3), ("TEE-S", 1))
    parcel = await parcel_of(warehouse, placed)
    first = await scanned(
        warehouse, Scan("TEE-M", 2, parcel), Scan("tee-s ", 1, parcel), Scan("TEE-S", 1, parcel)
    )
    assert results(first) == [(2, 1, False), (1, 0, False), None]
    assert codes(first) == [("SCAN_MISMATCH", ("scans", "2", "code"))]
    assert first.refusals[0].details == {"sku": "TEE-S", "expected": 0}
    assert await progress(warehouse, parcel) == [(3, 2, 0), (1, 1, 0)]
    await proven(warehouse)
    assert await picked_units(warehouse) == 2
    last = await scanned(warehouse, Scan("TEE-M", fulfillment_id=parcel))
    assert results(last) == [(1, 0, True)]
    [shown] = await warehouse.shop.fulfillments(placed)
    assert shown["status"] == "PICKED"
    assert await warehouse.live() == [("PACK", "OPEN", None)]
    kinds = [e["type"] for e in await events(warehouse.database, "fulfillment.picked")]
    assert kinds == ["fulfillment.picked"]
    await proven(warehouse)
    assert await picked_units(warehouse) == 3
    again = await scanned(warehouse, Scan("TEE-M", fulfillment_id=parcel))
    assert codes(again) == [("SCAN_MISMATCH", ("scans", "0", "code"))]


async def test_more_than_remain_is_refused_with_what_is_expected(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 2))
    parcel = await parcel_of(warehouse, placed)
    before = await counts(warehouse.database, *TABLES)
    refused = await scanned(
        warehouse, Scan("TEE-M", 3, parcel), Scan("TEE-S", 1, parcel), Scan("TEE-M", -1, parcel)
    )
    assert [(r.code, r.details) for r in refused.refusals] == [
        ("SCAN_MISMATCH", {"sku": "TEE-M", "expected": 2}),
        ("SCAN_MISMATCH", {"sku": "TEE-S", "expected": 0}),
        ("SCAN_MISMATCH", {"sku": "TEE-M", "expected": 0}),
    ]
    assert await counts(warehouse.database, *TABLES) == before
    assert await progress(warehouse, parcel) == [(2, 0, 0)]


async def test_units_are_put_back(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3))
    parcel = await parcel_of(warehouse, placed)
    done = await scanned(warehouse, Scan("TEE-M", 2, parcel), Scan("TEE-M", -1, parcel))
    assert results(done) == [(2, 1, False), (-1, 2, False)]
    assert await progress(warehouse, parcel) == [(3, 1, 0)]
    await proven(warehouse)
    assert await picked_units(warehouse) == 1


async def test_scans_go_to_the_first_claimed_task_that_asks(warehouse: Warehouse) -> None:
    orders = []
    for reference, sku in (("W-1", "TEE-S"), ("W-2", "TEE-M"), ("W-3", "TEE-M")):
        orders.append(await warehouse.shop.place((sku, 1), reference=reference))
        warehouse.shop.clock.forward(seconds=1)
    parcels = [await parcel_of(warehouse, order) for order in orders]
    unclaimed = await scanned(warehouse, Scan("TEE-M"))
    assert codes(unclaimed) == [("SCAN_MISMATCH", ("scans", "0", "code"))]
    await warehouse.claim(limit=3)
    done = await scanned(warehouse, Scan("TEE-M"), Scan("TEE-M"), Scan("TEE-S"), Scan("TEE-M"))
    found = [None if each is None else each["fulfillment"] for each in done.refs["results"]]
    assert found == [str(parcels[1]), str(parcels[2]), str(parcels[0]), None]
    await proven(warehouse)


async def test_a_tote_holds_one_parcel(warehouse: Warehouse) -> None:
    first = await parcel_of(warehouse, await warehouse.shop.place(("TEE-M", 2)))
    second = await parcel_of(warehouse, await warehouse.shop.place(("TEE-M", 2), reference="W-2"))
    assert not (await scanned(warehouse, Scan("TEE-M", 1, first, "Tote 1"))).refusals
    refused = await scanned(
        warehouse,
        Scan("TEE-M", 1, second, "TOTE 1"),
        Scan("TEE-M", 1, first, "Tote 2"),
        Scan("TEE-M", 1, None, "tote 1"),
        Scan("TEE-M", 1, second, "Tote 2"),
    )
    assert results(refused) == [None, None, (1, 0, True), (1, 1, False)]
    assert [(r.code, r.field, r.details) for r in refused.refusals] == [
        ("SCAN_MISMATCH", ("scans", "0", "tote"), {"tote": "TOTE 1"}),
        ("SCAN_MISMATCH", ("scans", "1", "tote"), {"tote": "Tote 1"}),
    ]
    await warehouse.pack(first)
    await warehouse.shop.ship(first)
    third = await parcel_of(warehouse, await warehouse.shop.place(("TEE-M", 1), reference="W-3"))
    assert not (await scanned(warehouse, Scan("TEE-M", 1, third, "Tote 1"))).refusals
    await proven(warehouse)


async def test_picking_by_hand_counts_the_unscanned(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 4))
    parcel = await parcel_of(warehouse, placed)
    [line] = await warehouse.shop.lines(placed)
    await scanned(warehouse, Scan("TEE-M", 2, parcel))
    refused = await warehouse.pick(parcel, (line["id"], 3))
    assert codes(refused) == [("INVALID", ("shortages", "0", "quantity"))]
    assert not (await warehouse.pick(parcel, (line["id"], 1))).refusals
    assert await progress(warehouse, parcel) == [(3, 3, 0)]
    await proven(warehouse)
    [level] = await rows(
        warehouse.database,
        "SELECT s.picked, s.missing, s.quarantine FROM stock_level s"
        " JOIN item i ON i.id = s.item_id WHERE i.sku = 'TEE-M'",
    )
    assert (level["picked"], level["missing"], level["quarantine"]) == (3, 1, 1)


@pytest.mark.parametrize("way", ["cancel one", "cancel", "reroute"])
async def test_picked_units_of_what_ends_come_back(warehouse: Warehouse, way: str) -> None:
    placed = await warehouse.shop.place(("TEE-M", 4))
    await warehouse.shop.receive(4, at="YORK")
    parcel = await parcel_of(warehouse, placed)
    [line] = await warehouse.shop.lines(placed)
    await scanned(warehouse, Scan("TEE-M", 2, parcel, "T-1"))
    if way == "reroute":
        assert not (await warehouse.reroute(parcel, "YORK")).refusals
    else:
        chosen = [(line["id"], 3)] if way == "cancel one" else []
        assert not (await warehouse.shop.cancel(placed, *chosen)).refusals
    left = [(1, 1, 0)] if way == "cancel one" else [(0, 0, 0)]
    assert await progress(warehouse, parcel) == left
    await proven(warehouse)
    assert await picked_units(warehouse) == left[0][1]
    [row] = await rows(warehouse.database, "SELECT tote FROM fulfillment WHERE id = $1", parcel)
    assert row["tote"] == ("T-1" if way == "cancel one" else None)


async def test_a_split_moves_unscanned_units_first(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 5))
    parcel = await parcel_of(warehouse, placed)
    [line] = await warehouse.shop.lines(placed)
    await scanned(warehouse, Scan("TEE-M", 3, parcel))
    done = await warehouse.split(parcel, (line["id"], 3))
    sibling = UUID(done.refs["fulfillments"][1])
    assert await progress(warehouse, parcel) == [(2, 2, 0)]
    assert await progress(warehouse, sibling) == [(3, 1, 0)]
    await proven(warehouse)


async def test_where_scans_are_required_nothing_goes_on_without(warehouse: Warehouse) -> None:
    upsert = a_location("LEEDS", scan_required=True)
    transactions = warehouse.shop.transactions
    assert not (await transactions.perform(workflows.catalog.locations.upsert, upsert)).refusals
    placed = await warehouse.shop.place(("TEE-M", 3))
    parcel = await parcel_of(warehouse, placed)
    [line] = await warehouse.shop.lines(placed)
    await scanned(warehouse, Scan("TEE-M", 1, parcel))
    for refused in (await warehouse.pick(parcel), await warehouse.shop.ship(parcel)):
        [refusal] = refused.refusals
        assert refusal.code == "ILLEGAL_TRANSITION"
        assert refusal.details["missing"] == [{"sku": "TEE-M", "quantity": 2}]
    assert not (await warehouse.pick(parcel, (line["id"], 2))).refusals
    [refusal] = (await warehouse.pack(parcel, ANN, a_parcel(grams=100))).refusals
    assert refusal.details["missing"] == [{"sku": "TEE-M", "quantity": 1}]
    assert not (await scanned(warehouse, Scan("TEE-M", 1, parcel), queue="PACK")).refusals
    assert not (await warehouse.pack(parcel)).refusals
    assert not (await warehouse.shop.ship(parcel)).refusals
    await proven(warehouse)


async def test_what_a_scan_cannot_be_is_refused(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 1))
    parcel = await parcel_of(warehouse, placed)
    nothing = await scanned(warehouse, queue="SHIP")
    assert codes(nothing) == [("INVALID", ("scans",)), ("INVALID", ("queue",))]
    assert codes(await scanned(warehouse)) == [("INVALID", ("scans",))]
    many = [Scan("TEE-M")] * 201
    assert codes(await scanned(warehouse, *many)) == [("LIMIT_EXCEEDED", ("scans",))]
    refused = await scanned(
        warehouse,
        Scan("TEE-M", 0, parcel),
        Scan("NOTHING", 1, parcel),
        Scan("TEE-M", 1, UUID(int=7)),
        Scan("TEE-M", 1, parcel, None, "NO-BIN"),
    )
    assert codes(refused) == [
        ("INVALID", ("scans", "0", "quantity")),
        ("NOT_FOUND", ("scans", "1", "code")),
        ("NOT_FOUND", ("scans", "2", "fulfillmentId")),
        ("NOT_FOUND", ("scans", "3", "binCode")),
    ]
    packing = await scanned(warehouse, Scan("TEE-M", 1, parcel), queue="PACK")
    assert codes(packing) == [("ILLEGAL_TRANSITION", ("scans", "0"))]


async def test_scans_belong_to_the_holder_and_renew_its_lease(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3))
    parcel = await parcel_of(warehouse, placed)
    await warehouse.claim()
    refused = await scanned(warehouse, Scan("TEE-M", 1, parcel), by=BEN)
    assert codes(refused) == [("TASK_NOT_CLAIMED", ("scans", "0"))]
    [task] = await warehouse.tasks(parcel)
    warehouse.shop.clock.forward(minutes=5)
    await scanned(warehouse, Scan("TEE-M", 1, parcel))
    [renewed] = await warehouse.tasks(parcel)
    assert renewed["lease_until_at"] > task["lease_until_at"]
    # The scans outlive a lost lease: the next worker goes on with the rest.
    warehouse.shop.clock.forward(minutes=11)
    assert results(await scanned(warehouse, Scan("TEE-M", 2, parcel), by=BEN)) == [(2, 0, True)]
    assert not (await scanned(warehouse, Scan("TEE-M", 1, parcel), queue="PACK", by=SUE)).refusals
    await proven(warehouse)


async def test_a_batch_that_is_sent_twice_counts_once(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3))
    parcel = await parcel_of(warehouse, placed)
    batch = (Scan("TEE-M", 1, parcel), Scan("TEE-S", 1, parcel), Scan("TEE-M", 1, parcel))
    first = await scanned(warehouse, *batch, key="K-1")
    second = await scanned(warehouse, *batch, key="K-1")
    assert second.replayed
    assert (second.refs, second.refusals) == (first.refs, first.refusals)
    assert await progress(warehouse, parcel) == [(3, 2, 0)]
    [call] = await rows(warehouse.database, "SELECT scans, refused FROM scan_call")
    assert (call["scans"], call["refused"]) == (3, 1)
