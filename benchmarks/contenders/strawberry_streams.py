"""Plain Strawberry subscriptions, written well: a queue per subscriber, no read per event."""

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
    sku: str


@strawberry.type
class Location:
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
    """A changed level."""

    cursor: str
    cause: str
    level: StockLevel


@dataclass(eq=False, slots=True)
class Subscribers:
    """Queues of the current subscribers."""

    queues: set[asyncio.Queue[StockEvent]]

    def publish(self, event: StockEvent) -> None:
        """Put an event into the queue of each subscriber."""
        for queue in self.queues:
            queue.put_nowait(event)


SUBSCRIBERS = Subscribers(set())


@strawberry.type
class Query:
    ok: bool = True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def stock_changed(self) -> AsyncGenerator[StockEvent, None]:
        """Stream the changes of stock levels."""
        queue: asyncio.Queue[StockEvent] = asyncio.Queue(QUEUE_MAX)
        SUBSCRIBERS.queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            SUBSCRIBERS.queues.discard(queue)


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
    """Create the application: each change POSTed to `/publish` is sent to all subscribers."""
    schema = strawberry.Schema(query=Query, subscription=Subscription)

    async def publish(request: Request) -> Response:
        changes = await request.json()
        at = time.time()
        for change in changes:
            SUBSCRIBERS.publish(_event_of(change))
        return JSONResponse({"at": at})

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ok")

    app = Starlette(routes=[Route("/publish", publish, methods=["POST"]), Route("/readyz", ready)])
    app.mount("/graphql", GraphQL(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL]))
    return app
