"""The text of docs/events.md: every type of event, from the docstrings of its payload."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final, get_args, get_origin

from domain.access.callers import ROLE_PERMISSIONS
from domain.events.event_types import AREAS, EVENTS, permission_of
from domain.events.former import FORMER_TYPES
from domain.events.payloads import ActorMark, EventPayload, NodeId, PayloadField, fields_of
from server.operations.descriptions import Docstrings

INTRODUCTION: Final = """\
# Events

<!-- Written by `make schema` from the docstrings in domain/events; edit them there. -->

Every change is recorded as an event in the transaction that makes it. The query `events` and the
subscription `events` return them in the order of the log (docs/streams.md), as the GraphQL type
`Event`. This page lists the types and the keys of `data`, the payload.

- A payload has ids, codes, states, quantities and amounts, never personal data.
- Ids are those that `node(id:)` takes. Times are ISO 8601 in UTC. Amounts are integers in minor
  units, beside their currency. Quantities are units.
- An event is visible to keys that have the permission `events.read` and the one named beside it;
  the table of permissions lists their roles. A key that is limited to channels or locations sees
  the events of these. If it is limited to locations, it sees events that concern a whole order
  only if its own actor caused them: those of orders, reservations, refunds, returns, exceptions
  and carriers that name a channel and no location. If it is limited in any way, it sees events of
  API keys only if its own actor caused them, and no events of exceptions about the whole shop.
- New types and new keys may be added. Ignore those that you do not know.
"""

_PRIMITIVES: Final[Mapping[Any, str]] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    datetime: "time",
}


def reference() -> str:
    """The whole page."""
    docstrings = Docstrings()
    parts = [INTRODUCTION]
    for area, payloads in AREAS.items():
        parts.append("\n".join(_area(area, payloads, docstrings)) + "\n")
    parts.append("\n".join(_permissions()) + "\n")
    parts.append("\n".join(_former()) + "\n")
    return "\n".join(parts)


def _area(
    area: str, payloads: Sequence[type[EventPayload]], docstrings: Docstrings
) -> Iterator[str]:
    yield f"## {area}"
    yield ""
    yield "| type | recorded when | subject | permission | limited by | payload |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for payload in payloads:
        keys = ", ".join(f"`{each.key}`" for each in fields_of(payload))
        yield _row(
            f"`{payload.type}`",
            _in_one_line(docstrings.of(payload).of_class),
            payload.subject_type,
            f"`{permission_of(payload)}`",
            ", ".join(payload.scoped_by),
            keys,
        )
    yield ""
    yield "| key | type | meaning |"
    yield "| --- | --- | --- |"
    yield from dict.fromkeys(
        row for payload in payloads for row in _field_rows(payload, docstrings)
    )


def _field_rows(payload: type[Any], docstrings: Docstrings, prefix: str = "") -> Iterator[str]:
    for field in fields_of(payload):
        meaning = _in_one_line(docstrings.under(payload, field.name))
        yield _row(f"`{prefix}{field.key}`", _type_of(field), meaning)
        for part in get_args(field.bare_type):
            if is_dataclass(part) and isinstance(part, type):
                yield from _field_rows(part, docstrings, f"{field.key}[].")


def _type_of(field: PayloadField) -> str:
    return _type_name(field.bare_type) + (" or null" if field.is_nullable else "")


def _type_name(declared: Any) -> str:
    """The type of a value in JSON."""
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is Annotated:
        mark = arguments[1]
        if isinstance(mark, ActorMark):
            return _type_name(arguments[0])
        return f"id of {mark.type_name}" if isinstance(mark, NodeId) else "id"
    if origin is tuple:
        part = "object" if is_dataclass(arguments[0]) else _type_name(arguments[0])
        return f"list: {part}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key = "SKU" if arguments[0] is str else _type_name(arguments[0])
        return f"object: units by {key}"
    if isinstance(declared, type) and issubclass(declared, Enum):
        return ", ".join(f"`{each.value}`" for each in declared)
    return _PRIMITIVES[declared]


def _permissions() -> Iterator[str]:
    yield "## Permissions"
    yield ""
    yield "| permission | roles that see its events |"
    yield "| --- | --- |"
    for permission in sorted({permission_of(payload) for payload in EVENTS.values()}):
        roles = [
            str(role)
            for role, permissions in ROLE_PERMISSIONS.items()
            if {permission, "events.read"} <= permissions
        ]
        yield _row(f"`{permission}`", ", ".join(roles))


def _former() -> Iterator[str]:
    yield "## Former types"
    yield ""
    yield "Events that earlier versions recorded have today's type, in answers and in filters, and"
    yield "today's keys. Keys that were added later are absent."
    yield ""
    yield "| former type | type |"
    yield "| --- | --- |"
    for former, current in FORMER_TYPES.items():
        yield _row(f"`{former}`", f"`{current}`")


def _in_one_line(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
