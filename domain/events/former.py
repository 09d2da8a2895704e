"""Events of earlier versions, read as today's: former types and payload keys.

The log is append-only and its audit chain covers the stored payloads, so they stay as they were
written (docs/decisions/0019-event-types.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from domain.events.catalog import changed_fields

Data = Mapping[str, Any]

# Former type → today's.
FORMER_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "return.looked_at": "return.inspection_recorded",
        "refund.agreed": "refund.approval_recorded",
    }
)
_FORMER_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "safety_stock": "safetyStock",
        "quality_control": "qualityControl",
        "order_line": "orderLine",
    }
)


def current_type(event_type: str) -> str:
    """Today's type of a stored event."""
    return FORMER_TYPES.get(event_type, event_type)


def stored_types(types: Iterable[str]) -> list[str]:
    """These types and the former types that are read as one of them."""
    wanted = set(types)
    return sorted(wanted | {former for former, new in FORMER_TYPES.items() if new in wanted})


def current_data(event_type: str, data: Data) -> Data:
    """The payload of a stored event of today's type, under today's keys."""
    noun = event_type.partition(".")[0]
    convert = _CONVERT.get(noun)
    return data if convert is None else convert(data)


def _renamed(data: Data) -> Data:
    if _FORMER_KEYS.keys().isdisjoint(data):
        return data
    return {_FORMER_KEYS.get(key, key): value for key, value in data.items()}


def _with_renamed_items(data: Data) -> Data:
    items = data.get("items", ())
    if all(_FORMER_KEYS.keys().isdisjoint(item) for item in items):
        return data
    return {**data, "items": [_renamed(item) for item in items]}


def _with_changed_fields(data: Data) -> Data:
    names = data.get("changed", ())
    if not any("_" in name for name in names):
        return data
    return {**data, "changed": list(changed_fields(names))}


_CONVERT: Final[Mapping[str, Callable[[Data], Data]]] = MappingProxyType(
    {
        "stock": _renamed,
        "return": _with_renamed_items,
        **dict.fromkeys(
            ("item", "supplier", "reason", "location", "channel"), _with_changed_fields
        ),
    }
)
