"""Units of unmatched parcels: their dispositions, and the end of their exception."""

import pytest

from models.database.database import Database
from tests.builders.returns import BOSS, Desk, open_return_desk
from tests.builders.transactions import counts, events
from workflows.ledger.reconciliation import reconcile

TABLES = ("unidentified_unit", "stock_movement", "journal_entry", "event", "operational_exception")


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


@pytest.mark.parametrize(
    ("disposition", "state", "account"),
    [
        ("RETURN_TO_CUSTOMER", None, "inventory_adjustments"),
        ("SCRAP", None, "write_offs"),
        ("LIQUIDATE", None, "write_offs"),
        ("RETURN_TO_VENDOR", None, "recoverable_from_vendors"),
        ("RESTOCK", "available", "inventory"),
        ("REFURBISH", "refurbishing", "inventory_in_quality_control"),
    ],
)
async def test_the_last_unit_resolves_the_exception(
    desk: Desk, disposition: str, state: str | None, account: str
) -> None:
    before = await desk.balances()
    received = await desk.receive(None, ("TEE-M", 3))
    assert (await desk.shop.level())["quarantine"] == 3
    first = await desk.dispose_unidentified(received, 2, disposition, by=BOSS)
    assert not first.refusals, first.refusals
    assert await desk.exceptions() == [("UNIDENTIFIED_PARCEL", "OPEN", 1)]
    last = await desk.dispose_unidentified(received, 1, disposition, by=BOSS)
    assert not last.refusals, last.refusals
    assert await desk.exceptions() == [("UNIDENTIFIED_PARCEL", "AUTO_RESOLVED", 1)]
    level = await desk.shop.level()
    assert "quarantine" not in level
    assert level == {"available": 20, **({state: level[state]} if state else {})}
    assert state is None or level[state] == (23 if state == "available" else 3)
    moved = {
        name: minor - before.get(name, 0)
        for name, minor in (await desk.balances()).items()
        if minor != before.get(name, 0)
    }
    expected = {account: 1200, "inventory_adjustments": -1200}
    assert moved == ({} if account == "inventory_adjustments" else expected)
    disposed = await events(desk.database, "return.unidentified_disposed")
    assert len(disposed) == 2
    assert await reconcile(desk.database) == []


async def test_an_exception_with_units_left_is_not_resolved(desk: Desk) -> None:
    received = await desk.receive(None, ("TEE-M", 2))
    before = await counts(desk.database, *TABLES)
    refused = await desk.resolve(received)
    assert [(each.code, each.field) for each in refused.refusals] == [
        ("ILLEGAL_TRANSITION", ("id",))
    ]
    assert await counts(desk.database, *TABLES) == before
    assert await desk.exceptions() == [("UNIDENTIFIED_PARCEL", "OPEN", 1)]


@pytest.mark.parametrize(
    ("units", "disposition", "sku", "code", "field"),
    [
        (1, "RESTOCK", "TEE-M", "APPROVAL_REQUIRED", "disposition"),
        (1, "QUARANTINE", "TEE-M", "ILLEGAL_TRANSITION", None),
        (3, "SCRAP", "TEE-M", "INSUFFICIENT_STOCK", "quantity"),
        (0, "SCRAP", "TEE-M", "INVALID", "quantity"),
        (1, "SCRAP", "COAT", "NOT_FOUND", "sku"),
    ],
)
async def test_a_refusal_changes_nothing(
    desk: Desk, units: int, disposition: str, sku: str, code: str, field: str | None
) -> None:
    received = await desk.receive(None, ("TEE-M", 2))
    before = await counts(desk.database, *TABLES)
    refused = await desk.dispose_unidentified(received, units, disposition, sku=sku)
    assert [each.code for each in refused.refusals] == [code]
    assert field is None or refused.refusals[0].field == (field,)
    assert await counts(desk.database, *TABLES) == before


async def test_units_beyond_an_ended_return_leave_here_and_its_own_there(desk: Desk) -> None:
    a_return = await desk.requested(("TEE-M", 1))
    await desk.cancel(a_return)
    received = await desk.receive(a_return, ("TEE-M", 2), ("COAT", 1))
    refused = await desk.dispose_unidentified(received, 2, "SCRAP")
    assert [each.code for each in refused.refusals] == ["INVALID"]
    assert not (await desk.dispose_unidentified(received, 1, "SCRAP")).refusals
    assert not (await desk.dispose_unidentified(received, 1, "SCRAP", sku="COAT")).refusals
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 1)]
    [group] = await desk.groups(a_return)
    assert not (await desk.dispose(group["id"], 1, "RETURN_TO_CUSTOMER")).refusals
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "AUTO_RESOLVED", 1)]
    assert await reconcile(desk.database) == []
