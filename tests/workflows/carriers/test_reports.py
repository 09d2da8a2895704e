"""Reports of carriers at the webhook: matched, kept until something takes their number, applied."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.orders.carriers import CarrierStatus
from domain.values.codes import comparison_key
from integrations.carriers.reports import CarrierReport
from models.database.database import Database
from tests.builders.transactions import codes, counts, events, rows
from tests.workflows.carriers.label_desk import LabelDesk, open_label_desk
from workflows.carriers.reports import receive_reports
from workflows.carriers.waiting_reports import delete_unmatched, match_recent
from workflows.ledger.reconciliation import reconcile

NUMBER = "JD0001"  # the number under which the builders ship, with the carrier DHL


@pytest.fixture
async def desk(database: Database) -> LabelDesk:
    return await open_label_desk(database)


async def receive(
    desk: LabelDesk,
    *statuses: str,
    message: str = "msg-1",
    number: str = NUMBER,
    carrier: str = "DHL",
    at: datetime | None = None,
) -> list[str]:
    """Receive one message with a report of each status, an hour apart, the last one now."""
    last = at or desk.shop.clock.now
    reports = [
        CarrierReport(
            carrier,
            number,
            f"E-{status}",
            CarrierStatus(status),
            last - timedelta(hours=len(statuses) - 1 - place),
        )
        for place, status in enumerate(statuses)
    ]
    return await receive_reports(desk.shop.transactions, message, reports)


async def test_each_report_of_a_message_has_its_result(desk: LabelDesk) -> None:
    parcel = await desk.parcel()
    await desk.shop.ship(parcel)
    desk.shop.clock.forward(hours=3)
    assert await receive(desk, "IN_TRANSIT", "DELIVERED") == ["heard", "heard"]
    assert (await desk.fulfillment(parcel))["status"] == "DELIVERED"
    before = await counts(desk.database, "carrier_event", "event", "journal_entry")
    assert await receive(desk, "IN_TRANSIT", "DELIVERED") == ["repeated"] * 2
    assert await receive(desk, "DELIVERED", message="msg-2") == ["repeated"]
    assert await counts(desk.database, "carrier_event", "event", "journal_entry") == before
    assert await reconcile(desk.database) == []


async def test_another_status_of_a_known_report_is_a_conflict(desk: LabelDesk) -> None:
    parcel = await desk.parcel()
    await desk.shop.ship(parcel)
    await receive(desk, "DELIVERED")
    lost = CarrierReport("dhl", NUMBER, "E-DELIVERED", CarrierStatus.LOST, desk.shop.clock.now)
    assert await receive_reports(desk.shop.transactions, "msg-2", [lost]) == ["conflict"]
    assert (await desk.fulfillment(parcel))["status"] == "DELIVERED"
    [(kind, status, _)] = await desk.warehouse.exceptions()
    assert (kind, status) == ("CARRIER_CONFLICT", "OPEN")


async def test_reports_wait_until_a_parcel_ships_with_their_number(desk: LabelDesk) -> None:
    """LOST at 8:00 and DELIVERED at 9:00 arrive before the shipment is recorded: it is found."""
    parcel = await desk.parcel()
    assert await receive(desk, "LOST", "DELIVERED") == ["unmatched"] * 2
    refused = await desk.warehouse.record_event("DELIVERED", "E-DELIVERED")
    assert codes(refused) == [("NOT_FOUND", ("input", "trackingNumber"))]
    assert not (await desk.shop.ship(parcel)).refusals
    row = await desk.fulfillment(parcel)
    assert row["status"] == "DELIVERED"
    assert row["delivered_at"] == row["shipped_at"]
    found = await rows(desk.database, "SELECT fulfillment_id FROM carrier_event")
    assert {each["fulfillment_id"] for each in found} == {parcel}
    recorded = [each["data"]["status"] for each in await events(desk.database, "carrier.")]
    assert recorded == ["LOST", "DELIVERED"]
    assert not (await desk.warehouse.record_event("DELIVERED", "E-DELIVERED")).refusals
    assert await reconcile(desk.database) == []


async def test_reports_of_a_labeled_parcel_have_their_effect_when_it_ships(
    desk: LabelDesk,
) -> None:
    parcel = await desk.parcel()
    facts: dict[str, Any] = {"number": "SIM1", "carrier": "simulator"}
    assert await receive(desk, "ACCEPTED", **facts) == ["unmatched"]
    await desk.buy(parcel)
    await desk.work()
    [row] = await rows(desk.database, "SELECT fulfillment_id FROM carrier_event")
    assert row["fulfillment_id"] == parcel
    assert await receive(desk, "DELIVERED", message="msg-2", **facts) == ["heard"]
    assert (await desk.fulfillment(parcel))["status"] == "OPEN"
    assert await reconcile(desk.database) == []
    await desk.shop.ship(parcel, carrier=None, tracking_number=None)
    assert (await desk.fulfillment(parcel))["status"] == "DELIVERED"
    assert await reconcile(desk.database) == []


async def test_a_parcel_that_was_sent_back_before_it_was_shipped_opens_a_return(
    desk: LabelDesk,
) -> None:
    parcel = await desk.parcel()
    assert await receive(desk, "RETURNED_TO_SENDER", "IN_TRANSIT") == ["unmatched"] * 2
    await desk.shop.ship(parcel)
    [opened] = await rows(desk.database, "SELECT status, tracking_number FROM customer_return")
    assert (opened["status"], opened["tracking_number"]) == ("IN_TRANSIT", NUMBER)
    assert await reconcile(desk.database) == []


async def test_reports_wait_for_a_return(desk: LabelDesk) -> None:
    """By a number that the customer gives, and by the number of a label."""
    asked = await desk.returns.requested(("TEE-M", 1))
    assert await receive(desk, "ACCEPTED", number="BACK-1") == ["unmatched"]
    assert not (await desk.returns.track(asked, "BACK-1")).refusals
    [row] = await rows(desk.database, "SELECT scanned_at, status FROM customer_return")
    assert (row["status"], row["scanned_at"]) == ("IN_TRANSIT", desk.shop.clock.now)
    [event] = await rows(desk.database, "SELECT return_id FROM carrier_event")
    assert event["return_id"] == UUID(asked.refs["return"])
    assert await reconcile(desk.database) == []


async def test_a_report_of_the_future_is_refused_with_its_place(desk: LabelDesk) -> None:
    """Nothing of the message is recorded; five minutes ahead count as now."""
    later = desk.shop.clock.now + timedelta(minutes=6)
    with pytest.raises(ValueError, match=r"events\[1\]\.occurredAt: A time at most 5 minutes"):
        await receive(desk, "ACCEPTED", "DELIVERED", at=later)
    assert await counts(desk.database, "carrier_event") == {"carrier_event": 0}
    assert await receive(desk, "DELIVERED", at=later - timedelta(minutes=2)) == ["unmatched"]


async def test_unmatched_reports_are_deleted_after_thirty_days(desk: LabelDesk) -> None:
    parcel = await desk.parcel()
    await desk.shop.ship(parcel)
    await receive(desk, "ACCEPTED")
    await receive(desk, "ACCEPTED", message="msg-2", number="NOBODY")
    desk.shop.clock.forward(days=29)
    assert await desk.shop.transactions.run(delete_unmatched) == 0
    desk.shop.clock.forward(days=2)
    assert await desk.shop.transactions.run(delete_unmatched) == 1
    [row] = await rows(desk.database, "SELECT tracking_number FROM carrier_event")
    assert row["tracking_number"] == NUMBER


async def test_a_report_that_crossed_the_shipment_is_matched_by_the_job(desk: LabelDesk) -> None:
    """The shipment did not see the report, which was recorded at the same time."""
    parcel = await desk.parcel()
    await receive(desk, "DELIVERED", number="OTHER")
    await desk.shop.ship(parcel)
    # As if the shipment had been committed with this number a moment after the report was stored.
    async with desk.database.writer() as session:
        await session.execute(
            "UPDATE fulfillment SET tracking_number = $1, tracking_number_key = $2 WHERE id = $3",
            "OTHER",
            comparison_key("OTHER"),
            parcel,
        )
        await session.commit()
    assert await match_recent(desk.shop.transactions) == 1
    assert (await desk.fulfillment(parcel))["status"] == "DELIVERED"
    assert await match_recent(desk.shop.transactions) == 0
    assert await reconcile(desk.database) == []


async def test_shipments_and_reports_at_the_same_time_lose_none(desk: LabelDesk) -> None:
    """Twelve parcels ship while the report of their delivery arrives."""
    parcels = [await desk.parcel(f"W-{number}") for number in range(12)]

    async def deliver(number: int) -> list[str]:
        return await receive(desk, "DELIVERED", message=f"m-{number}", number=f"N-{number}")

    shipped = [
        desk.shop.ship(parcel, tracking_number=f"N-{number}")
        for number, parcel in enumerate(parcels)
    ]
    outcomes, _ = await asyncio.gather(
        asyncio.gather(*shipped), asyncio.gather(*map(deliver, range(12)))
    )
    assert not any(outcome.refusals for outcome in outcomes)
    await match_recent(desk.shop.transactions)
    statuses = [(await desk.fulfillment(parcel))["status"] for parcel in parcels]
    assert statuses == ["DELIVERED"] * 12
    assert await reconcile(desk.database) == []
