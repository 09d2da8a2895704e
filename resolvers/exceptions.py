"""Operational exceptions: the list, the steps that handle them, and alerts."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, TypeVar

from strawberry import ID, UNSET, argument

import models.queries.reads.exceptions as exception_reads
import schema.mutations.exceptions as commands
import workflows.exceptions.handling as exception_handling
from models.queries.reads.exceptions import ExceptionFilters
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, Resume, given, several
from schema.fields.enums import ExceptionSeverity, ExceptionStatus
from schema.fields.node import subject_of
from schema.fields.paging import CountedConnection, selection_of, window
from schema.mutations.exceptions import ExceptionPayload
from schema.mutations.perform import perform_mutation
from schema.streams import object_now
from schema.types.events import ExceptionEvent
from schema.types.exceptions import OperationalException
from workflows.transactions.actions import Action

C = TypeVar("C")


async def exceptions(
    info: Info,
    status: ExceptionStatus | None = UNSET,
    severity: ExceptionSeverity | None = UNSET,
    kind: Annotated[str | None, argument(description="Only of this kind: OVERSOLD, …")] = UNSET,
    owner: Annotated[str | None, argument(description="Only of this owner (actor).")] = UNSET,
    kinds: Annotated[list[str] | None, argument(description="Several, instead of `kind`.")] = UNSET,
    owner_role: Annotated[
        str | None, argument(description="Only of this role in charge: WAREHOUSE, FINANCE, …")
    ] = UNSET,
    location: Annotated[
        str | None, argument(description="Only of the location with this code.")
    ] = UNSET,
    subject: Annotated[
        ID | None, argument(description="Only those that concern this object.")
    ] = UNSET,
    open: Annotated[
        bool | None, argument(description="True: only open ones. False: only resolved ones.")
    ] = UNSET,
    breached: Annotated[
        bool | None, argument(description="True: only open ones past `dueAt`. False: only others.")
    ] = UNSET,
    by_due: Annotated[bool | None, argument(description="True: earliest `dueAt` first.")] = False,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[OperationalException]:
    """Operational exceptions, newest first unless `byDue`. Null arguments do not filter."""
    concerned = given(subject)
    filters = ExceptionFilters(
        status=given(status),
        severity=given(severity),
        kinds=several(kind, kinds, "kind"),
        owner=given(owner),
        owner_role=given(owner_role),
        location=given(location),
        subject=None if concerned is None else subject_of(concerned),
        is_open=given(open),
        is_breached=given(breached),
    )
    page = await exception_reads.exceptions(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        filters=filters,
        by_due=bool(given(by_due)),
        now=info.context.now,
    )
    return CountedConnection(page, OperationalException.from_row, info.context)


async def exception_alerts(
    info: Info,
    severities: list[ExceptionSeverity] | None = UNSET,
    kinds: Annotated[
        list[str] | None, argument(description="Only of these kinds: OVERSOLD, …")
    ] = UNSET,
    locations: Annotated[
        list[str] | None, argument(description="Only of the locations with these codes.")
    ] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[ExceptionEvent, None]:
    """Exceptions that are opened or escalated: one alert each, in the order of the log.

    Null arguments do not filter. A subscriber that reads too slowly is disconnected with
    RATE_LIMITED and its last cursor.
    """
    context = info.context
    stream = context.services.objects.exception_alerts(
        context.caller,
        severities=given(severities),
        kinds=given(kinds),
        locations=given(locations),
        after=given(after),
        audience=context.audience,
    )
    async with aclosing(stream) as alerts:
        async for event in alerts:
            found = await object_now(context, event.subject_type, event.subject_key)
            if found is not None:
                yield ExceptionEvent(cursor=event.cursor, exception=found)


async def exception_assign(
    info: Info,
    id: ID,
    owner: Annotated[
        str, argument(description="Actor that is to handle the exception, or a role.")
    ],
) -> ExceptionPayload | None:
    """Assign an exception to an owner. An escalated exception gets a new due time.

    The owner is an actor with a live key that sees the exception, or the name of a role. Refused:
    ILLEGAL_TRANSITION unless it is OPEN or ESCALATED, INVALID, NOT_FOUND.
    """
    return await _step(info, exception_handling.assign, lambda: commands.assign(id, owner))


async def exception_start(info: Info, id: ID) -> ExceptionPayload | None:
    """Start work on an exception, or resume it after waiting.

    Its due time is extended by the time spent waiting. Refused: ILLEGAL_TRANSITION unless it is
    ASSIGNED or WAITING, NOT_FOUND.
    """
    return await _step(info, exception_handling.start, lambda: commands.start(id))


async def exception_wait(
    info: Info,
    id: ID,
    until: datetime,
    note: Annotated[
        str, argument(description="Event or person that the exception waits for, as free text.")
    ],
) -> ExceptionPayload | None:
    """Suspend an exception until an instant at most 90 days ahead.

    Its due time is extended by the time spent waiting. Refused: ILLEGAL_TRANSITION unless it is
    IN_PROGRESS, INVALID, NOT_FOUND.
    """
    return await _step(info, exception_handling.wait, lambda: commands.wait(id, until, note))


async def exception_resolve(
    info: Info,
    id: ID,
    resolution: Annotated[
        str, argument(description="Description of the resolution, as free text.")
    ],
) -> ExceptionPayload | None:
    """Resolve an open exception.

    Refused: ILLEGAL_TRANSITION if it is resolved already, INVALID, NOT_FOUND.
    """
    return await _step(info, exception_handling.resolve, lambda: commands.resolve(id, resolution))


async def _step(info: Info, action: Action[C], to_command: Callable[[], C]) -> ExceptionPayload:
    return await perform_mutation(info, action, to_command, ExceptionPayload)
