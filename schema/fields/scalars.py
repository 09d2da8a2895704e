"""Scalars: exact decimals, instants in UTC, and JSON."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NewType

import orjson
import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, StringValueNode, ValueNode
from graphql.utilities import value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from domain.values.instants import YEAR_MIN, YEARS
from server.projection.leaves import instant_text

# Above any amount or rate, and small enough for cheap arithmetic.
DIGITS_MAX: Final = 40
EXPONENT_MAX: Final = 40
TEXT_MAX: Final = 64
# Both database engines store these integers, and every client can parse them.
JSON_INTEGER_MAX: Final = 2**63 - 1
JSON_DEPTH_MAX: Final = 32

JSON = NewType("JSON", object)


def json_of(stored: Any) -> Any:
    """A JSON value from a column, which some drivers return as text."""
    return orjson.loads(stored) if isinstance(stored, str | bytes) else stored


def decimal_of(value: object) -> Decimal:
    """The exact number in a text, an integer or a float (by its digits)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise GraphQLError("Decimal cannot represent a value that is neither text nor number.")
    text = repr(value) if isinstance(value, float) else str(value)
    if len(text) > TEXT_MAX or text != text.strip() or "_" in text or not text.isascii():
        raise GraphQLError("Decimal cannot represent this text.")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise GraphQLError("Decimal cannot represent this text.") from None
    if not number.is_finite():
        raise GraphQLError("Decimal cannot represent a number that is not finite.")
    _, digits, exponent = number.as_tuple()
    if len(digits) > DIGITS_MAX or abs(int(exponent)) > EXPONENT_MAX:
        raise GraphQLError("Decimal cannot represent a number of this size or precision.")
    return number


def _decimal_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> Decimal:
    if not isinstance(node, StringValueNode | IntValueNode | FloatValueNode):
        raise GraphQLError("Decimal cannot represent a value that is neither text nor number.")
    return decimal_of(node.value)


def _decimal_text(value: Decimal) -> str:
    text = str(value)
    return text if "E" not in text else f"{value:f}"


def instant_of(value: object) -> datetime:
    """The instant in an ISO 8601 text with an offset from UTC."""
    if not isinstance(value, str) or not 20 <= len(value) <= TEXT_MAX or value[10] not in "Tt":
        raise GraphQLError('DateTime must have the form "2026-01-31T12:00:00Z".')
    try:
        instant = datetime.fromisoformat(value.upper())
        if instant.tzinfo is None:
            raise GraphQLError("DateTime needs an offset from UTC, such as Z or +01:00.")
        instant = instant.astimezone(UTC)
        if instant.year < YEAR_MIN:
            raise GraphQLError(f"DateTime must be {YEARS}.")
        return instant
    except OverflowError:
        raise GraphQLError(f"DateTime must be {YEARS}.") from None
    except ValueError:
        raise GraphQLError('DateTime must have the form "2026-01-31T12:00:00Z".') from None


def _instant_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> datetime:
    return instant_of(node.value if isinstance(node, StringValueNode) else None)


def json_value(value: object) -> object:
    """A JSON value from a client, checked for exact storage and depth."""
    stack = [(value, 1)]
    while stack:
        part, depth = stack.pop()
        if depth > JSON_DEPTH_MAX:
            raise GraphQLError(f"JSON must not be nested deeper than {JSON_DEPTH_MAX} levels.")
        if isinstance(part, dict):
            stack.extend((each, depth + 1) for each in part.values())
        elif isinstance(part, list):
            stack.extend((each, depth + 1) for each in part)
        elif not (part is None or isinstance(part, str | bool)):
            _check_number(part)
    return value


def _check_number(part: object) -> None:
    if not isinstance(part, int | float):
        raise GraphQLError("JSON consists of objects, lists, texts, numbers, true, false, null.")
    # A float of this size is an integer too, and its last digits are lost already.
    size = abs(part) if isinstance(part, float) or part >= 0 else -1 - part
    if not size <= JSON_INTEGER_MAX:
        raise GraphQLError("JSON cannot represent a number beyond 64 bits: send it as text.")


def _json_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> object:
    return json_value(value_from_ast_untyped(node, dict(variables or {})))


def _positioned(parse: Callable[..., Any]) -> Callable[..., Any]:
    """A parser of literals that adds the position in the document to errors."""

    def placed(node: ValueNode, variables: Mapping[str, Any] | None = None) -> Any:
        try:
            return parse(node, variables)
        except GraphQLError as error:
            raise GraphQLError(error.message, node) from None

    return placed


SCALARS: Final[Mapping[object, ScalarDefinition]] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='Exact decimal number; a string on output: "12.50".',
        serialize=_decimal_text,
        parse_value=decimal_of,
        parse_literal=_positioned(_decimal_literal),
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="Instant in ISO 8601; UTC on output.",
        serialize=instant_text,
        parse_value=instant_of,
        parse_literal=_positioned(_instant_literal),
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        serialize=lambda value: value,
        parse_value=json_value,
        parse_literal=_positioned(_json_literal),
    ),
}
