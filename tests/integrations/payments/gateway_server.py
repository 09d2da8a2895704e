"""Payment gateway in a process of its own; the payment reference of a request sets its behavior.

    python -m tests.integrations.payments.gateway_server FD        serves on the listening socket FD

It implements `POST /refunds` and `GET /refunds/{key}` as in docs/gateway.md. `GET /log` returns the
requests received. The same endpoints are under `/private`, for user `shop`, password `s3cret`.
"""

import asyncio
import base64
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

PASS = "Basic " + base64.b64encode(b"shop:s3cret").decode()

paid: dict[str, dict[str, Any]] = {}
requested: Counter[str] = Counter()
log: list[dict[str, Any]] = []


async def refund(request: Request) -> Response:
    body = await request.json()
    key, manner = request.headers["idempotency-key"], body["paymentReference"]
    log.append({"key": key, "body": body, "authorization": request.headers.get("authorization")})
    requested[key] += 1
    if "private" in request.url.path and request.headers.get("authorization") != PASS:
        return JSONResponse({"error": "who are you?"}, 401)
    answer = {"id": f"gw-{key}", "status": "succeeded", "reason": None}
    if manner == "flaky" and requested[key] < 3:
        return Response("try later", 503)
    if manner == "throttled":
        return Response("too many", 429)
    if manner == "down":
        return JSONResponse({"id": None, "status": "failed", "reason": "we are down"}, 500)
    if manner == "unauthorized":
        return JSONResponse({"error": "unauthorized"}, 401)
    if manner == "redirect":
        return RedirectResponse("/elsewhere")
    if manner in ("declined", "declined-402"):
        answer |= {"status": "failed", "reason": "account_closed"}
    if manner in ("pending", "lying-402"):
        answer |= {"status": "pending"}
    paid.setdefault(key, answer)
    return await _answer_text(manner, answer)


async def _answer_text(manner: str, answer: dict[str, Any]) -> Response:
    match manner:
        case "slow":
            await asyncio.sleep(30)
        case "drip":
            return StreamingResponse(_drip(), media_type="application/json")
        case "cut":
            return StreamingResponse(iter([b"{"]), headers={"content-length": "100"})
        case "garbage":
            return Response("<html>ok</html>")
        case "huge":
            return Response(b" " * 1_000_000)
        case "declined-402" | "lying-402":
            return JSONResponse(answer, 402)
    return JSONResponse(answer)


async def _drip() -> AsyncIterator[bytes]:
    for _ in range(100):
        yield b" "
        await asyncio.sleep(0.2)


async def look_up(request: Request) -> Response:
    key = request.path_params["key"]
    if key == "broken":
        return Response("broken", 500)
    return JSONResponse(paid[key]) if key in paid else Response("no such key", 404)


async def show_log(request: Request) -> Response:
    return JSONResponse(log)


ROUTES = [
    Route("/refunds", refund, methods=["POST"]),
    Route("/refunds/{key:path}", look_up),
    Route("/log", show_log),
]
app = Starlette(routes=[*ROUTES, Mount("/private", routes=ROUTES)])


def main() -> None:
    """Serve on the inherited socket until the parent ends this process."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(app, log_level="error", lifespan="off")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
