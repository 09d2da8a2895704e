"""Streams of exception alerts, and of the changes of one object."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from typing import Final

from domain.access.callers import Caller
from domain.events.exceptions import ExceptionEscalated, ExceptionOpened
from domain.events.visibility import may_see_event
from domain.values.codes import comparison_key
from models.queries.events.event_log import LoggedEvent
from subscriptions.log.listeners import (
    ExactListener,
    FoldingListener,
    about,
    of_types,
    subjects_of,
)
from subscriptions.log.relay import Audience, Relay
from subscriptions.streams.stock_and_events import (
    EXACT_BUFFER_MAX,
    FOLDED_BUFFER_MAX,
    STEP,
    chosen,
    chosen_codes,
    folded,
    position_of,
)

# Alerts: a new exception, and one that was passed to the next role.
ALERTS: Final = (ExceptionOpened.type, ExceptionEscalated.type)


class ObjectStreams:
    """Opens streams of alerts and of single objects for the subscribers of this process."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def exception_alerts(
        self,
        caller: Caller,
        *,
        severities: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
        locations: Collection[str] | None = None,
        after: str | None = None,
        audience: Audience | None = None,
    ) -> AsyncGenerator[LoggedEvent, None]:
        """All alerts that the caller may see, in order, each once.

        Raises BadRequest (a malformed cursor), CursorTooOld, and ReaderTooSlow at the end of a
        stream whose subscriber reads too slowly.
        """
        of = chosen(severities, "severities"), chosen(kinds, "kinds")
        at = chosen_codes(locations, "locations")

        def wants(event: LoggedEvent) -> bool:
            facts = (event.data.get("severity"), event.data.get("kind"))
            return (
                event.type in ALERTS
                and all(
                    names is None or fact in names for names, fact in zip(of, facts, strict=True)
                )
                and (at is None or comparison_key(event.location or "") in at)
                and may_see_event(caller, event.type, event.channel, event.location, event.actor)
            )

        listener = ExactListener(of_types(ALERTS), wants, EXACT_BUFFER_MAX)
        async with self._relay.following(
            listener, position_of(after), types=ALERTS, audience=audience
        ) as past:
            async for page in past:
                for event in filter(wants, page):
                    yield event
            while taken := await listener.take(STEP):
                for event in taken:
                    yield event

    async def object_changed(
        self,
        subject: str,
        *,
        after: str | None = None,
        audience: Audience | None = None,
    ) -> AsyncGenerator[LoggedEvent, None]:
        """The latest event of a subject (`Order:<id>`) or of a part of it, after each change.

        The consumer checks at each event that the caller may see the subject, because an event can
        change that.
        """
        listener = FoldingListener(
            about([subject]),
            lambda event: subject in subjects_of(event),
            lambda _: (subject,),
            FOLDED_BUFFER_MAX,
        )
        changes = folded(self._relay, listener, after, None, audience)
        async with aclosing(changes):
            async for taken in changes:
                for _, event in taken:
                    yield event
