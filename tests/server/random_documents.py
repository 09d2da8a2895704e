"""Random valid documents for any graphql-core schema, for tests that compare two executors.

Documents are drawn from a `random.Random`, so that Hypothesis controls them (st.randoms).
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)

FIELDS_MAX = 40  # of one document
DEPTH_MAX = 5

_SCALARS: dict[str, Callable[[Random], str]] = {
    "Int": lambda random: random.choice(["0", "1", "-7", "2147483647"]),
    "Float": lambda random: random.choice(["0.5", "3", "-1e3"]),
    "Boolean": lambda random: random.choice(["true", "false"]),
    "ID": lambda random: random.choice(['"U3RvY2s6MQ=="', "7"]),
    "String": lambda random: random.choice(['""', '"shirt"', '"ü"']),
    "DateTime": lambda random: '"2026-01-02T03:04:05+00:00"',
    "Date": lambda random: '"2026-01-02"',
    "Decimal": lambda random: '"12.50"',
    "JSON": lambda random: random.choice(["{a: [1, null]}", "7", "null"]),
}


@dataclass
class RandomDocument:
    """A document under construction; `text` and `variables` are the result."""

    schema: GraphQLSchema
    random: Random
    text: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    _budget: int = FIELDS_MAX
    _fragments: list[str] = field(default_factory=list)
    _conditions: list[str] = field(default_factory=list)

    def draw(self, root_type: GraphQLObjectType, operation: str = "query") -> "RandomDocument":
        """Fill `text` with an operation on `root_type`."""
        selection = self._selection(root_type, 0)
        definitions = " ".join(self._conditions)
        head = f"{operation} Random({definitions}) " if definitions else f"{operation} "
        self.text = "\n".join([head + selection, *self._fragments])
        return self

    def _selection(self, type_: Any, depth: int) -> str:
        items = []
        for _ in range(self.random.randint(1, 6)):
            items.append(self._item(type_, depth))
            if self._budget <= 0:
                break
        return "{ " + " ".join(items) + " }"

    def _item(self, type_: Any, depth: int) -> str:
        kind = self.random.random()
        if kind < 0.08 or isinstance(type_, GraphQLUnionType):
            if kind < 0.03:
                return "__typename"
            return self._fragment(type_, depth)
        if kind < 0.2:
            return self._fragment(type_, depth)
        return self._field(type_, depth)

    def _fragment(self, type_: Any, depth: int) -> str:
        types: list[Any] = [type_]
        if is_abstract_type(type_):
            types += self.schema.get_possible_types(type_)
        elif isinstance(type_, GraphQLObjectType):
            types += type_.interfaces
        on = self.random.choice(types)
        if depth >= DEPTH_MAX or self._budget <= 0:
            return "__typename"
        selection = self._selection(on, depth + 1)
        shape = self.random.random()
        if shape < 0.4:
            name = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {name} on {on.name} {selection}")
            return f"...{name}{self._condition()}"
        if shape < 0.6 and on is type_:
            return f"...{self._condition()} {selection}"
        return f"... on {on.name}{self._condition()} {selection}"

    def _field(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        names = [
            name
            for name, definition in type_.fields.items()
            if depth < DEPTH_MAX or not is_composite_type(get_named_type(definition.type))
        ]
        if not names:
            return "__typename"
        self._budget -= 1
        name = self.random.choice(names)
        definition = type_.fields[name]
        arguments = self._arguments(definition)
        # The alias depends on all properties that must agree when fields are merged.
        tag = zlib.crc32(f"{type_.name}.{name}{arguments}".encode()) % 10_000
        alias = f"{self.random.choice('ab')}{tag}: "
        selected = ""
        inner = get_named_type(definition.type)
        if is_composite_type(inner):
            selected = " " + self._selection(inner, depth + 1)
        return f"{alias}{name}{arguments}{self._condition()}{selected}"

    def _arguments(self, definition: GraphQLField) -> str:
        given = [
            f"{name}: {self._literal(argument.type, 0)}"
            for name, argument in definition.args.items()
            if is_required_argument(argument) or self.random.random() < 0.4
        ]
        return f"({', '.join(given)})" if given else ""

    def _literal(self, type_: Any, depth: int) -> str:
        if isinstance(type_, GraphQLNonNull):
            return self._literal_of(type_.of_type, depth)
        return "null" if self.random.random() < 0.1 else self._literal_of(type_, depth)

    def _literal_of(self, type_: Any, depth: int) -> str:
        if isinstance(type_, GraphQLList):
            items = range(self.random.randint(0, 2) if depth < 3 else 0)
            return "[" + ", ".join(self._literal(type_.of_type, depth + 1) for _ in items) + "]"
        if isinstance(type_, GraphQLEnumType):
            return str(self.random.choice(list(type_.values)))
        if isinstance(type_, GraphQLInputObjectType):
            given = [
                f"{name}: {self._literal(item.type, depth + 1)}"
                for name, item in type_.fields.items()
                if is_required_input_field(item) or (depth < 3 and self.random.random() < 0.3)
            ]
            return "{" + ", ".join(given) + "}"
        assert isinstance(type_, GraphQLScalarType)
        draw = _SCALARS.get(type_.name)
        return draw(self.random) if draw else '"x"'

    def _condition(self) -> str:
        if self.random.random() > 0.15:
            return ""
        directive = self.random.choice(["skip", "include"])
        shape = self.random.random()
        if shape < 0.3:
            return f" @{directive}(if: {self.random.choice(['true', 'false'])})"
        return f" @{directive}(if: ${self._condition_variable()})"

    def _condition_variable(self) -> str:
        name = f"c{self.random.randint(0, 2)}"
        if not any(item.startswith(f"${name}:") for item in self._conditions):
            default = self.random.random() < 0.3
            self._conditions.append(f"${name}: Boolean{' = true' if default else '!'}")
            if default:  # null in a non-null position fails at execution, not before
                if self.random.random() < 0.8:
                    self.variables[name] = self.random.choice([True, False, None])
            else:
                self.variables[name] = self.random.choice([True, False])
        return name
