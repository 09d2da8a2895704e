"""Direct routes: frequent paths are served without Starlette's router."""

from collections.abc import Awaitable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class DirectRoutes:
    """Serves `endpoints` by (kind, path) without Starlette's router; `app` serves all others.

    Starlette matches patterns and adds exception handlers for every request and every frame of a
    WebSocket. That costs more than many responses. An endpoint that handles its own exceptions does
    not need it.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[tuple[str, str], ASGIApp]) -> None:
        self._app = app
        self._endpoints = endpoints

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request, socket or lifespan."""
        way = scope["type"], scope.get("path", "")
        return self._endpoints.get(way, self._app)(scope, receive, send)
