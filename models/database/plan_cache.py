"""How long a connection to PostgreSQL keeps the plans of our statements.

A plan that is kept spares a third of what a short statement costs. But it is of the time when it
was made: one from when a table was empty reads that table from end to end ever after, until
PostgreSQL gathers statistics again. So a connection makes its plans anew now and then, by the sizes
that the tables have then; that costs a millisecond or two each time. The waits double, from a
quarter of a second to eight: what was empty when a process began grows fastest, and first.
"""

from __future__ import annotations

import time
from collections.abc import Callable

RENEW_SECONDS_MIN = 0.25
RENEW_SECONDS_MAX = 8.0
CONNECTIONS_MAX = 1_000

# For a transaction whose statements find a few rows each by their keys: one plan serves all.
KEEP = "SET LOCAL plan_cache_mode = force_generic_plan"
RENEW = "DISCARD PLANS"


class PlanAges:
    """When each connection of a process has to make its plans anew, by its server process's id."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._renewals: dict[int, tuple[float, float]] = {}  # when next, and how long after that

    def are_over(self, connection_id: int) -> bool:
        """Whether the connection must renew its plans now; whoever asks does it."""
        now = self._clock()
        renew_at, wait = self._renewals.get(connection_id, (now, RENEW_SECONDS_MIN))
        if now < renew_at:
            return False
        if len(self._renewals) >= CONNECTIONS_MAX:  # of connections that ended long ago
            self._renewals.clear()
        self._renewals[connection_id] = now + wait, min(2 * wait, RENEW_SECONDS_MAX)
        return True
