"""Cost buckets of several processes: each tells the others through Redis what it has spent.

The processes add up their work in counters of `limits`, twice a second and only for buckets that
were used. So a request waits for no network. All processes together may spend more than a bucket
for half a second; the excess is a debt in each of them, and the long-run rate is exact.
"""

import asyncio
from typing import Final

import structlog
from limits.aio.storage import RedisStorage

from server.process.cost_buckets import Bucket, CostBuckets, Name

logger = structlog.get_logger(__name__)

EXCHANGE_SECONDS: Final = 0.5
# Buckets that were used in this time are shared.
SHARED_SECONDS: Final = 60
# A counter is forgotten an hour after its first use, and starts again from 0.
COUNTER_SECONDS: Final = 3_600
AT_ONCE_MAX: Final = 200
PREFIX: Final = "restow-cost"


class SharedCosts:
    """The exchange of one process. While Redis is away, each process counts its own work."""

    def __init__(self, costs: CostBuckets, redis_url: str) -> None:
        self._costs = costs
        self._storage = RedisStorage(redis_url, implementation="redispy", key_prefix=PREFIX)
        self._totals: dict[Name, int] = {}
        self._is_away = False

    async def run(self) -> None:
        """Exchange until cancelled."""
        while True:
            await asyncio.sleep(EXCHANGE_SECONDS)
            try:
                await self.exchange()
                self._is_away = False
            except Exception as error:  # noqa: BLE001  limits of one process are better than none
                if not self._is_away:
                    logger.warning("costs.not_shared", error=repr(error))
                self._is_away = True

    async def exchange(self) -> None:
        """Add the work of this process to the counters, and take the work of the others."""
        used = self._costs.used_within(SHARED_SECONDS)
        # After a pause, the work of the others is refilled, so their counter starts anew.
        self._totals = {name: total for name, total in self._totals.items() if name in used}
        buckets = list(used.items())
        for start in range(0, len(buckets), AT_ONCE_MAX):
            part = buckets[start : start + AT_ONCE_MAX]
            await asyncio.gather(*(self._exchange(name, bucket) for name, bucket in part))

    async def _exchange(self, name: Name, bucket: Bucket) -> None:
        spent, bucket.spent = bucket.spent, 0
        try:
            total = await self._storage.incr(":".join(map(str, name)), COUNTER_SECONDS, spent)
        except Exception:
            bucket.spent += spent
            raise
        before = self._totals.get(name)
        self._totals[name] = total
        if before is not None:
            start = before if total >= before else 0  # the counter was forgotten
            bucket.left -= max(0, total - start - spent)
