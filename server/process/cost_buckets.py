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
from typing import Any

from domain.access.callers import Caller
from server.operations.errors import RequestRefused
from server.process.rate_limits import account_of

# About 10 MB. A bucket that was not used for longest is forgotten first, and is full then.
BUCKETS_MAX = 50_000
# A value in JSON has a key, quotes and separators: few need less.
BYTES_PER_VALUE = 8
# At least this part of the static cost is kept: work also shows in what is counted or filtered.
KEPT_PART = 20

Rate = tuple[int, int]  # work, seconds
Name = tuple[str, str]  # role, and key or address


class Bucket:
    """The work that is left to one key or address, as of the instant `at`."""

    __slots__ = ("at", "left", "spent")

    def __init__(self, left: float, at: float) -> None:
        self.left = left
        self.at = at
        self.spent = 0  # in this process, since it was last shared with the others


class Charge:
    """The cost of one operation, taken from its bucket; without a bucket there is no limit."""

    __slots__ = ("_bucket", "_per_second", "requested")

    def __init__(self, requested: int, bucket: Bucket | None, per_second: float) -> None:
        self.requested = requested
        self._bucket = bucket
        self._per_second = per_second

    def settle(self, answer_bytes: int) -> None:
        """Give back the part of the cost that an answer of this size does not show."""
        bucket = self._bucket
        if bucket is not None:
            used = max(self.requested // KEPT_PART, answer_bytes // BYTES_PER_VALUE)
            unused = self.requested - used
            if unused > 0:
                bucket.left += unused
                bucket.spent -= unused

    def as_json(self) -> dict[str, Any]:
        """The value of `extensions.cost`; null: no limit."""
        bucket = self._bucket
        if bucket is None:
            return {"requested": self.requested, "remaining": None, "refillPerSecond": None}
        return {
            "requested": self.requested,
            "remaining": max(0, int(bucket.left)),
            "refillPerSecond": self._per_second,
        }


class CostBuckets:
    """The buckets of this process. `rates`: the size of a bucket and its seconds, by role; None:
    no limit.
    """

    def __init__(
        self, rates: Mapping[str, Rate | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rates = rates
        self._clock = clock
        self._buckets: OrderedDict[Name, Bucket] = OrderedDict()  # used last: at the end

    def charge(self, caller: Caller, cost: int) -> Charge:
        """Take the cost of an operation. Raises RequestRefused (RATE_LIMITED, 429)."""
        return self.take(account_of(caller), cost)

    def take(self, name: Name, cost: int) -> Charge:
        """Take a cost from the bucket of this name."""
        rate = self._rates.get(name[0])
        if rate is None:
            return Charge(cost, None, 0.0)
        size, seconds = rate
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
                    "cost": Charge(cost, bucket, per_second).as_json(),
                },
            )
        bucket.left -= cost
        bucket.spent += cost
        return Charge(cost, bucket, per_second)

    def used_within(self, seconds: float) -> Mapping[Name, Bucket]:
        """The buckets that were used in the last seconds."""
        since = self._clock() - seconds
        found = takewhile(lambda each: each[1].at >= since, reversed(self._buckets.items()))
        return dict(found)

    def _filled(self, name: Name, size: int, per_second: float) -> Bucket:
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(size, now)
            if len(self._buckets) > BUCKETS_MAX:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(name)
        bucket.left = min(size, bucket.left + (now - bucket.at) * per_second)
        bucket.at = now
        return bucket
