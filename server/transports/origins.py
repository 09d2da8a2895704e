"""Origins: the web pages that may use the API from a browser.

Browsers ask before they send a request to another origin (CORS), but they open WebSockets without
asking. So the Origin of a WebSocket is checked here. Other clients send no Origin and may connect.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

ALLOWED_METHODS: Final = ("GET", "POST")
ALLOWED_HEADERS: Final = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "X-Request-Id",
)
EXPOSED_HEADERS: Final = ("Retry-After", "X-Request-Id")


def parse_origins(text: object) -> frozenset[str]:
    """Origins like https://shop.example, separated by commas. Raises ValueError."""
    if isinstance(text, frozenset):
        return text
    origins = frozenset(filter(None, (part.strip().lower() for part in str(text).split(","))))
    if not all(map(_is_origin, origins)):
        raise ValueError("not allowed")
    return origins


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    is_plain = text == f"{parts.scheme}://{parts.netloc}" and text.isascii() and text.isprintable()
    has_host = bool(parts.hostname) and parts.port != 0  # a port that is no number raises
    return (
        is_plain and has_host and parts.scheme in ("http", "https") and not set(text) & set("@* ")
    )


def with_cors(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """An HTTP application that browsers may use from these origins, without cookies.

    Without origins the application is returned unchanged: browsers then refuse other origins.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=sorted(origins),
        allow_methods=ALLOWED_METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
    )


class CheckedOrigins:
    """Refuses the handshake of a WebSocket from another origin with 403."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket."""
        if self._may_connect(scope):
            await self._app(scope, receive, send)
        else:
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": 1008})

    def _may_connect(self, scope: Scope) -> bool:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        found = headers.get(b"origin")
        if found is None:
            return True
        origin = found.decode("latin-1").lower()
        return origin in self._origins or _host_of(origin) == headers.get(b"host", b"").lower()


def _host_of(origin: str) -> bytes | None:
    """The host and port of an origin; None for `null`. A proxy may have changed the scheme."""
    try:
        return urlsplit(origin).netloc.encode() or None
    except ValueError:
        return None
