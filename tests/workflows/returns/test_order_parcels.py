"""Receipts by the number of the order: its returns that wait, or a new one without a request."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.returns import Desk, open_return_desk
from tests.builders.transactions import counts, rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

TABLES = (
    *("customer_return", "return_item", "unidentified_parcel", "stock_movement"),
    *("journal_entry", "event", "operational_exception"),
)


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def number_of(desk: Desk, order: Outcome) -> str:
    sql = "SELECT number FROM sales_order WHERE id = $1"
    return str((await rows(desk.database, sql, UUID(order.refs["order"])))[0]["number"])


async def test_the_oldest_waiting_return_takes_the_units_first(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 4), ("COAT", 1))
    number = await number_of(desk, order)
    first = await desk.request(order, ("TEE-M", 2))
    desk.shop.clock.forward(seconds=1)
    second = await desk.request(order, ("TEE-M", 1), ("COAT", 1))
    # 3 TEE-M: 2 that the first expects, 1 that the second expects. The second expects the COAT.
    received = await desk.receive(None, ("TEE-M", 3), ("COAT", 1), order_number=number.lower())
    assert not received.refusals, received.refusals
    assert received.refs["return"] == first.refs["return"]
    assert await desk.units(first) == [("TEE-M", 2, "RECEIVED")]
    assert await desk.units(second) == [("TEE-M", 1, "RECEIVED"), ("COAT", 1, "RECEIVED")]
    assert [await desk.status(each) for each in (first, second)] == ["RECEIVED", "RECEIVED"]
    assert await desk.exceptions() == []
    assert await desk.shop.level() == {"available": 16, "quality_control": 3}
    assert await reconcile(desk.database) == []


async def test_a_return_of_which_nothing_came_still_waits(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 2), ("COAT", 1))
    first = await desk.request(order, ("TEE-M", 1))
    desk.shop.clock.forward(seconds=1)
    second = await desk.request(order, ("COAT", 1))
    number = await number_of(desk, order)
    received = await desk.receive(None, ("COAT", 1), order_number=number, complete=True)
    assert received.refs["return"] == second.refs["return"]
    assert [await desk.status(each) for each in (first, second)] == ["AUTHORIZED", "RECEIVED"]
    # One more unit than the first expects joins it, because the order can still return it.
    assert not (await desk.receive(None, ("TEE-M", 2), order_number=number)).refusals
    assert await desk.units(first) == [("TEE-M", 1, "RECEIVED"), ("TEE-M", 1, "RECEIVED")]
    assert await reconcile(desk.database) == []


async def test_without_a_waiting_return_one_is_opened(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 2), ("COAT", 1))
    number = await number_of(desk, order)
    received = await desk.receive(None, ("TEE-M", 3), order_number=number)
    assert not received.refusals, received.refusals
    assert await desk.status(received) == "RECEIVED"
    # The third shirt was never sold with this order.
    assert await desk.units(received) == [("TEE-M", 2, "RECEIVED"), ("TEE-M", 1, "WRONG_ITEM")]
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 1)]
    sql = (
        "SELECT c.code FROM return_item t JOIN reason_code c ON c.id = t.reason_id"
        " WHERE t.return_id = $1"
    )
    found = await rows(desk.database, sql, desk.id(received))
    assert [row["code"] for row in found] == ["UNANNOUNCED"]
    assert (await desk.find(received))["requested_by"] == "ivy"
    assert await reconcile(desk.database) == []


async def test_units_that_the_policy_declines_go_to_quarantine(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 2))
    await desk.shop.publish(PolicyKind.RETURN, {"window": "P30D", "finalSale": True})
    number = await number_of(desk, order)
    received = await desk.receive(None, ("TEE-M", 2), order_number=number)
    assert not received.refusals, received.refusals
    assert await desk.status(received) == "DECLINED"
    assert orjson.loads((await desk.find(received))["decision"])["reasons"]
    assert await desk.units(received) == [("TEE-M", 2, "EXPECTED")]
    assert (await desk.shop.level())["quarantine"] == 2
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 1)]
    assert await reconcile(desk.database) == []


async def test_units_of_a_return_that_a_person_must_decide_wait_in_quarantine(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 2))
    rules = {"window": "P30D", "reviewAboveAmount": {"GBP": "1.00"}}
    await desk.shop.publish(PolicyKind.RETURN, rules)
    number = await number_of(desk, order)
    received = await desk.receive(None, ("TEE-M", 2), order_number=number)
    assert not received.refusals, received.refusals
    assert await desk.status(received) == "REQUESTED"
    assert (await desk.shop.level())["quarantine"] == 2
    assert not (await desk.authorize(received)).refusals
    named = UUID(received.refs["exception"])
    assert not (await desk.receive(received, exception_id=named)).refusals
    assert await desk.units(received) == [("TEE-M", 2, "RECEIVED")]
    assert (await desk.shop.level())["quality_control"] == 2
    assert await reconcile(desk.database) == []


async def test_a_second_parcel_with_nothing_left_to_return_is_refused(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 1))
    number = await number_of(desk, order)
    assert not (await desk.receive(None, ("TEE-M", 1), order_number=number)).refusals
    before = await counts(desk.database, *TABLES)
    for sku in ("TEE-M", "COAT"):
        refused = (await desk.receive(None, (sku, 1), order_number=number)).refusals
        assert [(each.code, each.field) for each in refused] == [
            ("INVALID", ("input", "orderNumber"))
        ]
    assert await counts(desk.database, *TABLES) == before


@pytest.mark.parametrize(
    "facts",
    [
        {"rma_number": "RMA-1"},
        {"named": True},
        {"tracking_number": "JD-1"},
        {"exception_id": uuid4()},
    ],
)
async def test_an_order_number_stands_alone(desk: Desk, facts: dict[str, Any]) -> None:
    order = await desk.sold(("TEE-M", 1))
    number = await number_of(desk, order)
    is_named, given = "named" in facts, {k: v for k, v in facts.items() if k != "named"}
    a_return = await desk.request(order, ("TEE-M", 1)) if is_named else None
    before = await counts(desk.database, *TABLES)
    refused = (await desk.receive(a_return, ("TEE-M", 1), order_number=number, **given)).refusals
    assert [(each.code, each.field) for each in refused] == [("INVALID", ("input", "orderNumber"))]
    assert await counts(desk.database, *TABLES) == before


async def test_an_order_number_needs_items_of_no_certain_return(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 1))
    number = await number_of(desk, order)
    refused = (await desk.receive(None, order_number=number)).refusals
    assert [(each.code, each.field) for each in refused] == [("INVALID", ("input", "items"))]
    refused = (await desk.receive(None, ("TEE-M", 1, uuid4()), order_number=number)).refusals
    field = ("input", "items", "0", "returnItemId")
    assert [(each.code, each.field) for each in refused] == [("INVALID", field)]


@pytest.mark.parametrize("number", ["ORD-NONE", "", "a\u0007b", "x\u0000y"])
async def test_an_unknown_order_is_refused(desk: Desk, number: str) -> None:
    before = await counts(desk.database, *TABLES)
    refused = (await desk.receive(None, ("TEE-M", 1), order_number=number)).refusals
    assert {each.field for each in refused} == {("input", "orderNumber")}
    assert {each.code for each in refused} <= {"NOT_FOUND", "INVALID"}
    assert await counts(desk.database, *TABLES) == before


async def test_an_order_outside_the_scope_is_unknown(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 1))
    number = await number_of(desk, order)
    stranger = holder(Role.WAREHOUSE, actor="yan", locations=frozenset({"YORK"}))
    before = await counts(desk.database, *TABLES)
    refused = (
        await desk.receive(None, ("TEE-M", 1), at="YORK", by=stranger, order_number=number)
    ).refusals
    assert [(each.code, each.field) for each in refused] == [
        ("NOT_FOUND", ("input", "orderNumber"))
    ]
    assert await counts(desk.database, *TABLES) == before
