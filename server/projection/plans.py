"""The compiled projection: plain parts of a selection run as generated code, not as a walk.

graphql-core visits every field of every object, some 5 µs each, which is where the time of a read
goes. A field is *plain* when it only reads an attribute (no resolver, arguments, permissions,
extensions or custom directives), or what was declared to be one (server/projection/records.py). A
selection whose fields are all plain, through lists and nested objects, becomes one function from
the resolved value to the finished dicts; an object with other fields too gets a function for its
plain ones, and the walk does the rest.

Edges are followed in stages. The function leaves places for them and notes who waits there; then
each loader is asked once for all keys of a level, the places are filled, and what was put there
waits for the next level.

The generated code only knows how things go well. Whatever else it meets, it raises, and the walk
does that part from the start: nulls, errors and paths are always graphql-core's own. Trying is
free of effects because only plain attributes of plain classes are read, and what was declared.

A `Shape` is what executors of one document remember while the same fields are selected, that is
per combination of the variables in `@skip` and `@include`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import GraphQLObjectType, GraphQLOutputType
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet

from models.queries.listing.selections import Join, Selection
from server.projection.records import RecordEdge

# Records that wait at an edge, each with the dict that is to hold what the edge leads to.
Waits = Sequence[list[tuple[Any, dict[str, Any]]]]
# The finished value of a resolved one; who waits for an edge is added to the lists.
Project = Callable[[Any, Waits], Any]


class Waiting(NamedTuple):
    """An edge in a selection: whose list of `Waits` it has, and how its values are completed."""

    number: int
    key: str
    edge: RecordEdge
    join: Join | None
    complete: Project

    def fill(self, waits: Waits, found: Mapping[Any, Any], context: Any) -> None:
        """Give each record that waits its value. Those may add to the lists of the next level."""
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


class Projection(NamedTuple):
    """How to complete a value: `project` it, then follow the edges in it level by level.

    `selection`: what it shows of a connection's rows.
    """

    project: Project
    stages: Stages
    selection: Selection

    def waits(self) -> Waits:
        """Lists for those who will wait."""
        return [[] for stage in self.stages for _ in stage]

    async def follow(self, waits: Waits, context: Any) -> None:
        """Fill all places that wait, with one read per level for the parents of a loader."""
        for stage in self.stages:
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
                    loader = edge.loader(context.loaders)
                    wanted.setdefault(loader, set()).update(keys)
                    found.append(loader.found)
            for loader, keys in wanted.items():
                if keys:
                    await loader.many(keys)
            for each, values in zip(stage, found, strict=True):
                each.fill(waits, values, context)


class ObjectPlan(NamedTuple):
    """How to complete one object: `project` its plain fields, then walk the `rest`.

    `project` gives a dict with a place for every field, in order; it has no edges.
    """

    project: Project
    rest: GroupedFieldSet


@dataclass(slots=True)
class Shape:
    """What is known about one selection of fields; its lists are kept, so their ids are stable."""

    compiles: bool
    root: GroupedFieldSet | None = None
    subfields: dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, CollectedFields]] = (
        field(default_factory=dict)
    )
    # by (id of the field's nodes, type): the function for the field's value, None for a walk
    values: dict[tuple[int, GraphQLOutputType], Projection | None] = field(default_factory=dict)
    # what root fields show of their lists, by response key
    selections: dict[str, Selection] = field(default_factory=dict)
    # by (id of the object's fields, type)
    objects: dict[tuple[int, GraphQLObjectType], ObjectPlan | None] = field(default_factory=dict)
