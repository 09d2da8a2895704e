"""Event payloads in GraphQL: keys of objects become global ids.

The log stores plain keys, which its digests cover and which the program uses. The catalog of event
types marks the fields that hold the key of an object.
"""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from domain.access.permissions import NODE_TYPES
from domain.events.event_types import EVENTS
from domain.events.payloads import NodeId, SubjectReference, fields_of
from models.queries.events.event_log import LoggedEvent
from schema.fields.node import encode

Show = Callable[[Any], Any]


def shown(event: LoggedEvent) -> Mapping[str, Any]:
    """The payload of an event with global ids; stored payload of a type missing in the catalog."""
    payload_type: Any = EVENTS.get(event.type)
    return event.data if payload_type is None else _with_ids(payload_type, event.data)


def _with_ids(payload_type: Any, data: Mapping[str, Any]) -> Mapping[str, Any]:
    conversions = _conversions(payload_type)
    if not conversions:
        return data
    return {
        key: value if value is None or key not in conversions else conversions[key](value)
        for key, value in data.items()
    }


@cache
def _conversions(payload_type: Any) -> Mapping[str, Show]:
    """Conversions of the fields that hold keys, by their names in JSON."""
    found = {each.key: _conversion(each.bare_type) for each in fields_of(payload_type)}
    return {key: conversion for key, conversion in found.items() if conversion is not None}


def _conversion(declared: Any) -> Show | None:
    """The conversion of a value of this declared type; None: it is returned as stored."""
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is Annotated:
        mark = arguments[1]
        if isinstance(mark, NodeId):
            return lambda key: encode(mark.type_name, key)
        return _subject if isinstance(mark, SubjectReference) else None
    if origin is tuple:
        part = arguments[0]
        if is_dataclass(part):
            return lambda values: [_with_ids(part, value) for value in values]
        each = _conversion(part)
        return None if each is None else lambda values: [each(value) for value in values]
    if origin is Mapping:
        of_key = _conversion(arguments[0])
        return None if of_key is None else lambda units: {of_key(k): v for k, v in units.items()}
    return None


def _subject(value: str) -> str:
    """The global id for `Fulfillment:<key>`; a type that is no node stays as it is."""
    type_name, _, key = value.partition(":")
    return encode(type_name, key) if type_name in NODE_TYPES else value
