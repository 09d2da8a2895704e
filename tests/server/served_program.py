"""The whole program in this process on a real socket, served as in production."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import Receive, Scope, Send

from scripts.serve import HEADERS, WEBSOCKET_BYTES_MAX
from server.transports.edge import STATE_KEY
from server.transports.guarded_http import GuardedHttp
from server.transports.write_coalescing import CoalescingWebSockets
from tests.builders.in_process_server import InProcessServer
from tests.servers import free_port
from tests.subscriptions.log.facts import until


@dataclass(frozen=True, slots=True)
class ServedProgram:
    """The program under uvicorn, and its connections."""

    port: int
    server: uvicorn.Server

    @property
    def url(self) -> str:
        """The address of its WebSockets."""
        return f"ws://127.0.0.1:{self.port}/graphql"

    def lose(self) -> None:
        """Abort every connection."""
        for connection in tuple(self.server.server_state.connections):
            transport = connection.transport
            assert transport is not None
            transport.abort()


@asynccontextmanager
async def served(api: InProcessServer) -> AsyncIterator[ServedProgram]:
    """Serve the program with uvicorn. The fixture has started it, and will stop it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await api.restow.asgi(scope, receive, send)
            return
        scope["state"][STATE_KEY] = api.restow.edge
        for ended in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{ended}.complete"})

    port = free_port()
    config = uvicorn.Config(
        app,
        port=port,
        http=GuardedHttp,
        ws=CoalescingWebSockets,
        ws_max_size=WEBSOCKET_BYTES_MAX,
        ws_per_message_deflate=False,
        headers=HEADERS,
        server_header=False,
        lifespan="on",
        log_config=None,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield ServedProgram(port, server)
    finally:
        server.should_exit = True
        await task
