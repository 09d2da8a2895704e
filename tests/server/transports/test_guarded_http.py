"""Limits of request heads and of connections, on a real server with raw bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

import server.transports.guarded_http as guarded_http
from server.transports.edge import EdgeLimits, NetworkEdge
from server.transports.guarded_http import (
    HEAD_BYTES_MAX,
    HEAD_TOO_LARGE,
    HEADER_BYTES_MAX,
    HEADER_TOO_LARGE,
    LINE_TOO_LONG,
)
from tests.server.raw_http import Connection, connected, serving
from tests.subscriptions.log.facts import until

FIRST = b"GET / HTTP/1.1\r\nhost: restow\r\n"
HEAD_SECONDS = 0.4
PART = b"x" * 8_192


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body; a WebSocket is refused."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@pytest.fixture
def edge() -> NetworkEdge:
    return NetworkEdge(EdgeLimits(address_connections=30, body_seconds=0.2))


@pytest.fixture
async def port(edge: NetworkEdge, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(guarded_http, "HEAD_SECONDS", HEAD_SECONDS)
    monkeypatch.setattr(guarded_http, "BODY_GRACE_SECONDS", 0.2)
    async with serving(echo, edge) as opened:
        yield opened
    assert edge.connections.total() == 0


async def sent_until_closed(
    client: Connection, first: bytes, part: bytes, parts: int, pause: float = 0
) -> bytes:
    """Send parts until the server refuses them; returns what it sent."""
    answered = asyncio.create_task(client.rest())
    # The server may close at any moment; what is sent after that resets the connection.
    with suppress(ConnectionError):
        await client.send(first)
        for _ in range(parts):
            if answered.done():
                break
            await client.send(part)
            await asyncio.sleep(pause)
    return await answered


def header(size: int) -> bytes:
    """A header of this size, with its name and the end of its line."""
    return b"a: " + b"x" * (size - 5) + b"\r\n"


async def test_heads_within_the_limits_are_served(port: int) -> None:
    seven = header(HEADER_BYTES_MAX - 100) * 3
    for head in (FIRST + seven, FIRST + header(HEADER_BYTES_MAX), FIRST + b"b: c\r\n" * 1_000):
        async with connected(port) as client:
            await client.send(head + b"\r\n")
            assert await client.answer() == (200, b"0")
    async with connected(port) as client:
        await client.send(b"GET /?" + b"q" * (HEADER_BYTES_MAX - 10), b" HTTP/1.1\r\n\r\n")
        assert await client.answer() == (200, b"0")


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (FIRST + header(HEADER_BYTES_MAX + 1), 431, HEADER_TOO_LARGE),
        (FIRST + header(HEADER_BYTES_MAX) * 5, 431, HEAD_TOO_LARGE),
        (FIRST + b"b: c\r\n" * 15_000, 431, HEAD_TOO_LARGE),
        (b"GET /?" + b"q" * HEADER_BYTES_MAX + b" HTTP/1.1\r\n", 414, LINE_TOO_LONG),
        (FIRST + b"upgrade: websocket\r\nconnection: upgrade\r\n" + header(20_000), 431, ""),
    ],
)
async def test_a_head_above_a_limit_is_refused(
    port: int, head: bytes, status: int, reason: str
) -> None:
    async with connected(port) as client:
        await client.send(head + b"\r\n")
        code, body = await client.answer()
        assert code == status
        assert reason in body.decode()
        assert await client.rest() == b""


@pytest.mark.parametrize("first", [FIRST + b"a: ", b"GET /?", b"GET / HTTP/1.1\r\n"])
async def test_a_head_without_an_end_is_refused_early(
    port: int, edge: NetworkEdge, first: bytes
) -> None:
    async with connected(port) as client:
        started = time.monotonic()
        answered = await sent_until_closed(client, first, PART, 12_000)  # 98 MB
        assert answered.split()[1] in (b"431", b"414", b"400")
        assert time.monotonic() - started < HEAD_SECONDS + 3
    async with connected(port) as other:
        await other.send(FIRST + b"\r\n")
        assert (await other.answer())[0] == 200


async def test_trailers_count_as_a_head(port: int) -> None:
    chunked = FIRST.replace(b"GET", b"POST") + b"transfer-encoding: chunked\r\n\r\n"
    async with connected(port) as client:
        body = b"".join(b"1000\r\n" + b"x" * 4_096 + b"\r\n" for _ in range(64))
        await client.send(chunked, body[:3], body[3:], b"0\r\n", b"checksum: 1\r\n\r\n")
        assert await client.answer() == (200, b"262144")
    async with connected(port) as client:
        answered = await sent_until_closed(client, chunked + b"0\r\na: ", PART, 4_000)
        assert b"200" not in answered


async def test_a_slow_head_is_refused_and_an_idle_connection_is_closed(port: int) -> None:
    started = time.monotonic()
    async with connected(port) as slow, connected(port) as idle, connected(port) as empty_lines:
        refused, nothing = await asyncio.gather(
            sent_until_closed(slow, FIRST, b"a: b\r\n", 40, pause=0.03),
            sent_until_closed(empty_lines, b"\r\n", b"\r\n", 40, pause=0.03),
        )
        assert refused.startswith(b"HTTP/1.1 408 ")
        assert b"did not arrive within" in refused
        assert b"connection: close" in refused
        assert await idle.rest() == b""
        assert nothing == b""
        assert HEAD_SECONDS - 0.1 < time.monotonic() - started < HEAD_SECONDS + 5


async def test_a_kept_connection_gets_the_whole_time_for_each_head(port: int) -> None:
    async with connected(port) as client:
        for _ in range(4):
            await client.send(FIRST)
            await asyncio.sleep(HEAD_SECONDS / 2)
            await client.send(b"\r\n")
            assert await client.answer() == (200, b"0")


async def test_a_body_that_nothing_reads_ends(port: int) -> None:
    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("early")(scope, receive, send)

    async with serving(deaf, NetworkEdge(EdgeLimits(body_seconds=0.2))) as other:
        async with connected(other) as client:
            await client.send(FIRST.replace(b"GET", b"POST") + b"content-length: 100000\r\n\r\n")
            assert await client.answer() == (200, b"early")
            assert await sent_until_closed(client, b"x", b"x", 100, pause=0.03) == b""


async def test_an_address_has_a_limit_of_connections(port: int, edge: NetworkEdge) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
    await until(lambda: edge.connections.total() == 30)
    async with connected(port) as client:
        assert (await client.answer())[0] == 503
    opened[0][1].transport.abort()
    await until(lambda: edge.connections.total() == 29)
    async with connected(port) as client:
        await client.send(FIRST + b"\r\n")
        assert (await client.answer())[0] == 200
    for _, writer in opened:
        writer.transport.abort()
    await until(lambda: edge.connections.total() == 0)
    assert edge.refused["connections"] == 1


async def test_each_response_forbids_guessing_its_type(port: int) -> None:
    async with connected(port) as client:
        await client.send(FIRST + header(HEADER_BYTES_MAX + 1))
        assert b"x-content-type-options: nosniff" in (await client.rest()).lower()
    async with connected(port) as client:
        await client.send(FIRST + b"connection: close\r\n\r\n")
        assert b"x-content-type-options: nosniff" in (await client.rest()).lower()


def test_the_limits_are_those_that_are_documented() -> None:
    assert (HEAD_BYTES_MAX, HEADER_BYTES_MAX) == (65_536, 16_384)
