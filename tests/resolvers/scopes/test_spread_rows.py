"""An order at two locations, for keys of one: what is shown in part, and what not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from domain.access.callers import Role
from schema.fields.node import uuid_in
from tests.builders.in_process_server import PLACE, InProcessServer, an_order, gbp
from tests.builders.transactions import rows
from tests.resolvers.refunds.test_refunds import APPROVE
from tests.resolvers.scopes.two_halves import INSPECT, RECEIVE_RETURN, REFUND, REQUEST, SHIP
from tests.resolvers.test_returns import DISPOSE

TRAIL = """{ auditTrail(first: 250) { nodes { id subject action actor before after } } }"""
OF_SUBJECT = "query ($subject: String) { auditTrail(subject: $subject) { nodes { id } } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"
ORDER = """query ($id: ID!) { order(id: $id) { lines { sku }
  fulfillments { id } returns { id items { id } refunds { id } } refunds { id } } }"""
VERSIONS = "SELECT id, version FROM customer_return ORDER BY id"


@dataclass
class Spread:
    """An order with a parcel from each location; a unit came back to LEEDS, one to YORK."""

    api: InProcessServer
    order: str
    leeds_return: str
    leeds_item: str
    leeds_refund: str
    york_return: str
    goodwill: str


@pytest.fixture
async def spread(api: InProcessServer) -> Spread:
    """Sold, shipped from both locations, partly returned to each."""
    await api.receive(5, "TEE", "LEEDS")
    await api.receive(5, "COAT", "YORK")
    both = an_order(2, "TEE", payments=[{"reference": "pay-1", "amount": gbp("40.00")}])
    both["lines"].append({**both["lines"][0], "sku": "COAT"})
    order = (await api.done(PLACE, {"input": both}))["order"]
    for number, parcel in enumerate(order["fulfillments"]):
        sent = {"fulfillmentId": parcel["id"], "carrier": "DHL", "trackingNumber": f"JD-{number}"}
        await api.done(SHIP, {"input": sent})
    returns, items, refunds = [], [], []
    for place, sku in (("LEEDS", "TEE"), ("YORK", "COAT")):
        wanted = [{"sku": sku, "quantity": 1, "reasonCode": "UNWANTED"}]
        made = await api.done(REQUEST, {"input": {"orderId": order["id"], "items": wanted}})
        returns.append(made["return"]["id"])
        parcel = {"returnId": returns[-1], "locationCode": place}
        parcel["items"] = [{"sku": sku, "quantity": 1}]
        here = await api.done(RECEIVE_RETURN, {"input": parcel})
        items.append(here["return"]["items"][0]["id"])
        finding = {"returnItemId": items[-1], "quantity": 1, "condition": "DAMAGED"}
        graded = {"returnId": returns[-1], "findings": [finding]}
        found = await api.done(INSPECT, {"input": graded})
        refunds.append(found["return"]["refunds"][0]["id"])
    sorry = {"orderId": order["id"], "reasonCode": "OTHER", "amount": gbp("1.00"), "note": "Sorry."}
    goodwill = (await api.done(REFUND, {"input": sorry}))["refund"]["id"]
    return Spread(api, order["id"], returns[0], items[0], refunds[0], returns[1], goodwill)


async def test_an_order_shows_its_parts_at_the_location_only(spread: Spread) -> None:
    api = spread.api
    whole = (await api.ask(ORDER, {"id": spread.order}))["order"]
    assert [len(whole[name]) for name in ("fulfillments", "returns", "refunds")] == [2, 2, 3]
    key = await api.a_key(Role.SUPERVISOR, locations=("YORK",))
    seen = (await api.ask(ORDER, {"id": spread.order}, key=key))["order"]
    assert [line["sku"] for line in seen["lines"]] == ["TEE", "COAT"]
    assert len(seen["fulfillments"]) == 1
    shown = {each["id"]: each for each in seen["returns"]}
    # The return to LEEDS exists if YORK is its destination, but none of its units is shown.
    assert all(not each["items"] for key, each in shown.items() if key == spread.leeds_return)
    assert spread.york_return in shown
    refunds = {each["id"] for each in seen["refunds"]}
    assert spread.goodwill in refunds
    assert (spread.leeds_refund in refunds) == (spread.leeds_return in shown)
    assert (await api.ask(NODE, {"id": spread.leeds_item}, key=key))["node"] is None


async def test_units_at_another_location_cannot_be_changed(spread: Spread) -> None:
    api = spread.api
    before = await rows(api.restow.database, VERSIONS)
    key = await api.a_key(Role.SUPERVISOR, locations=("YORK",))
    way = {"returnItemId": spread.leeds_item, "quantity": 1, "disposition": "SCRAP"}
    assert await api.refusals(DISPOSE, {"input": way}, key=key) == [
        ("NOT_FOUND", "input.returnItemId")
    ]
    finding = {"returnItemId": spread.leeds_item, "quantity": 1, "condition": "NEW"}
    graded = {"returnId": spread.leeds_return, "findings": [finding]}
    [(code, field)] = await api.refusals(INSPECT, {"input": graded}, key=key)
    assert (code, field) in {
        ("NOT_FOUND", "input.findings.0.returnItemId"),
        ("NOT_FOUND", "input.returnId"),
    }
    assert await rows(api.restow.database, VERSIONS) == before


async def test_facts_of_a_whole_order_exist_only_for_the_actor_that_caused_them(
    spread: Spread,
) -> None:
    api = spread.api
    key = await api.a_key(Role.SUPERVISOR, locations=("YORK",), name="york-boss")
    whole = {"Order", "Refund", "Reservation"}

    async def trail() -> set[tuple[str, str, str]]:
        shown = (await api.ask(TRAIL, key=key))["auditTrail"]["nodes"]
        for each in shown:
            assert (await api.ask(NODE, {"id": each["id"]}, key=key))["node"] is not None
            assert "LEEDS" not in str((each["before"], each["after"]))
        return {
            (each["subject"].partition(":")[0], each["action"], each["actor"]) for each in shown
        }

    before = await trail()
    assert not {name for name, _, _ in before} & whole
    assert ("Fulfillment", "fulfillmentShip", "bootstrap") in before
    approved = await api.change(APPROVE, {"id": spread.goodwill}, key=key)
    assert approved["userErrors"] == []
    added = await trail() - before
    assert ("Refund", "refundApprove", "york-boss") in added
    assert {actor for name, _, actor in added if name in whole} == {"york-boss"}


@pytest.mark.parametrize(
    ("scope", "is_seen"),
    [({"channels": ("web",)}, True), ({"locations": ("YORK",)}, False), ({}, True)],
)
async def test_audit_rows_of_a_half_scope_follow_their_subjects(
    spread: Spread, scope: dict[str, Any], is_seen: bool
) -> None:
    api = spread.api
    await api.place(1, "COAT", channel="market", externalReference="other")
    trail = (await api.ask(TRAIL))["auditTrail"]["nodes"]
    key = await api.a_key(Role.FINANCE, **scope)
    shown = {each["id"] for each in (await api.ask(TRAIL, key=key))["auditTrail"]["nodes"]}
    orders = [each for each in trail if each["subject"].startswith("Order:")]
    assert orders
    for each in orders:
        is_web = each["subject"] == f"Order:{uuid_in('Order', spread.order)}"
        expected = is_seen and (is_web or "channels" not in scope)
        assert (each["id"] in shown) == expected
        found = await api.ask(OF_SUBJECT, {"subject": each["subject"]}, key=key)
        assert ({"id": each["id"]} in found["auditTrail"]["nodes"]) == expected


@pytest.mark.parametrize("scope", [{"channels": ("market",)}, {"locations": ("YORK",)}])
async def test_a_preview_counts_visible_cases_only(spread: Spread, scope: dict[str, Any]) -> None:
    api = spread.api
    document = """query ($input: PolicyInput!) { policyPreview(input: $input) {
      decided changed changes { subject { id } } } }"""
    rules = {"evidence": ["RECEIVED"], "bands": {"GBP": [{"upTo": None, "approvers": 2}]}}
    given = {"input": {"kind": "REFUND", "scope": "global", "rules": rules}}
    whole = (await api.ask(document, given))["policyPreview"]
    assert whole["decided"] == 3
    key = await api.a_key(Role.FINANCE, **scope)
    seen = (await api.ask(document, given, key=key))["policyPreview"]
    refunds = (await api.ask("{ refunds { nodes { id } } }", key=key))["refunds"]["nodes"]
    assert seen["decided"] == len(refunds) < 3
    assert {each["subject"]["id"] for each in seen["changes"]} <= {each["id"] for each in refunds}


async def test_a_preview_needs_the_permission_to_read_its_cases(spread: Spread) -> None:
    document = """query ($input: PolicyInput!) { policyPreview(input: $input) { decided } }"""
    given = {"input": {"kind": "REFUND", "scope": "global", "rules": {}}}
    planner = await spread.api.a_key(Role.SUPPLY_CHAIN)
    assert await spread.api.code(document, given, key=planner) == "FORBIDDEN"
