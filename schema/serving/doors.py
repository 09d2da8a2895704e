"""Which way in: sockets straight to their endpoint, everything else to the application."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Doors:
    """Leads websockets of the paths in `sockets` past `app`, which gets all else.

    Starlette's middleware puts handlers for exceptions around whatever a socket sends, for every
    frame, and keeps them for every socket. An endpoint that ends its sockets itself needs none.
    """

    def __init__(self, app: ASGIApp, sockets: dict[str, ASGIApp]) -> None:
        self._app = app
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        app = self._app
        if scope["type"] == "websocket":
            app = self._sockets.get(scope["path"], app)
        await app(scope, receive, send)
