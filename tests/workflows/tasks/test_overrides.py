"""Overridden claims: audited when the work is done, and not when it is refused after all."""

from __future__ import annotations

from datetime import timedelta

from models.database.database import Database
from tests.builders.floor.counts import ADMIN, ANN, BEN, SUE, open_counting
from tests.builders.transactions import codes
from tests.builders.warehouse import Warehouse, open_warehouse
from workflows.transactions.outcomes import Request
from workflows.warehouse.dispatch import DispatchParcels, dispatch
from workflows.warehouse.scanned_parcels import Scan


async def overrides(warehouse: Warehouse) -> list[str]:
    """Actors of the audited overrides, oldest first."""
    return [row["actor"] for row in await warehouse.audits("task.overridden")]


async def test_a_refused_scan_overrides_no_claim(database: Database) -> None:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(9)
    placed = await warehouse.shop.place(("TEE-M", 1))
    [parcel] = await warehouse.shop.fulfillments(placed)
    await warehouse.claim(by=ANN)
    refused = await warehouse.scan(Scan("TEE-S", 1, parcel["id"]), by=SUE)
    assert codes(refused) == [("SCAN_MISMATCH", ("scans", "0", "code"))]
    assert await overrides(warehouse) == []
    scans = (Scan("TEE-S", 1, parcel["id"]), Scan("TEE-M", 1, parcel["id"]))
    assert len((await warehouse.scan(*scans, by=SUE)).refusals) == 1
    assert await overrides(warehouse) == ["sue"]


async def test_a_refused_count_overrides_no_claim(database: Database) -> None:
    counting = await open_counting(database)
    await counting.shop.receive(9)
    await counting.create()
    assert not (await counting.record(("TEE-M", 2), by=SUE)).refusals
    await counting.claim(by=ANN)
    refused = await counting.record(("TEE-M", 2), by=SUE)
    assert codes(refused) == [("SELF_APPROVAL", ("input", "places", "0", "sku"))]
    assert await overrides(counting.warehouse) == []


async def test_a_refused_dispatch_overrides_no_claim(database: Database) -> None:
    """The time of the handover is before the order: the parcel is refused after its tasks."""
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(9)
    placed = await warehouse.shop.place(("TEE-M", 1))
    [parcel] = await warehouse.shop.fulfillments(placed)
    await warehouse.pick(parcel["id"], by=BEN)
    async with database.writer() as session:
        await session.execute(
            "UPDATE fulfillment SET carrier = 'DHL', carrier_key = 'dhl', tracking_number = 'JD7',"
            " tracking_number_key = 'jd7'"
        )
    assert not (await warehouse.claim("PACK", by=ANN)).refusals
    too_early = warehouse.shop.clock.now - timedelta(days=1)
    command = DispatchParcels("LEEDS", ("JD7",), too_early)
    refused = await warehouse.shop.transactions.perform(dispatch, Request(command, ADMIN))
    assert [code for code, _ in codes(refused)] == ["INVALID"]
    assert await overrides(warehouse) == []
    assert not (await warehouse.dispatch("JD7", by=SUE)).refusals
    assert await overrides(warehouse) == ["sue"]
