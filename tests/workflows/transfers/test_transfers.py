"""Transfers from the request to the last unit: units, books, tasks, and refusals."""

from __future__ import annotations

from datetime import timedelta

import pytest

import workflows.catalog.items
from domain.access.callers import Role, holder
from domain.catalog.commands import GivenCode, UpsertItem
from models.database.database import Database
from tests.builders.catalog import items
from tests.builders.floor.bins import Floor
from tests.builders.floor.counts import Counting
from tests.builders.floor.transfers import Transfers, open_transfers
from tests.builders.transactions import codes, counts, events, rows
from tests.builders.warehouse import ANN, BEN, SUE
from workflows.ledger.reconciliation import reconcile

CHANGED = ("transfer", "transfer_line", "stock_movement", "journal_entry", "event", "task")


@pytest.fixture
async def desk(database: Database) -> Transfers:
    return await open_transfers(database)


async def test_units_go_from_one_location_to_another(desk: Transfers) -> None:
    """Ten units at 4.00: six are sent for 24.00, four arrive well, two damaged for 8.00."""
    shop = desk.warehouse.shop
    transfer = await desk.create(("TEE-M", 6))
    assert await shop.level() == {"available": 4, "allocated": 6}
    assert await desk.warehouse.live() == [("PICK", "OPEN", None)]
    await desk.ship(transfer, carrier="DHL", tracking_number="JD-1")
    assert await shop.level() == {"available": 4}
    assert await desk.incoming() == 6
    assert await shop.atp() == 4
    assert await desk.balances() == {
        "inventory": 1_600 + 18_300,
        "inventory_in_transit": 2_400,
    }
    assert await desk.warehouse.live() == [("RECEIVE", "OPEN", None)]
    await desk.receive(transfer, ("TEE-M", 4, 1))
    assert await desk.status(transfer) == "PARTIALLY_RECEIVED"
    assert await desk.warehouse.live() == [("RECEIVE", "CLAIMED", "ben")]
    assert await shop.level(at="YORK") == {"available": 4, "damaged": 1}
    assert (await desk.incoming(), await shop.atp()) == (1, 8)
    await desk.receive(transfer, ("TEE-M", 0, 1))
    assert await desk.status(transfer) == "CLOSED"
    assert await desk.units(transfer) == {"requested": 6, "shipped": 6, "received": 4, "damaged": 2}
    assert await desk.balances() == {
        "inventory": 3_200 + 18_300,
        "inventory_in_quality_control": 800,
    }
    assert (await desk.incoming(), await desk.warehouse.live()) == (0, [])
    types = [each["type"] for each in await events(desk.database, "transfer.")]
    received = ["transfer.received", "transfer.received", "transfer.closed"]
    assert types == ["transfer.requested", "transfer.shipped", *received]
    assert await reconcile(desk.database) == []


async def test_a_cancelled_transfer_gives_its_units_back(desk: Transfers) -> None:
    transfer = await desk.create(("TEE-M", 6))
    assert not (await desk.cancel(transfer)).refusals
    assert await desk.warehouse.shop.level() == {"available": 10}
    assert (await desk.status(transfer), await desk.warehouse.live()) == ("CANCELLED", [])
    for refused in (await desk.cancel(transfer), await desk.ship(transfer)):
        assert [code for code, _ in codes(refused)] == ["ILLEGAL_TRANSITION"]
    assert await reconcile(desk.database) == []


async def test_missing_units_are_quarantined_and_counted(desk: Transfers) -> None:
    transfer = await desk.create(("TEE-M", 6), ("COAT", 1))
    await desk.ship(transfer, ("TEE-M", 2), ("COAT", 1))
    assert await desk.units(transfer) == {
        "requested": 6,
        "shipped": 4,
        "in_transit": 4,
        "value_minor": 1_600,
    }
    assert await desk.warehouse.shop.level() == {"available": 4, "quarantine": 2}
    kinds = [kind for kind, *_ in await desk.warehouse.exceptions()]
    assert kinds == ["COUNT_VARIANCE", "COUNT_VARIANCE"]
    assert (await desk.balances())["inventory_in_quality_control"] == 800 + 6_100
    assert await reconcile(desk.database) == []
    # Four TEE-M are on the shelf by the books and two are missing: a count finds five.
    counting = Counting(Floor(desk.warehouse.shop))
    assert (await counting.level())["missing"] == 2
    assert not (await counting.record(("TEE-M", 5))).refusals
    assert await counting.lines() == [("POSTED", -1)]
    assert await counting.level() == {"available": 5}
    assert (await desk.balances())["inventory_in_quality_control"] == 6_100
    assert sorted(await counting.variances()) == ["AUTO_RESOLVED", "OPEN"]
    assert await reconcile(desk.database) == []


async def test_a_transfer_of_which_nothing_is_found_is_cancelled(desk: Transfers) -> None:
    transfer = await desk.create(("COAT", 1))
    await desk.ship(transfer, ("COAT", 1))
    assert await desk.status(transfer) == "CANCELLED"
    assert "PICK" not in {queue for queue, *_ in await desk.warehouse.live()}
    assert await reconcile(desk.database) == []


async def test_units_beyond_the_shipment_are_extra_and_in_doubt(desk: Transfers) -> None:
    transfer = await desk.sent(("TEE-M", 2))
    assert not (await desk.receive(transfer, ("TEE-M", 3), ("TEE-S", 1))).refusals
    assert await desk.units(transfer) == {"requested": 2, "shipped": 2, "received": 2, "extra": 1}
    assert await desk.units(transfer, "TEE-S") == {"extra": 1}
    assert await desk.warehouse.shop.level(at="YORK") == {"available": 2, "quarantine": 1}
    found = await rows(desk.database, "SELECT SUM(missing) AS missing FROM stock_level")
    assert found[0]["missing"] == 2
    kinds = [kind for kind, *_ in await desk.warehouse.exceptions()]
    assert sorted(kinds) == [*["COUNT_VARIANCE"] * 4, "TRANSFER_DISCREPANCY"]
    assert await desk.status(transfer) == "CLOSED"
    assert await reconcile(desk.database) == []


async def test_units_that_come_back_are_in_stock_at_the_origin(desk: Transfers) -> None:
    transfer = await desk.sent(("TEE-M", 3))
    assert not (await desk.receive(transfer, ("TEE-M", 1, 1), at="LEEDS", by=ANN)).refusals
    assert await desk.warehouse.shop.level() == {"available": 8, "damaged": 1}
    assert (await desk.units(transfer))["came_back"] == 2
    assert await desk.incoming() == 1
    assert await reconcile(desk.database) == []


async def test_lost_units_are_written_off(desk: Transfers) -> None:
    """Five units at 4.00: the first four arrive, one is lost for 4.00."""
    transfer = await desk.sent(("TEE-M", 5))
    await desk.receive(transfer, ("TEE-M", 4), complete=True)
    assert await desk.status(transfer) == "PARTIALLY_RECEIVED"
    assert not (await desk.write_off(transfer, ("TEE-M", 1))).refusals
    assert await desk.status(transfer) == "CLOSED"
    assert (await desk.balances())["write_offs"] == 400
    assert await desk.incoming() == 0
    assert await reconcile(desk.database) == []


async def test_a_write_off_above_the_limit_needs_approval(desk: Transfers) -> None:
    """The limit is 50.00: one coat of 61.00 passes it, 13 units at 4.00 in two calls do as well."""
    await desk.warehouse.shop.receive(10)
    transfer = await desk.sent(("COAT", 1), ("TEE-M", 13))
    before = await counts(desk.database, *CHANGED)
    refused = await desk.write_off(transfer, ("COAT", 1))
    assert codes(refused) == [("APPROVAL_REQUIRED", ("lines",))]
    assert await counts(desk.database, *CHANGED) == before
    assert not (await desk.write_off(transfer, ("TEE-M", 12))).refusals
    assert codes(await desk.write_off(transfer, ("TEE-M", 1))) == [
        ("APPROVAL_REQUIRED", ("lines",))
    ]
    assert not (await desk.write_off(transfer, ("TEE-M", 1), ("COAT", 1), by=SUE)).refusals
    assert await reconcile(desk.database) == []


async def test_all_faults_of_a_request_are_answered_at_once(desk: Transfers) -> None:
    before = await counts(desk.database, *CHANGED)
    past = desk.warehouse.shop.clock.now - timedelta(hours=1)
    refused = await desk.create(
        ("TEE-M", 0), ("NONE", 1), ("tee-m", 1), to="NOWHERE", expected_by=past
    )
    assert sorted(codes(refused)) == [
        ("INVALID", ("input", "expectedBy")),
        ("INVALID", ("input", "lines", "0", "quantity")),
        ("INVALID", ("input", "lines", "2", "sku")),
        ("NOT_FOUND", ("input", "destinationCode")),
        ("NOT_FOUND", ("input", "lines", "1", "sku")),
    ]
    short = await desk.create(("TEE-M", 11), ("COAT", 4))
    assert codes(short) == [
        ("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity")),
        ("INSUFFICIENT_STOCK", ("input", "lines", "1", "quantity")),
    ]
    here = await desk.create(("TEE-M", 1), to="leeds")
    assert codes(here) == [("INVALID", ("input", "destinationCode"))]
    assert codes(await desk.create()) == [("INVALID", ("input", "lines"))]
    assert await counts(desk.database, *CHANGED) == before


async def test_a_reference_is_used_once_at_its_origin(desk: Transfers) -> None:
    first = await desk.create(("TEE-M", 1), reference="WMS-1")
    again = await desk.create(("TEE-M", 1), reference=" wms-1 ")
    assert codes(again) == [("ALREADY_EXISTS", ("input", "reference"))]
    assert again.refs == {"transfer": first.refs["transfer"]}
    await desk.warehouse.shop.receive(1, at="YORK")
    other = await desk.create(("TEE-M", 1), origin="YORK", to="LEEDS", reference="WMS-1")
    assert not other.refusals


async def test_what_does_not_arrive_is_refused_with_the_units_in_transit(desk: Transfers) -> None:
    transfer = await desk.sent(("TEE-M", 2))
    before = await counts(desk.database, *CHANGED)
    assert codes(await desk.write_off(transfer, ("TEE-M", 3))) == [("INVALID", ("lines",))]
    elsewhere = await desk.receive(transfer, ("TEE-M", 1), at="LONDON")
    assert codes(elsewhere) == [("INVALID", ("input", "locationCode"))]
    nothing = await desk.receive(transfer, ("TEE-M", 0), ("NONE", 1), ("COAT", 1, -1))
    assert sorted(codes(nothing)) == [
        ("INVALID", ("input", "lines", "0", "quantity")),
        ("INVALID", ("input", "lines", "2", "damaged")),
        ("NOT_FOUND", ("input", "lines", "1", "sku")),
    ]
    assert codes(await desk.receive(transfer)) == [("INVALID", ("input", "lines"))]
    assert await counts(desk.database, *CHANGED) == before


async def test_keys_of_either_end_see_a_transfer_and_act_at_their_end(desk: Transfers) -> None:
    transfer = await desk.create(("TEE-M", 2))
    york = holder(Role.WAREHOUSE, actor="york", locations=frozenset({"YORK"}))
    leeds = holder(Role.WAREHOUSE, actor="leeds", locations=frozenset({"LEEDS"}))
    hull = holder(Role.WAREHOUSE, actor="hull", locations=frozenset({"HULL"}))
    for stranger in (york, hull):
        refused = await desk.ship(transfer, by=stranger)
        assert codes(refused) == [("NOT_FOUND", ("input", "transferId"))]
    assert not (await desk.ship(transfer, by=leeds)).refusals
    refused = await desk.receive(transfer, ("TEE-M", 2), by=leeds)
    assert codes(refused) == [("NOT_FOUND", ("input", "transferId"))]
    assert not (await desk.receive(transfer, ("TEE-M", 2), by=york)).refusals


async def test_the_task_of_another_worker_is_respected(desk: Transfers) -> None:
    transfer = await desk.create(("TEE-M", 2))
    await desk.warehouse.claim(by=BEN)
    refused = await desk.ship(transfer, by=ANN)
    assert codes(refused) == [("TASK_NOT_CLAIMED", ("input", "transferId"))]
    assert not (await desk.ship(transfer, by=BEN)).refusals


async def test_a_scanned_code_serves_as_a_sku(desk: Transfers) -> None:
    """One scan of the box is three units: it is sent, and arrives with one scan of a unit."""
    box = UpsertItem("TEE-M", "Tee", codes=(GivenCode("BOX-3", 3), GivenCode("UNIT", 1)))
    upserted = await desk.warehouse.shop.transactions.perform(
        workflows.catalog.items.upsert, items(box)
    )
    assert not upserted.refusals
    transfer = await desk.create(("BOX-3", 2))
    assert not (await desk.ship(transfer, ("UNIT", 1))).refusals
    assert not (await desk.receive(transfer, ("BOX-3", 1), ("UNIT", 0, 1))).refusals
    assert not (await desk.write_off(transfer, ("UNIT", 1))).refusals
    units = await desk.units(transfer)
    assert units == {"requested": 6, "shipped": 5, "received": 3, "damaged": 1, "lost": 1}
    assert await reconcile(desk.database) == []
