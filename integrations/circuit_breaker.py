"""A circuit breaker: what keeps failing is left alone for a while, then tried by one call."""

from collections.abc import Callable
from typing import Final

FAILURES_MAX: Final = 5
REST_SECONDS: Final = 30.0


class CircuitBreaker:
    """Opens after `failures_max` failures in a row, for `rest_seconds` of `clock`.

    Behind the rest each further rest lets one call through, until one succeeds: a call that never
    comes back (cancelled, killed) so holds nobody up for longer than that.
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
        """Whether calls are kept away at this moment."""
        return self._failures >= self._failures_max and self._clock() < self._resting_until

    def admits(self) -> bool:
        """Whether a call may go out now. The one that tries after a rest begins the next rest."""
        if self._failures < self._failures_max:
            return True
        now = self._clock()
        if now < self._resting_until:
            return False
        self._resting_until = now + self._rest
        return True

    def succeeded(self) -> None:
        """A call got through: everything is well again."""
        self._failures = 0

    def failed(self) -> None:
        """A call failed; with the last of too many the rest begins."""
        self._failures += 1
        if self._failures >= self._failures_max:
            self._resting_until = self._clock() + self._rest
