"""Websockets whose frames of one turn of the event loop leave in one write.

uvloop gives each frame to the kernel at once, and that costs more than all else that a delivery
takes. Frames for a socket mostly come several together: what one commit changed, what one breath of
a stream brought. So they are kept until the turn is over, a moment that comes anyway.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

FULL_BYTES = 64 * 1024  # are written at once, so that a socket that is full shows while it fills


class CoalescedWrites:
    """A transport that keeps what is written until the turn ends; all else is the transport's."""

    __slots__ = ("_call_soon", "_kept", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._call_soon = loop.call_soon
        self._kept: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Write, at the end of this turn at the latest."""
        if not self._kept:
            self._call_soon(self.flush)
        self._kept.append(data)
        self._size += len(data)
        if self._size >= FULL_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write now what was kept."""
        if self._kept:
            together = b"".join(self._kept)
            self._kept.clear()
            self._size = 0
            if not self._transport.is_closing():
                self._transport.write(together)

    def close(self) -> None:
        """Write what was kept, and close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CoalescingWebSockets(WebSocketsSansIOProtocol):
    """uvicorn's websockets, corked."""

    def connection_made(self, transport: Any) -> None:
        """Called when a connection is made."""
        super().connection_made(CoalescedWrites(transport, self.loop))  # type: ignore[arg-type]
