"""Subscriptions as server-sent events, one request each; the rules are those of websockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

import server.transports.connection_registry as connection_registry
import server.transports.server_sent_events as server_sent_events
from tests.builders.in_process_server import BOOTSTRAP, InProcessServer
from tests.resolvers.test_subscriptions import EVENTS, REVOKE, STOCK
from tests.subscriptions.log.facts import until


class Reader:
    """A streamed answer, seen from the client. While `tap` is clear, no bytes are taken."""

    def __init__(self, app: Any, document: str, key: str | None, method: str, **vars: Any) -> None:
        self.status = 0
        self.is_over = False
        self.member = asyncio.Event()
        self.member.set()
        self._sent: asyncio.Queue[bytes] = asyncio.Queue()
        self._text = ""
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        payload = {"query": document, "variables": vars}
        headers = [(b"accept", b"text/event-stream"), (b"content-type", b"application/json")]
        if key is not None:
            headers.append((b"authorization", f"Bearer {key}".encode()))
        query = urlencode({"query": document, "variables": orjson.dumps(vars).decode()})
        body = orjson.dumps(payload) if method == "POST" else b""
        self.inbox.put_nowait({"type": "http.request", "body": body, "more_body": False})
        scope = {
            "type": "http",
            "method": method,
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": query.encode() if method == "GET" else b"",
            "headers": headers,
            "client": ("127.0.0.1", 1234),
            "server": ("restow", 80),
            "scheme": "http",
            "http_version": "1.1",
        }
        self.task = asyncio.create_task(app(scope, self.inbox.get, self._take))

    async def _take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            await self.member.wait()
            self.is_over = not message.get("more_body", False)
            self._sent.put_nowait(message["body"])

    async def next(self) -> tuple[str, Any]:
        """The next (event, data)."""
        while "\n\n" not in self._text:
            self._text += (await asyncio.wait_for(self._sent.get(), 10)).decode()
        frame, _, self._text = self._text.partition("\n\n")
        fields = dict(line.split(":", 1) for line in frame.splitlines())
        data = fields["data"].strip()
        return fields["event"].strip(), orjson.loads(data) if data else None

    async def body(self) -> Any:
        """The body of an answer that is not a stream."""
        return orjson.loads(await asyncio.wait_for(self._sent.get(), 10))


@asynccontextmanager
async def reading(
    api: InProcessServer,
    document: str,
    key: str | None = BOOTSTRAP,
    method: str = "POST",
    **vars: Any,
) -> AsyncIterator[Reader]:
    """Run a client during the block; it disconnects at the end."""
    reader = Reader(api.restow.asgi, document, key, method, **vars)
    try:
        yield reader
    finally:
        reader.inbox.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(reader.task, 10)


async def test_facts_come_as_events(api: InProcessServer) -> None:
    await api.receive(5)
    for method in ("POST", "GET"):
        async with reading(api, STOCK, method=method, after="0") as reader:
            kind, past = await reader.next()
            assert (kind, reader.status) == ("next", 200)
            await api.hold(1)
            _, now = await reader.next()
            assert len(api.restow.sockets) == 1
        assert past["data"]["stockChanged"]["level"]["item"]["sku"] == "TEE"
        assert now["data"]["stockChanged"]["cause"] == "HELD"
        assert len(api.restow.sockets) == 0
    assert api.restow.sockets.closes["gone"] == 2


async def test_the_reason_of_an_end_is_sent_in_the_stream(api: InProcessServer) -> None:
    async with reading(api, EVENTS, after="x") as reader:
        kind, refused = await reader.next()
        assert refused["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert (kind, await reader.next()) == ("next", ("complete", None))
        assert reader.is_over
    async with reading(api, "{ viewer { actor } }") as reader:
        kind, answer = await reader.next()
        assert (kind, answer["data"]) == ("next", {"viewer": {"actor": "bootstrap"}})
        assert await reader.next() == ("complete", None)


async def test_what_may_not_begin_is_an_answer_of_http(api: InProcessServer) -> None:
    async with reading(api, STOCK, key="wrong") as reader:
        body = await reader.body()
        assert (reader.status, body["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    document = 'mutation { apiKeyRevoke(id: "x") { replayed } }'
    async with reading(api, document, method="GET") as reader:
        await reader.body()
        assert reader.status == 405
    async with reading(api, "subscription { nothing }") as reader:
        body = await reader.body()
        assert body["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    api.restow.sockets._process_max = 0
    async with reading(api, STOCK) as reader:
        body = await reader.body()
        assert (reader.status, body["errors"][0]["extensions"]["code"]) == (429, "RATE_LIMITED")


async def a_key(api: InProcessServer) -> tuple[str, str]:
    """Create an API key; return its id and secret."""
    made = await api.done(
        'mutation { apiKeyCreate(input: { name: "n", role: WAREHOUSE }) '
        "{ apiKey { id } secret userErrors { code field message } } }",
        {},
    )
    return made["apiKey"]["id"], made["secret"]


async def test_a_revoked_key_ends_its_streams(api: InProcessServer) -> None:
    key_id, secret = await a_key(api)
    async with reading(api, STOCK, key=secret) as reader:
        await until(lambda: api.restow.feeds.serving == 1)
        await api.done(REVOKE, {"id": key_id})
        _, last = await reader.next()
        assert last["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await reader.next() == ("complete", None)
    assert len(api.restow.sockets) == 0


async def test_a_revoked_keys_stream_is_not_waited_for(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connection_registry.CHECK_SECONDS + connection_registry.CLOSE_SECONDS < 5
    monkeypatch.setattr(server_sent_events, "CLOSE_SECONDS", 0.05)
    key_id, secret = await a_key(api)
    async with reading(api, STOCK, key=secret) as reader:
        await until(lambda: api.restow.feeds.serving == 1)
        reader.member.clear()
        await api.receive(1)
        await api.done(REVOKE, {"id": key_id})
        await asyncio.wait_for(reader.task, 10)
        assert not reader.is_over
    assert len(api.restow.sockets) == 0
    assert api.restow.sockets.closes["unauthorized"] == 1


async def test_who_is_slow_to_take_the_end_is_waited_for_while_its_key_lives(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_sent_events, "CLOSE_SECONDS", 0)
    key_id, secret = await a_key(api)
    async with (
        reading(api, EVENTS, key=secret, after="x") as slow,
        reading(api, EVENTS, key=secret, after="x") as slower,
    ):
        slow.member.clear()
        slower.member.clear()
        await until(lambda: api.restow.sockets.closes["normal"] == 2)
        for _ in range(20):
            await asyncio.sleep(0)
        slow.member.set()
        _, refused = await slow.next()
        assert refused["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert slow.is_over
        await api.done(REVOKE, {"id": key_id})
        await asyncio.wait_for(slower.task, 10)
        assert not slower.is_over
