"""Rate limits by role: requests are counted per API key, or per address without a key."""

from collections.abc import Mapping

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from domain.access.callers import Caller
from server.operations.errors import RequestRefused

ANONYMOUS = "ANONYMOUS"


class RateLimits:
    """Counts the requests of this process. `limits`: (requests, seconds) by role; None: no limit.

    Only admitted requests count, so a client that pauses is admitted again.
    """

    def __init__(self, limits: Mapping[str, tuple[int, int] | None]) -> None:
        self._items = {
            role: None if limit is None else RateLimitItemPerSecond(*limit)
            for role, limit in limits.items()
        }
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def admit(self, caller: Caller) -> None:
        """Count a request. Raises RequestRefused (RATE_LIMITED, 429) if there were too many."""
        role = ANONYMOUS if caller.role is None else caller.role.value
        item = self._items.get(role)
        if item is None:
            return
        name = str(caller.address if caller.role is None else caller.key_id)
        if not self._limiter.hit(item, role, name):
            seconds = max(1, item.get_expiry() // max(1, item.amount))
            raise RequestRefused(
                "RATE_LIMITED",
                429,
                f"At most {item.amount} requests in {item.get_expiry()} seconds are allowed.",
                headers={"Retry-After": str(seconds)},
                details={"retryAfterSeconds": seconds},
            )
