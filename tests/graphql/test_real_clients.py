"""Real clients on a real socket: what the library above us and the server below us make of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import websockets
from gql import Client, gql
from gql.transport.exceptions import TransportConnectionFailed
from gql.transport.websockets import WebsocketsTransport

from scripts.serve import WEBSOCKET_BYTES_MAX
from tests.builders.house import BOOTSTRAP, House
from tests.servers import free_port
from tests.subscriptions.log import until

EVENTS = """subscription ($after: String) {
  events(types: ["stock.changed"], after: $after) { cursor data }
}"""
INIT = json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {BOOTSTRAP}"}})


@asynccontextmanager
async def served(house: House) -> AsyncIterator[str]:
    """The program behind uvicorn, set up as it is in production."""
    port = free_port()
    config = uvicorn.Config(
        house.restow.asgi,
        port=port,
        ws="websockets-sansio",
        ws_max_size=WEBSOCKET_BYTES_MAX,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield f"ws://127.0.0.1:{port}/graphql"
    finally:
        server.should_exit = True
        await task


async def follow(url: str, after: str | None, got: list[Any]) -> None:
    """One connection of gql: what came goes to `got`, until the connection is lost."""
    transport = WebsocketsTransport(
        url=url,
        init_payload={"authorization": f"Bearer {BOOTSTRAP}"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    query = gql(EVENTS)
    query.variable_values = {"after": after}
    async with Client(transport=transport) as session:
        async for result in session.subscribe(query):
            got.append(result["events"])


async def has(got: list[Any], count: int) -> None:
    """Wait for so many."""
    await until(lambda: len(got) >= count)


async def test_gql_subscribes_loses_its_connection_and_resumes(house: House) -> None:
    got: list[Any] = []
    async with served(house) as url:
        await house.receive(1)
        for round_number in range(1, 4):
            after = got[-1]["cursor"] if got else "0"
            reader = asyncio.create_task(follow(url, after, got))
            await has(got, round_number * 2 - 1)
            await house.receive(10)
            await has(got, round_number * 2)
            house.restow.sockets.close_all()
            with pytest.raises(TransportConnectionFailed):
                await reader
            await house.receive(100)
    assert [event["data"]["available"] for event in got] == [1, 11, 111, 121, 221, 231]


async def test_frames_that_no_client_should_send(house: House) -> None:
    async with served(house) as url:
        async with websockets.connect(url, subprotocols=["graphql-transport-ws"]) as good:  # type: ignore[list-item]
            assert good.response is not None
            assert "Sec-WebSocket-Extensions" not in good.response.headers
            await good.send(INIT)
            assert json.loads(await good.recv()) == {"type": "connection_ack"}
            for frame, code in (("x" * 300_000, 1009), (b"{}", 4400), ("[]", 4400)):
                assert await _closed_by(url, frame) == code
            assert await _closed_by(url, None) == 1007
            await good.send('{"type":"ping"}')
            assert json.loads(await good.recv()) == {"type": "pong"}
        for offered in (None, ["graphql-ws"]):
            async with websockets.connect(url, subprotocols=offered) as other:  # type: ignore[arg-type]
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await other.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4406
    assert len(house.restow.sockets) == 0


async def _closed_by(url: str, frame: str | bytes | None) -> int:
    """The code with which a socket is closed that sends this; None: bad UTF-8."""
    async with websockets.connect(url, subprotocols=["graphql-transport-ws"]) as bad:  # type: ignore[list-item]
        if frame is None:
            bad.protocol.send_text(b"\xff\xfe")
            bad.transport.write(b"".join(bad.protocol.data_to_send()))
        else:
            await bad.send(frame)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await bad.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code
