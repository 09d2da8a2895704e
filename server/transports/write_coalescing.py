"""Write coalescing: WebSocket frames of one turn of the event loop are sent in one write.

uvloop passes each frame to the kernel at once, and that call costs more than all other steps of a
delivery. Frames of one connection mostly come in groups: the changes of one commit, or one batch of
a stream. So they are buffered until the end of the turn, which adds no timer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# Written at once, so that backpressure is visible while a connection fills up.
FULL_BYTES = 64 * 1024


class CoalescedWrites:
    """A transport that buffers writes until the turn ends; all else is passed to the transport."""

    __slots__ = ("_call_soon", "_kept", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._call_soon = loop.call_soon
        self._kept: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Buffer data, to be written at the end of this turn at the latest."""
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
