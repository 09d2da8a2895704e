"""HTTP with limits: size and time of the head, time of the body, connections of an address.

uvicorn has no limits for request heads, and an ASGI application sees a request only after its head
was read. The parser appends each part of an unfinished header to the previous ones: 100 MB of one
header took all of the event loop for 9 seconds. So the limits are in a class of the HTTP protocol.

A head has at most 64 KiB, each header and the request line 16 KiB. It must arrive within ten
seconds of its first byte, and the first byte within ten seconds of the connection. Trailers of a
chunked body count as a head.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from server.transports.edge import HAS_LEFT, edge_of

HEAD_BYTES_MAX: Final = 64 * 1024
HEADER_BYTES_MAX: Final = 16 * 1024
HEAD_SECONDS: Final = 10.0
# The application ends a body that is too slow itself. This is for bodies that nothing reads.
BODY_GRACE_SECONDS: Final = 2.0
# A refused connection stays open for this long, without being read. Closing it at once while the
# client still sends would discard the response.
LINGER_SECONDS: Final = 1.0

HEAD_TOO_LARGE: Final = f"The headers are larger than {HEAD_BYTES_MAX} bytes."
HEADER_TOO_LARGE: Final = f"A header is larger than {HEADER_BYTES_MAX} bytes."
LINE_TOO_LONG: Final = f"The request line is longer than {HEADER_BYTES_MAX} bytes."
HEAD_TOO_SLOW: Final = f"The headers did not arrive within {HEAD_SECONDS:.0f} seconds."


class _Phase(Enum):
    """The part of a message that the next byte belongs to."""

    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()
    TRAILER = auto()  # after the size of a chunk; a chunk with data returns to BODY


class _Refused(Exception):
    """The head exceeds a limit; ends the parsing of the data."""


class GuardedHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits for each connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._edge = edge_of(self.app_state)
        self._phase = _Phase.BETWEEN
        self._has_begun = False  # a message began in the data that is being parsed
        self._unparsed_bytes = 0  # received of an incomplete head
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: tuple[int, str] | None = None
        self._is_counted = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        too_many = self._edge.enter(self._address)
        self._is_counted = too_many is None
        if too_many is None:
            self._arm(HEAD_SECONDS, self._end_slow_head)
        else:
            self._refusal = (503, too_many)
            self._write_refusal()
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        before, self._has_begun = self._phase, False
        super().data_received(data)
        if self._refusal is None:
            self._watch(before, len(data))

    def _watch(self, before: _Phase, size: int) -> None:
        """Set the deadline of the present phase, after data was parsed that began in `before`.

        A request that arrives in one piece needs no timer.
        """
        phase = self._phase
        if phase is _Phase.BETWEEN:
            if self._has_begun or before is not phase:
                self._disarm()
            elif self._timer is None:  # only empty lines were sent
                self._arm(HEAD_SECONDS, self._end_slow_head)
            return
        if phase is _Phase.HEAD and self._has_begun:
            self._arm(HEAD_SECONDS, self._end_slow_head)
        elif phase is not _Phase.HEAD and (self._has_begun or before is _Phase.HEAD):
            self._arm(self._edge.limits.body_seconds + BODY_GRACE_SECONDS, self._close)
        is_all_of_phase = before in (phase, _Phase.BETWEEN)
        if phase is not _Phase.BODY and is_all_of_phase:
            self._unparsed_bytes += size
            if self._unparsed_bytes > HEAD_BYTES_MAX:
                self._refuse(431, HEAD_TOO_LARGE)

    def handle_websocket_upgrade(self) -> None:
        self._disarm()
        super().handle_websocket_upgrade()  # the WebSocket's protocol counts the end

    def send_400_response(self, message: str) -> None:
        """Refuse a request: the one that is too large, or one that is not HTTP."""
        status, reason = self._refusal or (400, message)
        self._refuse(status, reason)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][HAS_LEFT] = self.transport.is_closing
        self._phase, self._has_begun = _Phase.HEAD, True
        self._unparsed_bytes = 0

    def on_headers_complete(self) -> None:
        self._phase = _Phase.BODY
        self._check_head()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        self._phase, self._unparsed_bytes = _Phase.TRAILER, 0

    def on_body(self, body: bytes) -> None:
        self._phase = _Phase.BODY
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = _Phase.BETWEEN
        super().on_message_complete()

    @property
    def _address(self) -> str | None:
        return self.client[0] if self.client else None

    def _check_head(self) -> None:
        """Check the sizes of a complete head. `_watch` bounds one that arrives in parts."""
        total = len(self.url)
        if total > HEADER_BYTES_MAX:
            self._stop(414, LINE_TOO_LONG)
        for name, value in self.headers:
            size = len(name) + len(value) + 4  # with a colon, a blank and the end of the line
            total += size
            if size > HEADER_BYTES_MAX:
                self._stop(431, HEADER_TOO_LARGE)
        if total > HEAD_BYTES_MAX:
            self._stop(431, HEAD_TOO_LARGE)

    def _stop(self, status: int, reason: str) -> None:
        """End the parsing of this data; uvicorn then calls `send_400_response`."""
        self._refusal = (status, reason)
        raise _Refused(reason)

    def _refuse(self, status: int, reason: str) -> None:
        """Send a refusal, read nothing more, and close."""
        self._refusal = (status, reason)
        self._disarm()
        self._edge.refused[str(status)] += 1
        self._write_refusal()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        self._arm(LINGER_SECONDS, self._close)

    def _write_refusal(self) -> None:
        """Send the refusal, unless a response is being sent on this connection."""
        if self._has_response() or self._refusal is None:
            return
        status, reason = self._refusal
        body = f"{reason}\n".encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)

    def _has_response(self) -> bool:
        # Before the first request there is no cycle.
        return not getattr(self.cycle, "response_complete", True)

    def _end_slow_head(self) -> None:
        if self._has_response():  # a client that pipelines waits for the previous response
            self._arm(HEAD_SECONDS, self._end_slow_head)
        elif self._phase is _Phase.HEAD:
            self._refuse(408, HEAD_TOO_SLOW)
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()

    def _leave(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self._edge.leave(self._address)

    def _arm(self, seconds: float, end: Any) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, end)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
