"""Cost buckets: refill, debt, what is given back, and the exchange between processes."""

from typing import Any

import orjson
import pytest
from redis.exceptions import RedisError

from server.operations.errors import RequestRefused
from server.process.cost_buckets import BUCKETS_MAX, Charge, CostBuckets
from server.process.rate_limits import RateLimit
from server.process.shared_costs import SharedCosts
from server.process.wrong_keys import WrongKeys

NAME = ("STOREFRONT", "key")


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def buckets(clock: Seconds | None = None) -> CostBuckets:
    rates = {"STOREFRONT": RateLimit(600, 60), "ADMIN": None}
    return CostBuckets(rates, clock or Seconds())


def shown(charge: Charge) -> Any:
    return orjson.loads(charge.as_json())


def left(costs: CostBuckets) -> int:
    return int(shown(costs.take(NAME, 0))["remaining"])


def test_an_operation_takes_its_cost_and_time_refills_the_bucket() -> None:
    clock = Seconds()
    costs = buckets(clock)
    charge = costs.take(NAME, 250)
    assert shown(charge) == {"requested": 250, "remaining": 350, "refillPerSecond": 10.0}
    clock.now += 12
    assert left(costs) == 350 + 120
    clock.now += 3_600
    assert left(costs) == 600


def test_an_operation_without_enough_work_left_is_refused_and_takes_nothing() -> None:
    clock = Seconds()
    costs = buckets(clock)
    costs.take(NAME, 500)
    with pytest.raises(RequestRefused) as refused:
        costs.take(NAME, 200)
    assert (refused.value.code, refused.value.status) == ("RATE_LIMITED", 429)
    assert refused.value.headers == {"Retry-After": "10"}
    assert orjson.loads(orjson.dumps(refused.value.details["cost"])) == {
        "requested": 200,
        "remaining": 100,
        "refillPerSecond": 10.0,
    }
    assert left(costs) == 100
    clock.now += 10
    costs.take(NAME, 200)
    assert left(costs) == 0


def test_an_operation_above_the_size_of_a_bucket_leaves_a_debt() -> None:
    clock = Seconds()
    costs = buckets(clock)
    costs.take(NAME, 900)
    clock.now += 29
    with pytest.raises(RequestRefused):
        costs.take(NAME, 1)
    clock.now += 2
    costs.take(NAME, 1)


def test_the_unused_part_of_a_cost_is_given_back() -> None:
    costs = buckets()
    costs.take(NAME, 400).settle(answer_bytes=800)  # 100 values
    assert left(costs) == 500
    costs.take(NAME, 400).settle(answer_bytes=10)
    assert left(costs) == 500 - 20
    costs.take(NAME, 10).settle(answer_bytes=10_000)
    assert left(costs) == 480 - 10


def test_keys_and_roles_have_their_own_buckets() -> None:
    costs = buckets()
    costs.take(NAME, 600)
    assert shown(costs.take(("STOREFRONT", "other"), 0))["remaining"] == 600
    unlimited = shown(costs.take(("ADMIN", "key"), 10**9))
    assert unlimited == {"requested": 10**9, "remaining": None, "refillPerSecond": None}


def test_the_number_of_buckets_is_bounded() -> None:
    costs = buckets()
    costs.take(NAME, 600)
    for number in range(BUCKETS_MAX + 10):
        costs.take(("STOREFRONT", str(number)), 1)
    assert len(costs.used_within(60)) == BUCKETS_MAX


async def test_processes_share_their_work_over_redis(redis_url: str) -> None:
    clocks = Seconds(), Seconds()
    ours, theirs = buckets(clocks[0]), buckets(clocks[1])
    first, second = SharedCosts(ours, redis_url), SharedCosts(theirs, redis_url)
    ours.take(NAME, 10)
    theirs.take(NAME, 10)
    for shared in (first, second, first, second):
        await shared.exchange()
    before = left(ours), left(theirs)
    ours.take(NAME, 300)
    theirs.take(NAME, 200)
    for shared in (first, second, first, second):
        await shared.exchange()
    assert (left(ours), left(theirs)) == (before[0] - 500, before[1] - 500)
    for shared in (first, second):  # nothing is counted twice
        await shared.exchange()
    assert (left(ours), left(theirs)) == (before[0] - 500, before[1] - 500)


async def test_processes_count_wrong_keys_together(redis_url: str) -> None:
    limits = {"REFUSED": RateLimit(10, 3_600)}
    ours, theirs = WrongKeys(limits), WrongKeys(limits)
    shared = SharedCosts(ours.buckets, redis_url), SharedCosts(theirs.buckets, redis_url)
    for keys in (ours, theirs):
        keys.charge("192.0.2.1")
    for each in (*shared, *shared):
        await each.exchange()
    for keys in (ours, theirs):
        for _ in range(5):
            keys.charge("192.0.2.1")
    for each in (*shared, *shared):
        await each.exchange()
    for keys in (ours, theirs):
        with pytest.raises(RequestRefused, match="At most 10 wrong keys in 3600 seconds"):
            keys.check("192.0.2.1")
        keys.check("192.0.2.2")


async def test_without_redis_a_process_counts_its_own_work() -> None:
    costs = buckets()
    shared = SharedCosts(costs, "redis://127.0.0.1:1")
    costs.take(NAME, 300)
    with pytest.raises(RedisError):
        await shared.exchange()
    [bucket] = costs.used_within(60).values()
    assert (bucket.spent, left(costs)) == (300, 300)
