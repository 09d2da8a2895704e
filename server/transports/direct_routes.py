"""Which way in: what nearly everything asks for straight to its endpoint, all else routed."""

from collections.abc import Awaitable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class DirectRoutes:
    """Leads what `endpoints` has by (kind, path) past `app`, which gets all else.

    Starlette looks through its patterns and puts handlers for exceptions around every request,
    and around whatever a socket sends, for every frame, as long as the socket lives: more than
    many an answer costs. An endpoint that itself ends what it began needs none of it.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[tuple[str, str], ASGIApp]) -> None:
        self._app = app
        self._endpoints = endpoints

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request, socket or lifespan."""
        way = scope["type"], scope.get("path", "")
        return self._endpoints.get(way, self._app)(scope, receive, send)
