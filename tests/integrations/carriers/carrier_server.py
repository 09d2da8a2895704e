"""A carrier over HTTP, as docs/carriers.md describes it, in a process of its own.

`python -m tests.integrations.carriers.carrier_server FD` serves on an open socket. The service of a
label says how the carrier behaves:

    ok           sells the label
    failed       refuses with 200, `failed-422` with 422
    slow         sells the label, then answers too late; the second request is answered
    lost         never answers the purchase and does not sell
    flaky        answers 503 twice, then sells
    garbage      answers something that is no JSON
    large        sells a label with a document of more than 512 KiB

`GET /log` returns the requests. A key is sold once, whatever was answered.
"""

import asyncio
import base64
import sys
from collections import Counter
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SLOW_SECONDS = 3.0
sold: dict[str, dict[str, Any]] = {}
voided: set[str] = set()
log: list[dict[str, Any]] = []
asked: Counter[str] = Counter()


async def buy(request: Request) -> Response:
    body, key = await request.json(), request.headers["idempotency-key"]
    log.append({"call": "buy", "key": key, "body": body})
    asked[key] += 1
    manner = body["service"]
    if manner.startswith("failed"):
        refusal = {"id": None, "status": "failed", "reason": "address_not_served"}
        return JSONResponse(refusal, 422 if manner == "failed-422" else 200)
    if manner == "lost":
        await asyncio.sleep(SLOW_SECONDS)
        return JSONResponse({}, 500)
    if manner == "flaky" and asked[key] < 3:
        return JSONResponse({}, 503)
    if manner == "garbage":
        return Response(b"<html>")
    size = 600 * 1024 if manner == "large" else 3
    sold.setdefault(
        key,
        {
            "id": f"L-{len(sold) + 1}",
            "status": "bought",
            "trackingNumber": f"HTTP{len(sold) + 1}",
            "costMinor": 395,
            "currency": "GBP",
            "document": base64.b64encode(b"x" * size).decode(),
            "reason": None,
        },
    )
    if manner == "slow" and asked[key] == 1:
        await asyncio.sleep(SLOW_SECONDS)
    return JSONResponse(sold[key])


async def look_up(request: Request) -> Response:
    key = request.path_params["key"]
    log.append({"call": "look_up", "key": key})
    return JSONResponse(sold[key]) if key in sold else JSONResponse({}, 404)


async def void(request: Request) -> Response:
    label_id = request.path_params["key"]
    log.append({"call": "void", "key": label_id})
    if label_id == "kept":
        return JSONResponse({"status": "refused", "reason": "already_scanned"}, 409)
    voided.add(label_id)
    return JSONResponse({"status": "voided"})


async def show(_: Request) -> Response:
    return JSONResponse({"log": log, "sold": sold, "voided": sorted(voided)})


app = Starlette(
    routes=[
        Route("/labels", buy, methods=["POST"]),
        Route("/labels/{key}", look_up, methods=["GET"]),
        Route("/labels/{key}", void, methods=["DELETE"]),
        Route("/log", show),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, fd=int(sys.argv[1]), log_level="warning", access_log=False)
