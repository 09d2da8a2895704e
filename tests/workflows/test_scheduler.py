"""Jobs: one process runs them, another takes over, and a failing job does not stop the others."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

import workflows.scheduler as scheduler
from models.database.database import Database
from models.database.sessions import DatabaseUnavailable
from tests.builders.connections import taking_no_writes
from workflows.scheduler import Job, Scheduler
from workflows.transactions.actions import Reactions
from workflows.transactions.clock import Clock, machine_time
from workflows.transactions.ids import Ids
from workflows.transactions.runner import Transactions


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(scheduler, "RENEW_SECONDS", 0.05)


def transactions_on_clock(database: Database) -> Transactions:
    reactions = Reactions(after_event={})
    return Transactions(database, clock=machine_time, new_id=Ids(), reactions=reactions)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  jobs count their runs but signal nothing
            await asyncio.sleep(0.01)


def counting(counts: dict[str, int], name: str) -> Job[None]:
    async def step(_: None) -> int:
        counts[name] = counts.get(name, 0) + 1
        return 0

    return Job(name, 0.01, step)


async def test_one_process_runs_the_jobs_and_the_next_takes_over(database: Database) -> None:
    transactions = transactions_on_clock(database)
    counts: dict[str, int] = {}
    first = asyncio.create_task(Scheduler(transactions, [counting(counts, "first")], None).run())
    await until(lambda: counts.get("first", 0) > 3)
    second = asyncio.create_task(Scheduler(transactions, [counting(counts, "second")], None).run())
    before = counts["first"]
    await until(lambda: counts["first"] > before + 10)
    assert "second" not in counts
    first.cancel()
    await asyncio.wait([first])
    await until(lambda: counts.get("second", 0) > 3)
    second.cancel()
    await asyncio.wait([second])


async def test_a_failing_job_is_tried_again_and_harms_no_other(database: Database) -> None:
    transactions = transactions_on_clock(database)
    counts: dict[str, int] = {}

    async def fails(_: None) -> int:
        counts["failing"] = counts.get("failing", 0) + 1
        raise KeyError("broken")

    jobs = [Job("failing", 0.01, fails), counting(counts, "sound")]
    task = asyncio.create_task(Scheduler(transactions, jobs, None).run())
    await until(lambda: counts.get("failing", 0) > 2 and counts.get("sound", 0) > 2)
    task.cancel()
    await asyncio.wait([task])


async def test_a_job_goes_on_while_it_finds_more(database: Database) -> None:
    transactions = transactions_on_clock(database)
    left = [7]

    async def step(_: None) -> int:
        left[0] -= 1
        return max(left[0], 0)

    task = asyncio.create_task(Scheduler(transactions, [Job("drain", 0.3, step)], None).run())
    await until(lambda: left[0] == 0)
    task.cancel()
    await asyncio.wait([task])


async def test_a_job_that_finds_more_stops_when_the_lease_ends(database: Database) -> None:
    transactions = transactions_on_clock(database)
    steps: list[float] = []

    async def step(_: None) -> int:
        steps.append(schedule._held_until)
        schedule._held_until = 0.0
        return 1

    schedule = Scheduler(transactions, [Job("drain", 0.01, step)], None)
    task = asyncio.create_task(schedule.run())
    await until(lambda: len(steps) > 2)
    task.cancel()
    await asyncio.wait([task])
    assert all(held_until > 0 for held_until in steps)


async def test_an_unexpected_failure_costs_only_the_lease(
    database: Database,
) -> None:
    failures = [KeyError("broken"), OSError("Multiple exceptions")]

    def now() -> datetime:
        if counts and failures:
            raise failures.pop()
        return machine_time()

    counts: dict[str, int] = {}
    transactions = Transactions(
        database, clock=now, new_id=Ids(), reactions=Reactions(after_event={})
    )
    task = asyncio.create_task(Scheduler(transactions, [counting(counts, "sound")], None).run())
    await until(lambda: counts.get("sound", 0) > 0 and not failures)
    before = counts["sound"]
    await until(lambda: counts["sound"] > before + 3)
    task.cancel()
    await asyncio.wait([task])


async def test_jobs_go_on_once_the_database_takes_writes_again(single: Database) -> None:
    counts: dict[str, int] = {}
    schedule = Scheduler(transactions_on_clock(single), [counting(counts, "sound")], None)
    task = asyncio.create_task(schedule.run())
    await until(lambda: counts.get("sound", 0) > 3)
    with capture_logs() as logs:
        async with taking_no_writes(single):
            await until(lambda: any(log["event"] == "jobs.lease_failed" for log in logs))
    before = counts["sound"]
    await until(lambda: counts["sound"] > before + 3)
    task.cancel()
    await asyncio.wait([task])


async def test_the_clock_is_the_databases(database: Database) -> None:
    slow = Clock(lambda: machine_time() - timedelta(hours=3))
    await slow.measure(database)
    behind = machine_time() - slow()
    if database.engine == "postgres":
        assert abs(behind) < timedelta(seconds=5)
    else:
        assert behind >= timedelta(hours=2, minutes=59)


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), KeyError("broken")])
async def test_a_database_that_is_away_leaves_the_clock_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    requested = []

    async def away(*_: object) -> None:
        requested.append(1)
        raise error

    monkeypatch.setattr("workflows.transactions.clock.MEASURE_SECONDS", 0.01)
    monkeypatch.setattr("workflows.transactions.clock.database_offset", away)
    clock = Clock()
    task = asyncio.create_task(clock.run(database))
    await until(lambda: len(requested) > 2)
    assert abs(machine_time() - clock()) < timedelta(seconds=1)
    task.cancel()
    await asyncio.wait([task])
