"""The desk that settles operational exceptions."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from strawberry import ID

import schema.types.changes.exceptions as commands
import workflows.exception_desk as desk
from schema.context import Info
from schema.errors import change
from schema.types.changes.exceptions import TYPE, ExceptionPayload
from workflows.transactions import Action

C = TypeVar("C")


async def exception_assign(info: Info, id: ID, owner: str) -> ExceptionPayload | None:
    """Give an exception an owner."""
    return await _step(info, desk.assign, lambda: commands.assign(id, owner))


async def exception_start(info: Info, id: ID) -> ExceptionPayload | None:
    """Begin, or go on after waiting."""
    return await _step(info, desk.start, lambda: commands.start(id))


async def exception_wait(info: Info, id: ID, until: datetime, note: str) -> ExceptionPayload | None:
    """Stop the clock until an instant, and say what is waited for."""
    return await _step(info, desk.wait, lambda: commands.wait(id, until, note))


async def exception_resolve(info: Info, id: ID, resolution: str) -> ExceptionPayload | None:
    """Settle an exception, in words."""
    return await _step(info, desk.resolve, lambda: commands.resolve(id, resolution))


async def _step(info: Info, action: Action[C], to_command: Callable[[], C]) -> ExceptionPayload:
    return await change(info, action, to_command, ExceptionPayload, exception=TYPE)
