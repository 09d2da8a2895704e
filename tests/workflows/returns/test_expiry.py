"""Expiry of returns, and carrier events of parcels on their way back."""

from uuid import UUID

import orjson
import pytest

import workflows.carriers.tracking_events
from domain.orders.carriers import CarrierStatus
from models.database.database import Database
from tests.builders.returns import Desk, open_return_desk
from tests.builders.store import ADMIN
from tests.builders.transactions import events, rows
from workflows.carriers.commands import RecordCarrierEvent
from workflows.transactions.outcomes import Outcome, Request


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def record_event(
    desk: Desk, status: str, number: str = "JD0001", reference: str = "e-1"
) -> Outcome:
    """Record a carrier event of a parcel."""
    command = RecordCarrierEvent(
        "DHL", number, reference, CarrierStatus(status), desk.shop.clock.now
    )
    outcome = await desk.shop.transactions.perform(
        workflows.carriers.tracking_events.record, Request(command, ADMIN)
    )
    assert not outcome.refusals, outcome.refusals
    return outcome


async def test_nothing_came_at_all(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    desk.shop.clock.forward(days=27, hours=23)
    assert await desk.expire() == 0
    desk.shop.clock.forward(hours=1)
    assert await desk.expire() == 1
    assert await desk.status(made) == "EXPIRED"
    assert await desk.units(made) == [("TEE-M", 2, "EXPECTED")]
    assert [each["type"] for each in await events(desk.database, "return.expired")]
    assert await desk.expire() == 0
    # The units can be requested again.
    order = Outcome(refs={"order": str((await desk.find(made))["order_id"])})
    assert not (await desk.request(order, ("TEE-M", 1))).refusals


async def test_the_rest_of_what_came_is_missing(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    await desk.receive(made, ("TEE-M", 1))
    desk.shop.clock.forward(days=28)
    assert await desk.expire() == 1
    assert await desk.status(made) == "RECEIVED"
    assert await desk.units(made) == [("TEE-M", 1, "MISSING"), ("TEE-M", 1, "RECEIVED")]
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 1)]


async def test_a_late_parcel_is_received_and_opens_an_exception(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    desk.shop.clock.forward(days=28)
    await desk.expire()
    order = Outcome(refs={"order": str((await desk.find(made))["order_id"])})
    again = await desk.request(order, ("TEE-M", 1))
    assert await desk.status(again) == "AUTHORIZED"
    late = await desk.receive(made, ("TEE-M", 2))
    assert not late.refusals
    # One of the two units now belongs to the other return, so here it counts as extra.
    assert await desk.units(made) == [
        ("TEE-M", 1, "MISSING"),
        ("TEE-M", 1, "RECEIVED"),
        ("TEE-M", 1, "WRONG_ITEM"),
    ]
    assert late.refs["exception"]


async def test_a_scanned_parcel_is_on_its_way(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1), carrier="DHL", tracking_number="JD-BACK")
    recorded = await record_event(desk, "ACCEPTED", "JD-BACK")
    assert recorded.refs["return"] == made.refs["return"]
    row = await desk.find(made)
    assert (row["status"], row["scanned_at"]) == ("IN_TRANSIT", desk.shop.clock.now)
    await record_event(desk, "DELIVERED", "JD-BACK", "e-2")
    assert (await desk.find(made))["version"] == row["version"]


async def test_a_lost_parcel_says_nothing_of_a_scan(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1), carrier="DHL", tracking_number="JD-BACK")
    await record_event(desk, "LOST", "JD-BACK")
    assert await desk.status(made) == "AUTHORIZED"


async def test_a_parcel_returned_to_sender_opens_a_return(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 3))
    await desk.request(order, ("TEE-M", 1))
    await record_event(desk, "RETURNED_TO_SENDER")
    found = await rows(
        desk.database, "SELECT * FROM customer_return ORDER BY created_at, requested_by"
    )
    opened = next(row for row in found if row["requested_by"] == "ada")
    assert (opened["status"], opened["tracking_number"]) == ("IN_TRANSIT", "JD0001")
    assert "could not deliver the parcel" in orjson.loads(opened["decision"])["reasons"][0]
    made = Outcome(refs={"return": str(opened["id"])})
    # Units that another return already includes are not added again.
    assert await desk.units(made) == [("TEE-M", 2, "EXPECTED")]
    await record_event(desk, "RETURNED_TO_SENDER", reference="e-2")
    assert len(await rows(desk.database, "SELECT 1 AS one FROM customer_return")) == 2
    back = await desk.receive(None, ("TEE-M", 2), tracking_number="JD0001")
    assert UUID(back.refs["return"]) == opened["id"]
