"""Carrier events: each is recorded once, in any order, and a parcel never goes back a step."""

import asyncio
from datetime import timedelta
from itertools import permutations

import pytest

from domain.access.callers import Role, holder
from domain.orders.carriers import CarrierStatus, parcel_after
from domain.orders.fulfillments import FulfillmentStatus
from models.database.database import Database
from tests.builders.transactions import MORNING, codes, counts, events, rows
from tests.builders.warehouse import Floor, open_floor
from workflows.transactions.outcomes import Outcome

NUMBER = ("input", "trackingNumber")
TABLES = ("carrier_event", "event", "audit_entry", "journal_entry", "operational_exception")


@pytest.fixture
async def floor(database: Database) -> Floor:
    floor = await open_floor(database)
    await floor.shop.receive(9)
    return floor


async def sent(floor: Floor, reference: str = "W-1", units: int = 2) -> Outcome:
    placed = await floor.shop.place(("TEE-M", units), reference=reference)
    [parcel] = await floor.shop.fulfillments(placed)
    assert not (await floor.shop.ship(parcel["id"])).refusals
    return placed


async def status_of(floor: Floor, placed: Outcome) -> tuple[str, str]:
    """Status of (order, fulfillment)."""
    [parcel] = await floor.shop.fulfillments(placed)
    return (await floor.shop.order(placed))["status"], parcel["status"]


async def written_off(floor: Floor) -> int:
    [row] = await rows(
        floor.database,
        "SELECT COALESCE(SUM(debit_minor) - SUM(credit_minor), 0) AS balance FROM journal_line"
        " WHERE account = 'write_offs'",
    )
    return int(row["balance"])


async def test_a_delivered_parcel_is_delivered(floor: Floor) -> None:
    placed = await sent(floor)
    assert not (await floor.record_event("IN_TRANSIT", "E-1")).refusals
    assert await status_of(floor, placed) == ("SHIPPED", "SHIPPED")
    floor.shop.clock.forward(hours=20)
    recorded = await floor.record_event("DELIVERED", "E-2")
    [parcel] = await floor.shop.fulfillments(placed)
    assert recorded.refs == {"fulfillment": str(parcel["id"])}
    assert await status_of(floor, placed) == ("DELIVERED", "DELIVERED")
    [row] = await rows(floor.database, "SELECT delivered_at FROM fulfillment")
    assert row["delivered_at"] == MORNING + timedelta(hours=20)
    [line] = await floor.shop.lines(placed)
    assert line["delivered"] == 2


async def test_the_same_event_again_does_nothing(floor: Floor) -> None:
    await sent(floor)
    first = await floor.record_event("DELIVERED")
    before = await counts(floor.database, *TABLES)
    again = await floor.record_event("LOST")
    assert (again.refs, again.replayed) == (first.refs, True)
    assert await counts(floor.database, *TABLES) == before
    assert not (await floor.record_event("IN_TRANSIT", carrier="DHL", event="E-2")).replayed


@pytest.mark.parametrize("order", list(permutations(["ACCEPTED", "OUT_FOR_DELIVERY", "DELIVERED"])))
async def test_out_of_order_comes_to_the_same(floor: Floor, order: tuple[str, ...]) -> None:
    placed = await sent(floor)
    for status in order:
        assert not (await floor.record_event(status, f"E-{status}")).refusals
    assert await status_of(floor, placed) == ("DELIVERED", "DELIVERED")
    assert await counts(floor.database, "carrier_event") == {"carrier_event": 3}


def test_only_the_lost_come_back() -> None:
    """Every pair of a fulfillment status and a carrier status."""
    moves = {
        (before, recorded): after
        for before in FulfillmentStatus
        for recorded in CarrierStatus
        if (after := parcel_after(before, recorded)) is not None
    }
    f, c = FulfillmentStatus, CarrierStatus
    assert moves == {
        (f.SHIPPED, c.DELIVERED): f.DELIVERED,
        (f.SHIPPED, c.LOST): f.LOST,
        (f.LOST, c.DELIVERED): f.DELIVERED,
    }


async def test_a_lost_parcel_is_written_off_until_it_is_found(floor: Floor) -> None:
    placed = await sent(floor)
    await floor.record_event("LOST", "E-1")
    assert await status_of(floor, placed) == ("DELIVERED", "LOST")
    assert await written_off(floor) == 800
    await floor.record_event("IN_TRANSIT", "E-2")
    assert await status_of(floor, placed) == ("DELIVERED", "LOST")
    await floor.record_event("DELIVERED", "E-3")
    assert await status_of(floor, placed) == ("DELIVERED", "DELIVERED")
    assert await written_off(floor) == 0
    await floor.record_event("LOST", "E-4")
    assert await status_of(floor, placed) == ("DELIVERED", "DELIVERED")
    assert await written_off(floor) == 0


async def test_parcels_of_an_order_under_one_number_arrive_together(floor: Floor) -> None:
    await floor.shop.receive(5, at="YORK")
    placed = await floor.shop.place(("TEE-M", 14))
    for parcel in await floor.shop.fulfillments(placed):
        await floor.shop.ship(parcel["id"])
    await floor.record_event("DELIVERED")
    assert {p["status"] for p in await floor.shop.fulfillments(placed)} == {"DELIVERED"}


async def test_a_number_that_is_used_again_names_the_newest(floor: Floor) -> None:
    old = await sent(floor, "W-1")
    floor.shop.clock.forward(days=30)
    new = await sent(floor, "W-2")
    await floor.record_event("DELIVERED")
    assert await status_of(floor, old) == ("SHIPPED", "SHIPPED")
    assert await status_of(floor, new) == ("DELIVERED", "DELIVERED")


async def test_a_failed_delivery_is_a_delay_until_it_arrives(floor: Floor) -> None:
    await sent(floor)
    await floor.record_event("DELIVERY_FAILED", "E-1")
    assert [(k, s) for k, s, _ in await floor.exceptions()] == [("CARRIER_DELAY", "OPEN")]
    await floor.record_event("DELIVERED", "E-2")
    assert [(k, s) for k, s, _ in await floor.exceptions()] == [("CARRIER_DELAY", "AUTO_RESOLVED")]
    await floor.record_event("DELIVERY_FAILED", "E-3")
    assert len(await floor.exceptions()) == 1


async def test_a_parcel_sent_back_is_recorded_as_an_event(floor: Floor) -> None:
    placed = await sent(floor)
    recorded = await floor.record_event("RETURNED_TO_SENDER")
    [carrier_event] = await events(floor.database, "carrier.")
    assert carrier_event["data"] == {
        "carrier": "DHL",
        "status": "RETURNED_TO_SENDER",
        "order": placed.refs["order"],
        "fulfillment": recorded.refs["fulfillment"],
        "return": None,
    }


async def test_from_then_on_the_number_is_the_returns(floor: Floor) -> None:
    placed = await sent(floor)
    out = await floor.record_event("RETURNED_TO_SENDER", "E-1")
    floor.shop.clock.forward(hours=1)
    back = await floor.record_event("DELIVERED", "E-2")
    assert list(back.refs) == ["return"]
    assert await status_of(floor, placed) == ("SHIPPED", "SHIPPED")
    early = await floor.record_event("DELIVERED", "E-3", at=MORNING - timedelta(hours=1))
    assert early.refs == out.refs
    assert await status_of(floor, placed) == ("DELIVERED", "DELIVERED")


async def test_what_it_does_not_know_it_refuses(floor: Floor) -> None:
    await sent(floor)
    before = await counts(floor.database, *TABLES)
    far = holder(Role.WAREHOUSE, actor="far", locations=frozenset({"YORK"}))
    assert codes(await floor.record_event("DELIVERED", number="NOPE")) == [("NOT_FOUND", NUMBER)]
    assert codes(await floor.record_event("DELIVERED", carrier="UPS")) == [("NOT_FOUND", NUMBER)]
    assert codes(await floor.record_event("DELIVERED", by=far)) == [("NOT_FOUND", NUMBER)]
    assert codes(await floor.record_event("DELIVERED", " ")) == [("INVALID", ("input", "eventId"))]
    late = MORNING + timedelta(minutes=6)
    assert codes(await floor.record_event("DELIVERED", at=late)) == [
        ("INVALID", ("input", "occurredAt"))
    ]
    assert await counts(floor.database, *TABLES) == before
    await floor.record_event("DELIVERED")
    assert codes(await floor.record_event("DELIVERED", by=far)) == [("NOT_FOUND", NUMBER)]


async def test_concurrent_copies_of_an_event_are_recorded_once(floor: Floor) -> None:
    placed = await sent(floor)
    recorded = await asyncio.gather(*(floor.record_event("LOST") for _ in range(6)))
    assert len({each.refs["fulfillment"] for each in recorded}) == 1
    assert [each.replayed for each in recorded].count(False) == 1
    assert await counts(floor.database, "carrier_event") == {"carrier_event": 1}
    assert await written_off(floor) == 800
    assert await status_of(floor, placed) == ("DELIVERED", "LOST")
