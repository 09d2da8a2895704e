"""Variables: coerced by functions that are composed once per document.

graphql-core looks up each variable's type anew and asks of every value, again and again, what kind
of type it is for: for a list of 24 texts that takes longer than answering. A type's kind never
changes, so here it is asked once. The composed functions only know values that are right; whatever
else they meet, they raise, and graphql-core does the whole of it: errors are always its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.utilities.coerce_input_value import coerce_default_value

from schema.execution.documents import Document

ERRORS_MAX = 20
_INT_MAX = 2**31 - 1
_TEXT = {str}

Coercer = Callable[[Any], Any]


class _Unsure(Exception):
    """A value, or a type, that is left to graphql-core."""


@dataclass(frozen=True, slots=True)
class _Variable:
    """A variable of an operation and how a value of it becomes the resolver's."""

    signature: GraphQLVariableSignature
    coerce: Coercer
    is_required: bool


class Variables:
    """Coerces variables of one schema's documents; what it learns of a document stays there."""

    def __init__(self, schema: GraphQLSchema, *, hide_suggestions: bool = False) -> None:
        self._schema = schema
        self._hide_suggestions = hide_suggestions
        # Of input objects and leaves, by type: bounded by the schema. None while it is composed.
        self._named: dict[GraphQLInputType, Coercer | None] = {}

    def of(self, document: Document, inputs: dict[str, Any]) -> VariableValues | list[GraphQLError]:
        """The variables of a document from `inputs`, which is decoded JSON, or what is wrong."""
        variables = document.memory.get("variables")
        if variables is None:
            variables = document.memory["variables"] = self._read(document)
        try:
            return _coerced(variables, inputs)
        except Exception:  # noqa: BLE001  graphql-core finds the same, and says where
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
                coerce = self._coercer(signature.type)
            except _Unsure:
                return (_UNKNOWN,)
            found.append(_Variable(signature, coerce, isinstance(signature.type, GraphQLNonNull)))
        return tuple(found)

    def _coercer(self, type_: GraphQLInputType) -> Coercer:
        """The function for values of a type. Raises _Unsure."""
        if isinstance(type_, GraphQLNonNull):
            return _present(self._inner(type_.of_type))
        return _nullable(self._inner(type_))

    def _inner(self, type_: GraphQLInputType) -> Coercer:
        if isinstance(type_, GraphQLList):
            return _listed(self._coercer(type_.of_type), _text_alone(type_.of_type))
        if type_ not in self._named:
            self._named[type_] = None
            if isinstance(type_, GraphQLInputObjectType):
                self._named[type_] = self._object(type_)
            else:
                self._named[type_] = _leaf(type_)  # type: ignore[arg-type]  # nothing else is left
        found = self._named[type_]
        if found is None:  # refers to itself: how deep it goes is for graphql-core to bound
            raise _Unsure
        return found

    def _object(self, type_: GraphQLInputObjectType) -> Coercer:
        if type_.is_one_of:
            raise _Unsure
        fields = [
            (
                name,
                field.out_name or name,
                self._coercer(field.type),
                is_required_input_field(field),
                coerce_default_value(field),
            )
            for name, field in type_.fields.items()
        ]
        out_type = type_.out_type

        def coerce(value: Any) -> Any:
            if type(value) is not dict:
                raise _Unsure
            coerced: dict[str, Any] = {}
            known = 0
            for name, out_name, coerce_field, is_required, default in fields:
                if name in value:
                    coerced[out_name] = coerce_field(value[name])
                    known += 1
                elif is_required:
                    raise _Unsure
                elif default is not Undefined:
                    coerced[out_name] = default
            if known != len(value):
                raise _Unsure
            return out_type(coerced)

        return coerce


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
            raise _Unsure
    return VariableValues(sources, coerced)


def _refuse(_: Any) -> Any:
    raise _Unsure


# Stands for the variables of an operation that graphql-core coerces: it never has a value.
_UNKNOWN = _Variable(GraphQLVariableSignature("", GraphQLString, None), _refuse, is_required=True)


def _present(inner: Coercer) -> Coercer:
    def coerce(value: Any) -> Any:
        if value is None:
            raise _Unsure
        return inner(value)

    return coerce


def _nullable(inner: Coercer) -> Coercer:
    return lambda value: None if value is None else inner(value)


def _text_alone(type_: GraphQLInputType) -> bool:
    """Whether a value of the type is any text and nothing else."""
    return isinstance(type_, GraphQLNonNull) and type_.of_type in (GraphQLString, GraphQLID)


def _listed(item: Coercer, is_text: bool) -> Coercer:
    def coerce(value: Any) -> Any:
        if type(value) is not list:
            raise _Unsure
        if is_text and set(map(type, value)) <= _TEXT:
            return value.copy()
        return [item(each) for each in value]

    return coerce


def _leaf(type_: GraphQLLeafType) -> Coercer:
    """What a leaf's own function makes of a value; JSON of the right kind is that already."""
    own = type_.coerce_input_value
    if type_ is GraphQLString or type_ is GraphQLID:
        return lambda value: value if type(value) is str else _sure(own(value))
    if type_ is GraphQLBoolean:
        return lambda value: value if type(value) is bool else _sure(own(value))
    if type_ is GraphQLInt:
        return lambda value: (
            value if type(value) is int and -_INT_MAX <= value <= _INT_MAX else _sure(own(value))
        )
    return lambda value: _sure(own(value))


def _sure(value: Any) -> Any:
    if value is Undefined:
        raise _Unsure
    return value
