"""Requests that share a transaction share its commit or rollback, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

import workflows.reservations.reservations
from domain.access.callers import Caller
from models.catalog import Supplier
from models.database.database import Database, DatabaseLimits
from models.database.sessions import DatabaseUnavailable, OutcomeUnknown
from tests.builders.lost_commits import lose_commit
from tests.builders.sample_actions import Crash, Gate, NameSupplier, naming
from tests.builders.store import ADMIN, open_shop
from tests.builders.transactions import codes, counts, rows, transactions_on
from workflows.reservations.commands import CreateReservation, HoldLine
from workflows.transactions.actions import action, one_by_one
from workflows.transactions.group_commit import CROWD_MIN, CommitQueue, QueueFull
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction


@action("suppliersName")
async def name_suppliers(
    tx: Transaction, requests: Sequence[Request[NameSupplier]]
) -> list[Outcome]:
    """Create all suppliers in one transaction; a request with the fault "crash" fails all of
    them."""
    for request in requests:
        tx.add(Supplier, {"code": request.command.code, "name": "Acme"})
    if any(request.command.fault == "crash" for request in requests):
        raise Crash
    return [Outcome(refs={"supplier": request.command.code}) for request in requests]


async def named(database: Database) -> list[str]:
    return [row["code"] for row in await rows(database, "SELECT code FROM supplier ORDER BY code")]


async def test_one_that_fails_the_whole_transaction_fails_alone(database: Database) -> None:
    transactions = transactions_on(database)
    requests = [
        naming(f"{number}", key=f"k{number}", fault="crash" if number in (2, 5) else "")
        for number in range(7)
    ]
    found = await asyncio.gather(
        *(transactions.perform(name_suppliers, request) for request in requests),
        return_exceptions=True,
    )
    failed = [number for number, each in enumerate(found) if isinstance(each, Crash)]
    assert failed == [2, 5]
    assert await named(database) == ["0", "1", "3", "4", "6"]
    assert await counts(database, "idempotency_key") == {"idempotency_key": 5}


async def test_a_key_in_use_elsewhere_delays_no_other_request(postgres_url: str) -> None:
    """Another process uses the key: only the duplicate waits, not the requests queued with it."""
    database = Database(postgres_url)
    await database.open()
    try:
        elsewhere, here, gate = transactions_on(database), transactions_on(database), Gate()

        @one_by_one("suppliersName")
        async def slowly(
            tx: Transaction, command: NameSupplier, caller: Caller
        ) -> Mapping[str, Any]:
            tx.add(Supplier, {"code": command.code, "name": "Acme"})
            await gate.pass_through()
            return {"supplier": command.code}

        first = asyncio.create_task(elsewhere.perform(slowly, naming("a", key="k")))
        await gate.entered.wait()
        # The duplicate is alone in its group, then with a neighbor; requests after it are served.
        duplicates = [
            asyncio.create_task(here.perform(name_suppliers, naming("a", key="k")))
            for _ in range(2)
        ]
        await asyncio.sleep(0)
        for code in ("b", "c", "d"):
            neighbor = here.perform(name_suppliers, naming(code, key=code))
            assert not (await asyncio.wait_for(neighbor, 20)).refusals
        other = here.perform(name_suppliers, naming("z", key="k"))
        rival = asyncio.create_task(other)
        assert not any(duplicate.done() for duplicate in duplicates)
        gate.opened.set()
        done = await first
        assert [await duplicate for duplicate in duplicates] == [replace(done, replayed=True)] * 2
        assert codes(await rival) == [("IDEMPOTENCY_KEY_REUSED", ())]
        assert await named(database) == ["a", "b", "c", "d"]
    finally:
        await database.close()


async def test_a_key_that_stays_in_use_is_refused_in_a_group_too(postgres_url: str) -> None:
    database = Database(postgres_url, DatabaseLimits(lock=0.05))
    await database.open()
    try:
        elsewhere, here, gate = transactions_on(database), transactions_on(database), Gate()

        @one_by_one("suppliersName")
        async def slowly(
            tx: Transaction, command: NameSupplier, caller: Caller
        ) -> Mapping[str, Any]:
            await gate.pass_through()
            return {}

        first = asyncio.create_task(elsewhere.perform(slowly, naming("a", key="k")))
        await gate.entered.wait()
        outcome = await here.perform(name_suppliers, naming("a", key="k"))
        assert codes(outcome) == [("IDEMPOTENCY_IN_PROGRESS", ())]
        gate.opened.set()
        await first
    finally:
        await database.close()


async def test_a_key_that_a_refusal_left_free_serves_other_arguments(database: Database) -> None:
    """INVALID and NOT_FOUND are not stored, in one transaction as in several."""
    shop = await open_shop(database)
    await shop.receive(3)
    wrong = CreateReservation("web", (HoldLine("no such", 1),))
    right = CreateReservation("web", (HoldLine("TEE-M", 2),))
    outcomes = await shop.transactions.perform_all(
        workflows.reservations.reservations.create,
        [Request(wrong, ADMIN, "k"), Request(right, ADMIN, "k"), Request(wrong, ADMIN)],
    )
    assert [[code for code, _ in codes(outcome)] for outcome in outcomes] == [
        ["NOT_FOUND"],
        [],
        ["NOT_FOUND"],
    ]
    assert await shop.level() == {"available": 1, "held": 2}
    again = await shop.transactions.perform(
        workflows.reservations.reservations.create, Request(right, ADMIN, "k")
    )
    assert (again.refs, again.replayed) == (outcomes[1].refs, True)


async def test_in_a_batch_a_key_answers_to_the_arguments_it_was_used_with(
    database: Database,
) -> None:
    transactions = transactions_on(database)
    await transactions.perform(name_suppliers, naming("a", key="k"))
    outcomes = await transactions.perform_all(
        name_suppliers, [naming("b", key="k"), naming("a", key="k"), naming("b", key="k")]
    )
    reused = [("IDEMPOTENCY_KEY_REUSED", ())]
    assert [codes(outcome) for outcome in outcomes] == [reused, [], reused]
    assert outcomes[1] == Outcome(refs={"supplier": "a"}, replayed=True)
    assert await named(database) == ["a"]


@pytest.mark.parametrize("happened", [True, False])
async def test_a_lost_answer_to_commit_fails_the_whole_batch(
    database: Database, happened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome is unknown, so nothing is retried automatically.

    The same keys give the right result.
    """
    transactions = transactions_on(database)
    earlier: list[str] = []
    for batch in ("ABC", "DEF", "GHI"):  # so often that PostgreSQL has the write prepared
        earlier += batch
        await transactions.perform_all(name_suppliers, [naming(code, key=code) for code in batch])
    requests = [naming(code, key=code) for code in "xyz"]
    lost = lose_commit(database, monkeypatch, happens=happened)
    found = await asyncio.gather(
        *(transactions.perform(name_suppliers, request) for request in requests),
        return_exceptions=True,
    )
    assert [type(each) for each in found] == [OutcomeUnknown] * 3
    assert database.engine == "sqlite" or lost[0].startswith("EXECUTE ")
    assert await named(database) == [*earlier, *("xyz" if happened else "")]

    again = await transactions.perform_all(name_suppliers, requests)
    assert [outcome.refs["supplier"] for outcome in again] == ["x", "y", "z"]
    assert [outcome.replayed for outcome in again] == [happened] * 3
    assert await named(database) == [*earlier, "x", "y", "z"]


async def test_the_queue_is_served_in_its_order_and_has_an_end() -> None:
    gate = Gate()
    served: list[list[str]] = []

    async def together(
        requests: Sequence[Request[NameSupplier]], writing: Callable[[], None]
    ) -> list[Outcome | None]:
        served.append([request.command.code for request in requests])
        await gate.pass_through()
        return [Outcome() for _ in requests]

    async def alone(request: Request[NameSupplier]) -> Outcome:
        raise AssertionError("no request waits for a key here")

    group = CommitQueue(together, alone, group_max=3, queue_max=5)
    first = asyncio.create_task(group.submit(naming("0")))
    await gate.entered.wait()
    waiting = [asyncio.create_task(group.submit(naming(f"{number}"))) for number in range(1, 6)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await group.submit(naming("too many"))
    gate.opened.set()
    await asyncio.gather(first, *waiting)
    await group.drain()
    assert served == [["0"], ["1", "2", "3"], ["4", "5"]]


class Steps:
    """A `together` whose groups the test lets start writing, and then end."""

    def __init__(self) -> None:
        self.served: list[int] = []
        self.entered: asyncio.Queue[int] = asyncio.Queue()
        self.begins, self.ends = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def together(
        self, requests: Sequence[Request[NameSupplier]], writing: Callable[[], None]
    ) -> list[Outcome | None]:
        self.served.append(len(requests))
        self.entered.put_nowait(len(requests))
        await self.begins.acquire()
        writing()
        await self.ends.acquire()
        return [Outcome() for _ in requests]

    async def alone(self, request: Request[NameSupplier]) -> Outcome:
        raise AssertionError("no request waits for a key here")

    def let_all(self) -> None:
        for _ in range(100):
            self.begins.release()
            self.ends.release()


async def two_in_a_row(
    steps: Steps, crowd_min: int | None
) -> tuple[asyncio.Task[Outcome], asyncio.Task[Outcome]]:
    """The first request is committed, and the second has begun after it."""
    group = CommitQueue(steps.together, steps.alone, crowd_min=crowd_min)
    first = asyncio.create_task(group.submit(naming("first")))
    await steps.entered.get()
    second = asyncio.create_task(group.submit(naming("second")))
    await asyncio.sleep(0)
    steps.begins.release()
    steps.ends.release()
    await steps.entered.get()
    return first, second


@pytest.mark.parametrize(
    ("crowd_min", "others", "served"),
    [
        (CROWD_MIN, CROWD_MIN - 2, [1, CROWD_MIN - 2]),
        (CROWD_MIN, 79, [1, 40, 39]),
        (None, 79, [1, 79]),
    ],
)
async def test_a_crowd_is_served_in_two_halves_where_these_take_turns(
    crowd_min: int | None, others: int, served: list[int]
) -> None:
    steps = Steps()
    group = CommitQueue(steps.together, steps.alone, crowd_min=crowd_min)
    first = asyncio.create_task(group.submit(naming("first")))
    await steps.entered.get()
    waiting = [asyncio.create_task(group.submit(naming(f"{n}"))) for n in range(others)]
    await asyncio.sleep(0)
    steps.let_all()
    await asyncio.gather(first, *waiting)
    await group.drain()
    assert steps.served == served


async def test_answers_leave_when_the_next_group_is_being_written() -> None:
    steps = Steps()
    first, second = await two_in_a_row(steps, crowd_min=2)
    assert not first.done()
    steps.begins.release()
    await first  # its neighbor is still being written
    assert not second.done()
    steps.ends.release()
    await second


@pytest.mark.parametrize("crowd_min", [None, CROWD_MIN])
async def test_where_there_is_no_crowd_answers_leave_at_once(crowd_min: int | None) -> None:
    steps = Steps()
    first, second = await two_in_a_row(steps, crowd_min)
    await asyncio.sleep(0)
    assert first.done()
    steps.let_all()
    await second


async def test_an_answer_is_not_held_back_by_a_group_that_waits_for_a_lock() -> None:
    steps = Steps()
    first, second = await two_in_a_row(steps, crowd_min=2)
    async with asyncio.timeout(5):  # the second never starts writing
        assert await first == Outcome()
    assert not second.done()
    steps.let_all()
    await second


async def test_committed_outcomes_are_returned_when_the_next_group_is_abandoned() -> None:
    begun, queued = asyncio.Event(), asyncio.Event()

    async def together(
        requests: Sequence[Request[NameSupplier]], writing: Callable[[], None]
    ) -> list[Outcome | None]:
        if not begun.is_set():
            begun.set()
            await queued.wait()
            return [Outcome(refs={"supplier": "kept"}) for _ in requests]
        raise asyncio.CancelledError

    async def alone(request: Request[NameSupplier]) -> Outcome:
        raise AssertionError("no request waits for a key here")

    group = CommitQueue(together, alone, crowd_min=2)
    first = asyncio.create_task(group.submit(naming("first")))
    await begun.wait()
    others = [asyncio.create_task(group.submit(naming(f"{number}"))) for number in range(2)]
    await asyncio.sleep(0)
    queued.set()
    async with asyncio.timeout(5):
        found = await asyncio.gather(*others, return_exceptions=True)
        assert await first == Outcome(refs={"supplier": "kept"})
        await group.drain()
    assert [type(each) for each in found] == [OutcomeUnknown] * 2


async def test_waiters_for_and_after_an_abandoned_transaction_get_an_error() -> None:
    async def together(
        requests: Sequence[Request[NameSupplier]], writing: Callable[[], None]
    ) -> list[Outcome | None]:
        if len(requests) > 2:
            raise Crash  # so that the group is split in halves
        raise asyncio.CancelledError  # as a waiter for an abandoned transaction sees it

    async def alone(request: Request[NameSupplier]) -> Outcome:
        raise AssertionError("no request waits for a key here")

    group = CommitQueue(together, alone, group_max=4)
    submitted = [group.submit(naming(f"{number}")) for number in range(6)]
    async with asyncio.timeout(5):
        found = await asyncio.gather(*submitted, return_exceptions=True)
        await group.drain()
    assert [type(each) for each in found] == [OutcomeUnknown] * 4 + [DatabaseUnavailable] * 2
