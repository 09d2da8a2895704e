"""TRANSFER_OVERDUE and TRANSFER_DISCREPANCY: opened and cleared with the units of a transfer."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from models.database.database import Database
from tests.builders.floor.bins import Floor
from tests.builders.floor.counts import Counting
from tests.builders.floor.transfers import Transfers, id_of, open_transfers
from tests.workflows.exceptions.sweeps import of_kind, statuses, sweep
from workflows.ledger.reconciliation import reconcile

OVERDUE, DISCREPANCY = "TRANSFER_OVERDUE", "TRANSFER_DISCREPANCY"


@pytest.fixture
async def desk(database: Database) -> Transfers:
    return await open_transfers(database)


def counting(desk: Transfers) -> Counting:
    return Counting(Floor(desk.warehouse.shop))


async def test_a_transfer_is_overdue_from_the_time_at_which_it_was_expected(
    desk: Transfers,
) -> None:
    """It is expected three days after the shipment, and due two days after the exception."""
    shop = desk.warehouse.shop
    transfer = await desk.sent(("TEE-M", 2))
    await desk.create(("TEE-M", 1))
    shop.clock.forward(days=3, seconds=-1)
    await sweep(shop.transactions)
    assert await of_kind(desk.database, OVERDUE) == []
    shop.clock.forward(seconds=1)
    for _ in range(2):
        await sweep(shop.transactions)
    [overdue] = await of_kind(desk.database, OVERDUE)
    assert overdue["subject_key"] == f"Transfer:{id_of(transfer)}"
    assert (overdue["severity"], overdue["owner_role"]) == ("MEDIUM", "SUPPLY_CHAIN")
    assert overdue["due_at"] - overdue["opened_at"] == timedelta(days=2)
    await desk.receive(transfer, ("TEE-M", 1))
    assert await statuses(desk.database, OVERDUE) == ["OPEN"]
    await desk.write_off(transfer, ("TEE-M", 1))
    assert await statuses(desk.database, OVERDUE) == ["AUTO_RESOLVED"]


async def test_units_that_are_not_coming_are_a_discrepancy_until_the_transfer_is_closed(
    desk: Transfers,
) -> None:
    transfer = await desk.sent(("TEE-M", 3), ("COAT", 1))
    await desk.receive(transfer, ("COAT", 1))
    assert await of_kind(desk.database, DISCREPANCY) == []
    await desk.receive(transfer, ("TEE-M", 1), complete=True)
    await desk.receive(transfer, complete=True)
    [found] = await of_kind(desk.database, DISCREPANCY)
    assert (found["status"], found["occurrences"]) == ("OPEN", 2)
    assert found["message"].endswith(": 2 units of TEE-M did not arrive.")
    await desk.receive(transfer, ("TEE-M", 1))
    assert await statuses(desk.database, DISCREPANCY) == ["OPEN"]
    await desk.write_off(transfer, ("TEE-M", 1))
    assert await statuses(desk.database, DISCREPANCY) == ["AUTO_RESOLVED"]


async def test_a_complete_transfer_without_difference_is_no_discrepancy(desk: Transfers) -> None:
    transfer = await desk.sent(("TEE-M", 3))
    await desk.receive(transfer, ("TEE-M", 2, 1), complete=True)
    assert await of_kind(desk.database, DISCREPANCY) == []


async def test_extra_units_are_a_discrepancy_until_they_are_counted(desk: Transfers) -> None:
    """Two units were sent and three came: the count at YORK finds the third one on the shelf."""
    transfer = await desk.sent(("TEE-M", 2))
    await desk.receive(transfer, ("TEE-M", 3))
    [found] = await of_kind(desk.database, DISCREPANCY)
    assert found["message"].endswith(": 1 units of TEE-M came beyond it.")
    assert (await desk.status(transfer), found["status"]) == ("CLOSED", "OPEN")
    assert not (await counting(desk).record(("TEE-M", 3), at="YORK")).refusals
    assert await desk.warehouse.shop.level(at="YORK") == {"available": 3}
    assert await statuses(desk.database, DISCREPANCY) == ["AUTO_RESOLVED"]
    assert await reconcile(desk.database) == []


async def test_counted_extra_units_wait_for_the_end_of_the_transfer(desk: Transfers) -> None:
    transfer = await desk.sent(("TEE-M", 2), ("COAT", 1))
    await desk.receive(transfer, ("TEE-M", 3))
    assert not (await counting(desk).record(("TEE-M", 3), at="YORK")).refusals
    assert await statuses(desk.database, DISCREPANCY) == ["OPEN"]
    await desk.receive(transfer, ("COAT", 1))
    assert await statuses(desk.database, DISCREPANCY) == ["AUTO_RESOLVED"]


async def test_the_last_receipt_and_the_count_of_extra_units_meet(desk: Transfers) -> None:
    """Both run at once: whichever commits later clears the exception."""
    for _ in range(3):
        transfer = await desk.sent(("TEE-M", 1), ("COAT", 1))
        assert not (await desk.receive(transfer, ("TEE-M", 2))).refusals
        level = await desk.warehouse.shop.level(at="YORK")
        units = level["available"] + level["quarantine"]
        received, counted = await asyncio.gather(
            desk.receive(transfer, ("COAT", 1)),
            counting(desk).record(("TEE-M", units), at="YORK"),
        )
        assert not received.refusals
        assert not counted.refusals
        desk.warehouse.shop.clock.forward(hours=2)
    assert await statuses(desk.database, DISCREPANCY) == ["AUTO_RESOLVED"] * 3
