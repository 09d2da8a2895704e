"""The baseline: Starlette, asyncpg and orjson alone, with the same answers and the same rows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.contenders.baseline_reads import Reads
from benchmarks.contenders.baseline_writes import Writer
from benchmarks.contenders.one_statement import reserve

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app() -> Starlette:
    """Create the application on RESTOW_DATABASE_URL."""

    def lazily(name: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            found: Endpoint = getattr(request.app.state, name)
            return await found(request)

        return endpoint

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ok")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            os.environ["RESTOW_DATABASE_URL"], min_size=1, max_size=10
        ) as pool:
            reads, writer = Reads(pool), Writer(pool)

            async def one_statement(request: Request) -> Response:
                return await reserve(pool, request)

            app.state.availability = reads.availability
            app.state.items = reads.items
            app.state.levels = reads.levels
            app.state.orders = reads.orders
            app.state.walk = reads.walk
            app.state.reserve = writer.reserve
            app.state.statement = one_statement
            yield

    names = ("availability", "items", "levels", "orders", "walk", "reserve", "statement")
    routes = [Route(f"/{name}", lazily(name), methods=["POST"]) for name in names]
    return Starlette(routes=[*routes, Route("/readyz", ready)], lifespan=lifespan)
