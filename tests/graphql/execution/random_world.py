"""A random world behind any Strawberry schema: every resolver gives generated, often odd, values.

A world is a function of its seed, so that two executors that run the same document in two worlds
of one seed meet equal values, errors and awaitables in equal places.
"""

import asyncio
import datetime as dt
import decimal
import enum
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from functools import partial
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    is_abstract_type,
    is_introspection_type,
)

OBJECTS_MAX = 40  # per resolved value
BASIC = "_get_basic_result"


class Later:
    """An awaitable that may be left alone: unlike a coroutine it does not complain."""

    def __init__(self, value: Any, *, really: bool) -> None:
        self.value = value
        self.really = really

    def __repr__(self) -> str:
        return "Later"  # not its address: it may end up in a message

    def __await__(self) -> Generator[Any, None, Any]:
        if self.really:
            yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Other(enum.Enum):
    """An enum that no schema knows."""

    RED = "r"


class Words(str):
    """A str that is not exactly a str."""

    __slots__ = ()


class World:
    """Values by type and place; `odd` is the share of values that are not what they should be."""

    def __init__(self, schema: GraphQLSchema, seed: int, odd: float) -> None:
        self.schema = schema
        self.seed = seed
        self.odd = odd
        self._budget = 0
        self._random = random.Random(seed)

    def resolve(self, source: Any, info: Any, **arguments: Any) -> Any:
        """The stub behind every field that has a resolver."""
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
        made = object.__new__(cls)
        for definition in type_.fields.values():
            if BASIC in getattr(definition.resolve, "__qualname__", ""):
                name = definition.extensions["strawberry-definition"].python_name
                value = self.value(definition.type)
                if is_special and self._random.random() < 0.2:
                    setattr(cls, name, property(partial(_given, value)))
                elif self._random.random() >= self.odd / 10:  # else: no such attribute
                    object.__setattr__(made, name, value)
        return made

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


def _given(value: Any, _: Any) -> Any:
    return value


async def _numbers() -> AsyncIterator[int]:
    yield 1
    await asyncio.sleep(0)
    yield 2


def _bare(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


class Worlds:
    """A schema whose resolvers are stubs that ask the current world, until it is left."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.current: World | None = None
        self._replaced: list[tuple[GraphQLField, Any]] = []

    def __enter__(self) -> "Worlds":
        for type_ in self.schema.type_map.values():
            if isinstance(type_, GraphQLObjectType) and not is_introspection_type(type_):
                for definition in type_.fields.values():
                    if BASIC not in getattr(definition.resolve, "__qualname__", ""):
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
        """The result of `work`, awaited where needed, in `world`."""
        self.current = world
        result = work()
        if isinstance(result, Awaitable):
            result = await result
        # graphql-core lets the siblings of a failed field finish in the background.
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left)
        return result
