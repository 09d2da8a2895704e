"""Cost buckets: the work of each API key, and of each address without a key, per time.

A bucket holds the work of one window and is refilled evenly. Each operation takes its static cost
(server/operations/costs.py) before it runs, and gives back what its answer shows as not used: the
estimate of nested lists is high on purpose. An operation above the size of the bucket needs a full
one. It leaves a debt, which is refilled first.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import takewhile
from math import inf
from typing import Final
from uuid import UUID

import orjson

from domain.access.callers import Caller, Role
from server.operations.errors import RequestRefused
from server.process.rate_limits import ANONYMOUS, RateLimit, account_of, parse_rate_limits

# About 10 MB. A bucket that was not used for longest is forgotten first, and is full then.
BUCKETS_MAX = 50_000
# A value in JSON has a key, quotes and separators: few need less.
BYTES_PER_VALUE = 8
# At least this part of the static cost is kept: work also shows in what is counted or filtered.
KEPT_PART = 20

Name = tuple[str, UUID | str | None]  # role, and key or address

# About one core is busy with 100,000,000 in a minute.
DEFAULT_COST_LIMITS: Final[Mapping[str, RateLimit | None]] = {
    ANONYMOUS: RateLimit(2_000_000, 60),
    **{role.value: RateLimit(100_000_000, 60) for role in Role if role is not Role.ADMIN},
    Role.ADMIN.value: None,
}


def parse_cost_limits(text: object) -> Mapping[str, RateLimit | None]:
    """The limits of a setting like `SUPPORT=1000000/minute`. Raises ValueError."""
    return parse_rate_limits(text, DEFAULT_COST_LIMITS)


class Bucket:
    """The work that is left to one key or address, as of the instant `at`."""

    __slots__ = ("at", "left", "refill", "spent")

    def __init__(self, left: float, at: float, per_second: float) -> None:
        self.refill = b',"refillPerSecond":%.2f}' % per_second
        self.left = left
        self.at = at
        self.spent = 0  # in this process, since it was last shared with the others


class Charge:
    """The cost of one operation, taken from its bucket; without a bucket there is no limit."""

    __slots__ = ("_bucket", "requested")

    def __init__(self, requested: int, bucket: Bucket | None = None) -> None:
        self.requested = requested
        self._bucket = bucket

    def settle(self, answer_bytes: int) -> None:
        """Give back the part of the cost that an answer of this size does not show."""
        bucket = self._bucket
        if bucket is not None:
            used = max(self.requested // KEPT_PART, answer_bytes // BYTES_PER_VALUE)
            unused = self.requested - used
            if unused > 0:
                bucket.left += unused
                bucket.spent -= unused

    def as_json(self) -> bytes:
        """The value of `extensions.cost`; null: no limit."""
        bucket = self._bucket
        if bucket is None:
            return b'{"requested":%d,"remaining":null,"refillPerSecond":null}' % self.requested
        left = max(0, int(bucket.left))
        return b'{"requested":%d,"remaining":%d%b' % (self.requested, left, bucket.refill)


class CostBuckets:
    """The buckets of this process.

    `rates`: the size of a bucket, and the seconds in which it is filled, by role; None: no limit.
    """

    def __init__(
        self, rates: Mapping[str, RateLimit | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rates = rates
        self._clock = clock
        self._buckets: OrderedDict[Name, Bucket] = OrderedDict()  # used last: at the end

    def charge(self, caller: Caller, cost: int) -> Charge:
        """Take the cost of an operation. Raises RequestRefused (RATE_LIMITED, 429)."""
        # The name is looked up for every operation: `str` of a UUID and of a role take longer.
        name = account_of(caller) if caller.role is None else (caller.role, caller.key_id)
        return self.take(name, cost)

    def take(self, name: Name, cost: int) -> Charge:
        """Take a cost from the bucket of this name."""
        rate = self._rates.get(name[0])
        if rate is None:
            return Charge(cost)
        size, seconds = rate.count, rate.seconds
        per_second = size / seconds
        bucket = self._filled(name, size, per_second)
        if bucket.left < min(cost, size):
            wait = max(1, round((min(cost, size) - bucket.left) / per_second + 0.5))
            raise RequestRefused(
                "RATE_LIMITED",
                429,
                f"Operations of a total cost of {size:,} in {seconds} seconds are allowed. This"
                f" one costs {cost:,}; {max(0, int(bucket.left)):,} are left.",
                headers={"Retry-After": str(wait)},
                details={
                    "retryAfterSeconds": wait,
                    "cost": orjson.Fragment(Charge(cost, bucket).as_json()),
                },
            )
        bucket.left -= cost
        bucket.spent += cost
        return Charge(cost, bucket)

    def left(self, name: Name) -> float:
        """The rest in the bucket of this name; infinite without a limit."""
        rate = self._rates.get(name[0])
        if rate is None:
            return inf
        return self._filled(name, rate.count, rate.count / rate.seconds).left

    def used_within(self, seconds: float) -> Mapping[Name, Bucket]:
        """The buckets that were used in the last seconds."""
        since = self._clock() - seconds
        found = takewhile(lambda each: each[1].at >= since, reversed(self._buckets.items()))
        return dict(found)

    def _filled(self, name: Name, size: int, per_second: float) -> Bucket:
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(size, now, per_second)
            if len(self._buckets) > BUCKETS_MAX:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(name)
        bucket.left = min(size, bucket.left + (now - bucket.at) * per_second)
        bucket.at = now
        return bucket
