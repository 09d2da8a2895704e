"""Streams of exception alerts, and of the changes of one object."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from typing import Final

from domain.access.callers import Caller
from domain.events.event_types import AREAS
from domain.events.exceptions import ExceptionEscalated, ExceptionOpened, ExceptionReopened
from domain.events.visibility import may_see_event
from domain.values.codes import comparison_key, same_code
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

# Alerts: a new exception, one whose condition came back, and one passed to the next role.
ALERTS: Final = (ExceptionOpened.type, ExceptionReopened.type, ExceptionEscalated.type)
STEPS: Final = tuple(payload.type for payload in AREAS["Exceptions"])
INTEGRATION_STEPS: Final = tuple(payload.type for payload in AREAS["Integrations"])


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
        owner_roles: Collection[str] | None = None,
        owner: str | None = None,
        every: bool = False,
        after: str | None = None,
        audience: Audience | None = None,
    ) -> AsyncGenerator[LoggedEvent, None]:
        """All alerts that the caller may see, in order, each once; `every`: all steps instead.

        Raises BadRequest (a malformed cursor), CursorTooOld, and ReaderTooSlow at the end of a
        stream whose subscriber reads too slowly.
        """
        of = {
            "severity": chosen(severities, "severities"),
            "kind": chosen(kinds, "kinds"),
            "ownerRole": chosen(owner_roles, "ownerRoles"),
        }
        at = chosen_codes(locations, "locations")
        types = STEPS if every else ALERTS

        def wants(event: LoggedEvent) -> bool:
            facts = event.data
            return (
                event.type in types
                and all(names is None or facts.get(key) in names for key, names in of.items())
                and (owner is None or same_code(facts.get("owner") or "", owner))
                and (at is None or comparison_key(event.location or "") in at)
                and may_see_event(
                    caller, event.type, event.channel, event.location, event.actor, facts
                )
            )

        listener = ExactListener(of_types(types), wants, EXACT_BUFFER_MAX)
        async with self._relay.following(
            listener, position_of(after), types=types, audience=audience
        ) as past:
            async for page in past:
                for event in filter(wants, page):
                    yield event
            while taken := await listener.take(STEP):
                for event in taken:
                    yield event

    async def integrations_changed(
        self,
        *,
        codes: Collection[str] | None = None,
        after: str | None = None,
        audience: Audience | None = None,
    ) -> AsyncGenerator[LoggedEvent, None]:
        """The latest event of each integration, after each change of it.

        The consumer checks at each event that the caller may see the integration. Raises BadRequest
        for a malformed cursor or too many codes.
        """
        of = chosen_codes(codes, "codes")

        def wants(event: LoggedEvent) -> bool:
            return event.type in INTEGRATION_STEPS and (
                of is None or comparison_key(event.data["code"]) in of
            )

        listener = FoldingListener(
            of_types(INTEGRATION_STEPS),
            wants,
            lambda event: (event.subject_key,),
            FOLDED_BUFFER_MAX,
        )
        changes = folded(self._relay, listener, after, INTEGRATION_STEPS, audience)
        async with aclosing(changes):
            async for taken in changes:
                for _, event in taken:
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
