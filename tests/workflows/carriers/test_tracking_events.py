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
from tests.builders.warehouse import Warehouse, open_warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

NUMBER = ("input", "trackingNumber")
TABLES = ("carrier_event", "event", "audit_entry", "journal_entry", "operational_exception")


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(9)
    return warehouse


async def sent(warehouse: Warehouse, reference: str = "W-1", units: int = 2) -> Outcome:
    placed = await warehouse.shop.place(("TEE-M", units), reference=reference)
    [parcel] = await warehouse.shop.fulfillments(placed)
    assert not (await warehouse.shop.ship(parcel["id"])).refusals
    return placed


async def status_of(warehouse: Warehouse, placed: Outcome) -> tuple[str, str]:
    """Status of (order, fulfillment)."""
    [parcel] = await warehouse.shop.fulfillments(placed)
    return (await warehouse.shop.order(placed))["status"], parcel["status"]


async def written_off(warehouse: Warehouse) -> int:
    [row] = await rows(
        warehouse.database,
        "SELECT COALESCE(SUM(debit_minor) - SUM(credit_minor), 0) AS balance FROM journal_line"
        " WHERE account = 'write_offs'",
    )
    return int(row["balance"])


async def test_a_delivered_parcel_is_delivered(warehouse: Warehouse) -> None:
    placed = await sent(warehouse)
    assert not (await warehouse.record_event("IN_TRANSIT", "E-1")).refusals
    assert await status_of(warehouse, placed) == ("SHIPPED", "SHIPPED")
    warehouse.shop.clock.forward(hours=20)
    recorded = await warehouse.record_event("DELIVERED", "E-2")
    [parcel] = await warehouse.shop.fulfillments(placed)
    assert recorded.refs == {"fulfillment": str(parcel["id"])}
    assert await status_of(warehouse, placed) == ("DELIVERED", "DELIVERED")
    [row] = await rows(warehouse.database, "SELECT delivered_at FROM fulfillment")
    assert row["delivered_at"] == MORNING + timedelta(hours=20)
    [line] = await warehouse.shop.lines(placed)
    assert line["delivered"] == 2


async def test_a_number_typed_in_another_way_names_the_same_parcel(warehouse: Warehouse) -> None:
    """A scanner sends letters of another case and width than the label has."""
    placed = await sent(warehouse)
    warehouse.shop.clock.forward(hours=1)
    lost = await warehouse.record_event("LOST", "E-1", number="jd０００1", carrier="dhl")
    assert not lost.refusals
    assert (await status_of(warehouse, placed))[1] == "LOST"
    assert await reconcile(warehouse.database) == []


async def test_the_same_event_again_does_nothing(warehouse: Warehouse) -> None:
    await sent(warehouse)
    first = await warehouse.record_event("DELIVERED")
    before = await counts(warehouse.database, *TABLES)
    again = await warehouse.record_event("DELIVERED")
    assert (again.refs, again.replayed) == (first.refs, True)
    assert await counts(warehouse.database, *TABLES) == before
    assert not (await warehouse.record_event("IN_TRANSIT", carrier="DHL", event="E-2")).replayed


async def test_the_same_event_with_another_status_is_refused(warehouse: Warehouse) -> None:
    placed = await sent(warehouse)
    await warehouse.record_event("DELIVERED")
    before = await counts(warehouse.database, *TABLES)
    outcome = await warehouse.record_event("LOST")
    assert codes(outcome) == [("IDEMPOTENCY_KEY_REUSED", ("input", "eventId"))]
    assert outcome.refusals[0].details == {"recorded": "DELIVERED", "sent": "LOST"}
    assert await counts(warehouse.database, *TABLES) == before
    assert await status_of(warehouse, placed) == ("DELIVERED", "DELIVERED")


async def test_an_id_names_an_event_of_one_parcel_only(warehouse: Warehouse) -> None:
    """Carriers number the events of each parcel anew."""
    first = await sent(warehouse, "W-1")
    second = await warehouse.shop.place(("TEE-M", 2), reference="W-2")
    [parcel] = await warehouse.shop.fulfillments(second)
    await warehouse.shop.ship(parcel["id"], tracking_number="JD0002")
    await warehouse.record_event("DELIVERED", "1")
    assert not (await warehouse.record_event("LOST", "1", number="JD0002")).replayed
    assert await status_of(warehouse, first) == ("DELIVERED", "DELIVERED")
    assert await status_of(warehouse, second) == ("DELIVERED", "LOST")


@pytest.mark.parametrize("order", list(permutations(["ACCEPTED", "OUT_FOR_DELIVERY", "DELIVERED"])))
async def test_out_of_order_comes_to_the_same(warehouse: Warehouse, order: tuple[str, ...]) -> None:
    placed = await sent(warehouse)
    for status in order:
        assert not (await warehouse.record_event(status, f"E-{status}")).refusals
    assert await status_of(warehouse, placed) == ("DELIVERED", "DELIVERED")
    assert await counts(warehouse.database, "carrier_event") == {"carrier_event": 3}


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
        (f.LOST, c.RETURNED_TO_SENDER): f.SHIPPED,
    }
    assert parcel_after(f.SHIPPED, c.LOST, was_sent_back=True) is None


async def test_a_lost_parcel_is_written_off_until_it_is_found(warehouse: Warehouse) -> None:
    placed = await sent(warehouse)
    await warehouse.record_event("LOST", "E-1")
    assert await status_of(warehouse, placed) == ("DELIVERED", "LOST")
    assert await written_off(warehouse) == 800
    await warehouse.record_event("IN_TRANSIT", "E-2")
    assert await status_of(warehouse, placed) == ("DELIVERED", "LOST")
    await warehouse.record_event("DELIVERED", "E-3")
    assert await status_of(warehouse, placed) == ("DELIVERED", "DELIVERED")
    assert await written_off(warehouse) == 0
    await warehouse.record_event("LOST", "E-4")
    assert await status_of(warehouse, placed) == ("DELIVERED", "DELIVERED")
    assert await written_off(warehouse) == 0


async def test_a_lost_parcel_that_comes_back_reverses_the_loss(warehouse: Warehouse) -> None:
    """Row 10: the loss is reversed and a return opens for all units."""
    placed = await sent(warehouse)
    await warehouse.record_event("LOST", "E-1")
    assert await written_off(warehouse) == 800
    warehouse.shop.clock.forward(hours=1)
    await warehouse.record_event("RETURNED_TO_SENDER", "E-2")
    assert await status_of(warehouse, placed) == ("SHIPPED", "SHIPPED")
    assert await written_off(warehouse) == 0
    [line] = await warehouse.shop.lines(placed)
    assert (line["shipped"], line["lost"]) == (2, 0)
    [opened] = await rows(warehouse.database, "SELECT * FROM customer_return")
    assert (opened["status"], opened["tracking_number"]) == ("IN_TRANSIT", "JD0001")
    [group] = await rows(warehouse.database, "SELECT quantity, state FROM return_item")
    assert group == {"quantity": 2, "state": "EXPECTED"}
    types = [event["type"] for event in await events(warehouse.database, "%.found")]
    assert sorted(types) == ["fulfillment.found", "order.found"]
    # The number names the return now: a loss on the way back writes nothing off.
    warehouse.shop.clock.forward(hours=1)
    assert list((await warehouse.record_event("LOST", "E-3")).refs) == ["return"]
    assert await written_off(warehouse) == 0
    assert await reconcile(warehouse.database) == []


async def test_a_loss_that_is_reported_late_does_not_undo_its_end(warehouse: Warehouse) -> None:
    """The same reports in the other order come to the same."""
    placed = await sent(warehouse)
    warehouse.shop.clock.forward(hours=2)
    await warehouse.record_event("RETURNED_TO_SENDER", "E-2")
    await warehouse.record_event("LOST", "E-1", at=MORNING + timedelta(hours=1))
    assert await status_of(warehouse, placed) == ("SHIPPED", "SHIPPED")
    assert await written_off(warehouse) == 0
    [group] = await rows(warehouse.database, "SELECT quantity, state FROM return_item")
    assert group == {"quantity": 2, "state": "EXPECTED"}


@pytest.mark.parametrize("end", ["DELIVERED", "RETURNED_TO_SENDER"])
async def test_the_end_of_a_loss_is_not_booked_before_it(warehouse: Warehouse, end: str) -> None:
    await sent(warehouse)
    warehouse.shop.clock.forward(hours=3)
    await warehouse.record_event("LOST", "E-2")
    await warehouse.record_event(end, "E-1", at=MORNING + timedelta(hours=1))
    found = await rows(
        warehouse.database,
        "SELECT DISTINCT e.effective_at FROM journal_entry e JOIN journal_line l"
        " ON l.entry_id = e.id WHERE l.account = 'write_offs'",
    )
    assert [row["effective_at"] for row in found] == [MORNING + timedelta(hours=3)]


async def test_parcels_of_an_order_under_one_number_arrive_together(warehouse: Warehouse) -> None:
    await warehouse.shop.receive(5, at="YORK")
    placed = await warehouse.shop.place(("TEE-M", 14))
    for parcel in await warehouse.shop.fulfillments(placed):
        await warehouse.shop.ship(parcel["id"])
    await warehouse.record_event("DELIVERED")
    assert {p["status"] for p in await warehouse.shop.fulfillments(placed)} == {"DELIVERED"}


async def test_a_number_that_is_used_again_names_the_newest(warehouse: Warehouse) -> None:
    old = await sent(warehouse, "W-1")
    warehouse.shop.clock.forward(days=30)
    new = await sent(warehouse, "W-2")
    await warehouse.record_event("DELIVERED")
    assert await status_of(warehouse, old) == ("SHIPPED", "SHIPPED")
    assert await status_of(warehouse, new) == ("DELIVERED", "DELIVERED")


async def test_a_failed_delivery_is_a_delay_until_it_arrives(warehouse: Warehouse) -> None:
    await sent(warehouse)
    await warehouse.record_event("DELIVERY_FAILED", "E-1")
    assert [(k, s) for k, s, _ in await warehouse.exceptions()] == [("CARRIER_DELAY", "OPEN")]
    await warehouse.record_event("DELIVERED", "E-2")
    assert [(k, s) for k, s, _ in await warehouse.exceptions()] == [
        ("CARRIER_DELAY", "AUTO_RESOLVED")
    ]
    await warehouse.record_event("DELIVERY_FAILED", "E-3")
    assert len(await warehouse.exceptions()) == 1


async def test_a_parcel_sent_back_is_recorded_as_an_event(warehouse: Warehouse) -> None:
    placed = await sent(warehouse)
    recorded = await warehouse.record_event("RETURNED_TO_SENDER")
    [carrier_event] = await events(warehouse.database, "carrier.")
    assert carrier_event["data"] == {
        "carrier": "DHL",
        "status": "RETURNED_TO_SENDER",
        "order": placed.refs["order"],
        "fulfillment": recorded.refs["fulfillment"],
        "return": None,
        "transfer": None,
    }


async def test_from_then_on_the_number_is_the_returns(warehouse: Warehouse) -> None:
    placed = await sent(warehouse)
    out = await warehouse.record_event("RETURNED_TO_SENDER", "E-1")
    warehouse.shop.clock.forward(hours=1)
    back = await warehouse.record_event("DELIVERED", "E-2")
    assert list(back.refs) == ["return"]
    assert await status_of(warehouse, placed) == ("SHIPPED", "SHIPPED")
    early = await warehouse.record_event("DELIVERED", "E-3", at=MORNING - timedelta(hours=1))
    assert early.refs == out.refs
    assert await status_of(warehouse, placed) == ("DELIVERED", "DELIVERED")


async def test_what_it_does_not_know_it_refuses(warehouse: Warehouse) -> None:
    await sent(warehouse)
    before = await counts(warehouse.database, *TABLES)
    far = holder(Role.WAREHOUSE, actor="far", locations=frozenset({"YORK"}))
    assert codes(await warehouse.record_event("DELIVERED", number="NOPE")) == [
        ("NOT_FOUND", NUMBER)
    ]
    assert codes(await warehouse.record_event("DELIVERED", carrier="UPS")) == [
        ("NOT_FOUND", NUMBER)
    ]
    assert codes(await warehouse.record_event("DELIVERED", by=far)) == [("NOT_FOUND", NUMBER)]
    assert codes(await warehouse.record_event("DELIVERED", " ")) == [
        ("INVALID", ("input", "eventId"))
    ]
    late = MORNING + timedelta(minutes=6)
    assert codes(await warehouse.record_event("DELIVERED", at=late)) == [
        ("INVALID", ("input", "occurredAt"))
    ]
    assert await counts(warehouse.database, *TABLES) == before
    await warehouse.record_event("DELIVERED")
    assert codes(await warehouse.record_event("DELIVERED", by=far)) == [("NOT_FOUND", NUMBER)]


async def test_concurrent_copies_of_an_event_are_recorded_once(warehouse: Warehouse) -> None:
    placed = await sent(warehouse)
    recorded = await asyncio.gather(*(warehouse.record_event("LOST") for _ in range(6)))
    assert len({each.refs["fulfillment"] for each in recorded}) == 1
    assert [each.replayed for each in recorded].count(False) == 1
    assert await counts(warehouse.database, "carrier_event") == {"carrier_event": 1}
    assert await written_off(warehouse) == 800
    assert await status_of(warehouse, placed) == ("DELIVERED", "LOST")
