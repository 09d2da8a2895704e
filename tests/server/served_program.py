"""The whole program in this process on a real socket, served by uvicorn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from scripts.serve import WEBSOCKET_BYTES_MAX
from server.transports.write_coalescing import CoalescingWebSockets
from tests.builders.in_process_server import InProcessServer
from tests.servers import free_port
from tests.subscriptions.log.facts import until


@dataclass(frozen=True, slots=True)
class ServedProgram:
    """The program under uvicorn, and its connections."""

    url: str
    server: uvicorn.Server

    def lose(self) -> None:
        """Abort every connection."""
        for connection in tuple(self.server.server_state.connections):
            transport = connection.transport
            assert transport is not None
            transport.abort()


@asynccontextmanager
async def served(api: InProcessServer) -> AsyncIterator[ServedProgram]:
    """Serve the program with uvicorn, configured as in production."""
    port = free_port()
    config = uvicorn.Config(
        api.restow.asgi,
        port=port,
        ws=CoalescingWebSockets,
        ws_max_size=WEBSOCKET_BYTES_MAX,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield ServedProgram(f"ws://127.0.0.1:{port}/graphql", server)
    finally:
        server.should_exit = True
        await task
