"""Event payloads: dataclasses in the program, JSON objects with camelCase keys in the log.

A payload class declares the type of its event, the type of its subject and its scope. It holds
ids, codes, states, quantities and amounts only, never personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID


@dataclass(frozen=True, slots=True)
class NodeId:
    """Marks a field that holds the key of an object; clients get the id that `node` takes."""

    type_name: str


class SubjectReference:
    """Marks a field that holds `Order:<key>`; clients get the id that `node` takes."""


class ActorMark:
    """Marks a field with the name of an actor, which not every caller may read."""


ActorName = Annotated[str, ActorMark()]
ApiKeyId = Annotated[UUID, NodeId("ApiKey")]
CountId = Annotated[UUID, NodeId("StockCount")]
FulfillmentId = Annotated[UUID, NodeId("Fulfillment")]
FulfillmentHoldId = Annotated[UUID, NodeId("FulfillmentHold")]
OrderId = Annotated[UUID, NodeId("Order")]
OrderLineId = Annotated[UUID, NodeId("OrderLine")]
ReturnId = Annotated[UUID, NodeId("Return")]
ReturnItemId = Annotated[UUID, NodeId("ReturnItem")]
TransferId = Annotated[UUID, NodeId("Transfer")]
Subject = Annotated[str, SubjectReference()]
# JSON keys are strings, so mappings by object are keyed by the text of the object's key.
UnitsByFulfillment = Mapping[Annotated[str, NodeId("Fulfillment")], int]
UnitsByOrderLine = Mapping[Annotated[str, NodeId("OrderLine")], int]
UnitsBySku = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPayload:
    """The payload of one type of event.

    `scoped_by` names what an event of this type carries for keys that are limited to channels or
    locations: "channel", "location", both or nothing.
    """

    type: ClassVar[str]
    subject_type: ClassVar[str]
    scoped_by: ClassVar[tuple[str, ...]]


PayloadT = TypeVar("PayloadT", bound=EventPayload)
DataclassT = TypeVar("DataclassT")


@dataclass(frozen=True, slots=True)
class PayloadField:
    """A field of a payload: its name in the program, its key in JSON, and its type with marks."""

    name: str
    key: str
    type: Any

    @property
    def is_nullable(self) -> bool:
        return type(None) in get_args(self.type)

    @property
    def bare_type(self) -> Any:
        """The type without None."""
        if get_origin(self.type) in (Union, UnionType):
            [kept] = [each for each in get_args(self.type) if each is not type(None)]
            return kept
        return self.type


def fields_of(payload: Any) -> tuple[PayloadField, ...]:
    """The fields of a payload class, or of a dataclass inside one."""
    return _fields_of(payload)


@cache
def _fields_of(payload: Any) -> tuple[PayloadField, ...]:
    hints = get_type_hints(payload, include_extras=True)
    return tuple(
        PayloadField(each.name, json_key(each.name), hints[each.name]) for each in fields(payload)
    )


def json_key(name: str) -> str:
    """The camelCase key of a field; `return_` and `from_` lose what keeps them from keywords."""
    first, *others = name.rstrip("_").split("_")
    return first + "".join(other.capitalize() for other in others)


# ─── to JSON ───


@dataclass(frozen=True, slots=True)
class _Encoder:
    """The keys of a payload, a function that reads all values, and the keys of nested lists."""

    keys: tuple[str, ...]
    read: Callable[[Any], tuple[Any, ...]]
    nested: tuple[str, ...]


@cache
def _encoder(payload: Any) -> _Encoder:
    found = fields_of(payload)
    names = [each.name for each in found]
    return _Encoder(
        keys=tuple(each.key for each in found),
        # attrgetter returns a tuple only for two names or more.
        read=attrgetter(*names) if len(names) > 1 else _reader(names),
        nested=tuple(each.key for each in found if get_origin(each.bare_type) is tuple),
    )


def _reader(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda payload: tuple(getattr(payload, name) for name in names)


def encode(payload: Any) -> dict[str, Any]:
    """The payload under its JSON keys; ids, times and enums are left to the JSON writer."""
    payload_type: Any = type(payload)
    encoder = _encoder(payload_type)
    data: dict[str, Any] = dict(zip(encoder.keys, encoder.read(payload), strict=False))
    for key in encoder.nested:
        if data[key] is not None:
            data[key] = [encode(each) if is_dataclass(each) else each for each in data[key]]
    return data


# ─── from JSON ───


def decode(payload: type[DataclassT], data: Mapping[str, Any]) -> DataclassT:
    """The payload that was stored as `data`; a nullable field may be absent.

    Raises KeyError or ValueError for data of another type of event.
    """
    payload_type: Any = payload
    values = {}
    for name, key, is_nullable, convert in _decoders(payload_type):
        value = data.get(key) if is_nullable else data[key]
        values[name] = None if value is None and is_nullable else convert(value)
    return payload(**values)


@cache
def _decoders(
    payload: Any,
) -> tuple[tuple[str, str, bool, Callable[[Any], Any]], ...]:
    return tuple(
        (each.name, each.key, each.is_nullable, _converter(each.bare_type))
        for each in fields_of(payload)
    )


def _converter(wanted: Any) -> Callable[[Any], Any]:
    """A function that makes a value of a field's type from its JSON value."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return _converter(arguments[0])
    if origin is tuple:
        convert = _converter(arguments[0])
        return lambda values: tuple(convert(each) for each in values)
    if isinstance(wanted, type) and is_dataclass(wanted):
        return lambda value: decode(wanted, value)
    if wanted is datetime:
        return datetime.fromisoformat
    if wanted is UUID or (isinstance(wanted, type) and issubclass(wanted, Enum)):
        return wanted
    return lambda value: value
