"""Random resolver values for any Strawberry schema, many of them odd.

Two executors that run a document in two worlds with one seed meet equal values at equal places.
"""

import asyncio
import datetime as dt
import decimal
import enum
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from functools import partial
from inspect import getattr_static
from typing import Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_abstract_type,
    is_introspection_type,
    is_leaf_type,
)
from strawberry.types.field import StrawberryField

from domain.access.callers import ROLE_PERMISSIONS, Caller, Role
from models.queries.listing.paging import Listing, Page, SortKey
from models.queries.reads.refunds import OrderMoney
from schema.context import Context
from schema.fields.money import Money
from schema.fields.paging import Paged
from server.projection.loader import Loader
from server.projection.records import Column, Derived, Record, RecordEdge, edge_of

OBJECTS_MAX = 40  # per resolved value
BASIC = "_get_basic_result"


class Later:
    """An awaitable that causes no warning if it is never awaited, unlike a coroutine."""

    def __init__(self, value: Any, *, really: bool) -> None:
        self.value = value
        self.really = really

    def __repr__(self) -> str:
        return "Later"  # without its address, because it may appear in a message

    def __await__(self) -> Generator[Any, None, Any]:
        if self.really:
            yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Other(enum.Enum):
    """An enum that is not in the schema."""

    RED = "r"


class Words(str):
    """A subclass of str."""

    __slots__ = ()


class World:
    """Values by type and place; `odd` is the share of values of a wrong kind."""

    def __init__(self, schema: GraphQLSchema, seed: int, odd: float) -> None:
        self.schema = schema
        self.seed = seed
        self.odd = odd
        self._budget = 0
        self._random = random.Random(seed)
        self.context = WorldContext(self)

    def resolve(self, source: Any, info: Any, **arguments: Any) -> Any:
        """Resolve a field that has a resolver in the schema."""
        place = f"{self.seed}/{info.path.as_list()}/{sorted(arguments)}"
        self._random = random.Random(place)
        self._budget = OBJECTS_MAX
        value = self.value(info.return_type)
        if self._random.random() < 0.4:
            return Later(value, really=self._random.random() < 0.5)
        if isinstance(value, Exception) and self._random.random() < 0.5:
            raise value
        return value

    def value(self, type_: Any) -> Any:
        """A value for an output type, perhaps an odd one."""
        if self._random.random() < self.odd:
            return self._odd_value(type_)
        if isinstance(type_, GraphQLNonNull):
            return self._right_value(type_.of_type)
        if self._random.random() < 0.15:
            return None
        return self._right_value(type_)

    def _right_value(self, type_: Any) -> Any:
        if isinstance(type_, GraphQLList):
            count = self._random.choice([0, 1, 2, 3, 5]) if self._budget > 0 else 0
            items = [self.value(type_.of_type) for _ in range(count)]
            return tuple(items) if self._random.random() < 0.1 else items
        if is_abstract_type(type_):
            possible = self.schema.get_possible_types(type_)
            return self._object(self._random.choice(list(possible)))
        if isinstance(type_, GraphQLObjectType):
            return self._object(type_)
        if isinstance(type_, GraphQLEnumType):
            return self._random.choice(list(type_.values.values())).value
        return self._scalar(type_.name)

    def _object(self, type_: GraphQLObjectType) -> Any:
        self._budget -= 1
        if self._budget < 0:
            return None
        origin = type_.extensions["strawberry-definition"].origin
        is_special = self._random.random() < self.odd
        cls = type(origin.__name__, (origin,), {}) if is_special else origin
        if issubclass(cls, Record):
            return cls(self.row_of(type_), cast(Context, self.context))
        if issubclass(cls, Money):
            return cls(self._random.randint(0, 9_999), self._random.choice(["GBP", "JPY"]))
        if issubclass(cls, Paged):
            return cls(self._page(type_), self._node(type_), cast(Context, self.context))
        made = object.__new__(cls)
        for definition in type_.fields.values():
            if BASIC in getattr(definition.resolve, "__qualname__", ""):
                name = definition.extensions["strawberry-definition"].python_name
                if isinstance(getattr_static(cls, name, None), Derived):
                    continue
                value = self.value(definition.type)
                if is_special and self._random.random() < 0.2:
                    setattr(cls, name, property(partial(_given, value)))
                elif self._random.random() >= self.odd / 10:  # otherwise the attribute is missing
                    object.__setattr__(made, name, value)
        return made

    def _page(self, connection: GraphQLObjectType) -> Page[Any]:
        node: Any = get_named_type(connection.fields["nodes"].type)
        rows = [self.row_of(node) for _ in range(self._random.choice([0, 1, 2, 4]))]
        listing = Listing(dict, "*", "somewhere", SortKey("id", "id", "bigint"))
        flags = self._random.choices([True, False], k=2)
        return Page(rows=rows, has_next=flags[0], has_previous=flags[1], listing=listing, joined={})

    def _node(self, connection: GraphQLObjectType) -> Any:
        node = get_named_type(connection.fields["nodes"].type)
        return node.extensions["strawberry-definition"].origin

    def row_of(self, type_: GraphQLObjectType) -> "WorldRow":
        """A row for the record of a type, with values for the columns that its fields read."""
        row = WorldRow(self._random.random(), self.odd)
        origin = type_.extensions["strawberry-definition"].origin
        for definition in type_.fields.values():
            inner = get_named_type(definition.type)
            if is_leaf_type(inner) and self._random.random() >= self.odd / 10:
                name = definition.extensions["strawberry-definition"].python_name
                source = getattr_static(origin, name, None)
                if name in TEXT_COLUMNS:
                    continue
                value = self.value(definition.type)
                if inner.name == "JSON" and isinstance(source, Derived):
                    value = {"a": [1, None]}
                if inner.name == "Int" and self._random.random() >= self.odd:
                    value = self._random.randint(0, 99)
                row[source.name if isinstance(source, Column) else name] = value
        return row

    def found(self, name: str, type_: Any, key: object) -> Any:
        """Value of a loader for a key: rows for an edge of this type, or a number."""
        shown = re.sub("0x[0-9a-f]+", "0x", str(key))  # an odd key may show its address
        self._random = random.Random(f"{self.seed}/{name}/{shown}")
        self._budget = OBJECTS_MAX
        is_firm = isinstance(type_, GraphQLNonNull)
        if self._random.random() < (self.odd if is_firm else 0.1):
            return None
        if name == "order_money":
            return OrderMoney(self._random.randint(0, 9_999), self._random.randint(0, 9_999))
        bare = _bare(type_)
        inner = get_named_type(bare)
        origin = (
            inner.extensions["strawberry-definition"].origin
            if isinstance(inner, GraphQLObjectType)
            else None
        )
        if isinstance(bare, GraphQLList):
            return [self._row(inner, origin) for _ in range(self._random.choice([0, 1, 2, 4]))]
        if origin is None or origin.__name__ == "Money":
            return self._random.randint(0, 999)
        return self._row(inner, origin)

    def _row(self, type_: Any, origin: Any) -> "WorldRow":
        if issubclass(origin, Record):
            return self.row_of(type_)
        return WorldRow(self._random.random(), self.odd)

    def _scalar(self, name: str) -> Any:
        choose = self._random.choice
        match name:
            case "Int":
                return choose([0, 1, -1, 2**31 - 1, -(2**31), True, "12", 3.0])
            case "Float":
                return choose([0.5, 0.0, -1.25e300, 7, True, decimal.Decimal("0.1")])
            case "Boolean":
                return choose([True, False, 1, 0])
            case "ID":
                return choose(["U3RvY2s6MQ==", 7, Words("w")])
            case "DateTime":
                return dt.datetime(2026, 1, self._random.randint(1, 28), tzinfo=dt.UTC)
            case "Date":
                return dt.date(2026, 1, 2)
            case "Decimal":
                return choose([decimal.Decimal("12.50"), decimal.Decimal(0)])
            case "JSON":
                return choose([{"a": [1, None]}, [], "x", 0, False])
            case _:
                return choose(["", "shirt", "ü😀", Words("w"), 5, 1.5, True])

    def _odd_value(self, type_: Any) -> Any:
        odd: list[Callable[[], Any]] = [
            lambda: None,
            lambda: ValueError("a value that is an error"),
            lambda: GraphQLError("a coded one", extensions={"code": "X"}),
            lambda: Undefined,
            lambda: Later(self._right_value(_bare(type_)), really=True),
            lambda: Later(KeyError("late"), really=False),
            lambda: 2**40,
            lambda: float("nan"),
            lambda: float("inf"),
            lambda: {"sku": "from a dict"},
            lambda: iter([self._right_value(_bare(type_))]),
            lambda: _numbers(),
            lambda: Other.RED,
            lambda: Words("RED"),
            lambda: [None],
            lambda: b"bytes",
        ]
        return self._random.choice(odd)()


class WorldRow(dict[str, Any]):
    """A row with any column; the value of an undescribed column follows from its name."""

    def __init__(self, seed: float, odd: float) -> None:
        super().__init__()
        self._seed = seed
        self._odd = odd

    def __missing__(self, name: str) -> Any:
        chance = random.Random(f"{self._seed}/{name}")
        if chance.random() < self._odd:
            self[name] = value = chance.choice([None, "odd", 2**40, -1, b"bytes"])
            return value
        self[name] = value = self._plausible(name, chance)
        return value

    def _plausible(self, name: str, chance: random.Random) -> Any:
        if name == "id" or name.endswith("_id"):
            return chance.randint(1, 12)
        if name.endswith("_at"):
            return dt.datetime(2026, 1, chance.randint(1, 28), tzinfo=dt.UTC)
        if "currency" in name:
            return chance.choice(["GBP", "JPY"])
        if name in JSON_COLUMNS:
            return JSON_COLUMNS[name]
        if name.endswith(("_key", "_type", "reference", "evidence", "code", "note")):
            return chance.choice(["", "a", "b, c"])
        return chance.randint(0, 500)


# Derived fields make text of these columns, so their rows must have the right kind of value.
TEXT_COLUMNS = {"id", "evidence", "required_evidence"}
JSON_COLUMNS: dict[str, Any] = {
    "routing": {"policyVersion": 1, "chosen": ["a"], "considered": []},
    "decision": {"policy": "p", "scope": "s", "version": 1, "outcome": "o", "reasons": ["r"]},
    "breakdown": [{"kind": "GOODS", "amountMinor": 5, "note": None}],
    "risk": [{"name": "n", "points": 5, "reason": "r"}],
    "lines": ["1 High Street"],
    "details": {"waitingFor": "w"},
}


class WorldContext:
    """Context of edge resolvers: a caller with many permissions, and the loaders of this world."""

    def __init__(self, world: World) -> None:
        role = [Role.ADMIN, Role.FINANCE, Role.WAREHOUSE, Role.STOREFRONT][world.seed % 4]
        self.caller = Caller("somebody", role, ROLE_PERMISSIONS[role])
        self.now = dt.datetime(2026, 1, 14, tzinfo=dt.UTC)
        self.loaders = WorldLoaders(world, self)
        self.reads = 0
        self.joined: dict[Any, Any] = {}


class WorldLoaders:
    """Loaders by name; in an odd world some of them fail for all keys."""

    def __init__(self, world: World, context: WorldContext) -> None:
        self._world = world
        self._context = context
        self._types = edge_types(world.schema)

    def __getattr__(self, name: str) -> Loader[Any, Any]:
        world = self._world

        async def read(keys: Sequence[Any]) -> Mapping[Any, Any]:
            self._context.reads += 1
            await asyncio.sleep(0)
            if random.Random(f"{world.seed}/{name}").random() < world.odd * 2:
                raise ValueError(f"{name} cannot be read")
            return {key: world.found(name, self._types[name], key) for key in keys}

        made = self.__dict__[name] = Loader(read)
        return made


class _Names:
    """Stands in for the loaders and returns their names."""

    def __getattr__(self, name: str) -> str:
        return name


def edge_types(schema: GraphQLSchema) -> dict[str, Any]:
    """Type of the edge of each loader, by the loader's name."""
    found: dict[str, Any] = {}
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not is_introspection_type(type_):
            for definition in type_.fields.values():
                edge = _edge(definition)
                if edge is not None:
                    found[cast(Any, edge.loader)(_Names())] = definition.type
    return found


def _edge(definition: GraphQLField) -> RecordEdge | None:
    field = definition.extensions.get("strawberry-definition")
    return edge_of(field) if isinstance(field, StrawberryField) else None


def _given(value: Any, _: Any) -> Any:
    return value


async def _numbers() -> AsyncIterator[int]:
    yield 1
    await asyncio.sleep(0)
    yield 2


def _bare(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


class Worlds:
    """A schema whose resolvers ask the current world, until the end of the block."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.current: World | None = None
        self._replaced: list[tuple[GraphQLField, Any]] = []

    def __enter__(self) -> "Worlds":
        for type_ in self.schema.type_map.values():
            if isinstance(type_, GraphQLObjectType) and not is_introspection_type(type_):
                for definition in type_.fields.values():
                    resolver = getattr(definition.resolve, "__qualname__", "")
                    if BASIC not in resolver and _edge(definition) is None:
                        self._replaced.append((definition, definition.resolve))
                        definition.resolve = self._resolve
        return self

    def __exit__(self, *_: object) -> None:
        for definition, resolve in self._replaced:
            definition.resolve = resolve

    def _resolve(self, source: Any, info: Any, **arguments: Any) -> Any:
        assert self.current is not None
        return self.current.resolve(source, info, **arguments)

    async def run(self, world: World, work: Callable[[], Any]) -> Any:
        """Return the result of `work` in `world`, awaited if necessary."""
        self.current = world
        made = work()
        result = await made if isinstance(made, Awaitable) else made
        # graphql-core lets the siblings of a failed field continue in the background.
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left)
        return result
