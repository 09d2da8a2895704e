"""Web pages of other origins: CORS over HTTP, and the Origin of WebSockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.builders.in_process_server import BOOTSTRAP, InProcessServer
from tests.server.served_program import ServedProgram, served

SHOP = "https://shop.example"
SUBPROTOCOLS: Any = ["graphql-transport-ws"]
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,idempotency-key",
}


@pytest.fixture
async def listed(database_url: str) -> AsyncIterator[InProcessServer]:
    """The program with one listed origin."""
    api = InProcessServer(database_url, cors_origins=frozenset({SHOP}))
    await api.open()
    try:
        yield api
    finally:
        await api.close()


async def preflight(api: InProcessServer, origin: str) -> httpx.Response:
    return await api.client.options("/graphql", headers={"origin": origin, **PREFLIGHT})


async def test_a_listed_origin_may_use_the_api_without_cookies(listed: InProcessServer) -> None:
    allowed = await preflight(listed, SHOP)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == SHOP
    assert "access-control-allow-credentials" not in allowed.headers
    answer = await listed.post("{ viewer { role } }", origin=SHOP)
    assert answer.json()["data"] == {"viewer": {"role": "ADMIN"}}
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "origin" in answer.headers["vary"].lower()
    refused = await listed.post("{ viewer { role } }", key="wrong", origin=SHOP)
    assert refused.status_code == 401  # the page can read the reason
    assert refused.headers["access-control-allow-origin"] == SHOP


async def test_other_origins_and_cookies_get_nothing(listed: InProcessServer) -> None:
    for origin in ("https://evil.example", "https://shop.example.evil.example", "null"):
        refused = await preflight(listed, origin)
        assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers
        answer = await listed.post("{ viewer { role } }", origin=origin)
        assert "access-control-allow-origin" not in answer.headers
    cookie = f"authorization=Bearer {BOOTSTRAP}"
    assert (await listed.post("{ viewer { role } }", key=None, cookie=cookie)).status_code == 401


async def test_without_a_list_there_is_no_cors(api: InProcessServer) -> None:
    assert (await preflight(api, SHOP)).status_code == 405
    answer = await api.post("{ viewer { role } }", origin=SHOP)
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def handshake(program: ServedProgram, origin: str | None) -> int:
    """The status of the handshake of a WebSocket with this Origin."""
    named: Any = origin
    try:
        async with connect(program.url, subprotocols=SUBPROTOCOLS, origin=named):
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


async def test_a_websocket_of_another_origin_is_refused(api: InProcessServer) -> None:
    async with served(api) as program:
        own = f"http://127.0.0.1:{program.port}"
        allowed = [await handshake(program, origin) for origin in (None, own)]
        others = [SHOP, "null", "http://127.0.0.1:1", "http://127.0.0.1", "http://[", ""]
        refused = [await handshake(program, origin) for origin in others]
    assert allowed == [101, 101]
    assert refused == [403] * len(others)


async def test_a_websocket_of_a_listed_origin_connects(listed: InProcessServer) -> None:
    async with served(listed) as program:
        assert await handshake(program, SHOP) == 101
        assert await handshake(program, "http://shop.example") == 403


async def test_the_entrance_and_the_schema_are_where_graphiql_is(api: InProcessServer) -> None:
    entrance = await api.client.get("/")
    assert (entrance.status_code, entrance.headers["location"]) == (307, "/graphql")
    sdl = await api.client.get("/schema.graphql")
    assert sdl.headers["content-type"].startswith("text/plain")
    assert "type Mutation {" in sdl.text


async def test_without_introspection_there_is_neither(database_url: str) -> None:
    api = InProcessServer(database_url, demo=False)
    await api.open()
    try:
        for path in ("/", "/schema.graphql"):
            assert (await api.client.get(path)).status_code == 404
    finally:
        await api.close()
