"""Ending tasks: cancelled, and waited for until they are gone."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_SECONDS = 10.0  # longer than what a task does at its end, which must not be broken off


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until all have ended; nobody is told how.

    A cancellation can be lost: where a task's own work fails in the same moment, a task group or a
    library raises that instead, and the task goes on as after any failure. So it is said again.
    """
    for task in tasks:
        task.cancel()
    await ended(*tasks)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Wait until all of these tasks have ended, which were cancelled; as `end` does."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        _, pending = await asyncio.wait(pending, timeout=AGAIN_SECONDS)
        for task in pending:
            task.cancel()
