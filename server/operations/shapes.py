"""Shapes of documents: selection of the shape of an execution, and the start of its compilation."""

from typing import Any

from graphql import OperationType, Undefined
from graphql.execution.values import VariableValues

from server.operations.costs import cost_of
from server.operations.documents import Document
from server.projection.plans import Shape

SHAPES_MAX = 16
# Compiling costs about as much as one small execution, so only repeated documents are compiled.
COMPILED_FROM_USE = 2
# Above this static cost, compiling costs less than the first execution without it.
COMPILED_FROM_COST = 2_000


def shape_of(document: Document, variables: VariableValues) -> Shape:
    """The shape of `document` with these variables; above SHAPES_MAX a shape is not stored."""
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
        document.uses >= COMPILED_FROM_USE
        or document.operation_type is OperationType.SUBSCRIPTION
        or cost_of(document, variables.coerced) >= COMPILED_FROM_COST
    ):
        shape.compiles = key in shapes
    return shape
