"""Records: GraphQL objects of a row, with the source of each field declared.

    @strawberry.type
    class StockLevel(Node):
        available: int                                      # a column of that name
        ship_by: datetime | None = column("ship_by_at")     # a column of another name
        on_hand: int = derived(lambda level: …)             # worked out from the row
        item: Item = edge(lambda loaders: loaders.items, "item_id", one(Item))

Declared so, a field is known to the compiled projection (plans.py), which reads whole
lists of records at once: columns from the rows, derived fields by one call, edges level by level
with one read for all parents. Elsewhere a record is an object with attributes, and its edges are
ordinary resolvers of Strawberry.

Declared fields have no effects and return the same value again. So the projection can give up on
an unexpected value, and graphql-core completes the whole value from the start.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.private import is_private

from domain.access.callers import Caller
from models.queries.listing.selections import JoinedRows
from server.projection.contexts import OperationContext, Row
from server.projection.list_sizes import SIZE, ListSize
from server.projection.loader import Loader


class Column:
    """An attribute that is a column of the record's row."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, record: Any, _: type | None = None) -> Any:
        return self if record is None else record.row[self.name]

    def __set__(self, record: Any, value: object) -> None:
        raise AttributeError(f"{self.name} is a column of the row and cannot be set")


class Derived:
    """An attribute that is computed from the others, or from the columns `of` alone."""

    def __init__(
        self, work: Callable[[Any], Any], of: tuple[str, ...], size: ListSize | None = None
    ) -> None:
        self.work = work
        self.of = of
        self.size = size

    def __get__(self, owner: Any, _: type | None = None) -> Any:
        return self if owner is None else self.work(owner)

    def __set__(self, owner: Any, value: object) -> None:
        raise AttributeError("a derived attribute is computed and cannot be set")


def column(name: str) -> Any:
    """A field that is a column of another name; a column of the same name needs no declaration."""
    return Column(name)


def derived(
    work: Callable[[Any], Any], of: tuple[str, ...] = (), *, rows: int | None = None
) -> Any:
    """A field that is computed from its object, without I/O, effects or a clock.

    `of`: the columns that decide its value for every caller. A list then reads only these for it,
    and an object that was made from the same values is used again. `rows`: the assumed size of a
    list.
    """
    return Derived(work, of, None if rows is None else ListSize(rows))


class Record:
    """A row with the context of the operation that read it."""

    __slots__ = ("context", "row")

    row: Row
    context: OperationContext

    def __init__(self, row: Row, context: OperationContext) -> None:
        self.row = row
        self.context = context

    def __init_subclass__(cls) -> None:
        """Make a column of each field without another declaration."""
        for name, annotation in cls.__annotations__.items():
            if name not in vars(cls) and not is_private(annotation):
                setattr(cls, name, Column(name))
        # Strawberry makes dataclasses, which get an __init__ of all fields unless they have one.
        cls.__init__ = Record.__init__  # type: ignore[method-assign]

    @classmethod
    def from_row(cls, row: Row, context: OperationContext) -> Self:
        """The record of a row."""
        return cls(row, context)


@dataclass(frozen=True, slots=True)
class RecordEdge:
    """The source of a field: the value of a loader for a column of the parent's row.

    `value(found, parent, context)` makes the field's value. `found` is None if no row exists, or
    the caller is not `seen_by`. `is_shared`: parents with the same key share one value. `join`: a
    list of parents may read the same rows with this join.
    """

    loader: Callable[[Any], Loader[Any, Any]]
    key: str
    value: Callable[[Any, Any, OperationContext], Any]
    seen_by: Callable[[Caller], bool]
    is_shared: bool
    join: JoinedRows | None

    async def follow(self, record: Record, context: OperationContext) -> Any:
        """The value for one record."""
        key = record.row[self.key]
        found = None
        if key is not None and self.seen_by(context.caller):
            found = await self.loader(context.loaders).load(key)
        return self.value(found, record, context)


def edge(
    loader: Callable[[Any], Loader[Any, Any]],
    key: str,
    of: "Of",
    *,
    name: str | None = None,
    seen_by: Callable[[Caller], bool] = lambda _: True,
    join: JoinedRows | None = None,
    rows: int = SIZE,
) -> Any:
    """A field with the value that `loader` finds by the column `key`.

    `name`: its name in GraphQL, if Python reserves the word. `rows`: the assumed size of a list.
    """
    made = RecordEdge(loader, key, of.value, seen_by, of.is_shared, join)

    async def resolve(root: strawberry.Parent[Any], info: strawberry.Info) -> Any:
        return await made.follow(root, info.context)

    return strawberry.field(
        resolver=resolve, name=name, metadata={RecordEdge: made, ListSize: ListSize(rows)}
    )


def edge_of(field: StrawberryField) -> RecordEdge | None:
    """The edge of a field; None if it has none."""
    return field.metadata.get(RecordEdge)


class Of(NamedTuple):
    """The function that makes an edge's value; `is_shared`: the value does not depend on the
    parent.
    """

    value: Callable[[Any, Any, OperationContext], Any]
    is_shared: bool


def one(kind: type[Record]) -> Of:
    """The record of a row."""
    return Of(lambda row, _, context: None if row is None else kind(row, context), True)


def many(kind: type[Record]) -> Of:
    """The records of several rows."""
    return Of(lambda rows, _, context: [kind(row, context) for row in rows or ()], True)


def made(work: Callable[[Any, Any], Any]) -> Of:
    """The result of `work(parent, found)`; `found` is None if no row exists."""
    return Of(lambda found, parent, _: work(parent, found), False)
