"""Rate limits: tokens per API key by role, and per address without a key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from domain.access.callers import Caller, Role
from server.operations.errors import RequestRefused
from server.transports.edge import peer_of

ANONYMOUS: Final = "ANONYMOUS"
REFUSED: Final = "REFUSED"  # log-ins with a wrong key, by address (server/process/wrong_keys.py)
UNIT_SECONDS: Final[Mapping[str, int]] = {"second": 1, "minute": 60, "hour": 3_600}
RATE: Final = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour)")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` tokens in any `seconds`."""

    count: int
    seconds: int


DEFAULT_RATE_LIMITS: Final[Mapping[str, RateLimit | None]] = {
    ANONYMOUS: RateLimit(1_200, 60),
    REFUSED: RateLimit(600, 60),
    **{role.value: RateLimit(60_000, 60) for role in Role if role is not Role.ADMIN},
    Role.ADMIN.value: None,
}


def parse_rate_limits(
    text: object, defaults: Mapping[str, RateLimit | None] = DEFAULT_RATE_LIMITS
) -> Mapping[str, RateLimit | None]:
    """The limits of all roles from `ROLE=COUNT/minute,…`. Raises ValueError."""
    if isinstance(text, Mapping):
        return text
    limits = dict(defaults)
    for part in filter(None, map(str.strip, str(text).split(","))):
        role, _, rate = (word.strip() for word in part.partition("="))
        match = RATE.fullmatch(rate)
        if role not in limits or (match is None and rate != "none"):
            raise ValueError("not allowed")
        limits[role] = RateLimit(int(match[1]), UNIT_SECONDS[match[2]]) if match else None
    return limits


class RateLimits:
    """Counts tokens in this process. `limits`: the limit of each role; None: no limit.

    A request costs one token, also if it is refused later. A document that is not in the cache
    costs more. Requests beyond the limit cost nothing, so a client that pauses is admitted again.
    """

    def __init__(self, limits: Mapping[str, RateLimit | None]) -> None:
        self._items = {
            role: None if limit is None else RateLimitItemPerSecond(limit.count, limit.seconds)
            for role, limit in limits.items()
        }
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def charge(self, payer: Caller, cost: int = 1) -> None:
        """Take tokens from a caller. Raises RequestRefused (RATE_LIMITED, 429) without enough."""
        role, name = account_of(payer)
        item = self._items.get(role)
        if item is None:
            return
        if not self._limiter.hit(item, role, name, cost=min(cost, item.amount)):
            raise _refusal(item)


def account_of(payer: Caller) -> tuple[str, str]:
    """The limit that counts, and the name under which it counts."""
    if payer.role is None:
        return ANONYMOUS, peer_of(payer.address)
    return payer.role.value, str(payer.key_id)


def _refusal(item: RateLimitItem) -> RequestRefused:
    most, seconds = item.amount, item.get_expiry()
    pause = max(1, seconds // max(1, most))
    return RequestRefused(
        "RATE_LIMITED",
        429,
        f"At most {most} requests in {seconds} seconds are allowed.",
        headers={"Retry-After": str(pause)},
        details={"retryAfterSeconds": pause},
    )
