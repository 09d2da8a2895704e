'''Descriptions of the schema, taken from the docstrings of the code.

- A type, an input or an enum has the docstring of its class.
- A field with a resolver function has the docstring of that function.
- Every other field, and each value of an enum, has the docstring below it:

    available: int
    """Units in stock and sellable; not held and not allocated."""

The docstring of an inherited field is that of the parent class. Arguments have their descriptions
in `strawberry.argument`. An explicit description takes precedence. These docstrings are the public
reference of the API, so they are written for its users.
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
class _ClassDocs:
    """The docstring of a class, and those of its attributes."""

    of_class: str | None
    under: Mapping[str, str] = field(default_factory=dict)


_NO_DOCS = _ClassDocs(None)


def describe(schema: GraphQLSchema) -> None:
    """Set the descriptions of the types, fields and enum values of a schema."""
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
    named.description = _unwrapped(named.description or source.of(origin).of_class)
    if isinstance(named, GraphQLEnumType):
        for name, value in named.values.items():
            value.description = _unwrapped(value.description or source.of(origin).under.get(name))
    elif isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        for each in named.fields.values():
            found = each.description or _of_field(each.extensions[_DEFINITION], origin, source)
            each.description = _unwrapped(found)


def _of_field(declared: StrawberryField, origin: type[Any], source: "Docstrings") -> str | None:
    found = source.under(origin, declared.python_name)
    if found is None and declared.base_resolver is not None:
        found = inspect.getdoc(declared.base_resolver.wrapped_func)
    return found


def _unwrapped(text: str | None) -> str | None:
    """The text with each paragraph on one line: clients such as GraphiQL keep every line break."""
    if text is None:
        return None
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


class Docstrings:
    """Docstrings of classes and their attributes; each module is read once."""

    def __init__(self) -> None:
        self._modules: dict[str, dict[str, _ClassDocs]] = {}

    def of(self, origin: type[Any]) -> _ClassDocs:
        """The docstrings of a class; empty for a class that was made at run time."""
        name = origin.__module__
        if name not in self._modules:
            path = getattr(sys.modules[name], "__file__", None)
            self._modules[name] = {} if path is None else dict(_classes(Path(path)))
        return self._modules[name].get(origin.__qualname__, _NO_DOCS)

    def under(self, origin: type[Any], attribute: str) -> str | None:
        """The docstring of an attribute, from the class or its nearest parent that has one."""
        for owner in origin.__mro__:
            if owner.__module__ not in sys.stdlib_module_names:
                found = self.of(owner).under.get(attribute)
                if found is not None:
                    return found
        return None


def _classes(path: Path) -> Iterator[tuple[str, _ClassDocs]]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield node.name, _ClassDocs(ast.get_docstring(node), dict(_attributes(node)))


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
