"""Transactions: savepoints undo everything, lost attempts are retried, callers may be cancelled."""

import asyncio
import gc
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

import tests.builders.sample_actions as sample_actions
from domain.access.callers import Caller
from domain.errors import PolicyViolation
from domain.stock.states import StockState
from models.catalog import Supplier
from models.database.database import Database, DatabaseLimits
from models.database.sessions import Contention, DatabaseUnavailable, UniqueConflict
from tests.builders.sample_actions import (
    CLERK,
    Crash,
    Gate,
    NameSupplier,
    SupplierNamed,
    name_supplier,
    naming,
)
from tests.builders.transactions import counts, events, rows, transactions_on
from workflows.transactions.actions import Reactions, action, one_by_one
from workflows.transactions.lock_order import LockClass, LockOrderBroken
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.runner import ATTEMPTS_MAX
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

AVAILABLE = StockState.AVAILABLE
WRITTEN = ("supplier", "event", "audit_entry", "stock_movement", "journal_entry", "item_cost")


async def test_what_a_request_did_is_written_with_its_event_and_audit(database: Database) -> None:
    outcome = await transactions_on(database).perform(name_supplier, naming("acme"))
    assert outcome == Outcome(refs={"supplier": "acme"})
    assert await counts(database, "supplier", "event", "event_pending", "audit_entry") == {
        "supplier": 1,
        "event": 1,
        "event_pending": 1,
        "audit_entry": 1,
    }


async def test_a_refusal_leaves_nothing_of_what_was_done_inside(database: Database) -> None:
    before = await counts(database, *WRITTEN)
    outcome = await transactions_on(database).perform(name_supplier, naming("acme", fault="rule"))
    assert [(r.code, r.field, r.details) for r in outcome.refusals] == [
        ("POLICY_VIOLATION", ("code",), {"code": "acme"})
    ]
    assert await counts(database, *WRITTEN) == before


async def test_a_crash_rolls_everything_back_and_reaches_the_caller(database: Database) -> None:
    with pytest.raises(Crash):
        await transactions_on(database).perform(name_supplier, naming("acme", fault="crash"))
    assert (await counts(database, "supplier", "event")) == {"supplier": 0, "event": 0}


async def test_a_savepoint_restores_levels_costs_rows_and_locks(database: Database) -> None:
    shirt, coat = await sample_actions.places(database, "TEE", "COAT")

    async def ship_and_refuse(tx: Transaction) -> None:
        async with tx.savepoint():
            tx.costs.issue(shirt, 4)
            tx.stock.move(_shipped(shirt, 4))
            await tx.costs.lock([coat])
            tx.locking(LockClass.LEDGER)
            await tx.flush()
            tx.costs.issue(shirt, 6)
            tx.stock.move(_shipped(shirt, 6))
            tx.add(Supplier, {"code": "acme", "name": "Acme"})
            raise PolicyViolation("No.")

    async def work(tx: Transaction) -> None:
        await sample_actions.receive(tx, shirt, 10, 500)
        with pytest.raises(PolicyViolation):
            await ship_and_refuse(tx)
        level = tx.stock.level(shirt, 1)
        assert level is not None
        assert level.units[AVAILABLE] == 10
        await tx.costs.lock([coat])  # COST again: the lock order was restored too
        tx.stock.move(_shipped(shirt, 1))
        assert tx.costs.issue(shirt, 1) == 50

    await transactions_on(database).run(work)
    (level,) = await rows(database, "SELECT * FROM stock_level")
    assert level["available"] == 9
    costs = await rows(database, "SELECT quantity, value_minor FROM item_cost ORDER BY item_id")
    assert costs == [{"quantity": 9, "value_minor": 450}, {"quantity": 0, "value_minor": 0}]
    kinds = await rows(database, "SELECT quantity FROM stock_movement ORDER BY quantity")
    assert [row["quantity"] for row in kinds] == [1, 10]
    (changed,) = await events(database, "stock.changed")
    assert (changed["data"]["available"], changed["subject_version"]) == (9, level["version"])
    assert await counts(database, "supplier") == {"supplier": 0}


async def test_a_savepoint_inside_a_savepoint_is_undone_alone(database: Database) -> None:
    async def add(tx: Transaction, code: str, *, is_refused: bool) -> None:
        async with tx.savepoint():
            tx.add(Supplier, {"code": code, "name": code})
            if is_refused:
                raise PolicyViolation("No.")
            with pytest.raises(PolicyViolation):
                await add(tx, "inner", is_refused=True)

    async def work(tx: Transaction) -> None:
        await add(tx, "outer", is_refused=False)

    await transactions_on(database).run(work)
    assert [row["code"] for row in await rows(database, "SELECT code FROM supplier")] == ["outer"]


async def test_levels_beside_locked_ones_are_opened_and_keep_what_moved(database: Database) -> None:
    (shirt,) = await sample_actions.places(database, "TEE", locations=2)

    async def work(tx: Transaction) -> None:
        await tx.stock.open_levels([(shirt, 1)])
        tx.stock.move(replace(_shipped(shirt, 10), from_state=None, to_state=AVAILABLE))
        await tx.stock.open_levels([(shirt, 2), (shirt, 1)])
        assert [level.units[AVAILABLE] for level in tx.stock.of_item(shirt)] == [10, 0]

    transactions = transactions_on(database)
    await transactions.run(work)
    found = await rows(database, "SELECT location_id, available FROM stock_level ORDER BY 1")
    assert [tuple(row.values()) for row in found] == [(1, 10), (2, 0)]


async def test_locks_out_of_order_are_a_mistake_at_once(database: Database) -> None:
    (shirt,) = await sample_actions.places(database, "TEE")

    async def backwards(tx: Transaction) -> None:
        await tx.costs.lock([shirt])
        await tx.stock.open_levels([(shirt, 1)])

    with pytest.raises(LockOrderBroken, match="STOCK after COST"):
        await transactions_on(database).run(backwards)
    assert await counts(database, "item_cost") == {"item_cost": 0}


@pytest.mark.parametrize("lost", [Contention, UniqueConflict])
async def test_a_lost_attempt_is_repeated_from_the_start(
    database: Database, lost: type[Exception]
) -> None:
    attempts = 0

    async def work(tx: Transaction) -> int:
        nonlocal attempts
        attempts += 1
        tx.add(Supplier, {"code": f"attempt-{attempts}", "name": "Acme"})
        await tx.flush()
        if attempts < 3:
            raise lost("lost")
        return attempts

    assert await transactions_on(database).run(work) == 3
    codes = await rows(database, "SELECT code FROM supplier")
    assert [row["code"] for row in codes] == ["attempt-3"]


async def test_attempts_are_bounded(database: Database) -> None:
    attempts = 0

    async def work(_: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        raise Contention("lost")

    with pytest.raises(Contention):
        await transactions_on(database).run(work)
    assert attempts == ATTEMPTS_MAX


async def test_two_that_make_the_same_row_become_one_and_a_conflict(database: Database) -> None:
    """The later one waits for the unique key, loses, and sees the row when it is retried."""
    transactions = transactions_on(database)
    gate = Gate()

    async def work(tx: Transaction) -> str:
        found = await tx.session.fetch_one("SELECT code FROM supplier WHERE code = 'acme'")
        if found is not None:
            return "found"
        tx.add(Supplier, {"code": "acme", "name": "Acme"})
        await tx.flush()
        await gate.pass_through()
        return "made"

    first = asyncio.create_task(transactions.run(work))
    await gate.entered.wait()
    second = asyncio.create_task(transactions.run(work))
    gate.opened.set()
    assert {await first, await second} == {"made", "found"}


async def test_a_deadlock_is_resolved_by_trying_again(postgres_url: str) -> None:
    database = Database(postgres_url)
    await database.open()
    try:
        await sample_actions.places(database, "TEE", "COAT")
        transactions = transactions_on(database)
        both = asyncio.Barrier(2)
        attempts = 0

        async def work(tx: Transaction, order: tuple[str, str]) -> None:
            nonlocal attempts
            attempts += 1
            lock = "UPDATE item SET name = name || '!' WHERE sku = $1"
            await tx.session.execute(lock, order[0])
            if attempts <= 2:
                await both.wait()
            await tx.session.execute(lock, order[1])

        await asyncio.gather(
            transactions.run(lambda tx: work(tx, ("TEE", "COAT"))),
            transactions.run(lambda tx: work(tx, ("COAT", "TEE"))),
        )
        assert attempts == 3
        names = await rows(database, "SELECT name FROM item ORDER BY id")
        assert [row["name"] for row in names] == ["TEE!!", "COAT!!"]
    finally:
        await database.close()


async def test_a_lock_that_is_not_had_in_time_is_contention(postgres_url: str) -> None:
    database = Database(postgres_url, DatabaseLimits(lock=0.05))
    await database.open()
    try:
        await sample_actions.places(database, "TEE")
        transactions = transactions_on(database)
        gate = Gate()

        async def hold(tx: Transaction) -> None:
            await tx.session.execute("UPDATE item SET name = 'held'")
            await gate.pass_through()

        async def wait(tx: Transaction) -> None:
            await tx.session.execute("UPDATE item SET name = 'mine'")

        holding = asyncio.create_task(transactions.run(hold))
        await gate.entered.wait()
        with pytest.raises(Contention):
            await transactions.run(wait)
        gate.opened.set()
        await holding
        assert (await rows(database, "SELECT name FROM item")) == [{"name": "held"}]
    finally:
        await database.close()


async def test_a_statement_that_takes_too_long_ends_the_transaction_alone(
    postgres_url: str,
) -> None:
    database = Database(postgres_url, DatabaseLimits(statement=0.5, pool=1))
    await database.open()
    try:
        transactions = transactions_on(database)

        async def sleep(tx: Transaction) -> None:
            tx.add(Supplier, {"code": "acme", "name": "Acme"})
            await tx.flush()
            await tx.session.fetch("SELECT pg_sleep(5)")

        with pytest.raises(DatabaseUnavailable):
            await transactions.run(sleep)
        await transactions.perform(name_supplier, naming("next"))
        assert await counts(database, "supplier") == {"supplier": 1}
    finally:
        await database.close()


async def test_cancelling_the_caller_lets_the_transaction_end(database: Database) -> None:
    transactions = transactions_on(database)
    gate = Gate()

    async def work(tx: Transaction) -> None:
        tx.add(Supplier, {"code": "acme", "name": "Acme"})
        await gate.pass_through()

    caller = asyncio.create_task(transactions.run(work))
    await gate.entered.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await counts(database, "supplier") == {"supplier": 0}
    gate.opened.set()
    await transactions.drain()
    assert await counts(database, "supplier") == {"supplier": 1}
    # No lock remains: the next transaction runs.
    await transactions.perform(name_supplier, naming("next"))


@action("suppliersName")
async def name_suppliers(
    tx: Transaction, requests: Sequence[Request[NameSupplier]]
) -> list[Outcome]:
    """Create all suppliers in one transaction."""
    for request in requests:
        tx.add(Supplier, {"code": request.command.code, "name": "Acme"})
    return [Outcome(refs={"of": len(requests)}) for _ in requests]


async def test_a_batch_is_one_transaction_with_an_outcome_each(database: Database) -> None:
    outcomes = await transactions_on(database).perform_all(
        name_suppliers, [naming("a"), naming("b")]
    )
    assert outcomes == [Outcome(refs={"of": 2})] * 2


@one_by_one("stockTake")
async def take_stock(tx: Transaction, command: int, caller: Caller) -> Mapping[str, Any]:
    """Lock in order; a second such command in the same transaction would break the lock order."""
    await sample_actions.receive(tx, command, 1, 100)
    return {}


async def test_commands_that_lock_one_by_one_get_a_transaction_each(database: Database) -> None:
    item_ids = await sample_actions.places(database, "TEE", "COAT")
    requests = [Request(item_id, CLERK) for item_id in reversed(item_ids)]
    outcomes = await transactions_on(database).perform_all(take_stock, requests)
    assert outcomes == [Outcome(), Outcome()]
    assert await counts(database, "stock_movement") == {"stock_movement": 2}


async def test_reactions_run_before_commit_and_may_cause_others(database: Database) -> None:
    (shirt,) = await sample_actions.places(database, "TEE")
    seen: list[object] = []

    async def stand_by(tx: Transaction, event: Any) -> None:
        seen.append(event.payload.type)
        if isinstance(event.payload, SupplierNamed):
            await sample_actions.receive(tx, shirt, 1, 100)

    async def serve(tx: Transaction, item_ids: frozenset[int]) -> None:
        seen.append(item_ids)

    reactions = Reactions({SupplierNamed: [stand_by]}, [serve])
    await transactions_on(database, reactions=reactions).perform(name_supplier, naming("acme"))
    assert seen == ["supplier.named", frozenset({shirt})]
    assert await counts(database, "stock_movement") == {"stock_movement": 1}


async def test_a_reaction_that_crashes_undoes_the_fact(database: Database) -> None:
    async def crash(tx: Transaction, event: Any) -> None:
        raise Crash

    reactions = Reactions({SupplierNamed: [crash]})
    with pytest.raises(Crash):
        await transactions_on(database, reactions=reactions).perform(name_supplier, naming("acme"))
    assert await counts(database, "supplier") == {"supplier": 0}


def _shipped(item_id: int, units: int) -> StockMove:
    return StockMove(
        item_id=item_id,
        location_id=1,
        from_state=AVAILABLE,
        to_state=None,
        quantity=units,
        actor="clerk",
    )


async def test_a_transaction_is_freed_without_the_garbage_collector(database: Database) -> None:
    freed: list[bool] = []

    async def work(tx: Transaction) -> None:
        weakref.finalize(tx, freed.append, True)

    gc.disable()
    try:
        await transactions_on(database).run(work)
    finally:
        gc.enable()
    assert freed
