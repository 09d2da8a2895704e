"""Write coalescing: frames of a WebSocket are joined into one write per turn of the event loop.

uvloop calls the kernel for each write, and that call costs more than all other steps of a delivery.
Several frames of a connection are often written in one turn: the changes of one commit, or one
batch of a stream. So frames are buffered until the turn ends. No timer delays them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from server.transports.edge import edge_of

# A buffer of this size is written before the turn ends, so that backpressure is noticed early.
FULL_BYTES = 64 * 1024


class CoalescedWrites:
    """A transport that buffers writes until the turn ends; other calls go to the wrapped one."""

    __slots__ = ("_call_soon", "_kept", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._call_soon = loop.call_soon
        self._kept: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Buffer data; it is written at the end of this turn at the latest."""
        if not self._kept:
            self._call_soon(self.flush)
        self._kept.append(data)
        self._size += len(data)
        if self._size >= FULL_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write all buffered data now."""
        if self._kept:
            together = b"".join(self._kept)
            self._kept.clear()
            self._size = 0
            if not self._transport.is_closing():
                self._transport.write(together)

    def close(self) -> None:
        """Write all buffered data, and close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CoalescingWebSockets(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol with coalesced writes."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(CoalescedWrites(transport, self.loop))  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the end of the connection, whose beginning the HTTP protocol counted."""
        edge_of(self.app_state).leave(self.client[0] if self.client else None)
        super().connection_lost(exc)
