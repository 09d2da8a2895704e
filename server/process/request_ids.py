"""Request ids: each HTTP request has an id, which its response and its log lines contain."""

import re
import time
from asyncio import CancelledError
from collections.abc import Callable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.process.stops import answer_stop

logger = structlog.get_logger(__name__)

HEADER = b"x-request-id"
SLOW_SECONDS = 1.0
_SOUND = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


class RequestIds:
    """Middleware that gives each request an id, or keeps a valid id of the client, and logs
    responses.

    5xx and slow responses are logged as warnings, all others at debug level.
    """

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = _given(scope) or self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        # `bound_contextvars` is not used because it first copies all bound values.
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            if scope["type"] == "websocket":
                await self._app(scope, receive, send)
            else:
                await self._serve(scope, receive, send, request_id)
        finally:
            structlog.contextvars.reset_contextvars(**bound)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started, status, header = time.perf_counter(), 0, (HEADER, request_id.encode())

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except CancelledError:
            if not status:
                await answer_stop(scope, send_with_id)
            raise
        finally:
            status = status or 500
            seconds = time.perf_counter() - started
            log = logger.warning if status >= 500 or seconds > SLOW_SECONDS else logger.debug
            log(
                "http.responded",
                method=scope["method"],
                path=scope["path"],
                status=status,
                milliseconds=round(seconds * 1000, 1),
            )


def _given(scope: Scope) -> str | None:
    """The id that the client sent, if it is valid."""
    for name, value in scope["headers"]:
        if name == HEADER:
            return value.decode() if _SOUND.fullmatch(value) else None
    return None
