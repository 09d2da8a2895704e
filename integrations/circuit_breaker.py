"""Circuit breaker: stops calls to a failing system for a while, then tries one call."""

from collections.abc import Callable
from typing import Final

FAILURES_MAX: Final = 5
REST_SECONDS: Final = 30.0


class CircuitBreaker:
    """Opens after `failures_max` failures in a row, for `rest_seconds` of `clock`.

    After each rest one call is let through, until a call succeeds. If that call never returns
    (cancelled, killed), the next one is let through after another rest.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        failures_max: int = FAILURES_MAX,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._clock, self._failures_max, self._rest = clock, failures_max, rest_seconds
        self._failures = 0
        self._resting_until = 0.0

    @property
    def is_open(self) -> bool:
        """True while calls are rejected."""
        return self._failures >= self._failures_max and self._clock() < self._resting_until

    def admits(self) -> bool:
        """True if a call may be made now. The call that is let through after a rest starts the next
        rest.
        """
        if self._failures < self._failures_max:
            return True
        now = self._clock()
        if now < self._resting_until:
            return False
        self._resting_until = now + self._rest
        return True

    def succeeded(self) -> None:
        """Record a successful call: the breaker closes."""
        self._failures = 0

    def failed(self) -> None:
        """Record a failed call; after `failures_max` in a row the breaker opens."""
        self._failures += 1
        if self._failures >= self._failures_max:
            self._resting_until = self._clock() + self._rest
