"""Holds whose keys are claimed in the call that locks their stock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

import models.database.plan_cache as plan_cache
import models.database.pool as pool
import workflows.reservations.reservations
from models.database.database import Database
from tests.builders.driver_calls import record_calls
from tests.builders.store import ADMIN, open_shop
from tests.builders.transactions import codes, counts, rows, transactions_on
from workflows.ledger.reconciliation import reconcile
from workflows.reservations.commands import CreateReservation, HoldLine
from workflows.transactions.actions import KeyClaim, action
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction

WARM = 4  # holds after which PostgreSQL has the statements prepared
WRITTEN = ("reservation", "reservation_line", "stock_movement", "event", "idempotency_key")
create = workflows.reservations.reservations.create


def hold(key: str | None, units: int = 1, ttl: int = 900) -> Request[CreateReservation]:
    return Request(CreateReservation("web", (HoldLine("TEE-M", units),), ttl), ADMIN, key)


async def test_a_hold_alone_makes_two_calls(one: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "RENEW_SECONDS_MIN", 60.0)
    monkeypatch.setattr(pool, "READY_SECONDS", 60.0)
    shop = await open_shop(one)
    await shop.receive(10)
    for number in range(WARM):
        await shop.transactions.perform(create, hold(f"warm{number}"))
    calls = record_calls(monkeypatch)
    outcome = await shop.transactions.perform(create, hold("k"))
    assert not outcome.refusals
    assert [call.split("_")[0] for call in calls] == ["SELECT * FROM pg", "EXECUTE restow"]
    assert "; COMMIT; BEGIN" in calls[1]


@pytest.mark.parametrize("warm", [0, WARM])
async def test_a_batch_with_known_keys_holds_the_others_once(database: Database, warm: int) -> None:
    shop = await open_shop(database)
    await shop.receive(20)
    for number in range(warm):
        await shop.transactions.perform(create, hold(f"warm{number}"))
    first = await shop.transactions.perform(create, hold("a"))
    before = await counts(database, *WRITTEN)
    again, other, new, twice, keyless = await shop.transactions.perform_all(
        create, [hold("a"), hold("a", units=2), hold("b"), hold("b"), hold(None)]
    )
    assert (again.refs, again.replayed) == (first.refs, True)
    assert codes(other) == [("IDEMPOTENCY_KEY_REUSED", ())]
    assert (new.replayed, twice.replayed, keyless.replayed) == (False, True, False)
    assert new.refs == twice.refs != keyless.refs
    after = await counts(database, *WRITTEN)
    assert after["reservation"] == before["reservation"] + 2
    assert after["idempotency_key"] == before["idempotency_key"] + 1
    assert (await shop.level())["held"] == warm + 3


async def test_fifty_at_once_in_two_queues_hold_once(database: Database) -> None:
    """Two queues, as two processes have them; PostgreSQL has the statements prepared in the end."""
    shop = await open_shop(database)
    await shop.receive(100)
    queues = [transactions_on(database) for _ in range(2)]
    for number in range(2 * WARM):
        outcomes = await asyncio.gather(
            *(queues[n % 2].perform(create, hold(f"k{number}")) for n in range(50))
        )
        assert not [each for each in outcomes if each.refusals]
        assert len({each.refs["reservation"] for each in outcomes}) == 1
        assert sum(not each.replayed for each in outcomes) == 1
        assert (await shop.level())["held"] == number + 1
    assert await reconcile(database) == []


async def test_expired_holds_are_ended_with_the_statements_prepared(single: Database) -> None:
    shop = await open_shop(single)
    await shop.receive(2)
    for number in range(2 * WARM):
        outcome = await shop.transactions.perform(create, hold(f"k{number}", units=2, ttl=60))
        assert not outcome.refusals, number
        shop.clock.forward(seconds=61)
    statuses = await rows(single, "SELECT status FROM reservation ORDER BY created_at")
    assert [row["status"] for row in statuses] == ["EXPIRED"] * (2 * WARM - 1) + ["HELD"]
    assert await reconcile(single) == []


async def test_an_action_that_does_not_claim_its_keys_is_a_mistake_at_once(
    database: Database,
) -> None:
    @action("suppliersName", KeyClaim.WITH_LOCK)
    async def forgets(tx: Transaction, requests: Sequence[Request[str]]) -> list[Outcome]:
        return [Outcome() for _ in requests]

    with pytest.raises(RuntimeError, match="suppliersName has not claimed its keys"):
        await transactions_on(database).perform(forgets, Request("x", ADMIN, "k"))
    assert await counts(database, "idempotency_key") == {"idempotency_key": 0}
