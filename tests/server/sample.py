"""A small schema with every construct that an executor can meet, and its data."""

import asyncio
import datetime as dt
import decimal
import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.types import Info

from server.operations.engine import Schema
from server.operations.errors import RequestRefused
from server.operations.idempotency_keys import idempotent


@strawberry.enum
class Colour(enum.Enum):
    RED = "r"
    GREEN = "g"


@strawberry.interface
class Node:
    id: strawberry.ID


@strawberry.type
class Price:
    amount: decimal.Decimal
    currency: str


@strawberry.type
class Place:
    code: str
    units: int
    ship_by: dt.datetime | None = None


@strawberry.type
class Stock(Node):
    sku: str
    in_stock: bool
    units: int
    weight: float | None = None
    colour: Colour | None = None
    price: Price | None = None
    places: list[Place] = strawberry.field(default_factory=list)
    notes: list[str | None] | None = None
    grid: list[list[int]] = strawberry.field(default_factory=list)
    facts: JSON | None = None
    as_of: dt.datetime | None = None
    required: Price | None = None

    @strawberry.field
    def shout(self, times: int = 1) -> str:
        """A resolver with an argument."""
        return self.sku.upper() * times

    @strawberry.field
    async def later(self) -> Price | None:
        """An async resolver that returns an object."""
        await asyncio.sleep(0)
        return self.price

    @strawberry.field
    def strict(self) -> int:
        """Fails for some rows, in a non-null position."""
        if self.units < 0:
            raise ValueError("below zero")
        return self.units

    @strawberry.field
    def twin(self) -> "Stock | None":
        """Returns itself, so that documents can be nested without end."""
        return self

    @strawberry.field
    def thing(self) -> "Thing":
        """An interface as return type."""
        return Bolt(id=self.id, name=self.sku, size=self.units)

    @strawberry.field
    def either(self) -> Annotated["Bolt | Nut", strawberry.union("Either")]:
        """A union as return type."""
        return Nut(id=self.id, name=self.sku, inner=self.weight)


@strawberry.interface
class Thing(Node):
    name: str


@strawberry.type
class Bolt(Thing):
    size: int


@strawberry.type
class Nut(Thing):
    inner: float | None


@strawberry.input
class PickInput:
    sku: str
    quantity: int = 1
    note: str | None = strawberry.UNSET


@strawberry.type
class Picked:
    sku: str
    quantity: int
    key: str | None


@dataclass
class SampleContext:
    """Context of the resolvers; `closed` counts the calls of close."""

    operation: Any = None
    rows: list[Any] = field(default_factory=list)
    closed: int = 0
    charge: Any = None

    async def close(self) -> None:
        self.closed += 1


@strawberry.type
class Query:
    @strawberry.field
    def stocks(self, info: Info[SampleContext, None]) -> list[Stock | None]:
        """The rows of the context."""
        return info.context.rows

    @strawberry.field
    async def firm(self, info: Info[SampleContext, None]) -> list[Stock]:
        """The rows of the context in a non-null list, asynchronously."""
        return info.context.rows

    @strawberry.field
    def first(self, info: Info[SampleContext, None]) -> Stock | None:
        """The first row."""
        return info.context.rows[0] if info.context.rows else None

    @strawberry.field
    def node(self, info: Info[SampleContext, None], id: strawberry.ID) -> Node | None:
        """A row by id."""
        return next((row for row in info.context.rows if row.id == id), None)

    @strawberry.field
    def echo(self, text: str = "hello", number: int | None = None) -> str:
        """Returns its arguments as text."""
        return f"{text} {number}" if number is not None else text

    @strawberry.field
    def fails(self, kind: str) -> str | None:
        """Fails in one of several kinds."""
        if kind == "domain":
            raise ValueError("secret detail of the inside")
        if kind == "refused":
            raise RequestRefused("FORBIDDEN", 403, "You may not.")
        if kind == "coded":
            raise GraphQLError("Too old.", extensions={"code": "CURSOR_TOO_OLD", "oldest": "7"})
        raise GraphQLError("without a code")


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def pick(self, info: Info[SampleContext, None], input: PickInput) -> Picked | None:
        """Returns the input, and the idempotency key that reached the resolver."""
        keys = info.context.operation.idempotency_keys
        if input.quantity < 0:
            raise ValueError("negative")
        return Picked(sku=input.sku, quantity=input.quantity, key=keys[str(info.path.key)])


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, count: int = 3, broken: bool = False) -> AsyncIterator[Stock]:
        """Yields `count` rows, then fails if `broken`."""
        for number in range(count):
            yield a_stock(units=number)
        if broken:
            raise ValueError("the source broke")


def a_stock(**facts: Any) -> Stock:
    """A row with all fields."""
    return Stock(
        **{
            "id": strawberry.ID("U3RvY2s6MQ=="),
            "sku": "shirt",
            "in_stock": True,
            "units": 5,
            "weight": 0.25,
            "colour": Colour.RED,
            "price": Price(amount=decimal.Decimal("12.50"), currency="GBP"),
            "places": [Place(code=f"L{n}", units=n) for n in range(3)],
            "notes": ["a", None],
            "grid": [[1, 2], [3]],
            "facts": {"a": [1, None]},
            "as_of": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
            **facts,
        }
    )


def a_schema() -> Schema:
    """Create the sample schema."""
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        directives=[idempotent],
        types=[Bolt, Nut],
    )
