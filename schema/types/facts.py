"""Event payloads in GraphQL, and types of events. Keys of objects become global ids.

The log stores plain keys, which its digests cover and which the program uses. The catalog of event
types marks the fields that hold the key of an object.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import strawberry

from domain.access.callers import Caller
from domain.access.permissions import NODE_TYPES
from domain.events.event_types import EVENTS
from domain.events.json_schemas import payload_schema
from domain.events.payloads import (
    ActorName,
    EventPayload,
    NodeId,
    SubjectReference,
    fields_of,
)
from domain.orders.fulfillment_holds import HoldReason, shown_reason
from models.queries.events.event_log import LoggedEvent
from schema.fields.node import encode
from schema.fields.scalars import JSON

Show = Callable[[Any], Any]


def shown(event: LoggedEvent, caller: Caller) -> Mapping[str, Any]:
    """The payload of an event with global ids, and with the names and reasons that the caller may
    read.

    The stored payload of a type that is missing in the catalog.
    """
    payload_type: Any = EVENTS.get(event.type)
    if payload_type is None:
        return event.data
    data = _with_ids(payload_type, event.data)
    named = {key: data[key] for key in _actors(payload_type) if data.get(key) is not None}
    hidden = {key: caller.shown_actor(named[key]) for key in named}
    for key in _hold_reasons(payload_type):
        hidden[key] = str(shown_reason(HoldReason(data[key]), shows_risk=caller.may_see_risk()))
    return {**data, **hidden} if hidden else data


@cache
def _actors(payload_type: Any) -> tuple[str, ...]:
    """The keys of a payload that hold names of actors."""
    return tuple(each.key for each in fields_of(payload_type) if each.bare_type == ActorName)


@cache
def _hold_reasons(payload_type: Any) -> tuple[str, ...]:
    """The keys of a payload that hold reasons of fulfillment holds."""
    return tuple(each.key for each in fields_of(payload_type) if each.bare_type is HoldReason)


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


@strawberry.type
class EventType:
    """A type of event."""

    name: str
    """Type of the event: `stock.changed`, `order.placed`, …"""
    subject: str
    """Type of the object that the event concerns: Order, StockLevel, …"""
    description: str
    """Text for people: when the event is recorded."""
    schema: JSON
    """JSON Schema (2020-12) of `Event.data`. New keys may be added later."""

    @staticmethod
    def of(payload: type[EventPayload]) -> "EventType":
        """The type of event that has this payload."""
        return EventType(
            name=payload.type,
            subject=payload.subject_type,
            description=" ".join((inspect.getdoc(payload) or "").split()),
            schema=JSON(payload_schema(payload)),
        )


def visible_types(caller: Caller) -> list[type[EventPayload]]:
    """The types of events that the caller's role may see."""
    return [payload for name, payload in EVENTS.items() if caller.may_read_event(name)]
