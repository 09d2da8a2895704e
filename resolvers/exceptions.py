"""Operational exceptions: the list, the steps that handle them, and alerts."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, TypeVar

from strawberry import ID, UNSET, argument

import models.queries.reads.exceptions as exception_reads
import schema.mutations.exceptions as commands
import workflows.exceptions.handling as exception_handling
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, Resume, given
from schema.fields.enums import ExceptionSeverity, ExceptionStatus
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
    kind: Annotated[
        str | None, argument(description="A row of the catalogue: OVERSOLD, …")
    ] = UNSET,
    owner: Annotated[str | None, argument(description="An actor.")] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[OperationalException]:
    """What went against plan, newest first. Null arguments choose all."""
    page = await exception_reads.exceptions(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
        severity=given(severity),
        kind=given(kind),
        owner=given(owner),
    )
    return CountedConnection(page, OperationalException.from_row, info.context)


async def exception_alerts(
    info: Info,
    severities: list[ExceptionSeverity] | None = UNSET,
    kinds: Annotated[
        list[str] | None, argument(description="Rows of the catalogue: OVERSOLD, …")
    ] = UNSET,
    locations: Annotated[list[str] | None, argument(description="Codes.")] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[ExceptionEvent, None]:
    """Exceptions that open or are escalated, each alert once, in their order.

    Null arguments choose all. A reader that is too slow is closed with RATE_LIMITED and its last
    cursor.
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
    owner: Annotated[str, argument(description="The actor who is to look at it.")],
) -> ExceptionPayload | None:
    """Give an exception an owner. One that was escalated gets a new clock with its new owner.

    Refused: ILLEGAL_TRANSITION unless it is OPEN or ESCALATED, INVALID, NOT_FOUND.
    """
    return await _step(info, exception_handling.assign, lambda: commands.assign(id, owner))


async def exception_start(info: Info, id: ID) -> ExceptionPayload | None:
    """Begin to work on an exception, or go on after waiting; waiting did not count.

    Refused: ILLEGAL_TRANSITION unless it is ASSIGNED or WAITING, NOT_FOUND.
    """
    return await _step(info, exception_handling.start, lambda: commands.start(id))


async def exception_wait(
    info: Info,
    id: ID,
    until: datetime,
    note: Annotated[str, argument(description="What is waited for.")],
) -> ExceptionPayload | None:
    """Stop the clock until an instant at most 90 days ahead, and say what is waited for.

    Refused: ILLEGAL_TRANSITION unless it is IN_PROGRESS, INVALID, NOT_FOUND.
    """
    return await _step(info, exception_handling.wait, lambda: commands.wait(id, until, note))


async def exception_resolve(
    info: Info,
    id: ID,
    resolution: Annotated[str, argument(description="How it was settled, in words.")],
) -> ExceptionPayload | None:
    """Settle an open exception, in words.

    Refused: ILLEGAL_TRANSITION where it is settled already, INVALID, NOT_FOUND.
    """
    return await _step(info, exception_handling.resolve, lambda: commands.resolve(id, resolution))


async def _step(info: Info, action: Action[C], to_command: Callable[[], C]) -> ExceptionPayload:
    return await perform_mutation(info, action, to_command, ExceptionPayload)
