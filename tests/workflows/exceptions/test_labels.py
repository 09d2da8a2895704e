"""LABEL_FAILED: opened for labels that were not bought, or may not have been; cleared with them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.errors import IntegrationTimeout
from models.database.database import Database
from tests.builders.floor.transfers import Transfers, id_of
from tests.builders.transactions import rows
from tests.workflows.carriers.label_desk import FAILED, LabelDesk, open_label_desk
from tests.workflows.exceptions.sweeps import of_kind, statuses, sweep
from workflows.transactions.outcomes import Outcome

SILENT = IntegrationTimeout("silent")


@pytest.fixture
async def desk(database: Database) -> LabelDesk:
    return await open_label_desk(database)


async def test_a_label_that_failed_is_reported_until_there_is_a_new_one(desk: LabelDesk) -> None:
    parcel = await desk.parcel()
    desk.carrier.buys = [FAILED]
    label = await desk.buy(parcel)
    await desk.work()
    [failed] = await of_kind(desk.database, "LABEL_FAILED")
    assert failed["subject_key"] == f"ShippingLabel:{label.refs['label']}"
    assert (failed["status"], failed["owner_role"]) == ("OPEN", "WAREHOUSE")
    assert failed["due_at"] - failed["opened_at"] == timedelta(hours=4)
    assert not (await desk.buy(parcel)).refusals
    await desk.work()
    assert await statuses(desk.database, "LABEL_FAILED") == ["AUTO_RESOLVED"]


@pytest.mark.parametrize("way", ["shipped", "cancelled"])
async def test_a_parcel_without_need_of_a_label_has_no_failure(desk: LabelDesk, way: str) -> None:
    parcel = await desk.parcel()
    desk.carrier.buys = [FAILED]
    await desk.buy(parcel)
    await desk.work()
    if way == "shipped":
        assert not (await desk.shop.ship(parcel)).refusals
    else:
        [order] = (await desk.warehouse.orders()).values()
        assert not (await desk.shop.cancel(order)).refusals
    assert await statuses(desk.database, "LABEL_FAILED") == ["AUTO_RESOLVED"]


async def test_an_uncertain_label_is_reported_after_an_hour(desk: LabelDesk) -> None:
    parcel = await desk.parcel()
    desk.carrier.buys = [SILENT]
    desk.carrier.look_ups = [SILENT] * 40
    label = await desk.buy(parcel)
    await desk.work()
    assert await desk.status(label) == "UNKNOWN"
    desk.shop.clock.forward(minutes=59)
    await sweep(desk.shop.transactions)
    assert await of_kind(desk.database, "LABEL_FAILED") == []
    desk.shop.clock.forward(minutes=1)
    for _ in range(2):
        await sweep(desk.shop.transactions)
    assert await statuses(desk.database, "LABEL_FAILED") == ["OPEN"]
    desk.carrier.look_ups.clear()
    await desk.work(seconds=600)
    await desk.work(seconds=600)
    assert await desk.status(label) == "BOUGHT"
    assert await statuses(desk.database, "LABEL_FAILED") == ["AUTO_RESOLVED"]


async def test_labels_of_transfers_are_reported_likewise(desk: LabelDesk) -> None:
    """A failed one until a new label, the shipment or the cancellation; an uncertain one by age."""
    moves = Transfers(desk.warehouse)
    anew, shipped, cancelled = [await moves.create(("TEE-M", 1)) for _ in range(3)]
    for transfer in (anew, shipped, cancelled):
        desk.carrier.buys = [FAILED]
        await desk.buy(id_of(transfer), "Transfer")
        await desk.work()
    assert await statuses(desk.database, "LABEL_FAILED") == ["OPEN"] * 3
    await desk.buy(id_of(anew), "Transfer")
    desk.carrier.buys, desk.carrier.look_ups = [SILENT], [SILENT] * 40
    await desk.work()
    await moves.ship(shipped)
    assert sorted(await statuses(desk.database, "LABEL_FAILED")) == [
        "AUTO_RESOLVED",
        "OPEN",
        "OPEN",
    ]
    await moves.cancel(cancelled)
    for minutes, opened in ((59, 0), (1, 1)):
        desk.shop.clock.forward(minutes=minutes)
        await sweep(desk.shop.transactions)
        found = await statuses(desk.database, "LABEL_FAILED")
        assert (len(found), found.count("AUTO_RESOLVED")) == (3 + opened, 2), found
    [row] = (await of_kind(desk.database, "LABEL_FAILED"))[3:]
    assert row["message"].endswith(f"for transfer {await _number(desk, anew)}.")
    desk.carrier.look_ups.clear()
    for _ in range(2):
        await desk.work(seconds=600)
    assert await statuses(desk.database, "LABEL_FAILED") == ["AUTO_RESOLVED"] * 4


async def _number(desk: LabelDesk, transfer: Outcome) -> str:
    sql = "SELECT number FROM transfer WHERE id = $1"
    [row] = await rows(desk.database, sql, id_of(transfer))
    return str(row["number"])
