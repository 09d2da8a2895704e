"""The compiled projection: plain parts of a selection run as generated code, not as a walk.

graphql-core visits every field of every object, some 5 µs each, which is where the time of a read
goes. A field is *plain* when it only reads an attribute (no resolver, arguments, permissions,
extensions or custom directives). A selection whose fields are all plain, through lists and nested
objects, becomes one function from the resolved value to the finished dicts; an object with other
fields too gets a function for its plain ones, and the walk does the rest.

The generated code only knows how things go well. Whatever else it meets, it raises, and the walk
does that part from the start: nulls, errors, paths and their order are always graphql-core's own.
Trying is free of effects because only plain attributes of plain classes are read.

A `Shape` is what executors of one document remember while the same fields are selected, that is
per combination of the variables in `@skip` and `@include`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import GraphQLObjectType, GraphQLOutputType, OperationType, Undefined
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet
from graphql.execution.values import VariableValues

from schema.execution.documents import Document

SHAPES_MAX = 16
# Compiling costs about as much as one walk over a small answer: only for a text that came back.
COMPILED_FROM_USE = 2

Projection = Callable[[Any], Any]


class ObjectPlan(NamedTuple):
    """How to complete one object: `project` its plain fields, then walk the `rest`.

    `project` gives a dict with a place for every field, in order.
    """

    project: Projection
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
    # by (id of the object's fields, type)
    objects: dict[tuple[int, GraphQLObjectType], ObjectPlan | None] = field(default_factory=dict)


def shape_of(document: Document, variables: VariableValues) -> Shape:
    """The shape that `document` has with these variables; not kept beyond SHAPES_MAX of them."""
    key = ()
    if document.condition_variables:
        values = variables.coerced
        key = tuple(values.get(name, Undefined) for name in document.condition_variables)
    shapes: dict[Any, Shape] = document.memory.setdefault("shapes", {})
    shape = shapes.get(key)
    if shape is None:
        shape = Shape(compiles=False)
        if len(shapes) < SHAPES_MAX:
            shapes[key] = shape
    if not shape.compiles and (
        document.uses >= COMPILED_FROM_USE or document.operation_type is OperationType.SUBSCRIPTION
    ):
        shape.compiles = key in shapes
    return shape
