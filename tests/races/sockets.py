"""Client of a real server over a websocket: one subscription, its values, an abrupt end."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.races.server_processes import KEY

SUBPROTOCOL: Any = "graphql-transport-ws"


class Refused(Exception):
    """The subscription ended with errors; `code` and `details` are those of the first."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(str(errors))
        self.code: str = errors[0]["extensions"]["code"]
        self.details: dict[str, Any] = errors[0]["extensions"]


class Subscription:
    """One subscription on a websocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def next(self) -> Any:
        """Return the next value. Raises Refused, ConnectionClosed."""
        message = orjson.loads(await self.socket.recv(decode=False))
        if message["type"] == "error":
            raise Refused(message["payload"])
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        [value] = message["payload"]["data"].values()
        return value

    def drop(self) -> None:
        """Close the connection without a close frame, like a tablet that loses its network."""
        self.socket.transport.abort()


def narrow(port: int) -> sockets.socket:
    """Connect with small buffers, so that unread data soon waits at the server.

    Short segments keep the kernel from giving the server a send buffer of megabytes, which is usual
    on loopback.
    """
    made = sockets.socket()
    made.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_MAXSEG, 1_000)
    made.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
    made.connect(("127.0.0.1", port))
    made.setblocking(False)
    return made


@asynccontextmanager
async def subscribed(
    port: int,
    document: str,
    key: str = KEY,
    sock: sockets.socket | None = None,
    **variables: Any,
) -> AsyncIterator[Subscription]:
    """Subscribe on a server of this machine. Raises OSError if there is none."""
    url = f"ws://127.0.0.1:{port}/graphql"
    async with connect(
        url,
        subprotocols=[SUBPROTOCOL],
        compression=None,
        max_size=None,
        ping_interval=None,
        sock=sock,
    ) as socket:
        init = {"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}}
        await socket.send(orjson.dumps(init).decode())
        assert orjson.loads(await socket.recv(decode=False)) == {"type": "connection_ack"}
        payload = {"query": document, "variables": variables}
        begin = {"id": "s", "type": "subscribe", "payload": payload}
        await socket.send(orjson.dumps(begin).decode())
        yield Subscription(socket)


async def read_on(stream: Subscription, cursors: list[str], last: str) -> str:
    """Read a client's backlog up to the cursor `last`; return the way in which its stream ended."""
    try:
        while not cursors or cursors[-1] != last:
            async with asyncio.timeout(60):
                cursors.append((await stream.next())["cursor"])
    except Refused as refused:
        facts = refused.details
        has_cursor = (refused.code, facts.get("cursor")) == ("RATE_LIMITED", cursors[-1])
        return "closed with its cursor" if has_cursor else str(refused)
    except WebSocketException:
        return "given up"
    return "kept"
