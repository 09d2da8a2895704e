"""An application under the guarded HTTP protocol, and clients that send raw bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from scripts.serve import HEADERS
from server.transports.edge import STATE_KEY, NetworkEdge
from server.transports.guarded_http import GuardedHttp
from server.transports.write_coalescing import CoalescingWebSockets
from tests.servers import free_port
from tests.subscriptions.log.facts import until


@asynccontextmanager
async def serving(app: ASGIApp, edge: NetworkEdge) -> AsyncIterator[int]:
    """Serve an application of HTTP; yields the port."""

    async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        scope["state"][STATE_KEY] = edge
        for ended in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{ended}.complete"})

    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            with_lifespan,
            port=port,
            http=GuardedHttp,
            ws=CoalescingWebSockets,
            headers=HEADERS,
            lifespan="on",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
    )
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield port
    finally:
        server.should_exit = True
        await task


class Connection:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *parts: bytes) -> None:
        """Send parts, each of them in a segment of its own."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def rest(self) -> bytes:
        """Everything that the server sends until it closes or resets the connection."""
        received = b""
        async with asyncio.timeout(20):
            with suppress(ConnectionResetError):
                while part := await self.reader.read(65_536):
                    received += part
        return received

    async def answer(self) -> tuple[int, bytes]:
        """The status and the body of one response."""
        async with asyncio.timeout(20):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return int(head.split()[1]), await self.reader.readexactly(int(length))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """Connect to a server of this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()
