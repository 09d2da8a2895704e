"""Bodies of HTTP requests: read within limits of size, time and memory."""

from __future__ import annotations

from asyncio import timeout

from starlette.types import Receive, Scope

from server.operations.errors import RequestRefused, bad_request
from server.transports.edge import NetworkEdge

LENGTH_DIGITS_MAX = 18


class ClientLeft(Exception):
    """The connection closed before the request was complete; no response is possible."""


async def read_body(scope: Scope, receive: Receive, edge: NetworkEdge, most: int) -> bytes:
    """The body of a request, at most `most` bytes.

    Raises RequestRefused: 413 if it is larger, 408 if it is too slow, 429 or 503 if too many bytes
    are being received. Raises ClientLeft.
    """
    _check_size(_declared_size(scope), most)
    try:
        async with timeout(edge.limits.body_seconds):
            part, is_complete = await _part(receive)
            _check_size(len(part), most)
            return part if is_complete else await _joined(part, scope, receive, edge, most)
    except TimeoutError:
        edge.refused["408"] += 1
        raise bad_request("The body did not arrive in time.", 408, connection="close") from None
    except RequestRefused as refused:
        edge.refused[str(refused.status)] += 1
        raise


async def _joined(
    part: bytes, scope: Scope, receive: Receive, edge: NetworkEdge, most: int
) -> bytes:
    """The body that begins with `part`; its bytes count while it is incomplete."""
    client = scope.get("client")
    body = bytearray()
    try:
        with edge.buffer(client[0] if client else None) as hold:
            is_complete = False
            while True:
                hold(len(part))
                body += part
                if is_complete:
                    return bytes(body)
                part, is_complete = await _part(receive)
                _check_size(len(body) + len(part), most)
    finally:
        body.clear()  # the traceback of an error may live longer than the request


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """The next part of a body, and True if it is the last."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message.get("body", b""), not message.get("more_body", False)


def _declared_size(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) <= LENGTH_DIGITS_MAX:
            return int(value)
    return 0


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise bad_request(f"The body is larger than {most} bytes.", 413, connection="close")
