"""Payloads of event types that exist in tests only; and all stored events."""

from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from functools import cache
from keyword import iskeyword
from typing import Any, ClassVar

import models.queries.events.event_log as event_log
from domain.events.payloads import EventPayload
from models.database.database import Database


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


async def numbered_events(database: Database) -> list[event_log.LoggedEvent]:
    """All events, numbered in the order of their ids."""
    async with database.writer(lambda: None) as session:
        await session.execute(
            "INSERT INTO event_position (position, event_id) SELECT event_id, event_id"
            " FROM event_pending"
        )
        await session.execute("DELETE FROM event_pending")
    async with database.snapshot() as session:
        return await event_log.events_after(session, 0, 10_000)
