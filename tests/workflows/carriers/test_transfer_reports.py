"""Carrier events of transfers: matched by number and carrier, applied once they have shipped."""

from __future__ import annotations

import pytest

from domain.access.callers import Role, holder
from domain.orders.carriers import CarrierStatus
from domain.values.codes import comparison_key
from integrations.carriers.reports import CarrierReport
from models.database.database import Database
from tests.builders.floor.transfers import Transfers, id_of
from tests.builders.transactions import codes, counts, events, rows
from tests.workflows.carriers.label_desk import LabelDesk, open_label_desk
from tests.workflows.exceptions.sweeps import of_kind, statuses
from workflows.carriers.reports import receive_reports
from workflows.carriers.waiting_reports import match_recent
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

DISCREPANCY = "TRANSFER_DISCREPANCY"
TABLES = ("carrier_event", "event", "audit_entry", "operational_exception")


@pytest.fixture
async def desk(database: Database) -> LabelDesk:
    return await open_label_desk(database)


def transfers(desk: LabelDesk) -> Transfers:
    return Transfers(desk.warehouse)


async def sent(desk: LabelDesk, units: int = 2, number: str = "JD0001") -> Outcome:
    """A transfer that DHL carries."""
    moves = transfers(desk)
    transfer = await moves.create(("TEE-M", units))
    assert not (await moves.ship(transfer, carrier="DHL", tracking_number=number)).refusals
    return transfer


async def receive(
    desk: LabelDesk, status: str, event: str, number: str = "SIM1", carrier: str = "simulator"
) -> list[str]:
    """Receive a report by the webhook."""
    report = CarrierReport(carrier, number, event, CarrierStatus(status), desk.shop.clock.now)
    return await receive_reports(desk.shop.transactions, f"msg-{event}-{status}", [report])


def named(transfer: Outcome) -> dict[str, str]:
    return {"transfer": transfer.refs["transfer"]}


async def test_an_event_is_recorded_once_for_the_transfer_of_its_number(desk: LabelDesk) -> None:
    transfer = await sent(desk)
    record = desk.warehouse.record_event
    other = await record("ACCEPTED", carrier="UPS")
    assert codes(other) == [("NOT_FOUND", ("input", "trackingNumber"))]
    taken = await record("ACCEPTED", number="jd0001", carrier="dhl")
    assert (taken.refs, taken.replayed) == (named(transfer), False)
    [event] = await events(desk.database, "carrier.")
    assert event["data"]["order"] is None
    assert event["data"]["transfer"] is not None
    before = await counts(desk.database, *TABLES)
    again = await record("ACCEPTED")
    assert (again.refs, again.replayed) == (named(transfer), True)
    assert codes(await record("LOST")) == [("IDEMPOTENCY_KEY_REUSED", ("input", "eventId"))]
    assert await counts(desk.database, *TABLES) == before
    assert await receive(desk, "LOST", "E-1", "JD0001", "DHL") == ["conflict"]
    assert await statuses(desk.database, "CARRIER_CONFLICT") == ["OPEN"]
    assert await of_kind(desk.database, DISCREPANCY) == []
    assert await reconcile(desk.database) == []


async def test_a_lost_parcel_is_a_discrepancy_until_the_transfer_is_closed(
    desk: LabelDesk,
) -> None:
    moves, transfer = transfers(desk), await sent(desk)
    assert await receive(desk, "LOST", "E-1", "JD0001", "DHL") == ["heard"]
    [found] = await of_kind(desk.database, DISCREPANCY)
    assert found["subject_key"] == f"Transfer:{id_of(transfer)}"
    assert "lost" in found["message"]
    await moves.receive(transfer, ("TEE-M", 1))
    assert await receive(desk, "LOST", "E-2", "JD0001", "DHL") == ["heard"]
    assert await statuses(desk.database, DISCREPANCY) == ["OPEN"]
    await moves.receive(transfer, ("TEE-M", 1))
    assert await moves.status(transfer) == "CLOSED"
    assert await statuses(desk.database, DISCREPANCY) == ["AUTO_RESOLVED"]
    assert await receive(desk, "LOST", "E-3", "JD0001", "DHL") == ["heard"]
    assert await statuses(desk.database, DISCREPANCY) == ["AUTO_RESOLVED"]
    assert await reconcile(desk.database) == []


async def test_events_before_the_label_and_before_the_shipment_are_applied_with_it(
    desk: LabelDesk,
) -> None:
    moves = transfers(desk)
    transfer = await moves.create(("TEE-M", 2))
    assert await receive(desk, "ACCEPTED", "E-1") == ["unmatched"]
    await desk.buy(id_of(transfer), "Transfer")
    await desk.work()
    [row] = await rows(desk.database, "SELECT transfer_id FROM carrier_event")
    assert row["transfer_id"] == id_of(transfer)
    desk.shop.clock.forward(minutes=1)
    assert await receive(desk, "LOST", "E-2") == ["heard"]
    assert await receive(desk, "LOST", "E-2") == ["repeated"]
    assert await events(desk.database, "carrier.") == []
    assert await of_kind(desk.database, DISCREPANCY) == []
    assert not (await moves.ship(transfer)).refusals
    recorded = [each["data"]["status"] for each in await events(desk.database, "carrier.")]
    assert recorded == ["ACCEPTED", "LOST"]
    assert await statuses(desk.database, DISCREPANCY) == ["OPEN"]
    assert await reconcile(desk.database) == []


async def test_events_that_waited_for_a_number_or_crossed_a_shipment_are_matched(
    desk: LabelDesk,
) -> None:
    assert await receive(desk, "ACCEPTED", "E-1", "JD0001", "DHL") == ["unmatched"]
    transfer = await sent(desk)
    assert await receive(desk, "ACCEPTED", "E-2", "OTHER", "DHL") == ["unmatched"]
    # As if the shipment had been committed with this number a moment after the event was stored.
    async with desk.database.writer() as session:
        await session.execute(
            "UPDATE transfer SET tracking_number = $1, tracking_number_key = $2 WHERE id = $3",
            "OTHER",
            comparison_key("OTHER"),
            id_of(transfer),
        )
        await session.commit()
    assert await match_recent(desk.shop.transactions) == 1
    found = await rows(desk.database, "SELECT transfer_id FROM carrier_event")
    assert [row["transfer_id"] for row in found] == [id_of(transfer)] * 2
    assert len(await events(desk.database, "carrier.")) == 2
    assert await match_recent(desk.shop.transactions) == 0


async def test_a_number_that_is_used_again_names_the_newer_parcel(desk: LabelDesk) -> None:
    """An order, then a transfer, then another order ship under one number."""
    record = desk.warehouse.record_event
    first = await desk.parcel("W-1")
    await desk.shop.ship(first)
    assert (await record("ACCEPTED", "E-1")).refs == {"fulfillment": str(first)}
    desk.shop.clock.forward(hours=1)
    transfer = await sent(desk)
    assert (await record("ACCEPTED", "E-2")).refs == named(transfer)
    desk.shop.clock.forward(hours=1)
    last = await desk.parcel("W-2")
    await desk.shop.ship(last)
    assert (await record("ACCEPTED", "E-3")).refs == {"fulfillment": str(last)}
    york = holder(Role.WAREHOUSE, actor="yan", locations=frozenset({"YORK"}))
    assert (await record("IN_TRANSIT", "E-4", by=york)).refs == named(transfer)


async def test_keys_of_either_location_report_about_a_transfer(desk: LabelDesk) -> None:
    transfer = await sent(desk)
    for place in ("LEEDS", "YORK"):
        at = holder(Role.WAREHOUSE, actor="wes", locations=frozenset({place}))
        assert (await desk.warehouse.record_event("ACCEPTED", place, by=at)).refs == named(transfer)
    elsewhere = holder(Role.WAREHOUSE, actor="eve", locations=frozenset({"SOHO"}))
    before = await counts(desk.database, *TABLES)
    for event in ("LEEDS", "E-9"):
        refused = await desk.warehouse.record_event("ACCEPTED", event, by=elsewhere)
        assert codes(refused) == [("NOT_FOUND", ("input", "trackingNumber"))]
    assert await counts(desk.database, *TABLES) == before
