"""The columns that generated code reads, by type and by place in a selection."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from graphql import GraphQLObjectType, GraphQLOutputType, get_named_type

from models.queries.listing.selections import EVERYTHING, JoinedRows, Selection
from server.projection.records import Column, Derived, RecordEdge

_ANY = "*"  # among the columns: the whole row is read


class Place(NamedTuple):
    """An edge in the code: `function` completes its values, which are of `type`."""

    parent: GraphQLObjectType
    key: str
    edge: RecordEdge
    type: Any
    function: str
    depth: int


class Columns:
    """Columns by place, as its number among `places`, None at the root; and by type."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = places
        self._read: dict[tuple[int | None, GraphQLObjectType], set[str]] = {}

    def read(
        self,
        place: int | None,
        type_: GraphQLObjectType,
        source: Column | Derived | RecordEdge | None,
    ) -> None:
        """Record the columns that a field reads; None: an attribute, which is not a column."""
        columns = self._read.setdefault((place, type_), set())
        if isinstance(source, Column):
            columns.add(source.name)
        elif isinstance(source, Derived):
            columns.update(source.of or {_ANY})
        elif isinstance(source, RecordEdge):
            columns.add(source.key if source.is_shared else _ANY)

    def selection(self, type_: GraphQLOutputType) -> Selection:
        """The columns of the nodes that are selected, if the value is a connection."""
        node = node_of(type_)
        if node is None:
            return EVERYTHING
        columns = self._read.get((None, node), set())
        joins = tuple(sorted(self.joins(type_).values(), key=lambda join: (join.key, join.table)))
        return Selection(None if _ANY in columns else frozenset(columns), joins)

    def joins(self, type_: GraphQLOutputType) -> dict[JoinedRows, JoinedRows]:
        """The joins of the list: for each table the columns that its edges select."""
        read: dict[JoinedRows, set[str]] = {}
        for number, place in enumerate(self._places):
            if place.edge.join is not None and self.is_of_node(type_, place):
                columns = self._read.get((number, place.type), set())
                read.setdefault(place.edge.join, set()).update(columns)
        narrowed = {
            join: join.narrowed(None if _ANY in columns else frozenset(columns))
            for join, columns in read.items()
        }
        return {join: found for join, found in narrowed.items() if found is not None}

    def of_edges(self) -> dict[RecordEdge, frozenset[str] | None]:
        """The columns that all places of an edge read of its rows; None: all."""
        read: dict[RecordEdge, set[str]] = {}
        for number, place in enumerate(self._places):
            columns = self._read.get((number, place.type), set())
            read.setdefault(place.edge, set()).update(columns if place.edge.is_shared else {_ANY})
        return {
            edge: None if _ANY in columns else frozenset(columns) for edge, columns in read.items()
        }

    def is_of_node(self, type_: GraphQLOutputType, place: Place) -> bool:
        """True if an edge belongs to the connection's nodes."""
        return place.depth == 0 and place.parent is node_of(type_)


def node_of(type_: GraphQLOutputType) -> GraphQLObjectType | None:
    """The type of the nodes of a connection; None for any other type."""
    nodes = getattr(get_named_type(type_), "fields", {}).get("nodes")
    node: GraphQLObjectType | None = None if nodes is None else get_named_type(nodes.type)
    return node
