"""Return requests: decided by policy, at most the shipped units, within scope."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

import workflows.returns.requests
from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.returns import BOSS, SUPPORT, Desk, open_return_desk
from tests.builders.store import SHOP
from tests.builders.transactions import codes, counts, events, rows
from workflows.returns.requests import RequestedItem, RequestReturn
from workflows.transactions.outcomes import Outcome, Request

TABLES = ("customer_return", "return_item", "stock_movement", "journal_entry", "event")
DIGEST = "ab" * 32


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def decision(desk: Desk, a_return: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((await desk.find(a_return))["decision"])
    return found


async def test_the_default_policy_authorizes_and_says_why(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2), tracking_number="JD-1", carrier="DHL")
    row = await desk.find(made)
    assert row["status"] == "AUTHORIZED"
    assert (row["requested_by"], row["authorized_by"]) == ("susan", "policy")
    assert row["expected_by_at"] == desk.shop.clock.now + timedelta(days=14)
    assert row["rma_number"].startswith("RMA-")
    decided = await decision(desk, made)
    assert (decided["policy"], decided["scope"], decided["version"]) == ("RETURN", "global", 1)
    assert decided["outcome"] == "AUTHORIZED"
    assert any("UNWANTED is accepted" in reason for reason in decided["reasons"])
    assert await desk.units(made) == [("TEE-M", 2, "EXPECTED")]
    assert [each["type"] for each in await events(desk.database, "return.")] == [
        "return.requested",
        "return.authorized",
    ]


async def test_the_score_is_the_sum_of_its_terms(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 2), customer_reference="c-1")
    await desk.request(order, ("TEE-M", 1))
    made = await desk.request(order, ("TEE-M", 1), reason="DEFECTIVE")
    row = await desk.find(made)
    terms = {term["name"]: term["points"] for term in orjson.loads(row["risk"])}
    assert row["risk_points"] == sum(terms.values())
    # One of two units was returned before: one recent return, of the same item.
    assert terms["return rate"] == 429
    assert terms["repeated patterns"] == 1500
    assert terms["reason"] == 750


async def test_the_window_counts_to_the_end_of_its_last_day(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 2))
    # Shipped at nine on 2 March, for 30 days: the last instant is the end of 1 April.
    desk.shop.clock.now = desk.shop.clock.now.replace(month=4, day=1, hour=23, minute=59)
    assert await desk.status(await desk.request(order, ("TEE-M", 1))) == "AUTHORIZED"
    desk.shop.clock.forward(minutes=1)
    late = await desk.request(order, ("TEE-M", 1))
    assert not late.refusals
    assert await desk.status(late) == "DECLINED"
    assert "window closed" in (await decision(desk, late))["reasons"][0]
    assert codes(await desk.authorize(late)) == [("RETURN_WINDOW_CLOSED", ("id",))]
    assert codes(await desk.authorize(late, by=BOSS)) == [("INVALID", ("note",))]
    assert not (await desk.authorize(late, "A loyal customer", by=BOSS)).refusals
    assert await desk.status(late) == "AUTHORIZED"
    assert (await decision(desk, late))["reasons"] == [
        "boss authorized the return against the policy.",
        "A loyal customer",
    ]


async def test_final_sale_and_other_reasons_are_declined(desk: Desk) -> None:
    rules = {"window": "P30D", "reasons": ["DEFECTIVE"], "finalSale": True}
    await desk.shop.publish(PolicyKind.RETURN, rules, "category:coats")
    order = await desk.sold(("COAT", 2), ("TEE-M", 1))
    made = await desk.request(order, ("COAT", 1))
    assert await desk.status(made) == "DECLINED"
    assert (await decision(desk, made))["scope"] == "category:coats"
    assert len((await decision(desk, made))["reasons"]) == 2
    assert codes(await desk.authorize(made)) == [("NOT_RETURNABLE", ("id",))]
    assert await desk.status(await desk.request(order, ("TEE-M", 1))) == "AUTHORIZED"


async def test_a_person_decides_above_the_policys_limits(desk: Desk) -> None:
    rules = {"window": "P30D", "reviewAboveAmount": {"GBP": "15.00"}}
    await desk.shop.publish(PolicyKind.RETURN, rules)
    order = await desk.sold(("TEE-M", 5))
    assert await desk.status(await desk.request(order, ("TEE-M", 1))) == "AUTHORIZED"
    waiting = await desk.request(order, ("TEE-M", 2))
    assert await desk.status(waiting) == "REQUESTED"
    assert (await desk.find(waiting))["expected_by_at"] is None
    assert not (await desk.authorize(waiting)).refusals
    assert (await desk.find(waiting))["authorized_by"] == "susan"
    other = await desk.request(order, ("TEE-M", 2))
    assert not (await desk.decline(other)).refusals
    assert (await decision(desk, other))["outcome"] == "DECLINED"
    assert codes(await desk.authorize(other)) == [("ILLEGAL_TRANSITION", ("id",))]


async def test_never_more_units_than_were_sent_over_all_returns(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 3), ("TEE-M", 2))
    field = ("input", "items", "0", "quantity")
    assert codes(await desk.request(order, ("TEE-M", 6))) == [("OVER_RETURN", field)]
    first = await desk.request(order, ("TEE-M", 4))
    assert [group["quantity"] for group in await desk.groups(first)] == [3, 1]
    refused = await desk.request(order, ("TEE-M", 2))
    assert codes(refused) == [("OVER_RETURN", field)]
    assert refused.refusals[0].details["returnable"] == 1
    await desk.cancel(first)
    assert not (await desk.request(order, ("TEE-M", 5))).refusals


async def test_units_of_a_declined_return_may_be_taken_by_another(desk: Desk) -> None:
    await desk.shop.publish(PolicyKind.RETURN, {"window": "P30D", "finalSale": True})
    order = await desk.sold(("TEE-M", 2))
    declined = await desk.request(order, ("TEE-M", 2))
    await desk.shop.publish(PolicyKind.RETURN, {"window": "P30D"})
    taken = await desk.request(order, ("TEE-M", 1))
    assert codes(await desk.authorize(declined, "after all", by=BOSS)) == [("OVER_RETURN", ("id",))]
    await desk.cancel(taken)
    assert not (await desk.authorize(declined, "after all", by=BOSS)).refusals


async def test_what_was_not_sent_cannot_come_back(desk: Desk) -> None:
    order = await desk.shop.place(("TEE-M", 2))
    assert [code for code, _ in codes(await desk.request(order, ("TEE-M", 1)))] == ["OVER_RETURN"]
    await desk.shop.cancel(order)
    assert [code for code, _ in codes(await desk.request(order, ("TEE-M", 1)))] == ["OVER_RETURN"]


@pytest.mark.parametrize(
    ("items", "facts", "code", "field"),
    [
        ((), {}, "INVALID", ("items",)),
        ((("TEE-M", 0),), {}, "INVALID", ("items", "0", "quantity")),
        ((("TEE-S", 1),), {}, "NOT_FOUND", ("items", "0", "sku")),
        ((("TEE-M", 1),), {"reason": "NOPE"}, "NOT_FOUND", ("items", "0", "reasonCode")),
        ((("TEE-M", 1),), {"carrier": " "}, "INVALID", ("carrier",)),
        ((("TEE-M", 1),), {"customer_note": "x" * 2001}, "INVALID", ("customerNote",)),
        ((("TEE-M", 1),), {"evidence": ("",)}, "INVALID", ("items", "0", "evidence", "0")),
        (
            (("TEE-M", 1),),
            {"evidence": ("photo#sha256=12",)},
            "INVALID",
            ("items", "0", "evidence", "0"),
        ),
    ],
)
async def test_bad_input_names_the_field_and_changes_nothing(
    desk: Desk,
    items: tuple[tuple[str, int], ...],
    facts: dict[str, Any],
    code: str,
    field: tuple[str, ...],
) -> None:
    order = await desk.sold(("TEE-M", 1))
    before = await counts(desk.database, *TABLES)
    assert codes(await desk.request(order, *items, **facts)) == [(code, ("input", *field))]
    assert await counts(desk.database, *TABLES) == before


async def test_client_times_need_the_power_to_backdate(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 1))
    week_ago = desk.shop.clock.now - timedelta(days=7)
    refused = await desk.request(order, ("TEE-M", 1), requested_at=week_ago)
    assert codes(refused) == [("INVALID", ("input", "requestedAt"))]


async def test_evidence_is_an_address_and_a_digest(desk: Desk) -> None:
    given = (f"https://photos/1.jpg#sha256={DIGEST.upper()}", "https://photos/2.jpg")
    made = await desk.requested(("TEE-M", 1), evidence=given)
    [group] = await desk.groups(made)
    assert orjson.loads(group["evidence"]) == [
        {"address": "https://photos/1.jpg", "sha256": DIGEST},
        {"address": "https://photos/2.jpg", "sha256": None},
    ]


async def ask(desk: Desk, command: RequestReturn, by: Any = SUPPORT) -> Outcome:
    return await desk.shop.transactions.perform(
        workflows.returns.requests.request, Request(command, by)
    )


async def test_an_order_is_named_by_id_or_by_its_reference(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 3))
    [line] = await desk.shop.lines(order)
    by_line = (RequestedItem(1, "UNWANTED", order_line_id=line["id"]),)
    made = await ask(desk, RequestReturn(by_line, None, "web", "W-1"))
    assert not made.refusals
    assert codes(await ask(desk, RequestReturn(by_line, None, "web", "W-9"))) == [
        ("NOT_FOUND", ("input", "orderExternalReference"))
    ]
    assert codes(await ask(desk, RequestReturn(by_line))) == [("INVALID", ("input",))]
    order_id = UUID(order.refs["order"])
    assert codes(await ask(desk, RequestReturn(by_line, order_id, "web", "W-1"))) == [
        ("INVALID", ("input",))
    ]
    strange = (RequestedItem(1, "UNWANTED", order_line_id=uuid4()),)
    assert codes(await ask(desk, RequestReturn(strange, order_id))) == [
        ("NOT_FOUND", ("input", "items", "0", "orderLineId"))
    ]
    wrong = (RequestedItem(1, "UNWANTED", order_line_id=line["id"], sku="COAT"),)
    assert codes(await ask(desk, RequestReturn(wrong, order_id))) == [
        ("INVALID", ("input", "items", "0", "sku"))
    ]


async def test_what_lies_out_of_scope_does_not_exist(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2), by=SHOP)
    order = Outcome(refs={"order": str((await desk.find(made))["order_id"])})
    stranger = holder(Role.STOREFRONT, actor="other", channels=frozenset({"market"}))
    far = holder(Role.SUPPORT, actor="far", locations=frozenset({"YORK"}))
    near = holder(Role.SUPPORT, actor="near", locations=frozenset({"LEEDS"}))
    for caller in (stranger, far):
        assert codes(await desk.request(order, ("TEE-M", 1), by=caller)) == [
            ("NOT_FOUND", ("input", "orderId"))
        ]
        assert codes(await desk.cancel(made, by=caller)) == [("NOT_FOUND", ("id",))]
        assert codes(await desk.track(made, by=caller)) == [("NOT_FOUND", ("id",))]
    assert not (await desk.track(made, by=near)).refusals
    assert not (await desk.cancel(made, by=SHOP)).refusals


async def test_a_tracking_number_sends_an_authorized_return_on_its_way(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1))
    assert not (await desk.track(made)).refusals
    assert await desk.status(made) == "IN_TRANSIT"
    assert not (await desk.track(made, "JD-BACK-2")).refusals
    assert (await desk.find(made))["tracking_number"] == "JD-BACK-2"
    assert codes(await desk.track(made, " ")) == [("INVALID", ("trackingNumber",))]
    audits = await rows(
        desk.database, "SELECT action FROM audit_entry WHERE action LIKE 'return%' ORDER BY id"
    )
    assert sorted(row["action"] for row in audits) == [
        "returnRequest",
        "returnTrackingSet",
        "returnTrackingSet",
    ]
