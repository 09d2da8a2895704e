"""Variables: coercion by functions that are composed once per document.

For every request graphql-core looks up each variable's type, and the kind of type of every value:
for a list of 24 texts that takes longer than the execution. Values that the composed functions do
not accept are coerced by graphql-core from the start, so all errors are its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLNonNull, GraphQLSchema, GraphQLString
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.utilities.coerce_input_value import coerce_default_value

from server.operations.documents import Document
from server.operations.errors import bad_request
from server.operations.input_coercion import Coercer, InputCoercion, Unsure

ERRORS_MAX = 20


@dataclass(frozen=True, slots=True)
class _Variable:
    """A variable of an operation, and the coercion of its values."""

    signature: GraphQLVariableSignature
    coerce: Coercer
    is_required: bool


class Variables:
    """Coerces variables of the documents of one schema; derived data is stored with the
    document.
    """

    def __init__(self, schema: GraphQLSchema, *, hide_suggestions: bool = False) -> None:
        self._schema = schema
        self._hide_suggestions = hide_suggestions
        self._coercions = InputCoercion()

    def of(self, document: Document, inputs: dict[str, Any]) -> VariableValues | list[GraphQLError]:
        """The coerced variables of a document from `inputs`, which is decoded JSON, or the
        errors.
        """
        variables = document.memory.get("variables")
        if variables is None:
            variables = document.memory["variables"] = self._read(document)
        try:
            return _coerced(variables, inputs)
        except Exception:  # noqa: BLE001  graphql-core reports the error with its path
            return get_variable_values(
                self._schema,
                document.operation.variable_definitions or (),
                inputs,
                max_errors=ERRORS_MAX,
                hide_suggestions=self._hide_suggestions,
            )

    def _read(self, document: Document) -> tuple[_Variable, ...]:
        found = []
        for node in document.operation.variable_definitions or ():
            signature = get_variable_signature(self._schema, node)
            if isinstance(signature, GraphQLError):
                return (_UNKNOWN,)
            try:
                coerce = self._coercions.of(signature.type)
            except Unsure:
                return (_UNKNOWN,)
            found.append(_Variable(signature, coerce, isinstance(signature.type, GraphQLNonNull)))
        return tuple(found)


def check_strings(values: Mapping[str, Any], most: int) -> None:
    """Raise BAD_REQUEST for a variable with a string of more than `most` characters."""
    for name, value in values.items():
        longest = _longest(value)
        if longest > most:
            raise bad_request(
                f"variables.{name}: A string has at most {most:,} characters; {longest:,} were"
                " sent."
            )


def _longest(value: Any) -> int:
    """The length of the longest string in a value."""
    if type(value) is str:
        return len(value)
    if type(value) is dict:
        return max(map(_longest, value.values()), default=0)
    return max(map(_longest, value), default=0) if type(value) is list else 0


def _coerced(variables: tuple[_Variable, ...], inputs: dict[str, Any]) -> VariableValues:
    sources: dict[str, VariableValueSource] = {}
    coerced: dict[str, Any] = {}
    for variable in variables:
        signature = variable.signature
        name = signature.name
        if name in inputs:
            value = inputs[name]
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = variable.coerce(value)
            continue
        sources[name] = VariableValueSource(signature)
        if signature.default is not None:
            coerced[name] = coerce_default_value(signature)
        elif variable.is_required:
            raise Unsure
    return VariableValues(sources, coerced)


def _refuse(_: Any) -> Any:
    raise Unsure


# Marks an operation whose variables graphql-core coerces; it never has a value.
_UNKNOWN = _Variable(GraphQLVariableSignature("", GraphQLString, None), _refuse, is_required=True)
