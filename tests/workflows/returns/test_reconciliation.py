"""Reconciliation of returns: no difference by itself, one line for each manipulation."""

import pytest

from models.database.database import Database
from tests.builders.returns import Desk, open_return_desk
from tests.builders.tampering import tamper
from workflows.ledger.reconciliation import reconcile


@pytest.fixture
async def desk(database: Database) -> Desk:
    """A return in every stage, and a parcel that matches no return."""
    desk = await open_return_desk(database, stock=10)
    received = await desk.requested(("TEE-M", 3), payments=())
    await desk.receive(received, ("TEE-M", 3), ("TEE-L", 1))
    first = (await desk.groups(received))[0]["id"]
    assert not (await desk.inspect(received, (first, 1, "NEW"), (first, 1, "USED"))).refusals
    over = await desk.requested(("COAT", 1), reference="W-2", payments=())
    await desk.receive(over, ("COAT", 1))
    await desk.inspect(over, ((await desk.groups(over))[0]["id"], 1, "NEW"))
    assert await desk.status(over) == "CLOSED"
    await desk.requested(("TEE-S", 2), reference="W-3")
    assert not (await desk.receive(None, ("TEE-S", 2))).refusals
    return desk


async def test_honest_returns_leave_no_difference(desk: Desk) -> None:
    assert await reconcile(desk.database) == []


RECEIVED = "(SELECT id FROM return_item WHERE state = 'RECEIVED')"
CLOSED = "(SELECT id FROM customer_return WHERE status = 'CLOSED')"

# name → (manipulating statements, the proof that detects them, its line)
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a unit of a return that is gone": (
        ("UPDATE stock_level SET refurbishing = 0",),
        "units of returns are in stock",
        "TEE-M @ LEEDS REFURBISHING: expected at least 1, found 0",
    ),
    "a parcel's units that are gone": (
        ("UPDATE stock_level SET quarantine = 0",),
        "units of returns are in stock",
        "TEE-S @ LEEDS QUARANTINE: expected at least 2, found 0",
    ),
    "a parcel that is resolved with its units": (
        (
            "UPDATE operational_exception SET status = 'RESOLVED', resolution = 'x', resolved_at ="
            " opened_at WHERE kind = 'UNIDENTIFIED_PARCEL'",
        ),
        "resolved parcels are empty",
        "expected no units left, found 2 units",
    ),
    "what a unit costs": (
        (f"UPDATE return_item SET cost_minor = 401 WHERE id = {RECEIVED}",),
        "units of returns keep their cost",
        "TEE-M: expected 2 units worth 801, found 2 units worth 800",
    ),
    "more units than were sent": (
        ("UPDATE return_item SET quantity = 9 WHERE state = 'EXPECTED'",),
        "returned units were shipped",
        "line 0: expected at most 2, found 9",
    ),
    "a cost that never left": (
        (f"UPDATE return_item SET cost_minor = 5000 WHERE id = {RECEIVED}",),
        "units return at their shipped cost",
        "line 0: expected at most 1200, found 5800",
    ),
    "a return closed early": (
        (f"UPDATE return_item SET state = 'INSPECTED' WHERE return_id = {CLOSED}",),
        "return status follows its units",
        "expected CLOSED, found 1 units INSPECTED",
    ),
    "a return left open": (
        (f"UPDATE customer_return SET status = 'RECEIVED', closed_at = NULL WHERE id = {CLOSED}",),
        "no settled return is left open",
        "expected CLOSED, found RECEIVED",
    ),
    "a step": (
        ("UPDATE disposition_step SET quantity = 7 WHERE disposition = 'REFURBISH'",),
        "disposition steps = movements",
        "REFURBISH: expected 7 units, found 1 units of item",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_was_changed_is_named(desk: Desk, what: str) -> None:
    statements, proof, line = BREAKS[what]
    await tamper(desk.database.url, *statements)
    found = [str(each) for each in await reconcile(desk.database)]
    named = [text for text in found if text.startswith(f"{proof}: ")]
    assert any(line in text for text in named), found
