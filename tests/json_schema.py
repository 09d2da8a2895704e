"""A checker for the keywords of JSON Schema that the schemas of the API use.

A keyword that it does not know is an error, so no schema passes unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def is_valid(schema: Schema, value: Any) -> bool:
    """True if the value has the structure that the schema states."""
    return all(_CHECKS[keyword](schema, value) for keyword in schema)


def _properties(schema: Schema, value: Any) -> bool:
    known = schema["properties"]
    return not isinstance(value, dict) or all(
        is_valid(known[key], each) for key, each in value.items() if key in known
    )


def _pattern_properties(schema: Schema, value: Any) -> bool:
    return not isinstance(value, dict) or all(
        is_valid(each, member)
        for pattern, each in schema["patternProperties"].items()
        for key, member in value.items()
        if re.search(pattern, key)
    )


def _additional(schema: Schema, value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    patterns = schema.get("patternProperties", ())
    extra = [
        member
        for key, member in value.items()
        if key not in schema.get("properties", ())
        and not any(re.search(pattern, key) for pattern in patterns)
    ]
    allowed = schema["additionalProperties"]
    return not extra if allowed is False else all(is_valid(allowed, each) for each in extra)


def _contains(schema: Schema, value: Any) -> bool:
    if not isinstance(value, list):
        return True
    count = sum(is_valid(schema["contains"], each) for each in value)
    return bool(schema.get("minContains", 1) <= count <= schema.get("maxContains", count))


def _unique(_: Schema, value: Any) -> bool:
    return not isinstance(value, list) or all(each not in value[:n] for n, each in enumerate(value))


def _size(of: type, keyword: str, fits: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    return lambda schema, value: not isinstance(value, of) or fits(value, schema[keyword])


def _number(keyword: str, fits: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    def check(schema: Schema, value: Any) -> bool:
        return not _TYPES["number"](value) or fits(value, schema[keyword])

    return check


def _always(_: Schema, __: Any) -> bool:
    return True


_CHECKS: Mapping[str, Callable[[Schema, Any], bool]] = {
    **dict.fromkeys(("$schema", "title", "description", "format"), _always),
    **dict.fromkeys(("minContains", "maxContains"), _always),
    "type": lambda schema, value: _TYPES[schema["type"]](value),
    "enum": lambda schema, value: value in schema["enum"],
    "const": lambda schema, value: value == schema["const"],
    "anyOf": lambda schema, value: any(is_valid(each, value) for each in schema["anyOf"]),
    "allOf": lambda schema, value: all(is_valid(each, value) for each in schema["allOf"]),
    "not": lambda schema, value: not is_valid(schema["not"], value),
    "required": _size(dict, "required", lambda value, keys: all(key in value for key in keys)),
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": lambda schema, value: (
        not isinstance(value, dict) or all(is_valid(schema["propertyNames"], key) for key in value)
    ),
    "items": lambda schema, value: (
        not isinstance(value, list) or all(is_valid(schema["items"], each) for each in value)
    ),
    "contains": _contains,
    "uniqueItems": _unique,
    "pattern": _size(str, "pattern", lambda value, text: bool(re.search(text, value))),
    "minLength": _size(str, "minLength", lambda value, least: len(value) >= least),
    "maxLength": _size(str, "maxLength", lambda value, most: len(value) <= most),
    "minItems": _size(list, "minItems", lambda value, least: len(value) >= least),
    "maxItems": _size(list, "maxItems", lambda value, most: len(value) <= most),
    "minProperties": _size(dict, "minProperties", lambda value, least: len(value) >= least),
    "maxProperties": _size(dict, "maxProperties", lambda value, most: len(value) <= most),
    "minimum": _number("minimum", lambda value, least: value >= least),
    "maximum": _number("maximum", lambda value, most: value <= most),
}
