'''Descriptions: what introspection says is what the code says.

A type, an input or an enum has the words of its docstring, a field that a function resolves those
of the function, and every other field and each value of an enum what stands under it:

    available: int
    """Physically here, sellable, claimed by nobody."""

Words under a field of a parent class are those of its children too. Only arguments say theirs on
the spot (`strawberry.argument`); whatever has been given a description keeps it. So docstrings
that come this way are written for whoever calls the API.
'''

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

_DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF


@dataclass(frozen=True, slots=True)
class _Words:
    """The docstring of a class, and those of its attributes."""

    of_class: str | None
    under: Mapping[str, str] = field(default_factory=dict)


_NOTHING = _Words(None)


def describe(schema: GraphQLSchema) -> None:
    """Give the types, fields and values of a schema the words that stand in the code."""
    source = Docstrings()
    for named in schema.type_map.values():
        definition = named.extensions.get(_DEFINITION)
        if isinstance(definition, StrawberryEnumDefinition | StrawberryObjectDefinition):
            _describe(named, definition, source)


def _describe(
    named: GraphQLNamedType,
    definition: StrawberryEnumDefinition | StrawberryObjectDefinition,
    source: "Docstrings",
) -> None:
    origin = definition.origin
    if isinstance(definition, StrawberryObjectDefinition) and definition.concrete_of is not None:
        origin = definition.concrete_of.origin
    named.description = _flowing(named.description or source.of(origin).of_class)
    if isinstance(named, GraphQLEnumType):
        for name, value in named.values.items():
            value.description = _flowing(value.description or source.of(origin).under.get(name))
    elif isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        for each in named.fields.values():
            found = each.description or _of_field(each.extensions[_DEFINITION], origin, source)
            each.description = _flowing(found)


def _of_field(declared: StrawberryField, origin: type[Any], source: "Docstrings") -> str | None:
    found = source.under(origin, declared.python_name)
    if found is None and declared.base_resolver is not None:
        found = inspect.getdoc(declared.base_resolver.wrapped_func)
    return found


def _flowing(words: str | None) -> str | None:
    """The paragraphs, each on one line: readers such as GraphiQL keep every line break."""
    if words is None:
        return None
    return "\n\n".join(" ".join(part.split()) for part in words.split("\n\n"))


class Docstrings:
    """Docstrings of classes and their attributes; each module is read once."""

    def __init__(self) -> None:
        self._modules: dict[str, dict[str, _Words]] = {}

    def of(self, origin: type[Any]) -> _Words:
        """The words of a class; none of one that was made on the way."""
        name = origin.__module__
        if name not in self._modules:
            path = getattr(sys.modules[name], "__file__", None)
            self._modules[name] = {} if path is None else dict(_classes(Path(path)))
        return self._modules[name].get(origin.__qualname__, _NOTHING)

    def under(self, origin: type[Any], attribute: str) -> str | None:
        """The docstring of an attribute, from the class or its nearest parent that has one."""
        for owner in origin.__mro__:
            if owner.__module__ not in sys.stdlib_module_names:
                found = self.of(owner).under.get(attribute)
                if found is not None:
                    return found
        return None


def _classes(path: Path) -> Iterator[tuple[str, _Words]]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield node.name, _Words(ast.get_docstring(node), dict(_attributes(node)))


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, following in zip(node.body, node.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign):
            target: ast.expr = statement.target
        elif isinstance(statement, ast.Assign):
            target = statement.targets[0]
        else:
            continue
        if (
            isinstance(target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            yield target.id, inspect.cleandoc(following.value.value)
