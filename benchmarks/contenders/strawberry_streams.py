"""Stock Strawberry subscriptions, written well: a queue per subscriber, nothing read per event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

QUEUE_MAX = 1_000


@strawberry.type
class Item:
    """What lies there."""

    sku: str


@strawberry.type
class Location:
    """Where it lies."""

    code: str


@strawberry.type
class StockLevel:
    """Units of an item at a location."""

    id: strawberry.ID
    available: int
    held: int
    on_hand: int
    updated_at: datetime
    item: Item
    location: Location


@strawberry.type
class StockEvent:
    """A level as it is now."""

    cursor: str
    cause: str
    level: StockLevel


@dataclass(eq=False, slots=True)
class Board:
    """Whom to tell."""

    readers: set[asyncio.Queue[StockEvent]]

    def tell(self, event: StockEvent) -> None:
        """Hand an event to every reader."""
        for queue in self.readers:
            queue.put_nowait(event)


BOARD = Board(set())


@strawberry.type
class Query:
    """Nothing."""

    ok: bool = True


@strawberry.type
class Subscription:
    """What happens."""

    @strawberry.subscription
    async def stock_changed(self) -> AsyncGenerator[StockEvent, None]:
        """Levels that change."""
        queue: asyncio.Queue[StockEvent] = asyncio.Queue(QUEUE_MAX)
        BOARD.readers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            BOARD.readers.discard(queue)


def _event_of(data: dict[str, Any]) -> StockEvent:
    level = data["level"]
    return StockEvent(
        cursor=data["cursor"],
        cause=data["cause"],
        level=StockLevel(
            id=level["id"],
            available=level["available"],
            held=level["held"],
            on_hand=level["onHand"],
            updated_at=datetime.fromisoformat(level["updatedAt"]),
            item=Item(**level["item"]),
            location=Location(**level["location"]),
        ),
    )


def create_app() -> Starlette:
    """POST a list of changes to `/publish`: each is an event of every subscriber."""
    schema = strawberry.Schema(query=Query, subscription=Subscription)

    async def publish(request: Request) -> Response:
        changes = await request.json()
        at = time.time()
        for change in changes:
            BOARD.tell(_event_of(change))
        return JSONResponse({"at": at})

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ok")

    app = Starlette(routes=[Route("/publish", publish, methods=["POST"]), Route("/readyz", ready)])
    app.mount("/graphql", GraphQL(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL]))
    return app
