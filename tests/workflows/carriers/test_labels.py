"""Shipping labels: bought once, booked, given back, and ended with their parcels."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain.access.callers import Role, holder
from integrations.carriers.monitored import MonitoredCarrier
from integrations.errors import IntegrationTimeout, IntegrationUnavailable
from models.database.database import Database
from tests.builders.refunds import Gateway
from tests.builders.transactions import codes, counts, events, rows
from tests.workflows.carriers.label_desk import FAILED, REFUSED, LabelDesk, bought, open_label_desk
from tests.workflows.integrations.call_desk import (
    CARRIER_CODE,
    integration_row,
    open_integrations,
    status_of,
    watching,
)
from workflows.carriers.label_purchases import LabelPurchases, delete_old_documents
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

SUBJECT = ("input", "subjectId")
SILENT = IntegrationTimeout("silent")
UNASKED = IntegrationUnavailable("not reached", was_asked=False)
TABLES = ("shipping_label", "event", "journal_entry", "label_document")


@pytest.fixture
async def desk(database: Database) -> LabelDesk:
    return await open_label_desk(database)


async def bought_label(desk: LabelDesk) -> tuple[UUID, Outcome]:
    """A parcel with a bought label."""
    parcel = await desk.parcel()
    label = await desk.buy(parcel)
    await desk.work()
    assert await desk.status(label) == "BOUGHT"
    return parcel, label


async def test_a_label_is_bought_booked_and_gives_its_number_to_the_parcel(desk: LabelDesk) -> None:
    """3.95 owed to the carrier; the parcel has the number SIM1 before it ships."""
    parcel = await desk.parcel(units=2)
    label = await desk.buy(parcel, format="ZPL")
    assert not label.refusals
    assert await desk.status(label) == "REQUESTED"
    assert (await desk.fulfillment(parcel))["tracking_number"] is None
    assert await desk.work() == 1
    row = await desk.find(label)
    facts = ("status", "tracking_number", "cost_minor", "currency", "service")
    assert [row[name] for name in facts] == ["BOUGHT", "SIM1", 395, "GBP", "STANDARD"]
    assert await desk.owed() == 395
    found = await desk.fulfillment(parcel)
    assert (found["carrier"], found["tracking_number"]) == ("simulator", "SIM1")
    [sent] = desk.carrier.orders
    assert (sent.key, sent.format, sent.parcel["units"]) == (row["key"], "ZPL", 2)
    assert sent.sender["code"] == "LEEDS"
    assert [each["type"] for each in await events(desk.database, "label.")] == [
        "label.requested",
        "label.bought",
    ]
    assert await reconcile(desk.database) == []


async def test_a_parcel_ships_under_the_number_of_its_label(desk: LabelDesk) -> None:
    parcel, label = await bought_label(desk)
    before = await counts(desk.database, *TABLES)
    other = await desk.shop.ship(parcel)
    assert codes(other) == [("INVALID", ("input", "trackingNumber"))]
    assert await counts(desk.database, *TABLES) == before
    assert not (await desk.shop.ship(parcel, carrier=None, tracking_number=None)).refusals
    found = await desk.fulfillment(parcel)
    assert (found["status"], found["tracking_number"]) == ("SHIPPED", "SIM1")
    assert await desk.status(label) == "BOUGHT"
    assert codes(await desk.void(label)) == [("ILLEGAL_TRANSITION", ("id",))]
    assert await reconcile(desk.database) == []


async def test_without_a_label_a_parcel_needs_a_carrier_and_a_number(desk: LabelDesk) -> None:
    parcel = await desk.parcel()
    refused = await desk.shop.ship(parcel, carrier=None, tracking_number=None)
    assert codes(refused) == [
        ("INVALID", ("input", "carrier")),
        ("INVALID", ("input", "trackingNumber")),
    ]


async def test_a_number_of_a_configured_carrier_is_on_one_parcel(desk: LabelDesk) -> None:
    """Numbers of other carriers are reused, and so are those of parcels that have arrived."""
    first, second = await desk.parcel("W-1"), await desk.parcel("W-2")
    await desk.shop.ship(first, carrier="simulator", tracking_number="N1")
    again = await desk.shop.ship(second, carrier="Simulator", tracking_number="n1")
    assert codes(again) == [("ALREADY_EXISTS", ("input", "trackingNumber"))]
    assert again.refusals[0].details["existing"] == str(first)
    desk.shop.clock.forward(hours=1)
    await desk.warehouse.record_event("DELIVERED", number="N1", carrier="simulator")
    assert not (await desk.shop.ship(second, carrier="simulator", tracking_number="N1")).refusals


async def test_a_parcel_is_named_only_to_those_who_see_it(desk: LabelDesk) -> None:
    """The holder of the number is at YORK, which the second caller does not see."""
    first, second = await desk.parcel("W-1"), await desk.parcel("W-2")
    await desk.shop.ship(first, carrier="simulator", tracking_number="N1")
    async with desk.database.writer() as session:
        sql = "UPDATE fulfillment SET location_id = (SELECT id FROM location WHERE code = 'YORK')"
        await session.execute(f"{sql} WHERE id = $1", first)
    packer = holder(Role.WAREHOUSE, actor="packer", locations=frozenset({"LEEDS"}))
    refused = await desk.shop.ship(second, by=packer, carrier="simulator", tracking_number="N1")
    assert codes(refused) == [("ALREADY_EXISTS", ("input", "trackingNumber"))]
    [refusal] = refused.refusals
    assert refusal.details == {"entity": "shipment", "reference": "N1", "existing": None}
    assert refusal.message == "A parcel of another order is on its way with the number 'N1'."


async def test_a_parcel_has_one_live_label(desk: LabelDesk) -> None:
    parcel = await desk.parcel()
    label = await desk.buy(parcel)
    before = await counts(desk.database, *TABLES)
    again = await desk.buy(parcel)
    assert codes(again) == [("ALREADY_EXISTS", SUBJECT)]
    [refusal] = again.refusals
    number = (await desk.fulfillment(parcel))["number"]
    assert refusal.message == f"The parcel {number} has a label already; its status is REQUESTED."
    assert refusal.details["existing"] == label.refs["label"]
    assert await counts(desk.database, *TABLES) == before


async def test_what_cannot_be_bought_is_refused_by_its_field(desk: LabelDesk) -> None:
    parcel = await desk.parcel()
    unknown = await desk.buy(parcel, carrier="pigeon")
    assert codes(unknown) == [("INVALID", ("input", "carrier"))]
    assert unknown.refusals[0].details == {"allowed": ["simulator"]}
    leeds = holder(Role.WAREHOUSE, actor="w", locations=frozenset({"YORK"}))
    assert codes(await desk.buy(parcel, by=leeds)) == [("NOT_FOUND", SUBJECT)]
    await desk.shop.ship(parcel)
    assert codes(await desk.buy(parcel)) == [("ILLEGAL_TRANSITION", SUBJECT)]
    assert await counts(desk.database, "shipping_label") == {"shipping_label": 0}


async def test_a_failed_label_can_be_bought_again_with_a_new_key(desk: LabelDesk) -> None:
    desk.carrier.buys = [FAILED]
    parcel = await desk.parcel()
    first = await desk.buy(parcel)
    await desk.work()
    row = await desk.find(first)
    assert (row["status"], row["failure"]) == ("FAILED", "address_not_served")
    second = await desk.buy(parcel)
    await desk.work()
    assert await desk.status(second) == "BOUGHT"
    keys = [sent.key for sent in desk.carrier.orders]
    assert len(set(keys)) == len(keys) == 2
    assert await desk.owed() == 395


async def test_an_unknown_label_is_looked_up_within_five_seconds(desk: LabelDesk) -> None:
    """The carrier sold it and did not answer: the look-up finds it, and nothing is sent again."""
    desk.carrier.silent_after = [SILENT]
    label = await desk.buy(await desk.parcel())
    await desk.work()
    assert await desk.status(label) == "UNKNOWN"
    assert await desk.work(seconds=3) == 0
    assert await desk.work(seconds=2) == 1
    assert await desk.status(label) == "BOUGHT"
    assert desk.carrier.calls == ["buy", "look_up"]
    assert await desk.owed() == 395
    assert await reconcile(desk.database) == []


async def test_a_key_that_the_carrier_does_not_know_is_sent_again(desk: LabelDesk) -> None:
    desk.carrier.buys = [SILENT]
    label = await desk.buy(await desk.parcel())
    await desk.work()
    await desk.work(seconds=5)
    assert await desk.status(label) == "BOUGHT"
    assert desk.carrier.calls == ["buy", "look_up", "buy"]
    assert len({sent.key for sent in desk.carrier.orders}) == 1


async def test_look_ups_come_at_doubled_distances_of_at_most_five_minutes(desk: LabelDesk) -> None:
    desk.carrier.buys = [SILENT]
    desk.carrier.look_ups = [SILENT] * 9
    label = await desk.buy(await desk.parcel())
    await desk.work()
    waits = []
    for _ in range(9):
        row = await desk.find(label)
        waits.append((row["next_at"] - desk.shop.clock.now).total_seconds())
        await desk.work(seconds=waits[-1])
    assert waits == [4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_after_a_day_the_key_is_not_sent_again(desk: LabelDesk) -> None:
    desk.carrier.buys = [SILENT]
    desk.carrier.look_ups = [SILENT]
    label = await desk.buy(await desk.parcel())
    await desk.work()
    await desk.work(seconds=5)
    await desk.work(seconds=25 * 3600)
    assert await desk.status(label) == "UNKNOWN"
    assert desk.carrier.calls.count("buy") == 1


async def test_a_worker_that_died_is_followed_by_a_look_up(desk: LabelDesk) -> None:
    """The claim of a dead worker ends after 90 seconds; the key may have been sent."""
    label = await desk.buy(await desk.parcel())
    key = UUID(label.refs["label"])
    await desk.shop.transactions.run(lambda tx: desk.worker._claim(tx, key))
    assert await desk.work(seconds=60) == 0
    assert await desk.work(seconds=31) == 1
    assert desk.carrier.calls == ["look_up", "buy"]
    assert await desk.status(label) == "BOUGHT"


async def test_a_voided_label_costs_nothing_and_takes_its_number_back(desk: LabelDesk) -> None:
    parcel, label = await bought_label(desk)
    assert not (await desk.void(label, note="Wrong box.")).refusals
    assert await desk.status(label) == "VOIDING"
    assert (await desk.fulfillment(parcel))["tracking_number"] is None
    again = await desk.buy(parcel)
    assert not again.refusals
    await desk.work()
    assert [await desk.status(each) for each in (label, again)] == ["VOIDED", "BOUGHT"]
    assert await desk.owed() == 395
    assert await reconcile(desk.database) == []
    assert codes(await desk.void(label)) == [("ILLEGAL_TRANSITION", ("id",))]
    [audit] = await desk.warehouse.audits("label.voiding")
    assert audit["after"]["note"] == "Wrong box."


async def test_a_refused_void_leaves_the_label_bought(desk: LabelDesk) -> None:
    parcel, label = await bought_label(desk)
    desk.carrier.voids = [SILENT, REFUSED]
    await desk.void(label)
    await desk.work()
    assert await desk.status(label) == "VOIDING"
    await desk.work(seconds=5)
    row = await desk.find(label)
    assert (row["status"], row["failure"]) == ("BOUGHT", "already_scanned")
    assert (await desk.fulfillment(parcel))["tracking_number"] == "SIM1"
    assert await desk.owed() == 395
    assert await reconcile(desk.database) == []


async def test_a_refused_void_waits_while_another_label_has_taken_its_place(
    desk: LabelDesk,
) -> None:
    parcel, label = await bought_label(desk)
    await desk.void(label)
    await desk.buy(parcel)
    desk.carrier.voids = [REFUSED]
    await desk.work()
    assert await desk.status(label) == "VOIDING"
    assert await desk.owed() == 790
    assert await reconcile(desk.database) == []


async def test_an_unknown_label_is_voided_whatever_became_of_it(desk: LabelDesk) -> None:
    """One was sold: it is found, booked, given back and reversed. The other never arrived."""
    desk.carrier.silent_after = [SILENT]
    sold = await desk.buy(await desk.parcel("W-1"))
    await desk.work()
    desk.carrier.buys = [SILENT]
    lost = await desk.buy(await desk.parcel("W-2"))
    await desk.work()
    for label in (sold, lost):
        assert await desk.status(label) == "UNKNOWN"
        assert not (await desk.void(label)).refusals
    await desk.work()
    assert await desk.status(sold) == "VOIDED"
    # A request that was sent seconds ago may still arrive.
    assert await desk.status(lost) == "VOIDING"
    for _ in range(4):
        await desk.work(seconds=10)
    assert await desk.status(lost) == "VOIDED"
    assert await desk.owed() == 0
    assert await reconcile(desk.database) == []


async def test_a_cancelled_parcel_voids_its_label(desk: LabelDesk) -> None:
    placed = await desk.shop.place(("TEE-M", 1), reference="W-9")
    [parcel] = await desk.shop.fulfillments(placed)
    label = await desk.buy(parcel["id"])
    await desk.work()
    assert not (await desk.shop.cancel(placed)).refusals
    assert await desk.status(label) == "VOIDING"
    await desk.work()
    assert await desk.status(label) == "VOIDED"
    assert await reconcile(desk.database) == []


async def test_a_label_of_a_cancelled_parcel_is_not_bought(desk: LabelDesk) -> None:
    placed = await desk.shop.place(("TEE-M", 1), reference="W-9")
    [parcel] = await desk.shop.fulfillments(placed)
    label = await desk.buy(parcel["id"])
    await desk.shop.cancel(placed)
    assert await desk.status(label) == "FAILED"
    assert await desk.work() == 0
    assert desk.carrier.calls == []


async def test_a_parcel_that_ships_by_hand_gives_its_late_label_back(desk: LabelDesk) -> None:
    desk.carrier.silent_after = [SILENT]
    parcel = await desk.parcel()
    label = await desk.buy(parcel)
    await desk.work()
    assert not (await desk.shop.ship(parcel)).refusals
    await desk.work(seconds=5)
    assert await desk.status(label) == "VOIDED"
    assert (await desk.fulfillment(parcel))["tracking_number"] == "JD0001"
    assert await reconcile(desk.database) == []


async def test_the_label_of_a_return_gives_it_its_number(desk: LabelDesk) -> None:
    asked = await desk.returns.requested(("TEE-M", 2))
    key = asked.refs["return"]
    label = await desk.buy(key, "Return")
    await desk.work()
    assert await desk.status(label) == "BOUGHT"
    [sent] = desk.carrier.orders
    assert (sent.recipient["code"], sent.parcel["units"]) == ("LEEDS", 2)
    sql = "SELECT status, carrier, tracking_number, rma_number FROM customer_return"
    [row] = await rows(desk.database, sql)
    assert (row["status"], row["carrier"]) == ("AUTHORIZED", "simulator")
    assert (row["tracking_number"], sent.reference) == ("SIM1", row["rma_number"])
    await desk.returns.cancel(asked)
    await desk.work()
    assert await desk.status(label) == "VOIDED"
    assert await reconcile(desk.database) == []


async def test_a_voided_label_takes_its_number_from_the_return(desk: LabelDesk) -> None:
    asked = await desk.returns.requested(("TEE-M", 1))
    label = await desk.buy(asked.refs["return"], "Return")
    await desk.work()
    await desk.void(label)
    await desk.work()
    [row] = await rows(desk.database, "SELECT tracking_number FROM customer_return")
    assert row["tracking_number"] is None
    assert await reconcile(desk.database) == []


async def test_documents_are_deleted_after_their_time(desk: LabelDesk) -> None:
    await bought_label(desk)
    desk.shop.clock.forward(days=89)
    assert await desk.shop.transactions.run(delete_old_documents) == 0
    desk.shop.clock.forward(days=2)
    assert await desk.shop.transactions.run(delete_old_documents) == 1
    assert await counts(desk.database, "label_document") == {"label_document": 0}


async def test_a_carrier_that_is_no_longer_configured_is_not_asked(desk: LabelDesk) -> None:
    label = await desk.buy(await desk.parcel())
    assert await LabelPurchases(desk.shop.transactions, {}).work() == 1
    row = await desk.find(label)
    expected = ("FAILED", "The carrier simulator is not configured.")
    assert (row["status"], row["failure"]) == expected


async def test_a_silent_carrier_opens_one_exception_until_it_answers(desk: LabelDesk) -> None:
    transactions = desk.shop.transactions
    monitor = await open_integrations(desk.shop)
    carrier = MonitoredCarrier(desk.carrier, monitor.monitor(CARRIER_CODE))
    watch = watching(transactions, monitor, Gateway(), carrier)
    desk.worker = LabelPurchases(transactions, {"simulator": carrier}, monitor)
    desk.carrier.buys = [UNASKED]
    desk.carrier.look_ups = [UNASKED] * 4
    await desk.buy(await desk.parcel())
    await desk.work()
    for _ in range(4):
        await desk.work(seconds=300)
    down = (await integration_row(desk.database, CARRIER_CODE))["id"]
    assert await desk.warehouse.exceptions() == [
        ("INTEGRATION_DOWN", "OPEN", f"Integration:{down}")
    ]
    calls = len(desk.carrier.calls)
    await desk.work(seconds=300)
    assert len(desk.carrier.calls) == calls
    await watch.probe()
    await desk.work()
    for _ in range(10):
        desk.shop.clock.forward(seconds=1)
        await watch.probe()
    assert await status_of(desk.database, CARRIER_CODE) == "HEALTHY"
    assert [each[1] for each in await desk.warehouse.exceptions()] == ["AUTO_RESOLVED"]


async def test_a_free_label_has_no_entry(desk: LabelDesk) -> None:
    desk.carrier.buys = [bought("FREE", minor=0, document=None)]
    label = await desk.buy(await desk.parcel())
    await desk.work()
    assert (await desk.find(label))["entry_id"] is None
    await desk.void(label)
    await desk.work(seconds=timedelta(seconds=1).total_seconds())
    assert await desk.status(label) == "VOIDED"
    assert await reconcile(desk.database) == []
