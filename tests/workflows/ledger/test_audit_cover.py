"""Audit entries cover the rows of their transaction: a later change of these rows is reported."""

import pytest

from models.database.database import Database
from tests.builders.payloads import TestDone
from tests.builders.store import Shop, open_shop
from tests.builders.tampering import tamper
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import COVERED, reconcile
from workflows.transactions.transaction import Transaction

COVERED_TABLES = ("stock_movement", "journal_entry", "event", "audit_entry")
OTHER = "'00000000-0000-7000-8000-000000000001'"

# Rows removed or inserted by hand, with correct digests of their own.
BREAKS = {
    "a movement that is gone": "DELETE FROM stock_movement WHERE kind = 'ALLOCATED'",
    "an event that is gone": "DELETE FROM event WHERE type = 'order.placed'",
    "an entry that is gone": "DELETE FROM journal_entry WHERE reference <> 'PO-1'",
    "audit rows that are gone": "DELETE FROM audit_entry WHERE action = 'orderPlace'",
    "a movement of another transaction": (
        f"UPDATE stock_movement SET transaction_id = {OTHER} WHERE kind = 'ALLOCATED'"
    ),
    "an audit row of another transaction": (
        f"UPDATE audit_entry SET transaction_id = {OTHER} WHERE action = 'orderPlace'"
    ),
}


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A store with a receipt, an order and a shipment."""
    shop = await open_shop(database)
    await shop.receive(5)
    order = await shop.place(("TEE-M", 2))
    (parcel,) = await shop.fulfillments(order)
    await shop.ship(parcel["id"])
    return shop


async def _named(shop: Shop) -> list[str]:
    return [each.place for each in await reconcile(shop.database) if each.proof == COVERED]


async def test_what_a_transaction_wrote_has_its_id(shop: Shop) -> None:
    for table in COVERED_TABLES:
        found = await rows(shop.database, f"SELECT DISTINCT transaction_id FROM {table}")
        assert len(found) > 1, table
    (placed,) = await rows(
        shop.database, "SELECT transaction_id FROM audit_entry WHERE action = 'orderPlace'"
    )
    moved = await rows(
        shop.database,
        "SELECT kind FROM stock_movement WHERE transaction_id = $1",
        placed["transaction_id"],
    )
    assert [row["kind"] for row in moved] == ["ALLOCATED"]
    assert await reconcile(shop.database) == []


@pytest.mark.parametrize("what", BREAKS)
async def test_what_is_gone_or_slipped_in_is_named(shop: Shop, what: str) -> None:
    (placed,) = await rows(
        shop.database, "SELECT transaction_id FROM audit_entry WHERE action = 'orderPlace'"
    )
    await tamper(shop.database.url, BREAKS[what])
    assert f"transaction {placed['transaction_id']}" in await _named(shop)


async def test_events_without_a_request_are_covered_too(database: Database) -> None:
    shop = await open_shop(database)

    async def work(tx: Transaction) -> None:
        tx.outbox.record(TestDone(), 1, actor="system")

    await shop.transactions.run(work)
    (audit,) = await rows(
        database, "SELECT actor, action, subject FROM audit_entry WHERE action = 'test.done'"
    )
    assert audit == {"actor": "system", "action": "test.done", "subject": "Test:1"}
    await tamper(database.url, "DELETE FROM event WHERE type = 'test.done'")
    assert len(await _named(shop)) == 1
