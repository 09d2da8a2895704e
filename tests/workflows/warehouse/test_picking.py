"""Pick, pack and reroute: missing units are set aside, sourced elsewhere, or backordered."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

import workflows.catalog.channels
import workflows.catalog.locations
from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.catalog import a_channel, a_location
from tests.builders.transactions import codes, counts, events, rows
from tests.builders.warehouse import ANN, BEN, SUE, Warehouse, open_warehouse
from workflows.transactions.outcomes import Outcome

FIELD = ("fulfillmentId",)
TABLES = ("fulfillment", "stock_movement", "journal_entry", "event", "audit_entry", "task")
FIRST_LEEDS = {"order": ["preference"], "preference": ["LEEDS", "YORK"]}


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.publish(PolicyKind.ROUTING, FIRST_LEEDS)
    await warehouse.shop.receive(5)
    return warehouse


async def units_of(warehouse: Warehouse, placed: Any) -> list[dict[str, int]]:
    """Units by state of each line; states without units are left out."""
    states = ("backordered", "allocated", "picked", "packed", "shipped", "cancelled")
    lines = await warehouse.shop.lines(placed)
    return [{state: line[state] for state in states if line[state]} for line in lines]


async def balances(warehouse: Warehouse) -> dict[str, int]:
    found = await rows(
        warehouse.database,
        "SELECT account, SUM(debit_minor) - SUM(credit_minor) AS balance FROM journal_line"
        " GROUP BY account",
    )
    return {row["account"]: int(row["balance"]) for row in found if row["balance"]}


async def test_units_go_from_state_to_state(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 2))
    [parcel] = await warehouse.shop.fulfillments(placed)
    assert not (await warehouse.pick(parcel["id"])).refusals
    assert await units_of(warehouse, placed) == [{"picked": 2}]
    assert not (await warehouse.pack(parcel["id"])).refusals
    assert await units_of(warehouse, placed) == [{"packed": 2}]
    assert (await warehouse.shop.order(placed))["status"] == "ALLOCATED"
    assert await warehouse.shop.level() == {"available": 3, "allocated": 2}
    assert not (await warehouse.shop.ship(parcel["id"])).refusals
    assert await units_of(warehouse, placed) == [{"shipped": 2}]


async def test_missing_units_are_set_apart_and_taken_elsewhere(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3))
    await warehouse.shop.receive(4, at="YORK")
    [parcel] = await warehouse.shop.fulfillments(placed)
    [line] = await warehouse.shop.lines(placed)
    assert not (await warehouse.pick(parcel["id"], (line["id"], 2))).refusals
    assert await warehouse.shop.level() == {"available": 2, "allocated": 1, "quarantine": 2}
    assert await warehouse.shop.level(at="YORK") == {"available": 2, "allocated": 2}
    parcels = {p["location"]: p for p in await warehouse.shop.fulfillments(placed)}
    assert parcels["LEEDS"]["status"] == "PICKED"
    assert parcels["YORK"]["status"] == "OPEN"
    assert await units_of(warehouse, placed) == [{"allocated": 2, "picked": 1}]
    assert sorted(await warehouse.live()) == [
        (queue, "OPEN", None) for queue in ("COUNT", "PACK", "PICK")
    ]
    assert [kind for kind, *_ in await warehouse.exceptions()] == ["COUNT_VARIANCE"]
    assert await balances(warehouse) == {
        "inventory": 2800,
        "inventory_in_quality_control": 800,
        "goods_received_not_invoiced": -3600,
        "payments_clearing": 3000,
        "customer_deposits": -3000,
    }


async def test_where_nothing_else_has_any_the_order_waits(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3))
    [parcel] = await warehouse.shop.fulfillments(placed)
    [line] = await warehouse.shop.lines(placed)
    await warehouse.pick(parcel["id"], (line["id"], 1))
    assert await units_of(warehouse, placed) == [{"backordered": 1, "picked": 2}]
    assert await warehouse.shop.level() == {"available": 2, "allocated": 2, "quarantine": 1}
    assert await warehouse.exceptions() == [
        ("COUNT_VARIANCE", "OPEN", f"StockLevel:{await level_id(warehouse)}"),
        ("SHORT_PICK", "OPEN", f"Fulfillment:{parcel['id']}"),
    ]
    await warehouse.shop.receive(1, at="YORK")
    assert await units_of(warehouse, placed) == [{"allocated": 1, "picked": 2}]
    assert [(kind, status) for kind, status, _ in await warehouse.exceptions()] == [
        ("COUNT_VARIANCE", "OPEN"),
        ("SHORT_PICK", "AUTO_RESOLVED"),
    ]


async def level_id(warehouse: Warehouse) -> int:
    [row] = await rows(
        warehouse.database,
        "SELECT s.id FROM stock_level s JOIN location l ON l.id = s.location_id"
        " WHERE l.code = 'LEEDS'",
    )
    return int(row["id"])


async def test_cancelling_what_is_short_clears_it(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3))
    [parcel] = await warehouse.shop.fulfillments(placed)
    [line] = await warehouse.shop.lines(placed)
    await warehouse.pick(parcel["id"], (line["id"], 1))
    await warehouse.shop.cancel(placed, (line["id"], 1))
    assert ("SHORT_PICK", "AUTO_RESOLVED") in [(k, s) for k, s, _ in await warehouse.exceptions()]


async def test_part_is_found_and_part_waits(warehouse: Warehouse) -> None:
    await warehouse.shop.receive(3, "TEE-S")
    placed = await warehouse.shop.place(("TEE-M", 2), ("TEE-S", 3), ("TEE-M", 2))
    await warehouse.shop.receive(1, at="YORK")
    await warehouse.shop.receive(1, "TEE-S", at="YORK")
    [parcel] = await warehouse.shop.fulfillments(placed)
    lines = await warehouse.shop.lines(placed)
    short = [(lines[0]["id"], 1), (lines[1]["id"], 2), (lines[2]["id"], 2)]
    assert not (await warehouse.pick(parcel["id"], *short)).refusals
    assert await units_of(warehouse, placed) == [
        {"allocated": 1, "picked": 1},
        {"allocated": 1, "backordered": 1, "picked": 1},
        {"backordered": 2},
    ]
    [(kind, _, _), *_] = [e for e in await warehouse.exceptions() if e[0] == "SHORT_PICK"]
    assert kind == "SHORT_PICK"


async def test_a_fulfillment_without_any_unit_is_cancelled(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 2))
    [parcel] = await warehouse.shop.fulfillments(placed)
    [line] = await warehouse.shop.lines(placed)
    await warehouse.claim()
    await warehouse.pick(parcel["id"], (line["id"], 2))
    assert [p["status"] for p in await warehouse.shop.fulfillments(placed)] == ["CANCELLED"]
    [task] = await warehouse.tasks(parcel["id"])
    assert (task["status"], task["claimed_by"]) == ("DONE", "ann")
    assert (await warehouse.shop.order(placed))["status"] == "BACKORDERED"
    assert await warehouse.live() == [("COUNT", "OPEN", None)]


async def test_the_same_level_short_twice_is_one_count(warehouse: Warehouse) -> None:
    for reference in ("W-1", "W-2"):
        placed = await warehouse.shop.place(("TEE-M", 2), reference=reference)
        [parcel] = await warehouse.shop.fulfillments(placed)
        [line] = await warehouse.shop.lines(placed)
        await warehouse.pick(parcel["id"], (line["id"], 1))
    found = await rows(
        warehouse.database,
        "SELECT kind, occurrences FROM operational_exception ORDER BY kind, occurrences",
    )
    assert [(row["kind"], row["occurrences"]) for row in found] == [
        ("COUNT_VARIANCE", 2),
        ("SHORT_PICK", 1),
        ("SHORT_PICK", 1),
    ]


async def test_the_pick_says_what_was_decided(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3))
    await warehouse.shop.receive(4, at="YORK")
    [parcel] = await warehouse.shop.fulfillments(placed)
    [line] = await warehouse.shop.lines(placed)
    await warehouse.pick(parcel["id"], (line["id"], 1))
    [event] = await events(warehouse.database, "fulfillment.picked")
    assert event["data"]["shortages"] == {str(line["id"]): 1}
    assert len(event["data"]["rerouted"]) == 1
    [audit] = await warehouse.audits("fulfillmentPick")
    assert audit["actor"] == "ann"
    assert audit["after"]["routing"]["chosen"] == ["YORK"]


async def test_what_cannot_be_short_is_refused_and_changes_nothing(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 2))
    other = await warehouse.shop.place(("TEE-M", 1), reference="W-2")
    [parcel] = await warehouse.shop.fulfillments(placed)
    [line] = await warehouse.shop.lines(placed)
    [foreign] = await warehouse.shop.lines(other)
    before = await counts(warehouse.database, *TABLES)
    cases: list[tuple[list[tuple[object, int]], str, tuple[str, ...]]] = [
        ([(line["id"], 3)], "INVALID", ("shortages", "0", "quantity")),
        ([(line["id"], 0)], "INVALID", ("shortages", "0", "quantity")),
        ([(line["id"], 1), (line["id"], 2)], "INVALID", ("shortages", "1", "quantity")),
        ([(foreign["id"], 1)], "NOT_FOUND", ("shortages", "0", "orderLineId")),
    ]
    for short, code, field in cases:
        assert codes(await warehouse.pick(parcel["id"], *short)) == [(code, field)]
    assert codes(await warehouse.pick(uuid4())) == [("NOT_FOUND", FIELD)]
    assert await counts(warehouse.database, *TABLES) == before


async def test_every_step_of_every_state(warehouse: Warehouse) -> None:
    """Every pair of a fulfillment's status and an action, with and without a packing step."""
    await warehouse.shop.receive(50)
    transactions = warehouse.shop.transactions
    steps: dict[str, list[str]] = {
        "OPEN": [],
        "PICKED": ["pick"],
        "PACKED": ["pick", "pack"],
        "SHIPPED": ["pick", "pack", "ship"],
        "CANCELLED": ["cancel"],
    }
    may: dict[bool, set[tuple[str, str]]] = {
        True: {("OPEN", "pick"), ("PICKED", "pack"), ("PACKED", "ship")},
        False: {
            ("OPEN", "pick"),
            ("PICKED", "pack"),
            ("PACKED", "ship"),
            ("OPEN", "ship"),
            ("PICKED", "ship"),
        },
    }
    number = 0
    for required, allowed in may.items():
        upsert = a_location("LEEDS", pack_required=required)
        assert not (await transactions.perform(workflows.catalog.locations.upsert, upsert)).refusals
        for status, path in steps.items():
            for act in ("pick", "pack", "ship", "reroute"):
                number += 1
                placed = await warehouse.shop.place(("TEE-M", 1), reference=f"S-{number}")
                [parcel] = await warehouse.shop.fulfillments(placed)
                do: dict[str, Callable[[object], Awaitable[Outcome]]] = {
                    "pick": warehouse.pick,
                    "pack": warehouse.pack,
                    "ship": warehouse.shop.ship,
                    "reroute": lambda each: warehouse.reroute(each, "YORK"),
                }
                if path == ["cancel"]:
                    assert not (await warehouse.shop.cancel(placed)).refusals
                for name in (each for each in path if each in do):
                    assert not (await do[name](parcel["id"])).refusals
                found = [code for code, _ in codes(await do[act](parcel["id"]))]
                if act == "reroute" and status == "OPEN":
                    assert found == ["INSUFFICIENT_STOCK"]
                else:
                    wanted = [] if (status, act) in allowed else ["ILLEGAL_TRANSITION"]
                    assert found == wanted, (required, status, act)


async def test_shipping_an_open_parcel_says_that_it_was_picked_and_packed(
    warehouse: Warehouse,
) -> None:
    placed = await warehouse.shop.place(("TEE-M", 1))
    [parcel] = await warehouse.shop.fulfillments(placed)
    await warehouse.shop.ship(parcel["id"])
    [audit] = await warehouse.audits("fulfillmentShip")
    assert audit["after"]["completedPickAndPack"] is True


async def test_packing_belongs_to_the_claim_holder(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 1))
    [parcel] = await warehouse.shop.fulfillments(placed)
    await warehouse.pick(parcel["id"])
    await warehouse.claim("PACK", by=BEN)
    assert codes(await warehouse.pack(parcel["id"])) == [("TASK_NOT_CLAIMED", FIELD)]
    assert not (await warehouse.pack(parcel["id"], BEN)).refusals


async def test_a_supervisor_has_it_leave_from_elsewhere(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 3))
    await warehouse.shop.receive(4, at="YORK")
    [parcel] = await warehouse.shop.fulfillments(placed)
    moved = await warehouse.reroute(parcel["id"], "YORK")
    assert moved.refs == {"order": placed.refs["order"]}
    assert await warehouse.shop.level() == {"available": 5}
    assert await warehouse.shop.level(at="YORK") == {"available": 1, "allocated": 3}
    statuses = {p["location"]: p["status"] for p in await warehouse.shop.fulfillments(placed)}
    assert statuses == {"LEEDS": "CANCELLED", "YORK": "OPEN"}
    assert await units_of(warehouse, placed) == [{"allocated": 3}]
    tasks = {(t["location"], t["queue"], t["status"]) for t in await warehouse.tasks()}
    assert tasks == {("LEEDS", "PICK", "CANCELLED"), ("YORK", "PICK", "OPEN")}
    [audit] = await warehouse.audits("fulfillmentReroute")
    assert audit["actor"] == "sue"
    assert audit["after"]["note"] == "York is quiet."
    assert (audit["after"]["policy"], audit["after"]["policyVersion"]) == ("ROUTING", 2)


async def test_a_reroute_takes_over_a_claimed_task_in_the_open(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 1))
    await warehouse.shop.receive(4, at="YORK")
    [parcel] = await warehouse.shop.fulfillments(placed)
    await warehouse.claim()
    assert not (await warehouse.reroute(parcel["id"], "YORK")).refusals
    [override] = await warehouse.audits("task.overridden")
    assert override["before"]["claimedBy"] == ANN.actor


async def test_freed_units_serve_waiting_orders(warehouse: Warehouse) -> None:
    """A market order waits; the web order's units in LEEDS become free when it moves to YORK."""
    placed = await warehouse.shop.place(("TEE-M", 5))
    await warehouse.shop.receive(5, at="YORK")
    leeds_only = a_channel("market", location_codes=("LEEDS",), priority=5)
    await warehouse.shop.transactions.perform(workflows.catalog.channels.upsert, leeds_only)
    waiting = await warehouse.shop.place(
        ("TEE-M", 2), reference="M-1", channel="market", backorder=True
    )
    assert (await warehouse.shop.order(waiting))["status"] == "BACKORDERED"
    [parcel] = await warehouse.shop.fulfillments(placed)
    assert not (await warehouse.reroute(parcel["id"], "YORK")).refusals
    assert (await warehouse.shop.order(waiting))["status"] == "ALLOCATED"
    assert await warehouse.shop.level() == {"available": 3, "allocated": 2}


async def test_where_it_cannot_go_is_refused_and_changes_nothing(warehouse: Warehouse) -> None:
    await warehouse.shop.transactions.perform(
        workflows.catalog.locations.upsert, a_location("BATH")
    )
    placed = await warehouse.shop.place(("TEE-M", 3))
    await warehouse.shop.receive(2, at="YORK")
    [parcel] = await warehouse.shop.fulfillments(placed)
    before = await counts(warehouse.database, *TABLES)
    bounded = holder(Role.SUPERVISOR, actor="sam", locations=frozenset({"LEEDS"}))
    place = ("locationCode",)
    assert codes(await warehouse.reroute(parcel["id"], "YORK")) == [("INSUFFICIENT_STOCK", place)]
    assert codes(await warehouse.reroute(parcel["id"], "LEEDS")) == [("INVALID", place)]
    assert codes(await warehouse.reroute(parcel["id"], "BATH")) == [("INVALID", place)]
    assert codes(await warehouse.reroute(parcel["id"], "NOWHERE")) == [("NOT_FOUND", place)]
    assert codes(await warehouse.reroute(parcel["id"], "YORK", by=bounded)) == [
        ("NOT_FOUND", place)
    ]
    assert codes(await warehouse.reroute(parcel["id"], "YORK", note=" ")) == [
        ("INVALID", ("note",))
    ]
    assert codes(await warehouse.reroute(uuid4(), "YORK")) == [("NOT_FOUND", ("id",))]
    assert await counts(warehouse.database, *TABLES) == before


async def test_only_supervisors_may_reroute() -> None:
    assert SUE.may("fulfillments.reroute")
    assert not ANN.may("fulfillments.reroute")
