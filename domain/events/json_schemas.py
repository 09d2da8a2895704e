"""JSON Schemas of event payloads, from their dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final, get_args, get_origin
from uuid import UUID

from domain.events.payloads import ActorMark, EventPayload, NodeId, PayloadField, fields_of

Schema = Mapping[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_OF_TYPES: Final[Mapping[type, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
}


def payload_schema(payload: type[EventPayload]) -> Schema:
    """The JSON Schema of `Event.data` for a type of event.

    A nullable key may be absent in events of earlier versions. Keys may be added later.
    """
    return {"$schema": DIALECT, **_object(payload)}


def _object(payload: Any) -> Schema:
    found = fields_of(payload)
    return {
        "type": "object",
        "properties": {each.key: _property(each) for each in found},
        "required": [each.key for each in found if not each.is_nullable],
    }


def _property(field: PayloadField) -> Schema:
    value = _value(field.bare_type)
    return {"anyOf": [value, {"type": "null"}]} if field.is_nullable else value


def _value(declared: Any) -> Schema:
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is Annotated and isinstance(arguments[1], ActorMark):
        return _value(arguments[0])
    if origin is Annotated:
        is_of_type = isinstance(arguments[1], NodeId)
        of = f" of the type {arguments[1].type_name}" if is_of_type else ""
        return {"type": "string", "description": f"Id of an object{of}, for node(id:)."}
    if origin is tuple:
        return {"type": "array", "items": _value(arguments[0])}
    if origin is Mapping:
        key, value = arguments
        return {
            "type": "object",
            "propertyNames": _value(key),
            "additionalProperties": _value(value),
        }
    if is_dataclass(declared):
        return _object(declared)
    if issubclass(declared, Enum):
        return {"enum": [each.value for each in declared]}
    return _OF_TYPES[declared]
