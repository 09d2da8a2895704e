"""Proofs of orders' money: clean for every kind of fact, and one line for each manipulation."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.refunds import open_refund_desk
from tests.builders.sales import Sales
from tests.builders.tampering import tamper
from workflows.ledger.reconciliation import reconcile


@pytest.fixture
async def sales(database: Database) -> Sales:
    """Orders that are undone, part-paid, cancelled in part, and live."""
    sales = await Sales(await open_refund_desk(database)).open(restockingFee=0.1)
    undone = await sales.place(("COAT", 1, 10_000, 2_000), shipping=500, reference="W-1")
    await sales.ship(undone)
    await sales.goodwill(undone, 1_000)
    await sales.take_back(undone, "COAT")
    unpaid = await sales.place(("TEE-S", 3, 1_000, 100), paid=1_500, reference="W-2")
    await sales.ship(unpaid)
    await sales.take_back(unpaid, "TEE-S", 2, "USED")
    await sales.refund_desk.shop.adjust(-19, "TEE-M")
    waiting = await sales.place(
        ("TEE-M", 3, 1_000, 200), shipping=500, shipping_tax=100, reference="W-3"
    )
    await sales.ship(waiting)
    await sales.take_back(waiting, "TEE-M")
    await sales.cancel(waiting)
    await sales.refund_desk.pay()
    return sales


async def found_in(sales: Sales) -> list[str]:
    """Differences except those of event positions: no sequencer runs here."""
    found = await reconcile(sales.refund_desk.database)
    return [str(each) for each in found if "position" not in each.proof]


async def test_honest_orders_leave_no_difference(sales: Sales) -> None:
    assert await found_in(sales) == []


def order(number: int) -> str:
    return f"(SELECT id FROM sales_order WHERE external_reference = 'W-{number}')"


# name → (manipulating statements, the proof that detects them, its line)
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a debt that was not taken back": (
        (f"UPDATE refund SET unpaid_minor = unpaid_minor - 1 WHERE order_id = {order(2)}",),
        "refund amount = its parts",
        "expected",
    ),
    "a column of receivables": (
        (f"UPDATE sales_order SET receivable_minor = 1 WHERE id = {order(1)}",),
        "receivables = journal of the order",
        "expected 0, found 1",
    ),
    "tax that a refund did not take": (
        (
            "UPDATE refund SET tax_minor = tax_minor - 1, items_minor = items_minor + 1"
            f" WHERE order_id = {order(1)} AND kind = 'RETURN'",
        ),
        "order accounts follow from its facts",
        "sales -1, tax 1",
    ),
    "a unit that came back and was forgotten": (
        (
            "DELETE FROM refund_unit WHERE order_line_id IN"
            f" (SELECT id FROM order_line WHERE order_id = {order(2)})",
        ),
        "every inspected unit is in a refund",
        "expected 2 units in refunds, found 0 of 3 units; 0 cancelled, 3 shipped",
    ),
    "goods that stay sold": (
        (
            "UPDATE journal_line SET credit_minor = credit_minor + 5 WHERE account = 'sales'"
            " AND entry_id IN (SELECT id FROM journal_entry WHERE reference ="
            f" (SELECT number FROM sales_order WHERE id = {order(3)}))",
        ),
        "an undone order leaves nothing",
        "sales 5",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_was_changed_is_named(sales: Sales, what: str) -> None:
    statements, proof, line = BREAKS[what]
    await tamper(sales.refund_desk.database.url, *statements)
    found = await found_in(sales)
    named = [text for text in found if text.startswith(f"{proof}: ")]
    assert any(line in text for text in named), found
