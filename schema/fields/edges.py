"""Fields that lead from a record to other records, by the schema's loaders."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ForwardRef

from strawberry.types.lazy_type import LazyType, StrawberryLazyReference

import server.projection.records as records
from domain.access.callers import Caller
from models.queries.listing.selections import JoinedRows
from schema.fields.node import NODE_TYPES
from schema.loaders import Loaders
from server.projection.contexts import OperationContext
from server.projection.list_sizes import SIZE
from server.projection.loader import Loader
from server.projection.records import Of


@dataclass(frozen=True)
class TypeNamed(StrawberryLazyReference):
    """The type of an edge by its name, for types that refer to each other.

    `Annotated["Node", TypeNamed("Order")]` is an Order in GraphQL and a Node for mypy. Neither
    module imports the other one. Strawberry resolves a reference only where its type is quoted.
    """

    type_name: str

    def resolve_forward_ref(self, forward_ref: ForwardRef) -> LazyType[Any, Any]:
        """The type, to be found when the schema is built: all modules are imported by then."""
        return RegisteredType(self.type_name, __name__)


class RegisteredType(LazyType[Any, Any]):
    """A lazy type that is looked up among the registered types of nodes."""

    def resolve_type(self) -> type[Any]:
        """The class. Raises KeyError for a name that no module registered."""
        return NODE_TYPES[self.type_name].node_type


def edge(
    loader: Callable[[Loaders], Loader[Any, Any]],
    key: str,
    of: Of,
    *,
    name: str | None = None,
    seen_by: Callable[[Caller], bool] = lambda _: True,
    join: JoinedRows | None = None,
    rows: int = SIZE,
) -> Any:
    """An edge of the projection (server/projection/records.py) through one of the loaders."""
    return records.edge(loader, key, of, name=name, seen_by=seen_by, join=join, rows=rows)


def node_edge(type_name: str, key: str, *, name: str | None = None) -> Any:
    """The edge to one node, by the name of its type; null if the caller may not see the node."""

    def by_id(loaders: Loaders) -> Loader[Any, Any]:
        return NODE_TYPES[type_name].loader(loaders)

    def value(row: object, _: object, context: OperationContext) -> Any:
        return None if row is None else NODE_TYPES[type_name].from_row(row, context)

    return edge(by_id, key, Of(value, is_shared=True), name=name)


def node_edges(
    loader: Callable[[Loaders], Loader[Any, Any]], key: str, type_name: str, *, rows: int = SIZE
) -> Any:
    """The edge to several nodes, by the name of their type."""

    def value(rows: list[Any] | None, _: object, context: OperationContext) -> Any:
        from_row = NODE_TYPES[type_name].from_row
        return [from_row(row, context) for row in rows or ()]

    return edge(loader, key, Of(value, is_shared=True), rows=rows)
