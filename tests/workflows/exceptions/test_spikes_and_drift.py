"""RETURN_SPIKE and LEDGER_DRIFT: opened once, silent after a person, cleared when it is over."""

from __future__ import annotations

import pytest

from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from models.database.database import Database
from models.queries.proofs.invariants import PROOFS
from tests.builders.returns import Desk
from tests.builders.store import Shop
from tests.builders.tampering import tamper
from tests.builders.warehouse import Warehouse, open_warehouse
from tests.workflows.exceptions.sweeps import of_kind, statuses
from tests.workflows.exceptions.test_sweep import resolve
from workflows.exceptions.ledger_drift import LedgerDrift
from workflows.exceptions.return_spikes import ReturnSpikes

FAY = holder(Role.FINANCE, actor="fay")


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    opened = await open_warehouse(database)
    await opened.shop.receive(60)
    return opened


async def a_round(drift: LedgerDrift, shop: Shop) -> None:
    """All proofs of the next hour."""
    shop.clock.forward(hours=1)
    for _ in range(len(PROOFS) + 12):
        while await drift.step():
            pass


async def test_five_units_of_an_item_in_a_week_are_a_spike_until_they_are_usual(
    warehouse: Warehouse,
) -> None:
    desk, spikes = Desk(warehouse.shop), ReturnSpikes(warehouse.shop.transactions)
    order = await desk.sold(("TEE-M", 9))
    assert not (await desk.request(order, ("TEE-M", 4))).refusals
    await spikes.step()
    assert await of_kind(warehouse.database, "RETURN_SPIKE") == []
    assert not (await desk.request(order, ("TEE-M", 1))).refusals
    for _ in range(2):
        await spikes.step()
    [spike] = await of_kind(warehouse.database, "RETURN_SPIKE")
    assert (spike["status"], spike["occurrences"]) == ("OPEN", 1)
    assert spike["message"].startswith("5 units of TEE-M were asked back within a week; 1.0 are")
    warehouse.shop.clock.forward(days=7)
    await spikes.step()
    assert await statuses(warehouse.database, "RETURN_SPIKE") == ["AUTO_RESOLVED"]


async def test_a_spike_that_a_person_resolved_is_silent_until_it_is_over(
    warehouse: Warehouse,
) -> None:
    desk, spikes = Desk(warehouse.shop), ReturnSpikes(warehouse.shop.transactions)
    order = await desk.sold(("TEE-M", 12))
    await desk.request(order, ("TEE-M", 5))
    await spikes.step()
    [spike] = await of_kind(warehouse.database, "RETURN_SPIKE")
    await resolve(warehouse, spike["id"])
    await desk.request(order, ("TEE-M", 2))
    await spikes.step()
    assert await statuses(warehouse.database, "RETURN_SPIKE") == ["RESOLVED"]
    warehouse.shop.clock.forward(days=8)
    await spikes.step()
    [spike] = await of_kind(warehouse.database, "RETURN_SPIKE")
    assert not spike["silenced"]


async def test_each_proof_that_fails_is_reported_until_it_agrees(
    warehouse: Warehouse,
) -> None:
    drift = LedgerDrift(warehouse.shop.transactions)
    await a_round(drift, warehouse.shop)
    assert await of_kind(warehouse.database, "LEDGER_DRIFT") == []
    url = warehouse.database.url
    await tamper(url, "UPDATE stock_level SET available = available + 1 WHERE available > 0")
    await tamper(url, "UPDATE event SET actor = 'eve' WHERE type = 'stock.changed'")
    again = LedgerDrift(warehouse.shop.transactions)
    for _ in range(2):
        await a_round(again, warehouse.shop)
    found = await of_kind(warehouse.database, "LEDGER_DRIFT")
    subjects = {row["subject_key"] for row in found}
    assert "Proof:event digests" in subjects
    assert all(row["occurrences"] == 2 for row in found)
    [units] = [row["subject_key"] for row in found if "TEE-M @ LEEDS available" in row["message"]]
    silent = next(row for row in found if row["subject_key"] == "Proof:event digests")
    await resolve(warehouse, silent["id"], by=FAY)
    await a_round(again, warehouse.shop)
    await tamper(url, "UPDATE stock_level SET available = available - 1 WHERE available > 0")
    await a_round(again, warehouse.shop)
    # Tampering on SQLite drops the triggers of the log, which later proofs report as well.
    rows = await of_kind(warehouse.database, "LEDGER_DRIFT")
    after = {row["subject_key"]: row["status"] for row in rows}
    assert (after["Proof:event digests"], after[units]) == ("RESOLVED", "AUTO_RESOLVED")


async def test_a_kind_that_is_off_proves_nothing(warehouse: Warehouse) -> None:
    off = {"kinds": {"LEDGER_DRIFT": {"off": True}}}
    await warehouse.shop.publish(PolicyKind.EXCEPTION, off)
    url = warehouse.database.url
    await tamper(url, "UPDATE stock_level SET available = available + 1 WHERE available > 0")
    await a_round(LedgerDrift(warehouse.shop.transactions), warehouse.shop)
    assert await of_kind(warehouse.database, "LEDGER_DRIFT") == []
