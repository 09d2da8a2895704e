"""Log-ins with a wrong key, counted by address; processes that share costs count them together.

An address without tokens is refused before the database is asked. An attacker that spreads its
log-ins over many processes has no more tries than on one of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from server.operations.errors import RequestRefused
from server.process.cost_buckets import CostBuckets, Name
from server.process.rate_limits import REFUSED, RateLimit
from server.transports.edge import peer_of


class WrongKeys:
    """Tokens of addresses: one for each wrong key. `limits`: None for REFUSED is no limit."""

    def __init__(self, limits: Mapping[str, RateLimit | None]) -> None:
        self._limit = limits.get(REFUSED)
        self.buckets = CostBuckets({REFUSED: self._limit})

    def check(self, address: str) -> None:
        """Raise RATE_LIMITED if the address has sent too many wrong keys."""
        limit = self._limit
        if limit is None or self.buckets.left(_name(address)) >= 1:
            return
        pause = max(1, limit.seconds // limit.count)
        raise RequestRefused(
            "RATE_LIMITED",
            429,
            f"At most {limit.count} wrong keys in {limit.seconds} seconds are allowed.",
            headers={"Retry-After": str(pause)},
            details={"retryAfterSeconds": pause},
        )

    def charge(self, address: str) -> None:
        """Count a wrong key. Raises RATE_LIMITED if there were too many before."""
        self.check(address)
        self.buckets.take(_name(address), 1)


def _name(address: str) -> Name:
    return REFUSED, peer_of(address)
