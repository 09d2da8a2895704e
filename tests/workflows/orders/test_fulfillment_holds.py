"""Fulfillment holds by hand and by the clock: what they stop, what releases them, who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.access.callers import Caller, Role, holder
from models.database.database import Database
from tests.builders.store import ADMIN, SHOP
from tests.builders.tampering import tamper
from tests.builders.transactions import codes, counts, events
from tests.builders.warehouse import ANN, BEN, SUE, Warehouse, open_warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

SAM = holder(Role.SUPPORT, actor="sam")
PAT = holder(Role.SUPPORT, actor="pat")
PARTNER = holder(Role.PARTNER, actor="depot", locations=frozenset({"YORK"}))
CHANGED = ("fulfillment_hold", "event", "audit_entry", "task")


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(5)
    return warehouse


async def placed(warehouse: Warehouse, units: int = 1, **facts: Any) -> tuple[Outcome, Any]:
    """An order of one parcel, and the id of the parcel."""
    order = await warehouse.shop.place(("TEE-M", units), **facts)
    assert not order.refusals
    [parcel] = await warehouse.shop.fulfillments(order)
    return order, parcel["id"]


async def test_the_pick_task_goes_and_comes_back(warehouse: Warehouse) -> None:
    order, parcel = await placed(warehouse)
    await warehouse.claim()
    held = await warehouse.hold(order)
    assert await warehouse.statuses(order) == ["ON_HOLD"]
    assert await warehouse.live(parcel) == []
    assert (await warehouse.shop.level())["allocated"] == 1
    for refused in (
        await warehouse.pick(parcel),
        await warehouse.pack(parcel),
        await warehouse.shop.ship(parcel),
        await warehouse.reroute(parcel, "YORK"),
    ):
        [refusal] = refused.refusals
        assert refusal.code == "ILLEGAL_TRANSITION"
        assert refusal.details["holds"] == [{"id": held.refs["hold"], "reason": "OTHER"}]
    assert not (await warehouse.release_hold(held)).refusals
    assert await warehouse.statuses(order) == ["OPEN"]
    assert await warehouse.live(parcel) == [("PICK", "OPEN", None)]
    assert not (await warehouse.pick(parcel)).refusals
    assert await reconcile(warehouse.database) == []


@pytest.mark.parametrize("status", ["PICKED", "PACKED"])
async def test_picked_and_packed_ones_stay_and_cannot_go_on(
    warehouse: Warehouse, status: str
) -> None:
    order, parcel = await placed(warehouse)
    await warehouse.pick(parcel)
    if status == "PACKED":
        await warehouse.pack(parcel)
    before = await warehouse.live(parcel)
    held = await warehouse.hold(fulfillment_id=parcel, reason="ADDRESS")
    assert await warehouse.statuses(order) == [status]
    assert await warehouse.live(parcel) == before
    for step in (warehouse.shop.ship(parcel), warehouse.pack(parcel)):
        [refusal] = (await step).refusals
        assert refusal.code == "ILLEGAL_TRANSITION"
        assert [each["reason"] for each in refusal.details["holds"]] == ["ADDRESS"]
    await warehouse.release_hold(held)
    assert not (await warehouse.shop.ship(parcel)).refusals
    assert await reconcile(warehouse.database) == []


async def test_each_hold_is_released_by_its_id(warehouse: Warehouse) -> None:
    order, parcel = await placed(warehouse)
    first = await warehouse.hold(order)
    second = await warehouse.hold(fulfillment_id=parcel, reason="FRAUD_RISK")
    await warehouse.release_hold(first)
    assert await warehouse.statuses(order) == ["ON_HOLD"]
    again = await warehouse.release_hold(first)
    assert codes(again) == [("ILLEGAL_TRANSITION", ("holdId",))]
    await warehouse.release_hold(second)
    assert await warehouse.statuses(order) == ["OPEN"]
    assert len(await warehouse.live(parcel)) == 1
    released = [each["released_by"] for each in await warehouse.holds()]
    assert released == ["sue", "sue"]


async def test_later_parcels_are_under_the_hold_of_their_order(warehouse: Warehouse) -> None:
    order = await warehouse.shop.place(("TEE-M", 7), backorder=True)
    held = await warehouse.hold(order)
    await warehouse.shop.receive(2, at="YORK")
    assert await warehouse.statuses(order) == ["ON_HOLD", "ON_HOLD"]
    assert await warehouse.live() == []
    assert await reconcile(warehouse.database) == []
    await warehouse.release_hold(held)
    assert await warehouse.statuses(order) == ["OPEN", "OPEN"]
    assert len(await warehouse.live()) == 2


async def test_an_order_that_waits_for_stock_can_be_held(warehouse: Warehouse) -> None:
    order = await warehouse.shop.place(("COAT", 1), backorder=True)
    assert not (await warehouse.hold(order)).refusals
    [held] = await events(warehouse.database, "order.held")
    assert held["data"]["reason"] == "OTHER"
    await warehouse.shop.receive(1, "COAT")
    assert await warehouse.statuses(order) == ["ON_HOLD"]


async def test_the_clock_releases_what_has_an_end(warehouse: Warehouse) -> None:
    order, parcel = await placed(warehouse)
    until = warehouse.shop.clock.now + timedelta(minutes=30)
    await warehouse.hold(order, until=until)
    warehouse.shop.clock.forward(minutes=29, seconds=59)
    assert await warehouse.release_due() == 0
    warehouse.shop.clock.forward(seconds=1)
    assert await warehouse.release_due() == 1
    assert await warehouse.release_due() == 0
    [hold] = await warehouse.holds()
    assert (hold["released_by"], hold["released_at"]) == ("system", until)
    assert await warehouse.live(parcel) == [("PICK", "OPEN", None)]
    assert await reconcile(warehouse.database) == []


async def test_an_end_in_the_past_is_refused(warehouse: Warehouse) -> None:
    order, _ = await placed(warehouse)
    before = await counts(warehouse.database, *CHANGED)
    refused = await warehouse.hold(order, until=warehouse.shop.clock.now, note=" ")
    assert sorted(codes(refused)) == [("INVALID", ("hold", "note")), ("INVALID", ("hold", "until"))]
    assert await counts(warehouse.database, *CHANGED) == before


async def test_a_hold_is_of_an_order_or_of_a_fulfillment(warehouse: Warehouse) -> None:
    order, parcel = await placed(warehouse)
    for refused in (await warehouse.hold(order, parcel), await warehouse.hold()):
        assert codes(refused) == [("INVALID", ("orderId",))]


async def test_what_has_shipped_cannot_be_held(warehouse: Warehouse) -> None:
    order, parcel = await placed(warehouse)
    await warehouse.shop.ship(parcel)
    before = await counts(warehouse.database, *CHANGED)
    assert codes(await warehouse.hold(order)) == [("ILLEGAL_TRANSITION", ("orderId",))]
    refused = await warehouse.hold(fulfillment_id=parcel)
    assert codes(refused) == [("ILLEGAL_TRANSITION", ("fulfillmentId",))]
    assert await counts(warehouse.database, *CHANGED) == before


async def test_holds_end_with_the_units_they_hold(warehouse: Warehouse) -> None:
    order, parcel = await placed(warehouse, 2)
    await warehouse.hold(order)
    await warehouse.hold(fulfillment_id=parcel)
    [line] = await warehouse.shop.lines(order)
    await warehouse.shop.cancel(order, (line["id"], 1))
    assert await warehouse.statuses(order) == ["ON_HOLD"]
    assert [each["released_by"] for each in await warehouse.holds()] == [None, None]
    await warehouse.shop.cancel(order)
    assert await warehouse.statuses(order) == ["CANCELLED"]
    assert [each["released_by"] for each in await warehouse.holds()] == ["ada", "ada"]
    assert await reconcile(warehouse.database) == []


WORKER_OF_YORK = holder(Role.WAREHOUSE, actor="york", locations=frozenset({"YORK"}))


@pytest.mark.parametrize(
    ("reason", "by", "refused"),
    [
        ("FRAUD_RISK", SAM, ["POLICY_VIOLATION"]),
        ("FRAUD_RISK", SUE, []),
        ("FRAUD_RISK", ADMIN, []),
        ("FRAUD_RISK", ANN, []),  # she placed it
        ("ADDRESS", SAM, []),
        ("ADDRESS", BEN, ["POLICY_VIOLATION"]),
        ("ADDRESS", SHOP, ["POLICY_VIOLATION"]),
        ("ADDRESS", WORKER_OF_YORK, ["NOT_FOUND"]),
    ],
    ids=lambda each: each.actor if isinstance(each, Caller) else None,
)
async def test_who_may_release(
    warehouse: Warehouse, reason: str, by: Caller, refused: list[str]
) -> None:
    _, parcel = await placed(warehouse)
    held = await warehouse.hold(fulfillment_id=parcel, reason=reason, by=ANN)
    before = await counts(warehouse.database, *CHANGED)
    outcome = await warehouse.release_hold(held, by=by)
    assert [code for code, _ in codes(outcome)] == refused
    [hold] = await warehouse.holds()
    assert hold["released_by"] == (None if refused else by.actor)
    if refused:
        assert await counts(warehouse.database, *CHANGED) == before


async def test_support_may_release_its_own_hold_for_fraud(warehouse: Warehouse) -> None:
    order, _ = await placed(warehouse)
    held = await warehouse.hold(order, reason="FRAUD_RISK", by=SAM)
    assert codes(await warehouse.release_hold(held, by=PAT)) == [("POLICY_VIOLATION", ("holdId",))]
    assert not (await warehouse.release_hold(held, by=SAM)).refusals


async def test_a_hold_outside_the_scope_does_not_exist(warehouse: Warehouse) -> None:
    order, parcel = await placed(warehouse)
    refused = await warehouse.hold(fulfillment_id=parcel, by=PARTNER, key="k-1")
    assert codes(refused) == [("NOT_FOUND", ("fulfillmentId",))]
    stranger = holder(Role.STOREFRONT, actor="else", channels=frozenset({"market"}))
    assert codes(await warehouse.hold(order, by=stranger)) == [("NOT_FOUND", ("orderId",))]


async def test_every_hold_is_an_event_of_its_parcels_and_of_its_order(
    warehouse: Warehouse,
) -> None:
    await warehouse.shop.receive(5, at="YORK")
    order = await warehouse.shop.place(("TEE-M", 8))
    held = await warehouse.hold(order)
    await warehouse.release_hold(held)
    found = [
        (each["type"], each["data"].get("status"), each["data"].get("before"))
        for each in await events(warehouse.database)
        if each["data"].get("hold") == held.refs["hold"]
    ]
    assert found == [
        *[("fulfillment.held", "ON_HOLD", "OPEN")] * 2,
        ("order.held", "ALLOCATED", "ALLOCATED"),
        *[("fulfillment.released", "OPEN", "ON_HOLD")] * 2,
        ("order.released", "ALLOCATED", "ALLOCATED"),
    ]
    for action in ("fulfillmentHold", "fulfillmentRelease"):
        [audit] = await warehouse.audits(action)
        assert audit["subject"] == f"Order:{order.refs['order']}"
        assert audit["after"]["hold"] == held.refs["hold"]


async def test_a_sibling_takes_the_holds_of_its_units_along(warehouse: Warehouse) -> None:
    order, parcel = await placed(warehouse, 2)
    await warehouse.pick(parcel)
    await warehouse.hold(order)
    await warehouse.hold(fulfillment_id=parcel, reason="FRAUD_RISK", note="Called twice.")
    [line] = await warehouse.shop.lines(order)
    split = await warehouse.split(parcel, (line["id"], 1))
    assert not split.refusals
    own = [each for each in await warehouse.holds() if each["fulfillment_id"] is not None]
    assert {str(each["fulfillment_id"]) for each in own} == set(split.refs["fulfillments"])
    kept = ("reason", "note", "placed_by", "placed_at", "until_at")
    assert {key: own[0][key] for key in kept} == {key: own[1][key] for key in kept}
    assert await reconcile(warehouse.database) == []
    for sibling in split.refs["fulfillments"]:
        [refusal] = (await warehouse.pack(sibling)).refusals
        assert {each["reason"] for each in refusal.details["holds"]} == {"OTHER", "FRAUD_RISK"}


BREAKS = {
    "a parcel that is open under a hold": (
        "UPDATE fulfillment SET status = 'OPEN'",
        "ON_HOLD = open fulfillments under a hold",
        "expected ON_HOLD, found OPEN",
    ),
    "a parcel on hold without a hold": (
        "UPDATE fulfillment_hold SET released_by = 'x', released_at = placed_at",
        "ON_HOLD = open fulfillments under a hold",
        "expected OPEN, found ON_HOLD",
    ),
    "a hold of a parcel that has shipped": (
        "UPDATE fulfillment SET status = 'SHIPPED'",
        "live holds have units to hold",
        "found none",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_a_contradiction_is_named(warehouse: Warehouse, what: str) -> None:
    _, parcel = await placed(warehouse)
    await warehouse.hold(fulfillment_id=parcel)
    assert await reconcile(warehouse.database) == []
    statement, proof, line = BREAKS[what]
    await tamper(warehouse.database.url, statement)
    [named] = [str(each) for each in await reconcile(warehouse.database) if each.proof == proof]
    assert line in named
