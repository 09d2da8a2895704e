"""Limits of bodies that are being received, on a real server."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from integrations.signed_webhooks import WebhookSecrets
from routes.webhooks import webhook_route
from server.operations.errors import RequestRefused
from server.transports.bodies import ClientLeft, read_body
from server.transports.edge import EdgeLimits, NetworkEdge, peer_of
from tests.server.raw_http import connected, serving
from tests.subscriptions.log.facts import until

MOST = 100_000
PART = b"x" * 40_000
LIMITS = EdgeLimits(address_bytes=200_000, process_bytes=300_000, body_seconds=5)


def post(size: int, path: str = "/") -> bytes:
    """The head of a request with a body of this size."""
    return f"POST {path} HTTP/1.1\r\nhost: restow\r\ncontent-length: {size}\r\n\r\n".encode()


class Reader:
    """An application that reads bodies; each client gets an address of its own from `client`."""

    def __init__(self, edge: NetworkEdge) -> None:
        self.edge = edge
        self.client: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.client is not None:
            scope["client"] = (self.client, 1)
        try:
            answer = str(len(await read_body(scope, receive, self.edge, MOST)))
            status = 200
        except RequestRefused as refused:
            answer, status = refused.message, refused.status
        except ClientLeft:
            return
        await PlainTextResponse(answer, status)(scope, receive, send)


async def test_unfinished_bodies_of_an_address_are_bounded_together() -> None:
    edge = NetworkEdge(LIMITS)
    reader = Reader(edge)
    async with serving(reader, edge) as port, AsyncExitStack() as stack:
        for count in range(5):
            client = await stack.enter_async_context(connected(port))
            await client.send(post(MOST), PART)
            await until(lambda count=count: edge.buffered.total() == len(PART) * (count + 1))  # type: ignore[misc]
        async with connected(port) as sixth:
            await sixth.send(post(MOST), PART)
            status, body = await sixth.answer()
        assert status == 429
        assert b"200000 bytes" in body
        reader.client = "192.0.2.7"  # another address has a budget of its own
        async with connected(port) as other:
            await other.send(post(len(PART)), PART)
            assert await other.answer() == (200, b"40000")
        for _ in range(2):
            client = await stack.enter_async_context(connected(port))
            await client.send(post(MOST), PART)
        await until(lambda: edge.buffered["192.0.2.7"] == 2 * len(PART))
        reader.client = "192.0.2.8"
        async with connected(port) as third:
            await third.send(post(MOST), PART)
            assert (await third.answer())[0] == 503  # the budget of the process
        await stack.aclose()
        await until(lambda: edge.buffered.total() == 0)
        async with connected(port) as again:
            await again.send(post(len(PART)), PART)
            assert (await again.answer())[0] == 200
    assert edge.buffered == {}


@pytest.mark.parametrize("path", ["/", "/webhooks/payments"])
async def test_a_slow_body_is_refused(path: str) -> None:
    edge = NetworkEdge(EdgeLimits(body_seconds=0.3))

    async def never(message: object) -> dict[str, str]:
        raise AssertionError("an incomplete message was taken")

    app = Reader(edge) if path == "/" else webhook_route(path, WebhookSecrets([]), edge, never).app
    async with serving(app, edge) as port:
        async with connected(port) as client:
            await client.send(post(100, path), b"x")
            status, body = await client.answer()
            assert status == 408
            assert b"did not arrive in time" in body
            assert await client.rest() == b""
        async with connected(port) as client:
            await client.send(post(MOST + 1, path))
            assert (await client.answer())[0] == 413  # before the body


def test_an_ipv6_network_counts_as_one_address() -> None:
    assert peer_of("2001:db8:1:2::1") == peer_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert peer_of("2001:db8:1:3::1") != peer_of("2001:db8:1:2::1")
    assert peer_of("::ffff:192.0.2.1") == peer_of("192.0.2.1") == "192.0.2.1"
    assert peer_of(None) == "unknown"


def test_a_process_has_a_limit_of_connections_from_all_addresses() -> None:
    edge = NetworkEdge(EdgeLimits(process_connections=2), lambda address: True)
    assert [edge.enter(f"192.0.2.{number}") for number in range(2)] == [None, None]
    assert edge.enter("192.0.2.3") == "This server has too many connections."
    edge.leave("192.0.2.0")
    assert edge.enter("192.0.2.3") is None
    assert edge.refused == {"process_connections": 1}


def test_a_trusted_proxy_has_no_limit_of_connections() -> None:
    edge = NetworkEdge(EdgeLimits(address_connections=1), lambda address: address == "192.0.2.1")
    assert [edge.enter("192.0.2.1") for _ in range(3)] == [None, None, None]
    full = "This address has too many connections."
    assert [edge.enter("192.0.2.2") for _ in range(2)] == [None, full]
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"):
        edge.leave(address)
    assert edge.connections == {}
