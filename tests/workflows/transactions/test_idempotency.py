"""Idempotency keys: one execution, replayed answers, and keys released after some refusals."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import models.queries.idempotency as idempotency_queries
from domain.access.callers import Caller, Role, anonymous, holder
from models.database.database import Database, DatabaseLimits
from tests.builders.sample_actions import CLERK, Crash, Gate, NameSupplier, name_supplier, naming
from tests.builders.transactions import Clock, codes, counts, rows, transactions_on
from workflows.transactions.actions import Action, action, one_by_one
from workflows.transactions.idempotency import KEPT
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction

SHOPPER = anonymous("192.0.2.1", frozenset({"web"}))


async def test_the_same_key_with_the_same_arguments_is_answered_again(database: Database) -> None:
    transactions = transactions_on(database)
    first = await transactions.perform(name_supplier, naming("acme", key="k1"))
    before = await counts(database, "supplier", "event", "audit_entry", "idempotency_key")
    again = await transactions.perform(name_supplier, naming("acme", key="k1"))
    assert first == Outcome(refs={"supplier": "acme"})
    assert again == replace(first, replayed=True)
    assert await counts(database, *before) == before


async def test_the_same_key_with_other_arguments_is_refused(database: Database) -> None:
    transactions = transactions_on(database)
    await transactions.perform(name_supplier, naming("acme", key="k1"))
    other = await transactions.perform(name_supplier, naming("other", key="k1"))
    assert codes(other) == [("IDEMPOTENCY_KEY_REUSED", ())]
    assert await counts(database, "supplier") == {"supplier": 1}
    # The key still belongs to the first request.
    again = await transactions.perform(name_supplier, naming("acme", key="k1"))
    assert again.replayed


async def test_the_same_key_for_another_mutation_is_refused(database: Database) -> None:
    @one_by_one("somethingElse")
    async def other(tx: Transaction, command: NameSupplier, caller: Caller) -> Mapping[str, Any]:
        raise AssertionError("not reached")

    transactions = transactions_on(database)
    await transactions.perform(name_supplier, naming("acme", key="k1"))
    outcome = await transactions.perform(other, naming("acme", key="k1"))
    assert codes(outcome) == [("IDEMPOTENCY_KEY_REUSED", ())]


async def test_a_key_belongs_to_its_actor(database: Database) -> None:
    transactions = transactions_on(database)
    other = holder(Role.ADMIN, actor="other clerk")
    await transactions.perform(name_supplier, naming("a", key="k1"))
    outcome = await transactions.perform(name_supplier, naming("b", key="k1", caller=other))
    assert not outcome.refusals
    assert not outcome.replayed


async def test_a_refusal_by_rule_is_stored_after_a_rollback_to_the_savepoint(
    database: Database,
) -> None:
    transactions = transactions_on(database)
    request = naming("acme", key="k1", fault="rule")
    first = await transactions.perform(name_supplier, request)
    again = await transactions.perform(name_supplier, request)
    assert codes(first) == [("POLICY_VIOLATION", ("code",))]
    assert again == replace(first, replayed=True)
    assert await counts(database, "supplier", "idempotency_key") == {
        "supplier": 0,
        "idempotency_key": 1,
    }


async def test_what_the_caller_can_mend_is_not_stored(database: Database) -> None:
    transactions = transactions_on(database)
    refused = await transactions.perform(name_supplier, naming("a", key="k1", fault="invalid"))
    assert codes(refused) == [("INVALID", ("code",))]
    assert await counts(database, "idempotency_key") == {"idempotency_key": 0}
    mended = await transactions.perform(name_supplier, naming("a", key="k1"))
    assert mended == Outcome(refs={"supplier": "a"})


async def test_a_crash_is_not_stored(database: Database) -> None:
    transactions = transactions_on(database)
    with pytest.raises(Crash):
        await transactions.perform(name_supplier, naming("a", key="k1", fault="crash"))
    assert await counts(database, "idempotency_key") == {"idempotency_key": 0}
    assert not (await transactions.perform(name_supplier, naming("a", key="k1"))).replayed


def _gated(gate: Gate, fault: str = "") -> Action[NameSupplier]:
    """`name_supplier`, blocked at the gate after it has taken its key."""

    @one_by_one("supplierName")
    async def held(tx: Transaction, command: NameSupplier, caller: Caller) -> Mapping[str, Any]:
        await gate.pass_through()
        if fault == "crash" and gate.runs == 1:
            raise Crash
        return {"supplier": command.code}

    return held


async def test_a_concurrent_duplicate_waits_and_gets_the_replay(database: Database) -> None:
    transactions, gate = transactions_on(database), Gate()
    held = _gated(gate)
    first = asyncio.create_task(transactions.perform(held, naming("acme", key="k1")))
    await gate.entered.wait()
    second = asyncio.create_task(transactions.perform(held, naming("acme", key="k1")))
    gate.opened.set()
    assert not (await first).replayed
    assert (await second).replayed
    assert gate.runs == 1


async def test_a_duplicate_that_waited_for_a_crash_does_the_work(database: Database) -> None:
    transactions, gate = transactions_on(database), Gate()
    held = _gated(gate, "crash")
    first = asyncio.create_task(transactions.perform(held, naming("acme", key="k1")))
    await gate.entered.wait()
    second = asyncio.create_task(transactions.perform(held, naming("acme", key="k1")))
    gate.opened.set()
    with pytest.raises(Crash):
        await first
    assert await second == Outcome(refs={"supplier": "acme"})


async def test_a_duplicate_that_waits_too_long_is_refused(postgres_url: str) -> None:
    database = Database(postgres_url, DatabaseLimits(lock=0.05))
    await database.open()
    try:
        transactions, gate = transactions_on(database), Gate()
        held = _gated(gate)
        first = asyncio.create_task(transactions.perform(held, naming("acme", key="k1")))
        await gate.entered.wait()
        second = await transactions.perform(held, naming("acme", key="k1"))
        assert codes(second) == [("IDEMPOTENCY_IN_PROGRESS", ())]
        assert not second.is_stored
        gate.opened.set()
        assert not (await first).refusals
    finally:
        await database.close()


@action("suppliersName")
async def name_suppliers(
    tx: Transaction, requests: Sequence[Request[NameSupplier]]
) -> list[Outcome]:
    """Handle all requests in one transaction; return the codes that were still to be handled."""
    return [Outcome(refs={"codes": [r.command.code for r in requests]}) for _ in requests]


async def test_a_batch_does_each_key_once(database: Database) -> None:
    transactions = transactions_on(database)
    await transactions.perform(name_suppliers, naming("old", key="k0"))
    outcomes = await transactions.perform_all(
        name_suppliers,
        [
            naming("old", key="k0"),
            naming("new", key="k1"),
            naming("new", key="k1"),
            naming("other", key="k1"),
            naming("keyless"),
        ],
    )
    done = {"codes": ["new", "keyless"]}
    assert outcomes[0] == Outcome(refs={"codes": ["old"]}, replayed=True)
    assert outcomes[1] == Outcome(refs=done)
    assert outcomes[2] == Outcome(refs=done, replayed=True)
    assert codes(outcomes[3]) == [("IDEMPOTENCY_KEY_REUSED", ())]
    assert outcomes[4] == Outcome(refs=done)


async def test_batches_with_keys_in_opposite_order_do_not_deadlock(postgres_url: str) -> None:
    database = Database(postgres_url)
    await database.open()
    try:
        transactions = transactions_on(database)
        keys = [f"k{number:02}" for number in range(40)]
        batches = [[naming(key, key=key) for key in order] for order in (keys, keys[::-1])]
        results = await asyncio.gather(
            *(transactions.perform_all(name_suppliers, batch) for batch in batches * 3)
        )
        fresh = [outcome for result in results for outcome in result if not outcome.replayed]
        assert len(fresh) == len(keys)
        assert await counts(database, "idempotency_key") == {"idempotency_key": len(keys)}
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("caller", "key"),
    [
        (holder(Role.PARTNER, actor="partner"), None),
        (SHOPPER, "x" * 21),
        (CLERK, ""),
        (CLERK, "x" * 256),
    ],
)
async def test_a_key_that_is_missing_or_too_short_or_too_long_is_asked_for(
    database: Database, caller: Caller, key: str | None
) -> None:
    request = naming("acme", caller=caller, key=key)
    outcome = await transactions_on(database).perform(name_supplier, request)
    assert codes(outcome) == [("IDEMPOTENCY_KEY_REQUIRED", ())]
    assert await counts(database, "supplier") == {"supplier": 0}


async def test_without_an_api_key_a_long_key_will_do(database: Database) -> None:
    request = naming("acme", caller=SHOPPER, key="x" * 22)
    assert not (await transactions_on(database).perform(name_supplier, request)).refusals


async def test_old_keys_are_forgotten_and_may_be_used_again(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    await transactions.perform(name_supplier, naming("old", key="k1"))
    clock.forward(days=6)
    await transactions.perform(name_supplier, naming("young", key="k2"))
    clock.forward(days=1, seconds=1)

    async def forget(tx: Transaction) -> int:
        return await idempotency_queries.delete_keys(tx.session, tx.now - KEPT, 100)

    assert await transactions.run(forget) == 1
    assert timedelta(days=7) == KEPT
    left = await rows(database, "SELECT key FROM idempotency_key")
    assert [row["key"] for row in left] == ["k2"]
