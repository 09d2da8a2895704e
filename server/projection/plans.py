"""The compiled projection: plain parts of a selection run as generated code, not as a walk.

graphql-core visits every field of every object, at about 5 µs each: most of the time of a read.
A field is *plain* when it only reads an attribute (no resolver, arguments, permissions,
extensions or custom directives), or is declared in a record (server/projection/records.py). A
selection whose fields are all plain, through lists and nested objects, becomes one function from
the resolved value to the finished dicts; an object with other fields too gets a function for its
plain ones, and the walk does the rest.

Edges are followed level by level. The function leaves a place for each edge and lists the records
that wait there. Then each loader reads all keys of a level at once, the places are filled, and the
new records wait for the next level.

The generated code handles the expected case only. For any other value it raises, and the walk does
that part from the start: nulls, errors and paths are always graphql-core's own. The attempt has no
effects, because it reads only plain attributes of plain classes and declared fields.

A `Shape` is the compiled state of one document while the same fields are selected: one for each
combination of the variables in `@skip` and `@include`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import GraphQLObjectType, GraphQLOutputType
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet

from models.queries.listing.selections import Join, JoinedRows, Selection
from server.projection.contexts import Reads
from server.projection.records import RecordEdge

# For each edge the records that wait there, each with the dict that the value goes into. An edge
# whose rows came with the list waits for nothing: it has a dict of completed values, by key.
Waits = Sequence[Any]
# Completes a resolved value; records that wait for an edge are added to the lists.
Project = Callable[[Any, Waits], Any]


class Waiting(NamedTuple):
    """An edge in a selection: its list in `Waits`, and the function that completes its values.

    `columns`: the columns of its rows that are shown; None: all.
    """

    number: int
    key: str
    edge: RecordEdge
    join: JoinedRows | None
    columns: frozenset[str] | None
    complete: Project

    def fill(self, waits: Waits, found: Mapping[Any, Any], context: Any) -> None:
        """Fill in the value of each waiting record; values may add to lists of the next level."""
        edge, key, complete, column = self.edge, self.key, self.complete, self.edge.key
        if not edge.is_shared:
            for record, answer in waits[self.number]:
                value = edge.value(found.get(record.row[column]), record, context)
                answer[key] = complete(value, waits)
            return
        done: dict[Any, Any] = {}
        for record, answer in waits[self.number]:
            value = record.row[column]
            if value not in done:
                done[value] = complete(edge.value(found.get(value), record, context), waits)
            answer[key] = done[value]


Stages = Sequence[Sequence[Waiting]]


def is_waiting(waits: Waits) -> bool:
    """True if a record waits at an edge."""
    return any(each for each in waits if type(each) is list)


class Projection(NamedTuple):
    """The steps that complete a value: `project` it, then follow its edges level by level.

    `selection`: the columns that it selects of the rows of a connection.
    """

    project: Project
    stages: Stages
    selection: Selection

    def waits(self) -> Waits:
        """An empty list for each edge, for the records that will wait there."""
        return [[] for stage in self.stages for _ in stage]

    def waits_beside(self, context: Any) -> Waits:
        """The same for a root field, without edges whose rows its list has joined."""
        waits: list[Any] = [[] for stage in self.stages for _ in stage]
        for each in self.stages[0] if self.stages else ():
            is_joined = isinstance(each.join, Join) and each.join in context.joined
            if is_joined and each.edge.seen_by(context.caller):
                waits[each.number] = {}
        return waits

    async def follow(self, waits: Waits, context: Any) -> None:
        """Fill all waiting places, with one read per level and loader."""
        for stage in self.stages:
            waiting = [each for each in stage if type(waits[each.number]) is list]
            found = await self.read(waiting, waits, context)
            for each, values in zip(waiting, found, strict=True):
                each.fill(waits, values, context)

    async def read(
        self, stage: Sequence[Waiting], waits: Waits, context: Any
    ) -> Sequence[Mapping[Any, Any]]:
        """The rows of each edge of a level, by key, with one read per loader."""
        found: list[Mapping[Any, Any]] = []
        wanted: dict[Any, set[Any]] = {}
        for each in stage:
            edge = each.edge
            if not edge.seen_by(context.caller):
                found.append({})
                continue
            keys = {record.row[edge.key] for record, _ in waits[each.number]}
            keys.discard(None)
            joined = context.joined.get(each.join) if each.join else None
            if joined is not None and keys <= joined.keys():
                found.append(joined)
            else:
                loader = edge.loader(context.loaders).narrowed(each.columns)
                wanted.setdefault(loader, set()).update(keys)
                found.append(loader.found)
        for loader, keys in wanted.items():
            if keys:
                await loader.many(keys)
        return found


class ObjectPlan(NamedTuple):
    """The steps that complete one object: `project` its plain fields, then walk the `rest`.

    `project` returns a dict with a place for every field, in order; it has no edges.
    """

    project: Project
    rest: GroupedFieldSet


@dataclass(slots=True)
class Shape:
    """Compiled parts of one selection of fields; its lists are kept, so their ids are stable."""

    compiles: bool
    root: GroupedFieldSet | None = None
    subfields: dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, CollectedFields]] = (
        field(default_factory=dict)
    )
    # by (id of the field's nodes, type): the function for the field's value, None for a walk
    values: dict[tuple[int, GraphQLOutputType], Projection | None] = field(default_factory=dict)
    # by id of the field's nodes: the prepared root field, None if it cannot be prepared
    root_fields: dict[int, Any] = field(default_factory=dict)
    # the columns that root fields select of their lists, by response key
    selections: dict[str, Selection] = field(default_factory=dict)
    reads: Reads = field(default_factory=Reads)
    # by (id of the object's fields, type)
    objects: dict[tuple[int, GraphQLObjectType], ObjectPlan | None] = field(default_factory=dict)
