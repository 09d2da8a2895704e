"""What a fact says as clients read it: the ids in it are such as `node` takes.

The log keeps plain keys, which its digests cover and which this code goes by.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.access.permissions import NODE_TYPES
from models.queries.events.event_log import LoggedEvent
from schema.fields.node import encode


def shown(event: LoggedEvent) -> Mapping[str, Any]:
    """The data of a fact."""
    data = event.data
    if _NAMES.isdisjoint(data) and event.type not in _OF_TYPE:
        return data
    show = {**_SHOWN, **_OF_TYPE.get(event.type, {})}
    return {name: show[name](value) if name in show else value for name, value in data.items()}


def _of(type_name: str) -> Callable[[Any], Any]:
    return lambda key: None if key is None else encode(type_name, key)


def _subject(value: str) -> str:
    """`Fulfillment:<key>`; of what is no node, as it is."""
    type_name, _, key = value.partition(":")
    return encode(type_name, key) if type_name in NODE_TYPES else value


def _quantities(by_line: Mapping[str, Any]) -> Mapping[str, Any]:
    return {encode("OrderLine", key): quantity for key, quantity in by_line.items()}


def _items(items: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Groups of returned units; what nobody has identified yet has no ids."""
    show = {"id": _of("ReturnItem"), "order_line": _of("OrderLine")}
    return [
        {name: show[name](value) if name in show else value for name, value in each.items()}
        for each in items
    ]


_SHOWN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "order": _of("Order"),
    "return": _of("Return"),
    "fulfillment": _of("Fulfillment"),
    "rerouted": lambda keys: [encode("Fulfillment", key) for key in keys],
    "subject": _subject,
    "lines": _quantities,
    "items": _items,
}
_NAMES: Final = frozenset(_SHOWN)
# What these names stand for in facts of one type only.
_OF_TYPE: Final[Mapping[str, Mapping[str, Callable[[Any], Any]]]] = {
    "order.rerouted": {"from": _of("Fulfillment"), "to": _of("Fulfillment")}
}
