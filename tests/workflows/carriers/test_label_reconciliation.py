"""Reconciliation of labels: one line for each manipulation."""

import pytest

from models.database.database import Database
from tests.builders.floor.transfers import Transfers, id_of
from tests.builders.tampering import tamper
from tests.workflows.carriers.label_desk import LabelDesk, open_label_desk
from workflows.ledger.reconciliation import reconcile


@pytest.fixture
async def desk(database: Database) -> LabelDesk:
    """Bought labels of a parcel and of a transfer that have not shipped."""
    desk = await open_label_desk(database)
    await desk.buy(await desk.parcel())
    await desk.work()
    transfer = await Transfers(desk.warehouse).create(("TEE-M", 1))
    await desk.buy(id_of(transfer), "Transfer")
    await desk.work()
    assert await reconcile(database) == []
    return desk


# name → (manipulation, the proof that detects it, a part of its line)
BREAKS = {
    "a label that costs more than is owed": (
        "UPDATE shipping_label SET cost_minor = 400",
        "carrier payables = bought labels",
        "carrier payables GBP: expected 800, found 790",
    ),
    "a voided label whose entry was not reversed": (
        "UPDATE shipping_label SET status = 'VOIDED'",
        "costs of labels are booked once",
        "expected 0, found 395",
    ),
    "a parcel with another number than its label": (
        "UPDATE fulfillment SET tracking_number_key = 'x', tracking_number = 'x'",
        "unshipped parcels have the number of their label",
        "expected simulator sim1, found simulator x",
    ),
    "a transfer with another number than its label": (
        "UPDATE transfer SET tracking_number_key = 'x', tracking_number = 'x'",
        "unshipped transfers have the number of their label",
        "expected sim2, found x",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
async def test_every_manipulation_is_found(desk: LabelDesk, name: str) -> None:
    statement, proof, line = BREAKS[name]
    await tamper(desk.database.url, statement)
    found = [str(each) for each in await reconcile(desk.database) if each.proof == proof]
    assert any(line in each for each in found), found
