"""The columns that GraphQL types name exist in the declared rows of their loaders."""

from collections.abc import Iterator
from inspect import getattr_static
from typing import Any, cast, get_args, get_type_hints, is_typeddict

import pytest
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

import resolvers.root  # noqa: F401 - registers all types
from schema.fields.node import NODE_TYPES, NodeType
from schema.loaders import Loaders
from server.projection.records import Column, Derived, edge_of


class _Names:
    """Stands for Loaders, and gives each loader's name instead of the loader."""

    def __getattr__(self, name: str) -> str:
        return name


def _row_type(node_type: NodeType) -> Any:
    """The declared type of the rows that a type's loader reads."""
    name = str(node_type.loader(cast("Loaders", _Names())))
    returned = get_type_hints(vars(Loaders)[name].read)["return"]
    return get_args(returned)[1]


def _columns(record: type, field: StrawberryField) -> Iterator[str]:
    """The columns that a field names."""
    found = getattr_static(record, field.python_name, None)
    if isinstance(found, Column):
        yield found.name
    elif isinstance(found, Derived):
        yield from found.of
    if (edge := edge_of(field)) is not None:
        yield edge.key


@pytest.mark.parametrize("type_name", sorted(NODE_TYPES))
def test_columns_are_declared(type_name: str) -> None:
    row_type = _row_type(NODE_TYPES[type_name])
    assert is_typeddict(row_type), f"the rows of {type_name} are not declared"
    record: Any = NODE_TYPES[type_name].from_row.__self__  # type: ignore[attr-defined]
    declared = get_type_hints(row_type)
    for field in record.__strawberry_definition__.fields:
        for column in _columns(record, field):
            assert column in declared, f"{row_type.__name__} has no {column} for {field.name}"
        found = getattr_static(record, field.python_name, None)
        if isinstance(found, Column) and not isinstance(field.type, StrawberryOptional):
            assert type(None) not in get_args(declared[found.name]), f"{field.name} can be null"
