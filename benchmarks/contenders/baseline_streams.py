"""Baseline for streams: Starlette websockets, and a loop that sends the same bytes to each."""

from __future__ import annotations

import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


def create_app() -> Starlette:
    """Create the application; texts POSTed to `/publish` are sent to all sockets of `/stream`."""
    sockets: set[WebSocket] = set()

    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        sockets.add(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            sockets.discard(websocket)

    async def publish(request: Request) -> Response:
        texts: list[str] = await request.json()
        at = time.time()
        for text in texts:
            for websocket in tuple(sockets):
                await websocket.send_text(text)
        return JSONResponse({"at": at})

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            WebSocketRoute("/stream", stream),
            Route("/publish", publish, methods=["POST"]),
            Route("/readyz", ready),
        ]
    )
