"""Query plans on PostgreSQL connections: their settings, and the age of cached plans.

A cached plan saves a third of the cost of a short statement. But it stays as it was when it was
made: a plan from when a table was empty scans the whole table until PostgreSQL gathers statistics
again. So each connection discards its plans from time to time; that costs 1–2 ms each time. The
interval doubles from 0.25 s to 8 s, because tables grow fastest right after a process has started.
"""

from __future__ import annotations

import time
from collections.abc import Callable

RENEW_SECONDS_MIN = 0.25
RENEW_SECONDS_MAX = 8.0
CONNECTIONS_MAX = 1_000

# Settings of every connection. Statements find their rows by ranges of indexes, so one plan fits
# all values; planning takes up to 40 times as long as the execution. A plan whose estimated cost is
# above 100,000 would be compiled first, which took 27 to 31 ms of a hold; only proofs gain by it.
SETTINGS = {"plan_cache_mode": "force_generic_plan", "jit": "off"}
# For snapshots: a list with several filters has several indexes, and which is best depends on the
# values. Such a list is not read outside a snapshot (`Listing.page`).
CHOOSE = "SET LOCAL plan_cache_mode = auto"
RENEW = "DISCARD PLANS"


class PlanAges:
    """Time at which each connection must renew its plans, by the id of its server process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._renewals: dict[int, tuple[float, float]] = {}  # (next renewal, interval after it)

    def is_due(self, connection_id: int) -> bool:
        """True if `are_over` would say so; the plans need not be renewed yet."""
        renewal = self._renewals.get(connection_id)
        return renewal is None or self._clock() >= renewal[0]

    def are_over(self, connection_id: int) -> bool:
        """True if the connection must renew its plans now; the caller must then do so."""
        now = self._clock()
        renew_at, wait = self._renewals.get(connection_id, (now, RENEW_SECONDS_MIN))
        if now < renew_at:
            return False
        if len(self._renewals) >= CONNECTIONS_MAX:  # mostly of closed connections
            self._renewals.clear()
        self._renewals[connection_id] = now + wait, min(2 * wait, RENEW_SECONDS_MAX)
        return True
