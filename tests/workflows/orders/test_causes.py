"""No fact before its cause: stated times are refused, carriers' times are clamped."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from models.database.database import Database
from tests.builders.returns import Desk, open_return_desk
from tests.builders.tampering import tamper
from tests.builders.transactions import MORNING, codes, counts, rows
from tests.builders.warehouse import Warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

TABLES = ("event", "audit_entry", "journal_entry", "stock_movement", "customer_return")
HOUR = timedelta(hours=1)


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def placed(desk: Desk, at: datetime = MORNING) -> Any:
    """The id of the parcel of a new order."""
    order = await desk.shop.place(("TEE-M", 2), placed_at=at)
    assert not order.refusals
    [parcel] = await desk.shop.fulfillments(order)
    return order, parcel["id"]


async def parcel_times(desk: Desk) -> dict[str, Any]:
    [row] = await rows(
        desk.database, "SELECT status, shipped_at, delivered_at, lost_at FROM fulfillment"
    )
    return row


async def differences(desk: Desk) -> list[str]:
    return [str(each) for each in await reconcile(desk.database)]


async def test_a_parcel_is_not_shipped_before_its_order(desk: Desk) -> None:
    _, parcel = await placed(desk)
    before = await counts(desk.database, *TABLES)
    early = await desk.shop.ship(parcel, shipped_at=MORNING - HOUR)
    assert codes(early) == [("INVALID", ("input", "shippedAt"))]
    assert await counts(desk.database, *TABLES) == before
    assert not (await desk.shop.ship(parcel, shipped_at=MORNING)).refusals
    assert await differences(desk) == []


async def test_units_are_not_requested_back_before_they_were_shipped(desk: Desk) -> None:
    order, parcel = await placed(desk, MORNING - 2 * HOUR)
    await desk.shop.ship(parcel, shipped_at=MORNING - HOUR)
    before = await counts(desk.database, *TABLES)
    early = await desk.request(order, ("TEE-M", 1), requested_at=MORNING - HOUR - timedelta(1e-5))
    assert codes(early) == [("INVALID", ("input", "requestedAt"))]
    assert await counts(desk.database, *TABLES) == before
    on_time = await desk.request(order, ("TEE-M", 1), requested_at=MORNING - HOUR)
    assert not on_time.refusals
    assert await differences(desk) == []


async def test_a_fast_clock_of_a_client_dates_nothing_ahead(desk: Desk) -> None:
    """A time ahead is recorded as now: nothing that follows can precede it."""
    ahead = MORNING + timedelta(minutes=4)
    order, parcel = await placed(desk, ahead)
    assert (await desk.shop.order(order))["placed_at"] == MORNING
    assert not (await desk.shop.ship(parcel, shipped_at=ahead)).refusals
    assert (await parcel_times(desk))["shipped_at"] == MORNING
    a_return = await desk.request(order, ("TEE-M", 2), requested_at=ahead)
    assert not (await desk.receive(a_return, ("TEE-M", 2))).refusals
    assert await differences(desk) == []


@pytest.mark.parametrize("status", ["DELIVERED", "LOST"])
@pytest.mark.parametrize("offset", [-HOUR, timedelta(minutes=4)])
async def test_an_effect_is_dated_between_shipping_and_now(
    desk: Desk, status: str, offset: timedelta
) -> None:
    _, parcel = await placed(desk)
    await desk.shop.ship(parcel)
    reported_at = MORNING + offset
    assert not (await Warehouse(desk.shop).record_event(status, at=reported_at)).refusals
    times = await parcel_times(desk)
    assert times[f"{status.lower()}_at"] == MORNING
    # The carrier's own time is kept.
    [event] = await rows(desk.database, "SELECT occurred_at FROM carrier_event")
    assert event["occurred_at"] == reported_at
    late = await rows(
        desk.database,
        "SELECT MAX(effective_at) AS last_at, MIN(effective_at) AS first_at FROM journal_entry",
    )
    assert late == [{"last_at": MORNING, "first_at": MORNING}]
    assert await differences(desk) == []


async def test_a_parcel_that_comes_back_is_requested_after_it_was_shipped(desk: Desk) -> None:
    _, parcel = await placed(desk)
    await desk.shop.ship(parcel)
    desk.shop.clock.forward(hours=2)
    await Warehouse(desk.shop).record_event("RETURNED_TO_SENDER", at=MORNING - HOUR)
    [opened] = await rows(desk.database, "SELECT requested_at, scanned_at FROM customer_return")
    assert opened == {"requested_at": MORNING, "scanned_at": MORNING}
    assert await differences(desk) == []


async def test_a_return_is_not_scanned_before_it_was_requested(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1), carrier="DHL", tracking_number="JD-BACK")
    warehouse = Warehouse(desk.shop)
    await warehouse.record_event("ACCEPTED", number="JD-BACK", at=MORNING - HOUR)
    assert (await desk.find(made))["scanned_at"] == MORNING
    assert await differences(desk) == []


async def received(desk: Desk) -> Outcome:
    made = await desk.requested(("TEE-M", 1))
    desk.shop.clock.forward(hours=1)
    assert not (await desk.receive(made, ("TEE-M", 1))).refusals
    [group] = await desk.groups(made)
    assert not (await desk.inspect(made, (group["id"], 1, "NEW"))).refusals
    return made


_EARLY = "(SELECT MIN(placed_at) FROM sales_order)"
_LATE = "(SELECT MAX(received_at) FROM return_item)"

# name → (manipulating statements, the proof that detects them, its line)
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a request before the shipment": (
        (f"UPDATE fulfillment SET shipped_at = {_LATE}",),
        "returns follow their shipment",
        "then requested, then scanned or received",
    ),
    "a scan before the request": (
        (f"UPDATE customer_return SET requested_at = {_LATE}, scanned_at = {_EARLY}",),
        "returns follow their shipment",
        ", scanned ",
    ),
    "a receipt before the request": (
        (
            f"UPDATE customer_return SET requested_at = {_LATE}",
            f"UPDATE return_item SET received_at = {_EARLY}",
        ),
        "returns follow their shipment",
        ", received ",
    ),
    "a sale before the order": (
        (f"UPDATE sales_order SET placed_at = {_LATE}",),
        "journal entries follow their cause",
        "expected at or after",
    ),
    "a reversal before its entry": (
        (
            "UPDATE journal_entry SET reverses_id = (SELECT id FROM journal_entry"
            " WHERE memo LIKE 'Received back%') WHERE memo LIKE 'Shipped%'",
        ),
        "journal entries follow their cause",
        "expected at or after",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_was_changed_is_named(desk: Desk, what: str) -> None:
    await received(desk)
    assert await differences(desk) == []
    statements, proof, line = BREAKS[what]
    await tamper(desk.database.url, *statements)
    named = [str(each) for each in await reconcile(desk.database) if each.proof == proof]
    assert any(line in text for text in named), named
