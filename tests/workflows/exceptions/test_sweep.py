"""Exceptions that the clock opens: once per subject, cleared by facts, silent after a person."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import workflows.exceptions.handling as exception_handling
from domain.access.callers import Caller
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.floor.bins import open_floor
from tests.builders.returns import Desk
from tests.builders.transactions import MORNING, codes, counts, events, rows
from tests.builders.warehouse import SUE, Warehouse, open_warehouse
from tests.workflows.exceptions.sweeps import of_kind, statuses, sweep
from workflows.exceptions.handling import ResolveException
from workflows.exceptions.sweep import DETECTORS, ExceptionSweep
from workflows.transactions.outcomes import Outcome, Request

HANDLING = {"severity": "LOW", "ownerRole": "WAREHOUSE", "due": "PT2H", "escalateTo": "ADMIN"}


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    opened = await open_warehouse(database)
    await opened.shop.receive(60)
    return opened


async def swept(warehouse: Warehouse, **later: float) -> None:
    """Move the clock, then sweep twice: a second sweep finds nothing."""
    warehouse.shop.clock.forward(**later)
    for _ in range(2):
        await sweep(warehouse.shop.transactions)


async def resolve(warehouse: Warehouse, exception_id: UUID, by: Caller = SUE) -> None:
    command = Request(ResolveException(exception_id, "Seen."), by)
    outcome = await warehouse.shop.transactions.perform(exception_handling.resolve, command)
    assert not outcome.refusals


async def parcel_of(warehouse: Warehouse, order: Outcome) -> Any:
    [parcel] = await warehouse.shop.fulfillments(order)
    return parcel


async def place_of(warehouse: Warehouse, exception: dict[str, Any]) -> str:
    [place] = await rows(
        warehouse.database, "SELECT code FROM location WHERE id = $1", exception["location_id"]
    )
    return str(place["code"])


async def test_an_order_is_late_two_days_after_placing_without_a_promise(
    warehouse: Warehouse,
) -> None:
    order = await warehouse.shop.place(("TEE-M", 1))
    promised = (await warehouse.shop.order(order))["ship_by_at"]
    start = promised or MORNING + timedelta(days=2)
    warehouse.shop.clock.now = start - timedelta(seconds=1)
    await swept(warehouse)
    assert await of_kind(warehouse.database, "ORDER_LATE") == []
    await swept(warehouse, seconds=1)
    [late] = await of_kind(warehouse.database, "ORDER_LATE")
    assert (late["status"], late["occurrences"]) == ("OPEN", 1)
    assert late["subject_key"] == f"Order:{order.refs['order']}"
    assert late["due_at"] - late["opened_at"] == timedelta(hours=4)
    assert await place_of(warehouse, late) == (await parcel_of(warehouse, order))["location"]
    await warehouse.shop.ship((await parcel_of(warehouse, order))["id"])
    assert await statuses(warehouse.database, "ORDER_LATE") == ["AUTO_RESOLVED"]
    await swept(warehouse, days=9)
    assert await statuses(warehouse.database, "ORDER_LATE") == ["AUTO_RESOLVED"]


async def test_a_cancelled_order_is_not_late(warehouse: Warehouse) -> None:
    order = await warehouse.shop.place(("TEE-M", 1))
    await swept(warehouse, days=30)
    assert await statuses(warehouse.database, "ORDER_LATE") == ["OPEN"]
    await warehouse.shop.cancel(order)
    assert await statuses(warehouse.database, "ORDER_LATE") == ["AUTO_RESOLVED"]


async def test_what_a_person_resolved_stays_silent_until_its_condition_ended(
    warehouse: Warehouse,
) -> None:
    order = await warehouse.shop.place(("TEE-M", 2))
    await swept(warehouse, days=30)
    [late] = await of_kind(warehouse.database, "ORDER_LATE")
    await resolve(warehouse, late["id"])
    await swept(warehouse, days=30)
    [late] = await of_kind(warehouse.database, "ORDER_LATE")
    assert (late["status"], bool(late["silenced"])) == ("RESOLVED", True)
    await warehouse.shop.ship((await parcel_of(warehouse, order))["id"])
    [late] = await of_kind(warehouse.database, "ORDER_LATE")
    assert (late["status"], bool(late["silenced"])) == ("RESOLVED", False)
    assert len(await events(warehouse.database, "exception.")) == 2


async def test_a_parcel_is_delayed_after_three_days_without_a_report(warehouse: Warehouse) -> None:
    order = await warehouse.shop.place(("TEE-M", 1))
    async with warehouse.database.writer() as session:
        await session.execute("UPDATE sales_order SET deliver_by_at = NULL")
    await warehouse.shop.ship((await parcel_of(warehouse, order))["id"])
    await swept(warehouse, days=2)
    assert not (await warehouse.record_event("IN_TRANSIT")).refusals
    await swept(warehouse, days=2, hours=23)
    assert await of_kind(warehouse.database, "CARRIER_DELAY") == []
    await swept(warehouse, hours=1)
    [delay] = await of_kind(warehouse.database, "CARRIER_DELAY")
    parcel = await parcel_of(warehouse, order)
    assert delay["subject_key"] == f"Fulfillment:{parcel['id']}"
    assert await place_of(warehouse, delay) == parcel["location"]
    assert not (await warehouse.record_event("DELIVERED", "E-2")).refusals
    assert await statuses(warehouse.database, "CARRIER_DELAY") == ["AUTO_RESOLVED"]


async def test_a_parcel_on_its_way_back_is_not_delayed(warehouse: Warehouse) -> None:
    order = await warehouse.shop.place(("TEE-M", 1))
    await warehouse.shop.ship((await parcel_of(warehouse, order))["id"])
    warehouse.shop.clock.forward(hours=1)
    assert not (await warehouse.record_event("RETURNED_TO_SENDER")).refusals
    await swept(warehouse, days=9)
    assert await of_kind(warehouse.database, "CARRIER_DELAY") == []


async def test_a_parcel_is_delayed_a_day_after_its_promise(warehouse: Warehouse) -> None:
    order = await warehouse.shop.place(("TEE-M", 1))
    async with warehouse.database.writer() as session:
        await session.execute("UPDATE sales_order SET deliver_by_at = $1", MORNING)
    await warehouse.shop.ship((await parcel_of(warehouse, order))["id"])
    await swept(warehouse, hours=23)
    assert await of_kind(warehouse.database, "CARRIER_DELAY") == []
    await swept(warehouse, hours=1)
    [delay] = await of_kind(warehouse.database, "CARRIER_DELAY")
    assert "promised for 2026-03-02 09:00 UTC" in delay["message"]


async def test_a_return_is_overdue_until_something_comes(database: Database) -> None:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(9)
    desk = Desk(warehouse.shop)
    a_return = await desk.requested(("TEE-M", 2))
    [row] = await rows(database, "SELECT expected_by_at FROM customer_return")
    warehouse.shop.clock.now = row["expected_by_at"] - timedelta(seconds=1)
    await swept(warehouse)
    assert await of_kind(database, "RETURN_OVERDUE") == []
    await swept(warehouse, seconds=1)
    [overdue] = await of_kind(database, "RETURN_OVERDUE")
    assert overdue["subject_key"] == f"Return:{desk.id(a_return)}"
    assert not (await desk.receive(a_return, ("TEE-M", 1))).refusals
    assert await statuses(database, "RETURN_OVERDUE") == ["AUTO_RESOLVED"]
    await swept(warehouse, days=1)
    assert await statuses(database, "RETURN_OVERDUE") == ["AUTO_RESOLVED"]


async def test_units_wait_two_days_for_inspection(database: Database) -> None:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(9)
    desk = Desk(warehouse.shop)
    a_return = await desk.requested(("TEE-M", 2))
    await desk.receive(a_return, ("TEE-M", 1))
    warehouse.shop.clock.forward(hours=1)
    await desk.receive(a_return, ("TEE-M", 1))
    await swept(warehouse, days=1, hours=22)
    assert await of_kind(database, "INSPECTION_OVERDUE") == []
    await swept(warehouse, hours=1)
    [overdue] = await of_kind(database, "INSPECTION_OVERDUE")
    assert (overdue["status"], overdue["occurrences"]) == ("OPEN", 1)
    groups = await desk.groups(a_return)
    for group in groups:
        assert await statuses(database, "INSPECTION_OVERDUE") == ["OPEN"]
        assert not (await desk.inspect(a_return, (group["id"], group["quantity"], "NEW"))).refusals
    assert await statuses(database, "INSPECTION_OVERDUE") == ["AUTO_RESOLVED"]


async def test_a_policy_delays_a_kind_or_switches_it_off_in_its_scope(
    warehouse: Warehouse,
) -> None:
    rules = {"kinds": {"ORDER_LATE": {**HANDLING, "after": "P3D"}}}
    await warehouse.shop.publish(PolicyKind.EXCEPTION, rules)
    off = {"kinds": {"ORDER_LATE": {"off": True}}}
    await warehouse.shop.publish(PolicyKind.EXCEPTION, off, "channel:market")
    await warehouse.shop.receive(9, at="YORK")
    await warehouse.shop.place(("TEE-M", 1))
    outcome = await warehouse.shop.place(("TEE-M", 1), channel="market", reference="M-1")
    assert not outcome.refusals
    async with warehouse.database.writer() as session:
        await session.execute("UPDATE sales_order SET ship_by_at = $1", MORNING)
    await swept(warehouse, days=2, hours=23)
    assert await of_kind(warehouse.database, "ORDER_LATE") == []
    await swept(warehouse, hours=1)
    [late] = await of_kind(warehouse.database, "ORDER_LATE")
    assert (late["severity"], late["channel_id"]) == ("LOW", 1)
    await warehouse.shop.publish(PolicyKind.EXCEPTION, off)
    await swept(warehouse, days=9)
    assert await statuses(warehouse.database, "ORDER_LATE") == ["OPEN"]


async def test_a_step_takes_two_hundred_and_a_sweep_takes_all(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages follow each other also where orders are late since the same instant."""
    monkeypatch.setattr("workflows.exceptions.sweep.STEP_MAX", 3)
    for number in range(8):
        await warehouse.shop.place(("TEE-M", 1), reference=f"W-{number}")
    warehouse.shop.clock.forward(days=30)
    steps = ExceptionSweep(warehouse.shop.transactions)
    found = []
    while await steps.step():
        found.append(len(await of_kind(warehouse.database, "ORDER_LATE")))
    assert found[:3] in ([3, 6, 8], [0, 3, 6])
    assert found[-1] == 8
    assert len(found) < len(DETECTORS) + 3


async def test_sweeps_at_once_open_each_exception_once(warehouse: Warehouse) -> None:
    for number in range(5):
        await warehouse.shop.place(("TEE-M", 1), reference=f"W-{number}")
    warehouse.shop.clock.forward(days=30)
    await asyncio.gather(*(sweep(warehouse.shop.transactions) for _ in range(4)))
    await sweep(warehouse.shop.transactions)
    found = await of_kind(warehouse.database, "ORDER_LATE")
    assert [row["occurrences"] for row in found] == [1] * 5


async def test_an_order_that_ships_during_the_sweep_does_not_stay_late(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order ships after the page was read and before the exceptions are opened."""
    order = await warehouse.shop.place(("TEE-M", 1))
    parcel = await parcel_of(warehouse, order)
    warehouse.shop.clock.forward(days=30)
    steps = ExceptionSweep(warehouse.shop.transactions, DETECTORS[:2])
    read: Callable[..., Awaitable[Any]] = steps._read

    async def shipping(detector: Any) -> Any:
        found = await read(detector)
        if found:
            assert not codes(await warehouse.shop.ship(parcel["id"]))
        return found

    monkeypatch.setattr(steps, "_read", shipping)
    before = await counts(warehouse.database, "operational_exception")
    while await steps.step():
        pass
    assert await counts(warehouse.database, "operational_exception") == before


async def test_a_hold_without_an_end_is_overdue_after_a_day(warehouse: Warehouse) -> None:
    order = await warehouse.shop.place(("TEE-M", 1))
    endless = await warehouse.hold(order)
    short = await warehouse.hold(order, until=MORNING + timedelta(days=9))
    assert codes(endless) == codes(short) == []
    await swept(warehouse, hours=23)
    assert await of_kind(warehouse.database, "HOLD_OVERDUE") == []
    await swept(warehouse, hours=1)
    [overdue] = await of_kind(warehouse.database, "HOLD_OVERDUE")
    assert overdue["subject_key"] == f"FulfillmentHold:{endless.refs['hold']}"
    assert not (await warehouse.release_hold(endless)).refusals
    assert await statuses(warehouse.database, "HOLD_OVERDUE") == ["AUTO_RESOLVED"]
    await swept(warehouse, days=2)
    assert await statuses(warehouse.database, "HOLD_OVERDUE") == ["AUTO_RESOLVED"]


async def test_units_are_put_away_within_eight_hours(database: Database) -> None:
    floor = await open_floor(database)
    await floor.shop.receive(3)
    warehouse = Warehouse(floor.shop)
    await swept(warehouse, hours=7)
    assert await of_kind(database, "PUTAWAY_OVERDUE") == []
    await swept(warehouse, hours=1)
    [overdue] = await of_kind(database, "PUTAWAY_OVERDUE")
    [level] = await rows(database, "SELECT id FROM stock_level WHERE available > 0")
    assert overdue["subject_key"] == f"StockLevel:{level['id']}"
    assert "Units of TEE-M" in overdue["message"]
    assert not (await floor.put_away(("TEE-M", 2, "A-2"))).refusals
    assert await statuses(database, "PUTAWAY_OVERDUE") == ["OPEN"]
    assert not (await floor.put_away(("TEE-M", 1, "A-2"))).refusals
    assert await statuses(database, "PUTAWAY_OVERDUE") == ["AUTO_RESOLVED"]
    warehouse.shop.clock.forward(minutes=10)
    await floor.shop.receive(1)
    await swept(warehouse, hours=8)
    assert await statuses(database, "PUTAWAY_OVERDUE") == ["AUTO_RESOLVED", "OPEN"]
