"""Prepared root fields: a field's definition and arguments, looked up once per shape of a document.

graphql-core coerces each declared argument for every request, also those that the document leaves
out. A prepared field has the values of literals and defaults already. Only its variables are read
per request.
"""

from collections.abc import Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    VariableNode,
    is_non_null_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import coerce_argument
from graphql.language import BREAK, Visitor, visit


class _VariableArgument(NamedTuple):
    """An argument whose value is a variable, by the name that its resolver expects."""

    argument: str
    variable: str
    is_required: bool


class RootField(NamedTuple):
    """A prepared root field. `constants`: the arguments that do not depend on variables."""

    definition: GraphQLField
    nodes: list[FieldNode]
    constants: Mapping[str, Any]
    variables: Sequence[_VariableArgument]

    def arguments(self, coerced: Mapping[str, Any]) -> dict[str, Any] | None:
        """The arguments with these variables; None if graphql-core must report an error."""
        found = dict(self.constants)
        for argument, variable, is_required in self.variables:
            value = coerced.get(variable)
            if value is None and is_required:
                return None
            if variable in coerced:
                found[argument] = value
        return found


def prepared_root_field(
    schema: GraphQLSchema, parent: GraphQLObjectType, details: FieldDetailsList
) -> RootField | None:
    """The prepared field; None if graphql-core must coerce its arguments for each request."""
    node = details[0].node
    definition = schema.get_field(parent, node.name.value)
    if details[0].fragment_variable_values is not None:
        return None
    if definition is None or not iscoroutinefunction(definition.resolve):
        return None
    given = {argument.name.value: argument for argument in node.arguments or ()}
    constants: dict[str, Any] = {}
    variables: list[_VariableArgument] = []
    try:
        for name, argument in definition.args.items():
            literal = given.get(name)
            if literal is not None and isinstance(literal.value, VariableNode):
                variable = literal.value.name.value
                is_required = is_non_null_type(argument.type)
                variables.append(
                    _VariableArgument(argument.out_name or name, variable, is_required)
                )
                if is_required:
                    continue
                literal = None  # without a value of the variable, the default counts
            elif literal is not None and _has_variables(literal.value):
                return None
            coerce_argument(constants, node, name, argument, literal, None, None)
        hash(tuple(constants.values()))  # values that can change are made for each request
    except (GraphQLError, TypeError):
        return None
    return RootField(definition, [each.node for each in details], constants, variables)


class _SearchForVariables(Visitor):
    found = False

    def enter_variable(self, *_: Any) -> Any:
        self.found = True
        return BREAK


def _has_variables(literal: Any) -> bool:
    search = _SearchForVariables()
    visit(literal, search)
    return search.found
