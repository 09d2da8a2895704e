"""Idempotency keys of the mutation fields of one operation.

`@idempotent(key:)` is allowed on root fields of a mutation, directly or in fragments. The HTTP
header `Idempotency-Key` replaces it if the operation has one mutation field. A key anywhere else
would have no effect, so it is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationType,
    SelectionSetNode,
    get_directive_values,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues
from strawberry import argument
from strawberry.directive import DirectiveLocation, DirectiveValue

from server.operations.documents import Document
from server.operations.errors import DocumentRefused, bad_request

DIRECTIVE = "idempotent"
KEY_LENGTH_MAX = 255


@strawberry.directive(
    locations=[DirectiveLocation.FIELD],
    name=DIRECTIVE,
    description=(
        "Makes a mutation field at the root safe to repeat: the same key "
        "performs it once. A repeated request with the same arguments gets the "
        "first result, with `replayed`; other arguments are refused with "
        "IDEMPOTENCY_KEY_REUSED. Keys belong to an actor and are kept for 7 "
        "days."
    ),
)
def idempotent(
    value: DirectiveValue[Any],
    key: Annotated[str, argument(description="1 to 255 characters, new for each change.")],
) -> Any:
    """A part of the SDL only: the key is read before execution, see `keys_of`."""
    return value


def keys_of(
    document: Document, variables: VariableValues, header: str | None
) -> dict[str, str | None]:
    """Idempotency keys, or None, by response key of the mutation's root fields; {} for a query.

    `header` is the value of `Idempotency-Key`, or None. Raises RequestRefused (BAD_REQUEST).
    """
    if document.operation_type is not OperationType.MUTATION:
        if header is not None:
            raise bad_request("Idempotency-Key is allowed only with a mutation.")
        if _places(document):
            raise bad_request(f"@{DIRECTIVE} is allowed only on fields of a mutation.")
        return {}
    if "elsewhere" in _places(document):
        raise bad_request(f"@{DIRECTIVE} is allowed only on root fields of a mutation.")
    keys = _keys_at_root(document, variables)
    if header is None or not keys:
        return keys
    if len(keys) > 1:
        raise bad_request(
            "Idempotency-Key is allowed only with one mutation field; use @idempotent for several."
        )
    [(name, key)] = keys.items()
    header_key = _checked(_unquoted(header))
    if key is not None and key != header_key:
        raise bad_request("Idempotency-Key differs from the key of @idempotent.")
    return {name: header_key}


def _keys_at_root(document: Document, variables: VariableValues) -> dict[str, str | None]:
    """The keys in `@idempotent`, without the header; cached if the document has no such
    directive.
    """
    if document.condition_variables or _places(document):
        return _read_keys(document, variables)
    names: tuple[str, ...] | None = document.memory.get("mutation fields")
    if names is None:
        names = document.memory["mutation fields"] = tuple(_read_keys(document, variables))
    return dict.fromkeys(names)


def _read_keys(document: Document, variables: VariableValues) -> dict[str, str | None]:
    directive = document.schema.get_directive(DIRECTIVE)
    keys: dict[str, str | None] = {}
    try:
        collected = collect_fields(
            document.schema,
            document.fragments,
            variables,
            document.root_type,
            document.operation,
        )
        for name, details in collected.grouped_field_set.items():
            if details[0].node.name.value == "__typename":
                continue
            found: set[str] = set()
            for detail in details:
                values = directive and get_directive_values(directive, detail.node, variables)
                if values:
                    found.add(_checked(values["key"]))
            if len(found) > 1:
                raise bad_request(f"The field '{name}' has different idempotency keys.")
            keys[name] = found.pop() if found else None
    except GraphQLError as error:  # a missing value of @skip or @include
        raise DocumentRefused([error]) from None
    return keys


def _places(document: Document) -> frozenset[str]:
    """The places of the directive, "root" and "elsewhere"; stored with the document."""
    places: frozenset[str] | None = document.memory.get(DIRECTIVE)
    if places is None:
        places = frozenset()
        if DIRECTIVE in document.text:
            places = frozenset(_walk(document))
        document.memory[DIRECTIVE] = places
    return places


def _walk(document: Document) -> Iterator[str]:
    at_root = document.operation_type is OperationType.MUTATION
    stack = [(document.operation.selection_set, at_root)]
    seen: set[tuple[str, bool]] = set()
    while stack:
        selection_set, at_root = stack.pop()
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                if any(item.name.value == DIRECTIVE for item in node.directives or ()):
                    yield "root" if at_root else "elsewhere"
                if node.selection_set:
                    stack.append((node.selection_set, False))
            elif isinstance(node, InlineFragmentNode):
                stack.append((node.selection_set, at_root))
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if (name, at_root) not in seen:
                    seen.add((name, at_root))
                    stack.append((_fragment(document.fragment_definitions, name), at_root))


def _fragment(definitions: Mapping[str, FragmentDefinitionNode], name: str) -> SelectionSetNode:
    return definitions[name].selection_set


def _unquoted(header: str) -> str:
    """The key in the header: bare, or a quoted string as in the IETF's draft."""
    if len(header) >= 2 and header[0] == header[-1] == '"':
        return header[1:-1]
    return header


def _checked(key: str) -> str:
    if not key or key.isspace():
        raise bad_request("An idempotency key must not be empty.")
    if len(key) > KEY_LENGTH_MAX:
        raise bad_request(f"An idempotency key has at most {KEY_LENGTH_MAX} characters.")
    return key
