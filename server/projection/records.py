"""Records: GraphQL objects that are a row, and say of each field where it comes from.

    @strawberry.type
    class StockLevel(Node):
        available: int                                      # a column of that name
        ship_by: datetime | None = column("ship_by_at")     # a column of another name
        on_hand: int = derived(lambda level: …)             # worked out from the row
        item: Item = edge(lambda loaders: loaders.items, "item_id", one(Item))

Declared so, a field is known to the compiled projection (plans.py), which reads whole
lists of records without asking each of them: columns straight from the rows, derived fields by one
call, edges level by level, one read for all parents. To anybody else a record is an object with
attributes, and edges are resolvers, as stock Strawberry has them.

What is declared here has no effects and gives the same again: the projection, when it meets
something odd, leaves the rest to the ordinary walk, which asks anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.private import is_private

from domain.access.callers import Caller
from models.queries.listing.selections import Join
from server.projection.contexts import OperationContext, Row
from server.projection.loader import Loader


class Column:
    """An attribute that is a column of the record's row."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, record: Any, _: type | None = None) -> Any:
        return self if record is None else record.row[self.name]

    def __set__(self, record: Any, value: object) -> None:
        raise AttributeError(f"a record is what its row is: {self.name}")


class Derived:
    """An attribute that is worked out from the other ones, or from the columns `of` alone."""

    def __init__(self, work: Callable[[Any], Any], of: tuple[str, ...]) -> None:
        self.work = work
        self.of = of

    def __get__(self, owner: Any, _: type | None = None) -> Any:
        return self if owner is None else self.work(owner)

    def __set__(self, owner: Any, value: object) -> None:
        raise AttributeError("a derived attribute is worked out")


def column(name: str) -> Any:
    """A field that is a column of another name; one of the same name needs no saying."""
    return Column(name)


def derived(work: Callable[[Any], Any], of: tuple[str, ...] = ()) -> Any:
    """A field that is worked out from its object: no waiting, no effects, no clock of its own.

    `of`: the columns that decide it, whoever asks. A list then reads no others for it, and of
    objects what was made of the same columns is used again.
    """
    return Derived(work, of)


class Record:
    """A row as the caller of a context sees it."""

    __slots__ = ("context", "row")

    row: Row
    context: OperationContext

    def __init__(self, row: Row, context: OperationContext) -> None:
        self.row = row
        self.context = context

    def __init_subclass__(cls) -> None:
        """Make columns of the fields that say nothing else."""
        for name, annotation in cls.__annotations__.items():
            if name not in vars(cls) and not is_private(annotation):
                setattr(cls, name, Column(name))
        # Strawberry makes dataclasses: those have an __init__ of all fields unless they bring one.
        cls.__init__ = Record.__init__  # type: ignore[method-assign]

    @classmethod
    def from_row(cls, row: Row, context: OperationContext) -> Self:
        """The object of a row."""
        return cls(row, context)


@dataclass(frozen=True, slots=True)
class RecordEdge:
    """How a field finds its value: what a loader has for a column of the parent's row.

    `value(found, parent, context)` is made of what was found: None where there is nothing, or
    nothing for callers who are not `seen_by`. `is_shared`: parents with one key have one value.
    `join`: how a list of parents reads what the loader would.
    """

    loader: Callable[[Any], Loader[Any, Any]]
    key: str
    value: Callable[[Any, Any, OperationContext], Any]
    seen_by: Callable[[Caller], bool]
    is_shared: bool
    join: Join | None

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
    join: Join | None = None,
) -> Any:
    """A field that leads to what `loader` finds by the column `key`; for others there is nothing.

    `name`: in GraphQL, where Python has the word for itself.
    """
    made = RecordEdge(loader, key, of.value, seen_by, of.is_shared, join)

    async def resolve(root: strawberry.Parent[Any], info: strawberry.Info) -> Any:
        return await made.follow(root, info.context)

    return strawberry.field(resolver=resolve, name=name, metadata={RecordEdge: made})


def edge_of(field: StrawberryField) -> RecordEdge | None:
    """How a field finds its value, if it was declared as an edge."""
    return field.metadata.get(RecordEdge)


class Of(NamedTuple):
    """What an edge makes of what its loader found, and whether the parent has no part in it."""

    value: Callable[[Any, Any, OperationContext], Any]
    is_shared: bool


def one(kind: type[Record]) -> Of:
    """The record of a row."""
    return Of(lambda row, _, context: None if row is None else kind(row, context), True)


def many(kind: type[Record]) -> Of:
    """The records of several rows."""
    return Of(lambda rows, _, context: [kind(row, context) for row in rows or ()], True)


def made(work: Callable[[Any, Any], Any]) -> Of:
    """What `work(parent, found)` says; `found` is None where there is nothing."""
    return Of(lambda found, parent, _: work(parent, found), False)
