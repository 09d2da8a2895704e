"""Journal: balanced entries with a digest, and item costs that move with units."""

import asyncio
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

import tests.builders.sample_actions as sample_actions
from domain.errors import Invalid, UnbalancedEntry
from domain.ledger.accounts import Account
from domain.ledger.entries import LedgerEntry, LedgerLine, Occasion, payment_captured, reversal
from domain.values.money import MINOR_MAX, Money
from models.database.database import Database
from tests.builders.transactions import MORNING, counts, rows, transactions_on
from workflows.transactions.digests import digest_of_all
from workflows.transactions.transaction import Transaction

YESTERDAY = MORNING - timedelta(days=1)


async def test_an_entry_is_written_with_its_lines_and_covered_by_the_audit(
    database: Database,
) -> None:
    entry = payment_captured(Money(1250, "GBP"), Occasion("R-1", YESTERDAY))

    async def work(tx: Transaction) -> UUID | None:
        tx.outbox.audit("clerk", "pay", ("Order", "R-1"))
        return tx.journal.post(entry, actor="clerk")

    entry_id = await transactions_on(database).run(work)
    (row,) = await rows(database, "SELECT * FROM journal_entry")
    assert (row["id"], row["posted_at"], row["effective_at"]) == (entry_id, MORNING, YESTERDAY)
    assert (row["reference"], row["memo"], row["actor"]) == ("R-1", entry.memo, "clerk")
    lines = await rows(
        database,
        "SELECT account, currency, debit_minor, credit_minor FROM journal_line ORDER BY line_no",
    )
    assert [tuple(line.values()) for line in lines] == [
        ("payments_clearing", "GBP", 1250, 0),
        ("customer_deposits", "GBP", 0, 1250),
    ]
    (audit,) = await rows(database, "SELECT content_digest FROM audit_entry")
    assert audit["content_digest"] == digest_of_all([row["digest"]])


async def test_an_unbalanced_entry_is_refused_before_the_write(database: Database) -> None:
    entry = payment_captured(Money(1250, "GBP"), Occasion("R-1", MORNING))
    # An unbalanced entry cannot be constructed; one that was changed afterwards is refused too.
    object.__setattr__(entry, "lines", entry.lines[:1])

    async def work(tx: Transaction) -> None:
        with pytest.raises(UnbalancedEntry):
            tx.journal.post(entry, actor="clerk")

    await transactions_on(database).run(work)
    assert await counts(database, "journal_entry") == {"journal_entry": 0}
    with pytest.raises(UnbalancedEntry):
        LedgerEntry("m", "r", MORNING, (LedgerLine(Account.SALES, "GBP", 1, 0),))


async def test_an_entry_that_moves_no_money_is_not_written(database: Database) -> None:
    entry = payment_captured(Money(0, "GBP"), Occasion("R-1", MORNING))

    async def work(tx: Transaction) -> UUID | None:
        return tx.journal.post(entry, actor="clerk")

    assert await transactions_on(database).run(work) is None
    assert await counts(database, "journal_entry") == {"journal_entry": 0}


async def test_an_entry_is_reversed_once_at_most(database: Database) -> None:
    entry = payment_captured(Money(1250, "GBP"), Occasion("R-1", MORNING))
    transactions = transactions_on(database)

    async def post(tx: Transaction) -> UUID | None:
        return tx.journal.post(entry, actor="clerk")

    entry_id = await transactions.run(post)
    assert entry_id is not None

    async def reverse(tx: Transaction) -> UUID | None:
        turned = reversal(entry, entry_id, "paid twice", tx.now)
        return tx.journal.post(turned, actor="clerk")

    await transactions.run(reverse)
    with pytest.raises(Exception, match="reverses_id"):
        await transactions.run(reverse)
    totals = await rows(
        database,
        "SELECT SUM(debit_minor) - SUM(credit_minor) AS left FROM journal_line GROUP BY account",
    )
    assert [int(row["left"]) for row in totals] == [0, 0]


async def _costs(database: Database) -> list[tuple[int, ...]]:
    found = await rows(
        database,
        "SELECT quantity, value_minor, quality_quantity, quality_value_minor FROM item_cost"
        " ORDER BY item_id",
    )
    return [tuple(row.values()) for row in found]


async def test_costs_move_with_units_and_the_last_unit_takes_the_rest(database: Database) -> None:
    (shirt,) = await sample_actions.places(database, "TEE")
    transactions = transactions_on(database)

    async def come(tx: Transaction) -> None:
        await tx.costs.lock([shirt])
        assert tx.costs.value_of_found(shirt, 3, None) == 0
        assert tx.costs.value_of_found(shirt, 3, 250) == 750
        tx.costs.receive(shirt, 3, 1000)
        assert tx.costs.value_of_found(shirt, 3, 250) == 1000

    async def go(tx: Transaction) -> list[int]:
        await tx.costs.lock([shirt])
        moved = [tx.costs.to_quality(shirt, 1)]
        moved.append(tx.costs.issue(shirt, 2))
        # Inventory is empty, so found units get the value of those in quality control.
        moved.append(tx.costs.value_of_found(shirt, 2, 250))
        tx.costs.receive_quality(shirt, 1, 101)
        moved.append(tx.costs.from_quality(shirt, 1))
        moved.append(tx.costs.scrap(shirt, 1))
        return moved

    await transactions.run(come)
    assert await _costs(database) == [(3, 1000, 0, 0)]
    assert await transactions.run(go) == [333, 667, 666, 217, 217]
    assert await _costs(database) == [(1, 217, 0, 0)]


async def test_costs_of_more_units_than_there_are_is_a_mistake(database: Database) -> None:
    (shirt,) = await sample_actions.places(database, "TEE")

    async def work(tx: Transaction) -> None:
        await tx.costs.lock([shirt])
        tx.costs.issue(shirt, 1)

    with pytest.raises(ValueError, match="1 units from a pool of 0"):
        await transactions_on(database).run(work)


async def test_values_beyond_what_is_kept_are_invalid(database: Database) -> None:
    (shirt,) = await sample_actions.places(database, "TEE")

    async def work(tx: Transaction) -> None:
        await tx.costs.lock([shirt])
        tx.costs.receive(shirt, 1, MINOR_MAX)
        tx.costs.receive(shirt, 1, 1)

    with pytest.raises(Invalid):
        await transactions_on(database).run(work)


async def test_costs_are_always_locked_in_item_order(postgres_url: str) -> None:
    """Two transactions that lock the same items in opposite order wait for each other without
    deadlock."""
    database = Database(postgres_url)
    await database.open()
    try:
        shirt, coat = await sample_actions.places(database, "TEE", "COAT")
        transactions = transactions_on(database)
        attempts = 0

        async def work(tx: Transaction, item_ids: list[int]) -> None:
            nonlocal attempts
            attempts += 1
            await tx.costs.lock(item_ids)
            for item_id in item_ids:
                tx.costs.receive(item_id, 1, 100)

        jobs = [[shirt, coat], [coat, shirt]] * 10
        await asyncio.gather(*(transactions.run(partial(work, item_ids=job)) for job in jobs))
        assert attempts == len(jobs)
        assert await _costs(database) == [(20, 2000, 0, 0), (20, 2000, 0, 0)]
    finally:
        await database.close()
