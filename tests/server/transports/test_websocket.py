"""graphql-transport-ws: the effect of each message, and isolation from other clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from subscriptions.delivery.fanout import BATCH_MAX
from tests.server.socket import KEY, InProcessServer

TICKS = "subscription ($count: Int) { ticks(count: $count) { units } }"
ENDLESS = "subscription { ticks(count: 100000000) { units } }"


def unit_answers(count: int) -> list[Any]:
    """Answers of the TICKS subscription."""
    return [{"data": {"ticks": {"units": n}}} for n in range(count)]


async def test_a_query_a_mutation_and_a_subscription() -> None:
    api = InProcessServer()
    async with api.open() as client:
        assert client.subprotocol == "graphql-transport-ws"
        client.subscribe("q", '{ echo(text: "hi") }')
        assert await client.receive() == {
            "id": "q",
            "type": "next",
            "payload": {"data": {"echo": "hi"}},
        }
        assert await client.receive() == {"id": "q", "type": "complete"}
        client.subscribe("m", 'mutation { pick(input: {sku: "a"}) @idempotent(key: "k") { key } }')
        assert (await client.receive())["payload"] == {"data": {"pick": {"key": "k"}}}
        assert await client.receive() == {"id": "m", "type": "complete"}
        client.subscribe("s", TICKS, variables={"count": 3})
        got = [await client.receive() for _ in range(4)]
        assert [message.get("payload") for message in got[:3]] == unit_answers(3)
        assert got[3] == {"id": "s", "type": "complete"}
    assert len(api.sockets) == 0
    assert all(context.closed for context in api.contexts)


async def test_each_operation_of_a_batch_has_its_own_context() -> None:
    api = InProcessServer()
    async with api.open() as client:
        client.subscribe("s", TICKS, variables={"count": 2 * BATCH_MAX + 1})
        for _ in range(2 * BATCH_MAX + 2):
            await client.receive()
    opened, *batches = api.contexts
    assert len(batches) == 3
    assert opened.closed
    assert all(context.closed for context in batches)


async def test_ping_is_answered_and_pong_is_not() -> None:
    async with InProcessServer().open(init=False) as client:
        client.send({"type": "ping", "payload": {"at": 1}})
        assert await client.receive() == {"type": "pong"}
        client.send({"type": "pong"})
        client.send({"type": "connection_init", "payload": {"authorization": KEY}})
        assert await client.receive() == {"type": "connection_ack"}
        client.send({"type": "ping"})
        assert await client.receive() == {"type": "pong"}


@pytest.mark.parametrize(
    "text",
    [
        "[]", '"x"', "null", "1", "{", "", "{}", '{"type":1}', '{"type":"hello"}',
        '{"type":"ping","payload":[]}',
        '{"type":"connection_init","payload":"x"}',
        '{"type":"subscribe","payload":{"query":"{ echo }"}}',
        '{"type":"subscribe","id":1,"payload":{"query":"{ echo }"}}',
        '{"type":"subscribe","id":"","payload":{"query":"{ echo }"}}',
        '{"type":"subscribe","id":null,"payload":{"query":"{ echo }"}}',
        '{"type":"subscribe","id":{},"payload":{"query":"{ echo }"}}',
        '{"type":"subscribe","id":"1","payload":null}',
        '{"type":"subscribe","id":"1","payload":[]}',
        '{"type":"subscribe","id":"1"}',
        '{"type":"complete"}',
        '{"type":"complete","id":[]}',
        '{"type":"ping","payload":' + "[" * 2000 + "]" * 2000 + "}",
        '{"type":"ping","payload":{"n":' + "1" * 5000 + "e999999}}",
        '{"type":"ping","payload":{"s":"\\ud800"}}',
        "\ud83d", "\x00", "NaN",
    ],
)  # fmt: skip
async def test_a_malformed_message_closes_its_own_socket_only(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    api = InProcessServer()
    async with api.open() as bystander, api.open() as client:
        bystander.subscribe("s", ENDLESS)
        await bystander.receive()
        client.send_text(text)
        closed = await client.closed()
        assert closed.code == 4400
        assert closed.reason
        await bystander.receive()
        assert len(api.sockets) == 1
    assert "Traceback" not in caplog.text


async def test_a_defect_closes_its_own_socket_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    api = InProcessServer()
    async with api.open() as bystander, api.open() as client:
        client.inbox.put_nowait({})  # no server sends such an event
        closed = await client.closed()
        assert (closed.code, closed.reason) == (1011, "Internal error.")
        bystander.send({"type": "ping"})
        assert await bystander.receive() == {"type": "pong"}
        assert api.sockets.closes == {"internal": 1}


async def test_a_binary_frame_closes() -> None:
    async with InProcessServer().open() as client:
        client.send_bytes(b'{"type":"ping"}')
        assert (await client.closed()).code == 4400


@pytest.mark.parametrize(
    "payload",
    [
        {"query": "{"},
        {"query": "{ nothing }"},
        {"query": 1},
        {"query": ""},
        {},
        {"query": "{ echo }", "variables": []},
        {"query": "{ echo }", "operationName": 3},
        {"query": "query A { echo } query B { echo }"},
        {"query": "query ($n: Int!) { echo(number: $n) }"},
        {"query": "query ($t: String) { echo(text: $t) }", "variables": {"t": "a\x00b"}},
        {"query": "{ " + "a: echo " * 5000 + "}"},
        {"query": "subscription { ticks { units } more: ticks { units } }"},
    ],
)
async def test_one_bad_operation_ends_alone(payload: dict[str, Any]) -> None:
    async with InProcessServer().open() as client:
        client.subscribe("s", ENDLESS)
        await client.receive()
        client.send({"id": "bad", "type": "subscribe", "payload": payload})
        while (message := await client.receive())["id"] == "s":
            pass
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert (await client.receive())["id"] == "s"
        client.send({"id": "s", "type": "complete"})
        client.subscribe("bad", "{ echo }")
        while (message := await client.receive())["id"] == "s":
            pass
        assert message["payload"] == {"data": {"echo": "hello"}}


async def test_internal_failures_are_sent_without_detail() -> None:
    async with InProcessServer().open() as client:
        client.subscribe("s", "subscription { ticks(count: 1, broken: true) { units } }")
        assert (await client.receive())["type"] == "next"
        message = await client.receive()
        assert message["type"] == "error"
        assert "source broke" not in str(message)
        assert message["payload"][0]["extensions"] == {"code": "INTERNAL", "requestId": "req-1"}
        client.subscribe("q", '{ fails(kind: "domain") }')
        message = await client.receive()
        assert message["payload"]["data"] == {"fails": None}
        assert "secret" not in str(message)


async def test_no_init_in_time() -> None:
    async with InProcessServer(init_seconds=0.05).open(init=False) as client:
        client.send({"type": "ping"})
        assert (await client.closed()).code == 4408


async def test_no_operation_before_init() -> None:
    for message in (
        {"id": "1", "type": "subscribe", "payload": {"query": "{ echo }"}},
        {"id": "1", "type": "complete"},
    ):
        async with InProcessServer().open(init=False) as client:
            client.send(message)
            assert (await client.closed()).code == 4401


@pytest.mark.parametrize("payload", [None, {}, {"authorization": "Bearer x"}, {"authorization": 1}])
async def test_a_wrong_key_is_refused(payload: Any) -> None:
    async with InProcessServer().open(init=False) as client:
        client.send({"type": "connection_init", "payload": payload})
        assert (await client.closed()).code == 4401


async def test_a_second_init_closes() -> None:
    async with InProcessServer().open() as client:
        client.send({"type": "connection_init"})
        assert (await client.closed()).code == 4429


async def test_an_id_in_use_closes_and_a_used_one_does_not() -> None:
    async with InProcessServer().open() as client:
        for _ in range(3):
            client.subscribe("1", "{ echo }")
            await client.receive()
            assert (await client.receive())["type"] == "complete"
        client.subscribe("1", ENDLESS)
        client.subscribe("1", "{ echo }")
        closed = await client.closed()
        assert (closed.code, closed.reason) == (4409, "Subscriber for 1 already exists")


async def test_only_our_subprotocol_is_spoken() -> None:
    for offered in (["graphql-ws"], ["graphql-transport-ws2"]):
        async with InProcessServer().open(*offered, init=False) as client:
            assert (await client.closed()).code == 4406
            assert client.subprotocol is None
    async with InProcessServer().open("graphql-ws", "graphql-transport-ws"):
        pass


async def test_complete_ends_an_operation_at_once() -> None:
    api = InProcessServer()
    async with api.open() as client:
        client.subscribe("1", ENDLESS)
        await client.receive()
        client.send({"id": "1", "type": "complete"})
        client.send({"id": "unknown", "type": "complete"})
        client.send({"type": "ping"})
        while (await client.receive())["type"] != "pong":
            pass
        sent = client.frames
        client.send({"type": "ping"})
        assert (await client.receive())["type"] == "pong"
        assert client.frames == sent + 1
    assert api.contexts[0].closed == 1


async def test_operations_are_limited() -> None:
    async with InProcessServer(operations=2).open() as client:
        for message_id in ("1", "2", "3"):
            client.subscribe(message_id, ENDLESS)
        while (message := await client.receive())["type"] == "next":
            pass
        assert message["id"] == "3"
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        client.send({"id": "1", "type": "complete"})
        client.subscribe("4", "{ echo }")
        while (message := await client.receive())["id"] != "4":
            pass
        assert message["type"] == "next"


async def test_messages_beyond_the_rate_wait() -> None:
    async with InProcessServer(messages_at_once=5, messages_per_second=50).open() as client:
        loop = asyncio.get_running_loop()
        started = loop.time()
        for _ in range(14):
            client.send({"type": "ping"})
        for _ in range(14):
            await client.receive()
        assert 0.19 < loop.time() - started < 2


async def test_a_message_too_large_closes() -> None:
    async with InProcessServer(message_bytes=1000).open() as client:
        client.subscribe("1", "{ echo }" + " " * 1000)
        assert (await client.closed()).code == 1009


async def test_sockets_are_counted() -> None:
    api = InProcessServer()
    api.sockets._address_max = 1
    async with api.open():
        async with api.open(init=False) as second:
            assert (await second.closed()).code == 4429
    async with api.open():
        pass


async def test_a_restart_says_so_to_everybody() -> None:
    api = InProcessServer()
    async with api.open() as first, api.open() as second:
        first.subscribe("1", ENDLESS)
        api.sockets.close_all()
        assert [(await client.closed()).code for client in (first, second)] == [1012, 1012]
    assert len(api.sockets) == 0


async def test_a_client_that_vanishes_leaves_nothing() -> None:
    api = InProcessServer()
    before = len(asyncio.all_tasks())
    for _ in range(20):
        async with api.open() as client:
            for n in range(5):
                client.subscribe(str(n), ENDLESS)
            await client.receive()
    assert len(asyncio.all_tasks()) == before
    assert len(api.sockets) == 0
    assert all(context.closed for context in api.contexts)


async def test_a_client_that_reads_nothing_is_waited_for_and_can_be_closed() -> None:
    api = InProcessServer()
    async with api.open() as client:
        client.subscribe("1", ENDLESS)
        await client.receive()
        client.member.clear()
        sent = client.frames
        client.subscribe("2", "{ echo }")
        for _ in range(200):
            await asyncio.sleep(0)
        assert client.frames == sent
        client.member.set()
        while (message := await client.receive())["id"] == "1":
            pass
        assert message["type"] == "next"
        client.member.clear()
        api.sockets.close_all()
        client.member.set()
        assert (await client.closed()).code == 1012


async def test_a_socket_that_breaks_ends_quietly(caplog: pytest.LogCaptureFixture) -> None:
    api = InProcessServer()
    async with api.open() as client:
        client.subscribe("1", ENDLESS)
        await client.receive()
        client.is_broken = True
        await asyncio.wait_for(client.task, 5)
        assert len(api.sockets) == 0
    assert "Traceback" not in caplog.text
    assert all(context.closed for context in api.contexts)
