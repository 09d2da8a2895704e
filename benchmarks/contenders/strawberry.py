"""Plain Strawberry and Tortoise, written well: caches on, one SQL statement per field.

It uses Strawberry's own ASGI view, its parser and validation caches, and a connection of Tortoise.
Types and answers are those of Restow.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from tortoise import Tortoise
from tortoise.connection import get_connection

from benchmarks.catalog import LOCATIONS
from benchmarks.contenders.baseline_reads import AVAILABILITY
from benchmarks.contenders.one_statement import STATEMENT
from models.database.configuration import DatabaseLimits, tortoise_config

CACHED_DOCUMENTS = 100


@strawberry.type
class LocationAvailability:
    """Units at one location."""

    location: str
    available: int
    ship_by: datetime | None


@strawberry.type
class Availability:
    """Units of one SKU."""

    sku: str
    channel: str
    available_to_promise: int
    in_stock: bool
    locations: list[LocationAvailability]
    ship_by: datetime | None
    deliver_by: datetime | None
    as_of: datetime


@strawberry.input
class ReservationLineInput:
    """Units of one SKU."""

    sku: str
    quantity: int


@strawberry.input
class ReservationCreateInput:
    """Units to hold."""

    channel: str
    lines: list[ReservationLineInput]


@strawberry.type
class UserError:
    """Reason of a refusal."""

    code: str


@strawberry.type
class Reservation:
    id: strawberry.ID
    status: str


@strawberry.type
class ReservationPayload:
    """The hold, or the reasons of its refusal."""

    reservation: Reservation | None
    user_errors: list[UserError]


@strawberry.type
class Query:
    @strawberry.field
    async def availability(self, channel: str, skus: list[str]) -> list[Availability]:
        """Read the availability of all SKUs by one statement."""
        rows = await get_connection("default").execute_query_dict(AVAILABILITY, [skus])
        found = {row["sku"]: row["units"] for row in rows}
        now = datetime.now(UTC)
        today = now.replace(hour=23, minute=59, second=59, microsecond=0)
        dates = (today + timedelta(days=1), today + timedelta(days=3))
        return [_availability(sku, channel, found[sku], dates, now) for sku in skus]


def _availability(
    sku: str, channel: str, units: list[int], dates: tuple[datetime, datetime], now: datetime
) -> Availability:
    total = sum(units)
    ship_by, deliver_by = dates
    return Availability(
        sku=sku,
        channel=channel,
        available_to_promise=total,
        in_stock=total > 0,
        locations=[
            LocationAvailability(
                location=code, available=available, ship_by=ship_by if available else None
            )
            for code, available in zip(LOCATIONS, units, strict=True)
        ],
        ship_by=ship_by if total else None,
        deliver_by=deliver_by if total else None,
        as_of=now,
    )


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def reservation_create(
        self, info: strawberry.Info[Any, Any], input: ReservationCreateInput
    ) -> ReservationPayload:
        """Hold units by one statement per line; several lines share one transaction."""
        key = info.context["request"].headers["idempotency-key"]
        hold_id = None
        if len(input.lines) == 1:
            hold_id = await _hold(get_connection("default"), input.lines[0], key)
        else:
            hold_id = await _hold_all(input.lines, key)
        if hold_id is None:
            return ReservationPayload(
                reservation=None, user_errors=[UserError(code="INSUFFICIENT_STOCK")]
            )
        held = Reservation(id=strawberry.ID(str(hold_id)), status="HELD")
        return ReservationPayload(reservation=held, user_errors=[])


async def _hold(connection: Any, line: ReservationLineInput, key: str) -> Any:
    arguments = [uuid4(), line.sku, line.quantity, key]
    rows = await connection.execute_query_dict(STATEMENT, arguments)
    return rows[0]["id"] if rows else None


class _InsufficientStock(Exception):
    """The stock of one line is insufficient."""


async def _hold_all(lines: list[ReservationLineInput], key: str) -> Any:
    """Hold all lines or none, in the order of their SKUs, which avoids deadlocks."""
    hold_id = None
    try:
        async with get_connection("default")._in_transaction() as connection:
            for place, line in enumerate(sorted(lines, key=lambda each: each.sku)):
                hold_id = await _hold(connection, line, f"{key}:{place}")
                if hold_id is None:
                    raise _InsufficientStock
    except _InsufficientStock:
        return None
    return hold_id


def create_app() -> Starlette:
    """Create the application on RESTOW_DATABASE_URL."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        extensions=[
            lambda: ParserCache(maxsize=CACHED_DOCUMENTS),
            lambda: ValidationCache(maxsize=CACHED_DOCUMENTS),
        ],
    )

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ok")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        config = tortoise_config(os.environ["RESTOW_DATABASE_URL"], DatabaseLimits())
        await Tortoise.init(config=config, _enable_global_fallback=True)
        yield
        await Tortoise.close_connections()

    app = Starlette(routes=[Route("/readyz", ready)], lifespan=lifespan)
    app.mount("/graphql", GraphQL(schema))
    return app
