"""Labels of transfers: bought while REQUESTED, shipped under, given back with the transfer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domain.access.callers import Role, holder
from integrations.errors import IntegrationTimeout
from models.database.database import Database
from tests.builders.floor.transfers import Transfers, id_of
from tests.builders.transactions import codes, counts, events, rows
from tests.workflows.carriers.label_desk import REFUSED, LabelDesk, open_label_desk
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

SUBJECT = ("input", "subjectId")
CHANGED = ("shipping_label", "transfer", "stock_movement", "event", "audit_entry", "journal_entry")
SILENT = IntegrationTimeout("silent")


@pytest.fixture
async def desk(database: Database) -> LabelDesk:
    return await open_label_desk(database)


def transfers(desk: LabelDesk) -> Transfers:
    return Transfers(desk.warehouse)


async def labeled(desk: LabelDesk, transfer: Outcome) -> Outcome:
    """A label asked for a transfer."""
    label = await desk.buy(id_of(transfer), "Transfer")
    assert not label.refusals, label.refusals
    return label


async def numbers(desk: LabelDesk, transfer: Outcome) -> tuple[str | None, str | None]:
    """The carrier and the tracking number of a transfer."""
    sql = "SELECT carrier, tracking_number FROM transfer WHERE id = $1"
    [row] = await rows(desk.database, sql, id_of(transfer))
    return row["carrier"], row["tracking_number"]


async def test_a_transfer_ships_under_its_label(desk: LabelDesk) -> None:
    """Its cost is booked at the origin, and at no channel."""
    moves = transfers(desk)
    transfer = await moves.create(("TEE-M", 6))
    label = await labeled(desk, transfer)
    again = await desk.buy(id_of(transfer), "Transfer")
    assert codes(again) == [("ALREADY_EXISTS", SUBJECT)]
    await desk.work()
    [sent] = desk.carrier.orders
    assert (sent.sender["code"], sent.recipient["code"]) == ("LEEDS", "YORK")
    assert (sent.parcel["units"], sent.service) == (6, "STANDARD")
    assert await numbers(desk, transfer) == ("simulator", "SIM1")
    [entry] = await rows(
        desk.database,
        "SELECT e.channel_id, l.code FROM journal_entry e JOIN location l ON l.id = e.location_id"
        " WHERE e.memo LIKE 'Bought%'",
    )
    assert (entry["channel_id"], entry["code"], await desk.owed()) == (None, "LEEDS", 395)
    [_, bought] = await events(desk.database, "label.")
    assert bought["data"]["order"] is None
    before = await counts(desk.database, *CHANGED)
    others: tuple[dict[str, Any], ...] = (
        {"tracking_number": "JD-1"},
        {"carrier": "DHL"},
        {"carrier": "DHL", "tracking_number": "JD-1"},
    )
    for other in others:
        refused = await moves.ship(transfer, **other)
        assert codes(refused) == [("INVALID", ("input", "trackingNumber"))]
    assert await counts(desk.database, *CHANGED) == before
    assert await moves.status(transfer) == "REQUESTED"
    assert not (await moves.ship(transfer, tracking_number="sim1")).refusals
    assert await numbers(desk, transfer) == ("simulator", "sim1")
    late = await desk.buy(id_of(transfer), "Transfer")
    assert codes(late) == [("ILLEGAL_TRANSITION", SUBJECT)]
    assert codes(await desk.void(label)) == [("ILLEGAL_TRANSITION", ("id",))]
    await desk.work(seconds=400)
    assert (await desk.status(label), await desk.owed()) == ("BOUGHT", 395)
    assert await reconcile(desk.database) == []


async def test_a_cancelled_transfer_gives_its_label_back(desk: LabelDesk) -> None:
    """In each status of the label; also if nothing of the transfer was found."""
    moves = transfers(desk)
    [asked, claimed, unknown, bought, empty] = [await moves.create(("TEE-M", 1)) for _ in range(5)]
    labels = [await labeled(desk, bought), await labeled(desk, empty)]
    await desk.work()
    labels.append(await labeled(desk, unknown))
    desk.carrier.silent_after, desk.carrier.look_ups = [SILENT], [SILENT]
    await desk.work()
    assert await desk.status(labels[-1]) == "UNKNOWN"
    labels.append(await labeled(desk, claimed))
    key = UUID(labels[-1].refs["label"])
    await desk.shop.transactions.run(lambda tx: desk.worker._claim(tx, key))
    unsent = await labeled(desk, asked)
    for transfer in (asked, claimed, unknown, bought):
        assert not (await moves.cancel(transfer)).refusals
    assert not (await moves.ship(empty, ("TEE-M", 1))).refusals
    for transfer in (asked, claimed, unknown, bought, empty):
        assert await moves.status(transfer) == "CANCELLED"
        assert await numbers(desk, transfer) == (None, None)
    assert await desk.status(unsent) == "FAILED"
    desk.carrier.voids = [REFUSED]
    for _ in range(6):
        await desk.work(seconds=100)
    found = sorted([await desk.status(label) for label in labels])
    assert found in (["BOUGHT", "VOIDED", "VOIDED", "VOIDED"], ["VOIDED"] * 4)
    assert await desk.owed() == 395 * found.count("BOUGHT")
    assert await reconcile(desk.database) == []


async def test_a_transfer_that_ships_before_its_label_is_bought_gives_it_back(
    desk: LabelDesk,
) -> None:
    """One label was not sent yet; the carrier has sold the other one, and its answer was lost."""
    moves = transfers(desk)
    first, second = await moves.create(("TEE-M", 1)), await moves.create(("TEE-M", 1))
    label = await labeled(desk, first)
    desk.carrier.silent_after, desk.carrier.look_ups = [SILENT], [SILENT]
    await desk.work()
    unsent = await labeled(desk, second)
    await moves.ship(first, carrier="DHL", tracking_number="JD-1")
    await moves.ship(second)
    for _ in range(4):
        await desk.work(seconds=100)
    assert await numbers(desk, first) == ("DHL", "JD-1")
    assert await numbers(desk, second) == (None, None)
    assert (await desk.status(label), await desk.status(unsent)) == ("VOIDED", "FAILED")
    assert await desk.owed() == 0
    assert await reconcile(desk.database) == []


async def test_labels_are_bought_by_keys_of_the_origin(desk: LabelDesk) -> None:
    moves = transfers(desk)
    transfer = await moves.create(("TEE-M", 1))
    leeds, york = (
        holder(Role.WAREHOUSE, actor=code.lower(), locations=frozenset({code}))
        for code in ("LEEDS", "YORK")
    )
    before = await counts(desk.database, *CHANGED)
    refused = await desk.buy(id_of(transfer), "Transfer", by=york)
    assert codes(refused) == [("NOT_FOUND", SUBJECT)]
    assert await counts(desk.database, *CHANGED) == before
    label = await desk.buy(id_of(transfer), "Transfer", by=leeds)
    await desk.work()
    assert codes(await desk.void(label, by=york)) == [("NOT_FOUND", ("id",))]
    assert not (await desk.void(label, by=leeds)).refusals
    assert await numbers(desk, transfer) == (None, None)
    await desk.work(seconds=10)
    assert (await desk.status(label), await desk.owed()) == ("VOIDED", 0)
