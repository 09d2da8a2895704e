"""LABEL_FAILED: opened for labels that were not bought, or may not have been; cleared with them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.errors import IntegrationTimeout
from models.database.database import Database
from tests.workflows.carriers.label_desk import FAILED, LabelDesk, open_label_desk
from tests.workflows.exceptions.sweeps import of_kind, statuses, sweep

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
