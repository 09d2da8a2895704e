"""Streams about single cases: returns and refunds as they change, alerts for those who are late."""

from __future__ import annotations

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.house import JSON, House
from tests.graphql.test_queues import ALERTS, order_is_late
from tests.graphql.test_refunds import APPROVE, a_refund
from tests.graphql.test_refunds import order as order  # an order that was paid and sent
from tests.graphql.test_returns import asked, came
from tests.graphql.test_subscriptions import Screen, screen
from tests.subscriptions.log import until

RETURN = """subscription ($id: ID!, $after: String) { returnChanged(id: $id, after: $after) {
  cursor return { id status items { state quantity } } } }"""
REFUND = """subscription ($id: ID!, $after: String) { refundChanged(id: $id, after: $after) {
  cursor refund { id status approvals { decision } } } }"""
TRACK = """mutation ($id: ID!) { returnTrackingSet(id: $id, carrier: "DHL", trackingNumber: "J") {
  userErrors { code field message } } }"""


async def _until(client: Screen, case: str, status: str) -> JSON:
    """What a stream says as soon as its case has this status."""
    while (event := await client.next())[case]["status"] != status:
        pass
    return dict(event)


async def _is_refused(house: House, document: str, case_id: str, key: str) -> bool:
    """Whether somebody with this key is told that there is no such case."""
    async with screen(house, key) as client:
        client.subscribe("s", document, variables={"id": case_id})
        refused = await client.receive()
    return "was found" in str(refused["payload"])


async def test_a_return_is_followed_and_gone_on_with_behind_its_cursor(house: House) -> None:
    made = await asked(house)
    shop = await house.a_key(Role.STOREFRONT, channels=("web",))
    async with screen(house, shop) as client:
        await client.watch(house, RETURN, id=made["id"])
        await house.done(TRACK, {"id": made["id"]})
        on_its_way = await _until(client, "return", "IN_TRANSIT")
    await came(house, made, 2)
    async with screen(house, shop) as client:
        variables = {"id": made["id"], "after": on_its_way["cursor"]}
        client.subscribe("s", RETURN, variables=variables)
        missed = await client.next()
        assert int(missed["cursor"]) > int(on_its_way["cursor"])
        assert missed["return"]["status"] == "PARTIALLY_RECEIVED"
        assert sorted(item["quantity"] for item in missed["return"]["items"]) == [1, 2]
        await came(house, made, 1)
        whole = await _until(client, "return", "RECEIVED")
    assert int(whole["cursor"]) > int(missed["cursor"])
    assert {item["state"] for item in whole["return"]["items"]} == {"RECEIVED"}
    stranger = await house.a_key(Role.STOREFRONT, channels=("market",))
    assert await _is_refused(house, RETURN, made["id"], stranger)


async def test_a_refund_is_followed_until_it_is_paid(house: House, order: JSON) -> None:
    made, other = await a_refund(house, order), await a_refund(house, order)
    finance = await house.a_key(Role.FINANCE)
    async with screen(house) as client:
        await client.watch(house, REFUND, id=made["id"])
        await house.done(APPROVE, {"id": other["id"]}, key=finance)
        await house.done(APPROVE, {"id": made["id"]}, key=finance)
        agreed = await client.next()
        assert agreed["refund"]["id"] == made["id"]
        assert agreed["refund"]["approvals"] == [{"decision": "APPROVED"}]
    await house.restow.payouts.work()
    async with screen(house, finance) as client:
        variables = {"id": made["id"], "after": agreed["cursor"]}
        client.subscribe("s", REFUND, variables=variables)
        paid = await _until(client, "refund", "SUCCEEDED")
    assert int(paid["cursor"]) > int(agreed["cursor"])
    stranger = await house.a_key(Role.SUPPORT, channels=("market",))
    assert await _is_refused(house, REFUND, made["id"], stranger)


async def test_who_reads_alerts_too_slowly_is_told_where_to_go_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buffer behind the socket and the one before it are both bounded; nothing is skipped."""
    monkeypatch.setattr("subscriptions.delivery.fanout.BACKLOG_MAX", 3)
    async with screen(house) as quick, screen(house) as slow:
        for client in (quick, slow):
            await client.watch(house, ALERTS, kinds=["ORDER_LATE"])
        await order_is_late(house, "Item:0")
        first = await slow.next()
        slow.tap.clear()
        for number in range(1, 9):
            await order_is_late(house, f"Item:{number}")
        quickly = [await quick.next() for _ in range(9)]
        slow.tap.set()
        kept: list[Any] = []
        while (message := await slow.receive())["type"] == "next":
            kept.append(message["payload"]["data"]["exceptionAlerts"]["cursor"])
        [error] = message["payload"]
        cursor = error["extensions"]["cursor"]
        assert (message["type"], error["extensions"]["code"]) == ("error", "RATE_LIMITED")
        assert cursor == [first["cursor"], *kept][-1]
        assert len(kept) < 8
        await until(lambda: house.restow.fanout.members == 1)
        slow.subscribe("again", ALERTS, variables={"kinds": ["ORDER_LATE"], "after": cursor})
        rest = [(await slow.next())["cursor"] for _ in range(8 - len(kept))]
    assert [first["cursor"], *kept, *rest] == [event["cursor"] for event in quickly]
