"""Streams about single objects (returns, refunds), and alerts for readers that are too slow."""

from __future__ import annotations

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import JSON, InProcessServer
from tests.resolvers.refunds.test_refunds import APPROVE, a_refund
from tests.resolvers.refunds.test_refunds import order as order  # an order that is paid and shipped
from tests.resolvers.test_returns import came, requested
from tests.resolvers.test_subscriptions import Screen, screen
from tests.resolvers.test_task_queues import ALERTS, order_is_late
from tests.subscriptions.log.facts import until

RETURN = """subscription ($id: ID!, $after: String) { returnChanged(id: $id, after: $after) {
  cursor return { id status items { state quantity } } } }"""
REFUND = """subscription ($id: ID!, $after: String) { refundChanged(id: $id, after: $after) {
  cursor refund { id status approvals { decision } } } }"""
ORDER = """subscription ($id: ID!, $after: String) { orderChanged(id: $id, after: $after) {
  order { fulfillments { holds { reason note placedBy } } } } }"""
HOLD_ORDER = """mutation ($id: ID!) {
  fulfillmentHold(orderId: $id, hold: {reason: FRAUD_RISK, note: "Two cards."}) {
    userErrors { code field message } } }"""
TRACK = """mutation ($id: ID!) { returnTrackingSet(id: $id, carrier: "DHL", trackingNumber: "J") {
  userErrors { code field message } } }"""


async def _until(client: Screen, case: str, status: str) -> JSON:
    """The first value of the stream in which the object has this status."""
    while (event := await client.next())[case]["status"] != status:
        pass
    return dict(event)


async def _is_refused(api: InProcessServer, document: str, case_id: str, key: str) -> bool:
    """True if the stream is refused because the object is not found with this key."""
    async with screen(api, key) as client:
        client.subscribe("s", document, variables={"id": case_id})
        refused = await client.receive()
    return "was found" in str(refused["payload"])


async def test_a_return_is_followed_and_resumed_after_a_cursor(
    api: InProcessServer,
) -> None:
    made = await requested(api)
    shop = await api.a_key(Role.STOREFRONT, channels=("web",))
    async with screen(api, shop) as client:
        await client.watch(api, RETURN, id=made["id"])
        await api.done(TRACK, {"id": made["id"]})
        on_its_way = await _until(client, "return", "IN_TRANSIT")
    await came(api, made, 2)
    async with screen(api, shop) as client:
        variables = {"id": made["id"], "after": on_its_way["cursor"]}
        client.subscribe("s", RETURN, variables=variables)
        missed = await client.next()
        assert int(missed["cursor"]) > int(on_its_way["cursor"])
        assert missed["return"]["status"] == "PARTIALLY_RECEIVED"
        assert sorted(item["quantity"] for item in missed["return"]["items"]) == [1, 2]
        await came(api, made, 1)
        whole = await _until(client, "return", "RECEIVED")
    assert int(whole["cursor"]) > int(missed["cursor"])
    assert {item["state"] for item in whole["return"]["items"]} == {"RECEIVED"}
    stranger = await api.a_key(Role.STOREFRONT, channels=("market",))
    assert await _is_refused(api, RETURN, made["id"], stranger)


async def test_a_shop_reads_its_own_notes_only(api: InProcessServer) -> None:
    """Two keys with one scope open the same stream about an order. One of them holds it."""
    await api.receive(1)
    order_id = (await api.place(1))["id"]
    keys = [
        await api.a_key(Role.STOREFRONT, channels=("web",), name=name) for name in ("anna", "bert")
    ]
    placed = await api.ask(HOLD_ORDER, {"id": order_id}, key=keys[0])
    assert placed["fulfillmentHold"]["userErrors"] == []
    async with screen(api, keys[0]) as anna, screen(api, keys[1]) as bert:
        for client in (anna, bert):
            client.subscribe("s", ORDER, variables={"id": order_id, "after": "0"})
        seen = [await _until_held(client) for client in (anna, bert)]
    own = {"reason": "OTHER", "note": "Two cards.", "placedBy": "anna"}
    assert seen == [own, {**own, "note": None, "placedBy": "staff"}]


async def _until_held(client: Screen) -> JSON:
    """The hold in the first value of the stream that has one."""
    while not (parcels := (await client.next())["order"]["fulfillments"])[0]["holds"]:
        pass
    [hold] = parcels[0]["holds"]
    return dict(hold)


async def test_a_refund_is_followed_until_it_is_paid(api: InProcessServer, order: JSON) -> None:
    made, other = await a_refund(api, order), await a_refund(api, order)
    finance = await api.a_key(Role.FINANCE)
    async with screen(api) as client:
        await client.watch(api, REFUND, id=made["id"])
        await api.done(APPROVE, {"id": other["id"]}, key=finance)
        await api.done(APPROVE, {"id": made["id"]}, key=finance)
        agreed = await client.next()
        assert agreed["refund"]["id"] == made["id"]
        assert agreed["refund"]["approvals"] == [{"decision": "APPROVED"}]
    await api.restow.payouts.work()
    async with screen(api, finance) as client:
        variables = {"id": made["id"], "after": agreed["cursor"]}
        client.subscribe("s", REFUND, variables=variables)
        paid = await _until(client, "refund", "SUCCEEDED")
    assert int(paid["cursor"]) > int(agreed["cursor"])
    stranger = await api.a_key(Role.SUPPORT, channels=("market",))
    assert await _is_refused(api, REFUND, made["id"], stranger)


async def test_a_slow_reader_of_alerts_receives_its_cursor(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fan-out's backlog and the socket's buffer are both bounded; no alert is skipped."""
    monkeypatch.setattr("subscriptions.delivery.fanout.BACKLOG_MAX", 3)
    async with screen(api) as quick, screen(api) as slow:
        for client in (quick, slow):
            await client.watch(api, ALERTS, kinds=["ORDER_LATE"])
        await order_is_late(api, "Item:0")
        first = await slow.next()
        slow.member.clear()
        for number in range(1, 9):
            await order_is_late(api, f"Item:{number}")
        quickly = [await quick.next() for _ in range(9)]
        slow.member.set()
        kept: list[Any] = []
        while (message := await slow.receive())["type"] == "next":
            kept.append(message["payload"]["data"]["exceptionAlerts"]["cursor"])
        [error] = message["payload"]
        cursor = error["extensions"]["cursor"]
        assert (message["type"], error["extensions"]["code"]) == ("error", "RATE_LIMITED")
        assert cursor == [first["cursor"], *kept][-1]
        assert len(kept) < 8
        await until(lambda: api.restow.fanout.members == 1)
        slow.subscribe("again", ALERTS, variables={"kinds": ["ORDER_LATE"], "after": cursor})
        rest = [(await slow.next())["cursor"] for _ in range(8 - len(kept))]
    assert [first["cursor"], *kept, *rest] == [event["cursor"] for event in quickly]
