"""Probes for operators: liveness, readiness and metrics."""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from domain.access.callers import Role
from domain.errors import RequestError
from server.operations.errors import RequestRefused
from server.process.callers import Callers
from server.process.metrics import Metrics

# A check of one part of the process: None if it works, else the problem.
Check = Callable[[], Awaitable[str | None]]


def probe_routes(
    checks: Mapping[str, Check], lesser: Mapping[str, Check], metrics: Metrics, callers: Callers
) -> list[Route]:
    """`/healthz` (the process runs), `/readyz` (all checks pass) and `/metrics`.

    A process with a problem in `lesser` is ready: without broadcast it still answers everything,
    and with a full disk it still reads. `degraded` names the problem.
    """

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        found = {name: await check() for name, check in checks.items()}
        is_ready = not any(found.values())
        found_lesser = {name: await check() for name, check in lesser.items()}
        parts: dict[str, object] = {"ready": is_ready}
        parts |= {name: problem or "ok" for name, problem in (found | found_lesser).items()}
        if degraded := [name for name, problem in found_lesser.items() if problem]:
            parts["degraded"] = degraded
        return JSONResponse(parts, 200 if is_ready else 503)

    async def show_metrics(request: Request) -> Response:
        if not await _may_see_metrics(request, callers):
            return PlainTextResponse(
                "Metrics need a request from this machine or an ADMIN key.", 403
            )
        return Response(metrics.text(), media_type=metrics.content_type)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", show_metrics),
    ]


async def _may_see_metrics(request: Request, callers: Callers) -> bool:
    address = request.client.host if request.client else None
    authorization = request.headers.get("authorization")
    if authorization is None:
        return _is_loopback(address)
    try:
        return (await callers.find(authorization, address)).role is Role.ADMIN
    except (RequestError, RequestRefused):
        return False


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
