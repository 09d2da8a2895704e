"""Payloads of events that the catalogue does not have, for tests of the machinery."""

from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from functools import cache
from keyword import iskeyword
from typing import Any, ClassVar

from domain.events.payloads import EventPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDone(EventPayload):
    """An event about nothing."""

    __test__ = False
    type: ClassVar[str] = "test.done"
    subject_type: ClassVar[str] = "Test"
    scoped_by: ClassVar[tuple[str, ...]] = ()


def payload_of(event_type: str, subject_type: str, data: Mapping[str, Any]) -> EventPayload:
    """A payload that is stored as `data`."""
    names = tuple(f"{key}_" if iskeyword(key) else key for key in data)
    payload_type: type[EventPayload] = _payload_type(event_type, subject_type, names)
    return payload_type(**dict(zip(names, data.values(), strict=True)))


@cache
def _payload_type(event_type: str, subject_type: str, names: tuple[str, ...]) -> Any:
    return make_dataclass(
        "Noted",
        [(name, Any) for name in names],
        bases=(EventPayload,),
        namespace={"type": event_type, "subject_type": subject_type, "scoped_by": ()},
        frozen=True,
        kw_only=True,
    )
