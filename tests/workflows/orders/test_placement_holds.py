"""Fulfillment holds of new orders: those that the request asks for, and those of the policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import workflows.orders.placement
from domain.orders.fulfillment_holds import HoldReason, NewHold
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.store import ADMIN, pounds
from tests.builders.transactions import codes, counts, events
from tests.builders.warehouse import Warehouse, open_warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.orders.commands import Address, NewLine, Payment, PlaceOrder
from workflows.transactions.outcomes import Outcome, Request

KIND = PolicyKind.FULFILLMENT
FRAUD = {"reason": "FRAUD_RISK", "when": {"totalAbove": {"GBP": "20.00"}}}
UNPAID = {"reason": "AWAITING_PAYMENT", "when": {"unpaid": True}, "for": "PT30M"}
ADDRESS = {"reason": "ADDRESS", "when": {"missing": ["postalCode"]}}
LEEDS_1 = Address("GB", "LS1 1AA")


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(5)
    await warehouse.shop.receive(5, at="YORK")
    return warehouse


async def reasons(warehouse: Warehouse) -> list[tuple[str, bool]]:
    """(reason, of the whole order) of the live holds."""
    return [
        (each["reason"], each["fulfillment_id"] is None)
        for each in await warehouse.holds()
        if each["released_at"] is None
    ]


async def test_an_order_is_placed_on_hold(warehouse: Warehouse) -> None:
    until = warehouse.shop.clock.now + timedelta(hours=1)
    hold = NewHold(HoldReason.FRAUD_RISK, "Called twice.", until)
    await warehouse.shop.place(("TEE-M", 7), reference="W-0")
    order = await held_order(warehouse, hold)
    assert await warehouse.statuses(order) == ["ON_HOLD"]
    [row] = await warehouse.holds()
    assert (row["placed_by"], row["note"], row["until_at"]) == ("ada", "Called twice.", until)
    types = [each["type"] for each in await events(warehouse.database) if "hold" in each["data"]]
    assert types == ["fulfillment.held", "order.held"]
    created = await events(warehouse.database, "fulfillment.created")
    assert created[-1]["data"]["status"] == "ON_HOLD"
    assert len(await warehouse.live()) == 2
    assert await reconcile(warehouse.database) == []
    warehouse.shop.clock.forward(hours=1)
    assert await warehouse.release_due() == 1
    assert await warehouse.statuses(order) == ["OPEN"]
    assert len(await warehouse.live()) == 3


async def held_order(warehouse: Warehouse, hold: NewHold) -> Outcome:
    command = PlaceOrder("web", "W-1", (NewLine("TEE-M", 1, pounds("10.00")),), hold=hold)
    return await warehouse.shop.transactions.perform(
        workflows.orders.placement.place, Request(command, ADMIN)
    )


async def test_a_hold_that_cannot_be_stored_refuses_the_order(warehouse: Warehouse) -> None:
    before = await counts(warehouse.database, "sales_order", "fulfillment_hold", "event")
    hold = NewHold(HoldReason.OTHER, until=warehouse.shop.clock.now)
    refused = await held_order(warehouse, hold)
    assert codes(refused) == [("INVALID", ("input", "hold", "until"))]
    assert await counts(warehouse.database, *before) == before


@pytest.mark.parametrize(
    ("rules", "facts", "expected"),
    [
        ([FRAUD], {}, []),
        ([FRAUD], {"units": 3}, ["FRAUD_RISK"]),
        ([UNPAID], {}, []),
        ([UNPAID], {"paid": "9.99"}, ["AWAITING_PAYMENT"]),
        ([ADDRESS], {"to": LEEDS_1}, []),
        ([ADDRESS], {"to": Address("GB", " ")}, ["ADDRESS"]),
        ([ADDRESS], {"to": None}, ["ADDRESS"]),
        (
            [FRAUD, UNPAID, ADDRESS],
            {"units": 3, "paid": "29.99"},
            ["FRAUD_RISK", "AWAITING_PAYMENT"],
        ),
        ([{"reason": "OTHER"}], {}, ["OTHER"]),
    ],
)
async def test_the_policy_holds_the_orders_that_it_describes(
    warehouse: Warehouse, rules: list[Any], facts: dict[str, Any], expected: list[str]
) -> None:
    await warehouse.shop.publish(KIND, {"holds": rules})
    paid = facts.get("paid")
    order = await warehouse.shop.place(
        ("TEE-M", facts.get("units", 1)),
        ship_to=facts.get("to", LEEDS_1),
        payments=None if paid is None else (Payment("card", pounds(paid)),),
    )
    assert sorted(await reasons(warehouse)) == sorted((each, True) for each in expected)
    assert await warehouse.statuses(order) == ["ON_HOLD" if expected else "OPEN"]
    assert {each["placed_by"] for each in await warehouse.holds()} <= {"policy"}
    assert await reconcile(warehouse.database) == []


async def test_a_hold_of_the_policy_states_its_reason_and_its_version(
    warehouse: Warehouse,
) -> None:
    await warehouse.shop.publish(KIND, {"holds": [UNPAID]}, "channel:web")
    await warehouse.shop.place(("TEE-M", 1), payments=())
    [hold] = await warehouse.holds()
    assert hold["note"] == "It is not paid in full."
    assert hold["until_at"] == warehouse.shop.clock.now + timedelta(minutes=30)
    [audit] = await warehouse.audits("fulfillmentHold")
    decided = {key: audit["after"][key] for key in ("policy", "policyScope", "policyVersion")}
    assert decided == {"policy": "FULFILLMENT", "policyScope": "channel:web", "policyVersion": 1}


async def test_a_policy_of_one_location_holds_the_parcel_there(warehouse: Warehouse) -> None:
    await warehouse.shop.publish(KIND, {"holds": [{"reason": "OTHER"}]}, "location:YORK")
    order = await warehouse.shop.place(("TEE-M", 8))
    assert await reasons(warehouse) == [("OTHER", False)]
    parcels = await warehouse.shop.fulfillments(order)
    assert {each["location"]: each["status"] for each in parcels} == {
        "LEEDS": "OPEN",
        "YORK": "ON_HOLD",
    }
    assert await reconcile(warehouse.database) == []


async def test_one_policy_for_all_locations_holds_the_whole_order(warehouse: Warehouse) -> None:
    await warehouse.shop.publish(KIND, {"holds": [{"reason": "OTHER"}]}, "channel:web")
    order = await warehouse.shop.place(("TEE-M", 12), backorder=True)
    assert await reasons(warehouse) == [("OTHER", True)]
    await warehouse.shop.receive(2)
    assert await warehouse.statuses(order) == ["ON_HOLD"] * 3


async def test_orders_of_one_batch_are_decided_each_by_itself(warehouse: Warehouse) -> None:
    await warehouse.shop.publish(KIND, {"holds": [FRAUD]})
    dear = await warehouse.shop.place(("TEE-M", 3), reference="W-1")
    cheap = await warehouse.shop.place(("TEE-M", 1), reference="W-2")
    assert await warehouse.statuses(dear) == ["ON_HOLD"]
    assert await warehouse.statuses(cheap) == ["OPEN"]
