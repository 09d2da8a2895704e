"""Reconciliation of parcels: no difference by itself, one line for each manipulation."""

import pytest

from models.database.database import Database
from tests.builders.tampering import tamper
from tests.builders.warehouse import Warehouse, open_warehouse
from workflows.ledger.reconciliation import reconcile


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    """One parcel each that is on its way, delivered, lost, and lost and found."""
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(9)
    for number, reports in enumerate(
        ((), ("DELIVERED",), ("LOST",), ("LOST", "RETURNED_TO_SENDER"))
    ):
        placed = await warehouse.shop.place(("TEE-M", 1), reference=f"W-{number}")
        [parcel] = await warehouse.shop.fulfillments(placed)
        await warehouse.shop.ship(parcel["id"], tracking_number=f"JD-{number}")
        for report in reports:
            warehouse.shop.clock.forward(hours=1)
            await warehouse.record_event(report, report, number=f"JD-{number}")
    return warehouse


async def test_honest_parcels_leave_no_difference(warehouse: Warehouse) -> None:
    assert await reconcile(warehouse.database) == []


_LATE = "(SELECT MAX(placed_at) FROM sales_order)"

# name → (manipulating statements, the proof that detects them, its line)
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "an order placed after its parcel was shipped": (
        (f"UPDATE sales_order SET placed_at = {_LATE} WHERE external_reference = 'W-0'",),
        "times of parcels are in order",
        "JD-0: expected placed",
    ),
    "a delivery before the shipment": (
        (f"UPDATE fulfillment SET shipped_at = {_LATE} WHERE tracking_number = 'JD-1'",),
        "times of parcels are in order",
        "JD-1: expected placed",
    ),
    "a delivery without effect": (
        (
            "UPDATE fulfillment SET status = 'SHIPPED', delivered_at = NULL"
            " WHERE tracking_number = 'JD-1'",
        ),
        "parcels follow the reports of their carriers",
        "JD-1: expected DELIVERED, found SHIPPED",
    ),
    "a loss without a time": (
        ("UPDATE fulfillment SET lost_at = NULL",),
        "times of parcels are in order",
        "found LOST without a time",
    ),
    "a loss that was not written off": (
        (
            "DELETE FROM journal_line WHERE account = 'write_offs' AND entry_id IN"
            " (SELECT e.id FROM journal_entry e JOIN sales_order o ON o.number = e.reference"
            " WHERE o.external_reference = 'W-2')",
        ),
        "write-offs of an order = its lost parcels",
        "expected 400, found 0",
    ),
    "a parcel that was found but is still written off": (
        ("DELETE FROM journal_line WHERE account = 'write_offs' AND credit_minor > 0",),
        "write-offs of an order = its lost parcels",
        "expected 0, found 400",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_was_changed_is_named(warehouse: Warehouse, what: str) -> None:
    statements, proof, line = BREAKS[what]
    await tamper(warehouse.database.url, *statements)
    named = [str(each) for each in await reconcile(warehouse.database) if each.proof == proof]
    assert any(line in text for text in named), named
