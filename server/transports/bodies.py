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
    client = scope.get("client")
    body = bytearray()
    try:
        with edge.buffer(client[0] if client else None) as hold:
            async with timeout(edge.limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientLeft
                    chunk: bytes = message.get("body", b"")
                    _check_size(len(body) + len(chunk), most)
                    is_complete = not message.get("more_body", False)
                    if is_complete and not body:
                        return chunk
                    hold(len(chunk))
                    body += chunk
                    if is_complete:
                        return bytes(body)
    except TimeoutError:
        raise bad_request("The body did not arrive in time.", 408, connection="close") from None
    except RequestRefused as refused:
        edge.refused[str(refused.status)] += 1
        raise
    finally:
        body.clear()  # the traceback of an error may live longer than the request


def _declared_size(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) <= LENGTH_DIGITS_MAX:
            return int(value)
    return 0


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise bad_request(f"The body is larger than {most} bytes.", 413, connection="close")
