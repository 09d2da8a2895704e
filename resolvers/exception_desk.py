"""The desk that settles operational exceptions."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

from strawberry import ID, argument

import schema.mutations.exceptions as commands
import workflows.exceptions.handling as exception_handling
from schema.context import Info
from schema.errors import perform_mutation
from schema.mutations.exceptions import TYPE, ExceptionPayload
from workflows.transactions.actions import Action

C = TypeVar("C")


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
    return await perform_mutation(info, action, to_command, ExceptionPayload, exception=TYPE)
