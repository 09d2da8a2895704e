"""Lock of a session: one call at a time, and none after the connection was released."""

from __future__ import annotations

import asyncio
from typing import Literal


class SessionOver(RuntimeError):
    """The session has ended; its connection may be in use by another session."""


class SnapshotNeeded(RuntimeError):
    """A session for a single call does not suffice: another statement, or another plan."""


class SessionLock(asyncio.Lock):
    """The lock of a session. After `end` every waiting or new caller gets SessionOver.

    `calls`: number of calls so far. After `calls_max` of them callers get SnapshotNeeded.

    A read can outlive the operation that started it: its siblings failed and the session ends. A
    later call would then run on a connection that is already in use by another session.
    """

    def __init__(self, calls_max: int | None = None) -> None:
        super().__init__()
        self._is_over = False
        self._calls_max = calls_max
        self.calls = 0
        self._needs_snapshot = False

    @property
    def is_single(self) -> bool:
        """True if a session for a single call sufficed, or would have."""
        return self.calls <= 1 and not self._needs_snapshot

    def need_snapshot(self) -> None:
        """Ask for a plan that fits the values of the next call, which only snapshots make.

        Raises SnapshotNeeded on a session for a single call.
        """
        self._needs_snapshot = True
        if self._calls_max is not None:
            raise SnapshotNeeded("the session is for a call with one plan for all values")

    async def acquire(self) -> Literal[True]:
        """Wait for the lock. Raises SessionOver or SnapshotNeeded."""
        await super().acquire()
        if self._is_over:
            self.release()
            raise SessionOver("the session is over")
        self.calls += 1
        if self._calls_max is not None and self.calls > self._calls_max:
            self.release()
            raise SnapshotNeeded("the session is for a single call")
        return True

    def end(self) -> None:
        """Refuse all further calls; a running call keeps the lock until it is done."""
        self._is_over = True

    async def ended(self) -> None:
        """Wait until no call is running."""
        await super().acquire()
        self.release()
