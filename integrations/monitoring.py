"""Monitoring of calls: each try is admitted first, and its result recorded after it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from domain.integrations.figures import TryResult
from integrations.errors import IntegrationError, IntegrationUnavailable

Answer = TypeVar("Answer")


class CallMonitor(Protocol):
    """Admits the calls of one integration and records their results."""

    def may_call(self) -> bool:
        """True if a call may begin now."""

    def record(self, result: TryResult, seconds: float, error: str | None = None) -> None:
        """Record a call that took so many seconds; `error`: why it failed."""


class Unmonitored:
    """Admits every call and records none."""

    def may_call(self) -> bool:
        return True

    def record(self, result: TryResult, seconds: float, error: str | None = None) -> None:
        pass


UNMONITORED: Final = Unmonitored()


async def monitored(monitor: CallMonitor, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Make one try if the monitor admits it. Raises IntegrationError."""
    if not monitor.may_call():
        raise IntegrationUnavailable(
            "the integration must not be called now", was_asked=False, may_retry=False
        )
    return await recorded(monitor, ask)


async def recorded(monitor: CallMonitor, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Make one try, admitted or not, and record its result. Raises IntegrationError."""
    begun = time.monotonic()
    try:
        answer = await ask()
    except IntegrationError as error:
        result = TryResult.THROTTLED if error.is_throttled else TryResult.FAILED
        monitor.record(result, time.monotonic() - begun, str(error))
        raise
    monitor.record(TryResult.SUCCEEDED, time.monotonic() - begun)
    return answer
