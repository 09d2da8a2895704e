"""Cancellation of tasks, with a wait until they have ended."""

from __future__ import annotations

import asyncio
from typing import Any

RETRY_SECONDS = 10.0  # longer than the clean-up of a task, which must not be interrupted


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until all have ended. Their results and exceptions are dropped."""
    for task in tasks:
        task.cancel()
    await ended(*tasks)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Wait until these cancelled tasks have ended. Cancel them again every RETRY_SECONDS.

    A cancellation can be lost: if the work of a task fails at the same moment, a task group or a
    library may raise that failure instead, and the task continues.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        _, pending = await asyncio.wait(pending, timeout=RETRY_SECONDS)
        for task in pending:
            task.cancel()
