"""Turns on one connection: a call at a time, and none after the connection was given back."""

from __future__ import annotations

import asyncio
from typing import Literal


class SessionOver(RuntimeError):
    """The connection was given back; by now it may be somebody else's."""


class SessionLock(asyncio.Lock):
    """The lock of a session. Once it is over, whoever waits for a turn or comes for one is refused.

    A read can outlive the operation that asked for it: its siblings failed, nobody waits any more,
    and the session ends around it. Two conversations on one connection would break both.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_over = False

    async def acquire(self) -> Literal[True]:
        """Wait for a turn. Raises SessionOver."""
        await super().acquire()
        if self._is_over:
            self.release()
            raise SessionOver("the session is over")
        return True

    def end(self) -> None:
        """From now on nobody gets a turn; who has it keeps it."""
        self._is_over = True

    async def ended(self) -> None:
        """Wait until nobody has a turn any more."""
        await super().acquire()
        self.release()
