"""Dispatch at the dock, walks of pickers, and scans of units in bins."""

from typing import Any
from uuid import UUID

import pytest

import workflows.catalog.locations
import workflows.orders.picks as picks
from domain.orders.walks import WalkStop, spread
from domain.stock.states import LocationKind
from models.database.database import Database
from models.queries.orders.pick_walks import walk
from tests.builders.catalog import a_location
from tests.builders.store import ADMIN, pounds
from tests.builders.tampering import tamper
from tests.builders.transactions import codes, rows
from tests.builders.warehouse import ANN, Warehouse, open_warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.stock.goods_receipts import ReceiptLine, ReceiveStock, receive
from workflows.tasks.selections import TaskSelection
from workflows.transactions.outcomes import Outcome, Request
from workflows.warehouse.scanned_parcels import Scan


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    return await open_warehouse(database)


async def with_bins(warehouse: Warehouse) -> None:
    """LEEDS with 2 TEE-M in A-2, 3 in A-10, 1 unbinned, and 4 TEE-S in the bin B-1 of a zone B."""
    perform = warehouse.shop.transactions.perform
    for code, parent, kind in (
        *(("A", "LEEDS", "ZONE"), ("B", "LEEDS", "ZONE")),
        *(("A-10", "A", "BIN"), ("A-2", "A", "BIN"), ("B-1", "B", "BIN")),
    ):
        place = a_location(code, kind=LocationKind(kind), parent_code=parent)
        assert not (await perform(workflows.catalog.locations.upsert, place)).refusals
    for sku, units, into in (("TEE-M", 2, "A-2"), ("TEE-M", 3, "A-10"), ("TEE-S", 4, "B-1")):
        line = ReceiptLine(sku, units, pounds("4.00"), into)
        received = ReceiveStock("LEEDS", "PO-2", (line,))
        assert not (await perform(receive, Request(received, ADMIN))).refusals
    await warehouse.shop.receive(1)


async def parcel_of(warehouse: Warehouse, placed: Outcome) -> UUID:
    [parcel] = await warehouse.shop.fulfillments(placed)
    return UUID(str(parcel["id"]))


async def binned(warehouse: Warehouse) -> dict[str, int]:
    found = await rows(
        warehouse.database,
        "SELECT l.code, b.quantity FROM bin_stock b JOIN location l ON l.id = b.bin_id",
    )
    return {row["code"]: row["quantity"] for row in found}


async def book(warehouse: Warehouse) -> None:
    assert [str(each) for each in await reconcile(warehouse.database)] == []
    await picks.book_waiting(warehouse.shop.transactions)
    assert [str(each) for each in await reconcile(warehouse.database)] == []


async def labeled(warehouse: Warehouse, reference: str, number: str | None) -> dict[str, Any]:
    """A packed parcel of one unit with a tracking number, as its label would give it."""
    placed = await warehouse.shop.place(("TEE-M", 1), reference=reference)
    parcel = await parcel_of(warehouse, placed)
    await warehouse.scan(Scan("TEE-M", 1, parcel, f"T-{reference}"))
    await warehouse.pack(parcel)
    if number is not None:
        sql = (
            f"UPDATE fulfillment SET carrier = 'DHL', carrier_key = 'dhl', tracking_number ="
            f" '{number}', tracking_number_key = '{number.lower()}' WHERE id = $1"
        )
        await warehouse.shop.transactions.run(lambda tx: tx.session.execute(sql, parcel))
    [row] = await rows(warehouse.database, "SELECT * FROM fulfillment WHERE id = $1", parcel)
    return row


async def test_parcels_are_shipped_by_label_number_or_tote(warehouse: Warehouse) -> None:
    await warehouse.shop.receive(9)
    first, second, third = [
        await labeled(warehouse, f"W-{index}", f"JD{index}") for index in range(3)
    ]
    bare = await labeled(warehouse, "W-9", None)
    sent = ("jd0", second["number"].lower(), "t-w-2", "JD0", bare["number"], "NOTHING")
    done = await warehouse.dispatch(*sent)
    assert done.refs["fulfillments"] == [str(each["id"]) for each in (first, second, third)]
    assert codes(done) == [
        ("ILLEGAL_TRANSITION", ("codes", "3")),
        ("ILLEGAL_TRANSITION", ("codes", "4")),
        ("NOT_FOUND", ("codes", "5")),
    ]
    await book(warehouse)
    assert codes(await warehouse.dispatch()) == [("INVALID", ("codes",))]
    assert codes(await warehouse.dispatch(*["X"] * 201)) == [("LIMIT_EXCEEDED", ("codes",))]
    assert codes(await warehouse.dispatch("X", at="MARS")) == [("NOT_FOUND", ("locationCode",))]


async def test_a_walk_goes_through_the_bins_in_order(warehouse: Warehouse) -> None:
    await with_bins(warehouse)
    first = await parcel_of(warehouse, await warehouse.shop.place(("TEE-M", 3)))
    warehouse.shop.clock.forward(seconds=1)
    second = await parcel_of(
        warehouse, await warehouse.shop.place(("TEE-M", 3), ("TEE-S", 1), reference="W-2")
    )
    await warehouse.claim(limit=2)
    await warehouse.scan(Scan("TEE-M", 1, first, None, "A-10"))

    async def stops() -> list[tuple[str | None, int, list[tuple[UUID, int]]]]:
        async with warehouse.database.snapshot() as session:
            found = await walk(session, "ann", 1, warehouse.shop.clock.now)
        return [
            (None if stop.bin is None else stop.bin["code"], stop.quantity, stop.parts)
            for stop in found
        ]

    [place] = await rows(warehouse.database, "SELECT id FROM location WHERE code = 'LEEDS'")
    assert place["id"] == 1
    wanted = [
        ("A-2", 2, [(first, 2)]),
        ("A-10", 2, [(second, 2)]),
        ("B-1", 1, [(second, 1)]),
        (None, 1, [(second, 1)]),
    ]
    assert await stops() == wanted
    await book(warehouse)
    assert await stops() == wanted


def test_units_are_spread_over_bins_in_order() -> None:
    one, two = UUID(int=1), UUID(int=2)
    found = spread({7: [(one, 3), (two, 2)]}, {7: [("A", 2), ("B", 2)]})
    assert found == [
        WalkStop("A", 7, [(one, 2)]),
        WalkStop("B", 7, [(one, 1), (two, 1)]),
        WalkStop(None, 7, [(two, 1)]),
    ]


async def test_scans_empty_the_named_bin_and_then_the_others(warehouse: Warehouse) -> None:
    await with_bins(warehouse)
    parcel = await parcel_of(warehouse, await warehouse.shop.place(("TEE-M", 6)))
    done = await warehouse.scan(
        Scan("TEE-M", 2, parcel, None, "A-10"),
        Scan("TEE-M", 1, parcel, None, "A-10"),
        Scan("TEE-M", -1, parcel, None, "A-10"),
        Scan("TEE-M", 1, parcel, None, "A-10"),
    )
    assert [each["binEmptied"] for each in done.refs["results"]] == [False, True, False, True]
    await book(warehouse)
    assert await binned(warehouse) == {"A-2": 2, "B-1": 4}
    assert await warehouse.exceptions() == []
    # The books of the bin have no more; the scan stands, and the level must be counted.
    await warehouse.scan(Scan("TEE-M", 1, parcel, None, "A-10"))
    await book(warehouse)
    assert await binned(warehouse) == {"A-2": 1, "B-1": 4}
    assert [kind for kind, *_ in await warehouse.exceptions()] == ["COUNT_VARIANCE"]


async def test_tasks_are_claimed_by_zone_and_size(warehouse: Warehouse) -> None:
    await with_bins(warehouse)
    orders = []
    for index, lines in enumerate(([("TEE-M", 2)], [("TEE-S", 1)], [("TEE-M", 1), ("TEE-S", 1)])):
        orders.append(await warehouse.shop.place(*lines, reference=f"W-{index}"))
        warehouse.shop.clock.forward(seconds=1)
    parcels = [await parcel_of(warehouse, order) for order in orders]

    async def claimed(selection: TaskSelection) -> list[UUID]:
        done = await warehouse.claim(limit=5, selection=selection)
        assert not done.refusals
        found = {str(task["id"]): task["subject_key"] for task in await warehouse.tasks()}
        for key in done.refs["tasks"]:
            await warehouse.release(key)
        return [UUID(found[key]) for key in done.refs["tasks"]]

    assert await claimed(TaskSelection(zone_code="A")) == [parcels[0]]
    assert await claimed(TaskSelection(zone_code="b")) == [parcels[1]]
    assert await claimed(TaskSelection(singles=True)) == [parcels[1]]
    assert await claimed(TaskSelection(singles=True, zone_code="A")) == []
    unknown = await warehouse.claim(selection=TaskSelection(zone_code="C"))
    assert codes(unknown) == [("NOT_FOUND", ("zoneCode",))]
    refused = await warehouse.claim("PACK", selection=TaskSelection(zone_code="A"))
    assert codes(refused) == [("INVALID", ("zoneCode",))]
    named = await warehouse.claim(ids=[parcels[0]], selection=TaskSelection(singles=True))
    assert codes(named) == [("INVALID", ("singles",))]


# what was changed → statement, proof, part of the line that names it
BREAKS = {
    "picked units of a level": (
        "UPDATE fulfillment_line SET picked = 0, packed = 0",
        "picked = units off the shelf of unshipped parcels",
        "TEE-M @ LEEDS: expected 0, found 2",
    ),
    "a parcel that says it is packed": (
        "UPDATE fulfillment SET status = 'PACKED'",
        "parcels are picked and packed in full",
        "expected PACKED with 3, found 2 picked, 0 packed",
    ),
    "the number of a parcel": (
        "UPDATE fulfillment SET number = number || '0'",
        "parcels of an order are numbered from 1",
        "expected numbers from 1",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_units_that_do_not_agree_are_found(warehouse: Warehouse, what: str) -> None:
    statement, proof, line = BREAKS[what]
    await warehouse.shop.receive(5)
    parcel = await parcel_of(warehouse, await warehouse.shop.place(("TEE-M", 3)))
    await warehouse.scan(Scan("TEE-M", 2, parcel), by=ANN)
    await tamper(warehouse.database.url, statement)
    found = [str(each) for each in await reconcile(warehouse.database)]
    assert any(proof in each and line in each for each in found), found
