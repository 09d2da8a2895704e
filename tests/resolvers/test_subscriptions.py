"""Subscriptions of the whole program: the values sent, their recipients, no repeats."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain.access.callers import Role
from server.transports.protocol import SUBPROTOCOL
from tests.builders.in_process_server import BOOTSTRAP, InProcessServer
from tests.server.socket import Client
from tests.subscriptions.log.facts import until

AVAILABILITY = """
subscription ($skus: [String!], $after: String) {
  availabilityChanged(channel: "web", skus: $skus, after: $after) {
    cursor availability { sku channel availableToPromise inStock locations { location available } }
  }
}
"""
STOCK = """
subscription ($skus: [String!], $locations: [String!], $after: String) {
  stockChanged(skus: $skus, locations: $locations, after: $after) {
    cursor cause level { available held item { sku name } location { code } }
  }
}
"""
EVENTS = """
subscription ($types: [String!], $after: String) {
  events(types: $types, after: $after) { cursor id type subject subjectVersion actor data }
}
"""
CANCEL = """mutation ($id: ID!) { orderCancel(id: $id, reasonCode: "OTHER") {
  order { status } userErrors { code field message } } }"""
REVOKE = "mutation ($id: ID!) { apiKeyRevoke(id: $id) { userErrors { code } } }"


class Screen(Client):
    """A client with one subscription at a time."""

    async def watch(self, api: InProcessServer, document: str, **variables: Any) -> None:
        """Subscribe after all past events, and wait until the stream is listening."""
        await api.settled()
        fanout, relay = api.restow.fanout, api.restow.live.relay
        before = fanout.members + relay.listeners
        self.subscribe("s", document, variables=variables)
        await until(lambda: fanout.members + relay.listeners > before)

    async def next(self) -> Any:
        """The value of the next event."""
        message = await self.receive()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        [value] = message["payload"]["data"].values()
        return value


@asynccontextmanager
async def screen(api: InProcessServer, key: str | None = BOOTSTRAP) -> AsyncIterator[Screen]:
    """A connected client."""
    client = Screen(api.restow.asgi, [SUBPROTOCOL])
    try:
        payload = {} if key is None else {"authorization": f"Bearer {key}"}
        client.send({"type": "connection_init", "payload": payload})
        assert await client.receive() == {"type": "connection_ack"}
        yield client
    finally:
        await client.leave()


async def test_a_shopper_without_a_key_sees_availability_change(api: InProcessServer) -> None:
    await api.receive(10)
    async with screen(api, key=None) as shopper:
        await shopper.watch(api, AVAILABILITY, skus=["TEE"])
        await api.hold(3)
        first = await shopper.next()
        await api.receive(5, at="YORK")
        second = await shopper.next()
        shopper.send({"id": "s", "type": "complete"})
        shopper.subscribe("x", STOCK)
        assert (await shopper.receive())["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert first["availability"] == {
        "sku": "TEE",
        "channel": "web",
        "availableToPromise": 7,
        "inStock": True,
        "locations": [{"location": "LEEDS", "available": 7}, {"location": "YORK", "available": 0}],
    }
    assert second["availability"]["availableToPromise"] == 12
    assert int(second["cursor"]) > int(first["cursor"])


async def test_what_a_cancelled_backorder_was_owed_may_be_sold_again(api: InProcessServer) -> None:
    await api.receive(5)
    async with screen(api) as shop:
        await shop.watch(api, AVAILABILITY, skus=["TEE"])
        order = await api.place(3, channel="market", backorder=True)
        owed = await shop.next()
        await api.done(CANCEL, {"id": order["id"]})
        free = await shop.next()
    promised = [event["availability"]["availableToPromise"] for event in (owed, free)]
    assert promised == [2, 5]


async def test_stock_shows_levels_with_their_item_and_place(api: InProcessServer) -> None:
    await api.receive(1)
    await api.receive(2, sku="COAT")
    async with screen(api) as desk:
        desk.subscribe("s", STOCK, variables={"after": "0"})
        past = [await desk.next(), await desk.next()]
        await api.hold(1)
        now = await desk.next()
    assert [(e["level"]["item"]["sku"], e["level"]["available"]) for e in past] == [
        ("TEE", 1),
        ("COAT", 2),
    ]
    assert now["cause"] == "HELD"
    assert now["level"] == {
        "available": 0,
        "held": 1,
        "item": {"sku": "TEE", "name": "Garment TEE"},
        "location": {"code": "LEEDS"},
    }


async def test_events_resume_after_a_cursor(api: InProcessServer) -> None:
    await api.receive(10)
    async with screen(api) as first:
        first.subscribe("s", EVENTS, variables={"after": "0"})
        while (event := await first.next())["type"] != "stock.changed":
            pass
        cursor = event["cursor"]
    await api.hold(1)
    await api.hold(2)
    async with screen(api) as second:
        second.subscribe("s", EVENTS, variables={"after": cursor, "types": ["stock.changed"]})
        held = [await second.next(), await second.next()]
        await api.hold(3)
        held.append(await second.next())
        second.subscribe("bad", EVENTS, variables={"after": "x"})
        refused = await second.receive()
    assert [event["data"]["held"] for event in held] == [1, 3, 6]
    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_equal_subscriptions_share_one_execution(api: InProcessServer) -> None:
    await api.receive(100)
    northern = await api.a_key(Role.WAREHOUSE, locations=("YORK",))
    screens = [screen(api, key) for key in [BOOTSTRAP] * 10 + [northern] * 10]
    clients = [await each.__aenter__() for each in screens]
    for client in clients:
        await client.watch(api, EVENTS, types=["stock.changed"])
    assert api.restow.fanout.groups == 2
    await api.receive(1, at="LEEDS")
    await api.receive(2, at="YORK")
    for client in clients[:10]:
        assert [(await client.next())["data"]["location"] for _ in range(2)] == ["LEEDS", "YORK"]
    for client in clients[10:]:
        assert (await client.next())["data"]["location"] == "YORK"
    for each in screens:
        await each.__aexit__(None, None, None)
    assert api.restow.fanout.groups == 0
    assert api.restow.live.relay.listeners == 0


async def test_resumed_clients_join_the_group_without_gap_or_repeat(
    api: InProcessServer,
) -> None:
    """Clients resume at every cursor while events are written, and share one execution
    afterwards."""
    for n in range(20):
        await api.receive(1 + n)
    async with screen(api) as all_of_it:
        all_of_it.subscribe("s", EVENTS, variables={"types": ["stock.changed"], "after": "0"})
        log = [await all_of_it.next() for _ in range(20)]
        screens = [screen(api) for _ in log]
        clients = [await each.__aenter__() for each in screens]
        writing = asyncio.create_task(_receive(api, 20))
        for client, event in zip(clients, log, strict=True):
            variables = {"types": ["stock.changed"], "after": event["cursor"]}
            client.subscribe("s", EVENTS, variables=variables)
        log += [await all_of_it.next() for _ in range(20)]
        await writing
        for start, client in enumerate(clients, start=1):
            assert [await client.next() for _ in range(40 - start)] == log[start:]
        assert api.restow.fanout.groups == 1
        assert api.restow.live.relay.listeners == 1
        for each in screens:
            await each.__aexit__(None, None, None)


async def _receive(api: InProcessServer, times: int) -> None:
    for n in range(times):
        await api.receive(1 + n, sku="COAT")


async def test_a_revoked_key_is_cut_off_within_five_seconds(api: InProcessServer) -> None:
    secret = await api.a_key(Role.WAREHOUSE, name="tablet")
    keys = (await api.ask("{ apiKeys { id name } }"))["apiKeys"]
    [key_id] = [key["id"] for key in keys if key["name"] == "tablet"]
    async with screen(api, secret) as tablet, screen(api) as desk:
        await tablet.watch(api, STOCK)
        await desk.watch(api, STOCK)
        await api.done(REVOKE, {"id": key_id})
        revoked_at = time.monotonic()
        assert (await tablet.closed()).code == 4401
        assert time.monotonic() - revoked_at < 5
        await api.receive(1)
        assert (await desk.next())["level"]["available"] == 1


async def test_streams_have_metrics(api: InProcessServer) -> None:
    await api.receive(1)
    async with screen(api) as client:
        await client.watch(api, STOCK)
        await api.hold(1)
        await client.next()
        client.subscribe("bad", EVENTS, variables={"after": "x"})
        await client.receive()
        text = api.restow.metrics.text().decode()
    for line in (
        "restow_stream_subscribers 1.0",
        "restow_stream_executions 1.0",
        "restow_stream_sockets 1.0",
        "restow_stream_buffered 0.0",
        "restow_stream_folds_total 0.0",
        "restow_stream_lag_seconds_count 1.0",
        'restow_stream_ends_total{reason="BAD_REQUEST"} 1.0',
    ):
        assert line in text, text
    text = api.restow.metrics.text().decode()
    assert 'restow_stream_closes_total{reason="gone"} 1.0' in text
    assert 'restow_stream_ends_total{reason="left"} 1.0' in text


LEVELS_NOW = STOCK.replace("after: $after)", "snapshot: true)").replace(", $after: String", "")
PROMISES_NOW = """
subscription ($skus: [String!], $snapshot: Boolean) {
  availabilityChanged(channel: "web", skus: $skus, snapshot: $snapshot) {
    cursor availability { sku availableToPromise } } }
"""


async def test_a_snapshot_of_levels_is_sent_first_and_then_each_change(
    api: InProcessServer,
) -> None:
    await api.receive(5)
    await api.receive(3, "COAT", "YORK")
    await api.hold(2)
    york = await api.a_key(Role.WAREHOUSE, locations=("YORK",), name="of York")
    for key, expected in (
        (york, {"COAT": (3, "RECEIVED")}),
        (BOOTSTRAP, {"COAT": (4, "RECEIVED"), "TEE": (3, "HELD")}),
    ):
        async with screen(api, key=key) as shop:
            await shop.watch(api, LEVELS_NOW)
            found = [await shop.next() for _ in expected]
            levels = {each["level"]["item"]["sku"]: each for each in found}
            states = {sku: (e["level"]["available"], e["cause"]) for sku, e in levels.items()}
            assert states == expected
            await api.receive(1, "COAT", "YORK")
            change = await shop.next()
            assert change["level"]["item"]["sku"] == "COAT"
            assert int(change["cursor"]) > int(found[0]["cursor"])


async def test_a_snapshot_of_availability_loses_no_change(api: InProcessServer) -> None:
    await api.receive(5)
    await api.receive(4, "COAT")
    async with screen(api) as shop, screen(api) as other:
        await shop.watch(api, PROMISES_NOW, skus=["TEE", "NONE"], snapshot=True)
        first = await shop.next()
        assert first["availability"] == {"sku": "TEE", "availableToPromise": 5}
        await other.watch(api, PROMISES_NOW, snapshot=True)
        found = [(await other.next())["availability"] for _ in range(2)]
        assert {each["sku"]: each["availableToPromise"] for each in found} == {"TEE": 5, "COAT": 4}
        await api.hold(2)
        for client in (shop, other):
            change = (await client.next())["availability"]
            assert change == {"sku": "TEE", "availableToPromise": 3}


async def test_a_snapshot_beside_a_cursor_is_refused(api: InProcessServer) -> None:
    for field in ("stockChanged(", 'availabilityChanged(channel: "web", '):
        document = f'subscription {{ {field}snapshot: true, after: "0") {{ cursor }} }}'
        async with screen(api) as shop:
            shop.subscribe("s", document)
            message = await shop.receive()
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_change_between_the_snapshot_and_the_stream_is_sent(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.receive(5)
    source = api.restow.live.snapshots._promises
    read, reads = source.of, 0

    async def changed_after(channel: str, skus: Sequence[str]) -> Any:
        nonlocal reads
        reads += 1
        is_first = reads == 1
        found = await read(channel, skus)
        if is_first:
            await api.hold(2)
        return found

    monkeypatch.setattr(source, "of", changed_after)
    async with screen(api) as shop:
        shop.subscribe("s", PROMISES_NOW, variables={"skus": ["TEE"], "snapshot": True})
        seen = [(await shop.next())["availability"]["availableToPromise"]]
        while seen[-1] != 3:
            seen.append((await shop.next())["availability"]["availableToPromise"])
    assert seen[-1] == 3
