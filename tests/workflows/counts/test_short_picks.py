"""Short picks and counts: missing units are found or gone, and COUNT_VARIANCE ends."""

from __future__ import annotations

import pytest

import workflows.counts.decisions as decisions
from domain.exceptions import ExceptionKind
from domain.stock.states import StockState
from models.database.database import Database
from tests.builders.floor.counts import ADMIN, ANN, BEN, Counting, open_counting
from tests.builders.transactions import rows
from workflows.exceptions.opening import open_exception
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.transaction import Transaction


@pytest.fixture
async def counting(database: Database) -> Counting:
    return await open_counting(database)


async def short_pick(counting: Counting, ordered: int, short: int, reference: str = "W-1") -> None:
    """Pick an order of `ordered` units of which `short` are not found."""
    order = await counting.shop.place(("TEE-M", ordered), reference=reference)
    [parcel, *_] = await counting.shop.fulfillments(order)
    [line] = await counting.shop.lines(order)
    picked = await counting.warehouse.pick(parcel["id"], (line["id"], short), by=BEN)
    assert not picked.refusals


async def test_a_short_pick_has_its_level_counted(counting: Counting) -> None:
    await counting.shop.receive(10)
    await short_pick(counting, 3, 2)
    assert (await counting.level())["missing"] == 2
    assert await counting.counts() == [("VARIANCE", "OPEN", 1, 0)]
    assert await counting.tasks() == [("OPEN", None)]
    assert await counting.variances() == ["OPEN"]
    # A second short pick uses the same line.
    await short_pick(counting, 2, 1, "W-2")
    assert (await counting.level())["missing"] == 3
    assert await counting.lines() == [("OPEN", None)]
    assert await reconcile(counting.database) == []


async def test_missing_units_that_a_count_finds_become_available(counting: Counting) -> None:
    """10 units: 1 was picked, 2 were not found, 7 are on the shelf by the books. 9 are there."""
    await counting.shop.receive(10)
    await short_pick(counting, 3, 2)
    assert not (await counting.record(("TEE-M", 9))).refusals
    assert await counting.lines() == [("POSTED", 0)]
    after = await counting.level()
    assert "missing" not in after
    assert "quarantine" not in after
    assert await counting.variances() == ["AUTO_RESOLVED"]
    assert await counting.counts() == [("VARIANCE", "DONE", 1, 1)]
    assert await reconcile(counting.database) == []


async def test_missing_units_that_are_gone_are_written_off(counting: Counting) -> None:
    await counting.shop.receive(10)
    await short_pick(counting, 3, 2)
    assert not (await counting.record(("TEE-M", 7))).refusals
    assert await counting.lines() == [("POSTED", -2)]
    assert "quarantine" not in await counting.level()
    booked = await rows(
        counting.database,
        "SELECT SUM(debit_minor) - SUM(credit_minor) AS balance FROM journal_line"
        " WHERE account = 'inventory_adjustments'",
    )
    assert int(booked[0]["balance"]) == 800
    assert await counting.variances() == ["AUTO_RESOLVED"]
    assert await reconcile(counting.database) == []


async def test_a_short_pick_while_a_difference_waits_has_it_counted_again(
    counting: Counting,
) -> None:
    await counting.policy(recountAbove={"units": None})
    await counting.shop.receive(30)
    await counting.record(("TEE-M", 10))
    assert await counting.lines() == [("NEEDS_APPROVAL", -20)]
    await short_pick(counting, 3, 2)
    [line] = await counting.line_rows()
    assert line["status"] == "RECOUNT"
    assert line["asked_again_because"]
    assert await counting.tasks() == [("OPEN", None)]
    assert await reconcile(counting.database) == []


async def test_moves_by_hand_take_other_units_in_quarantine_first(counting: Counting) -> None:
    await counting.shop.receive(10)
    await short_pick(counting, 3, 2)
    await counting.shop.move(3, "AVAILABLE", "QUARANTINE")
    assert (await counting.level())["quarantine"] == 5
    await counting.shop.move(3, "QUARANTINE", "DAMAGED")
    level = await counting.level()
    assert (level["quarantine"], level["missing"]) == (2, 2)
    await counting.shop.adjust(-1, state=StockState.QUARANTINE)
    assert (await counting.level())["missing"] == 1
    assert await counting.variances() == ["OPEN"]
    await counting.shop.adjust(-1, state=StockState.QUARANTINE)
    assert "missing" not in await counting.level()
    assert await counting.variances() == ["AUTO_RESOLVED"]
    assert await reconcile(counting.database) == []


@pytest.mark.parametrize(("counted", "variance"), [(7, -2), (12, 3)])
async def test_missing_units_that_were_settled_meanwhile_are_not_booked_again(
    counting: Counting, counted: int, variance: int
) -> None:
    """7 units are on the shelf by the books and 2 are missing, which are written off by hand.

    The difference was compared with 9 units, so it is counted anew and compared with 7.
    """
    await counting.policy(blind=False, recountAbove={"units": None})
    await counting.adjustments_above("0.01")
    await counting.shop.receive(10)
    await short_pick(counting, 3, 2)
    await counting.record(("TEE-M", counted, "A-2"), by=ANN)
    assert await counting.lines() == [("NEEDS_APPROVAL", variance)]
    await counting.shop.adjust(-2, state=StockState.QUARANTINE)
    [line] = await counting.line_rows()
    before = await counting.level()
    approved = await counting.approve(line["id"])
    assert (approved.refusals, approved.refs["lines"]) == ((), [str(line["id"])])
    [line] = await counting.line_rows()
    assert (line["status"], line["asked_again_because"]) == ("RECOUNT", decisions.SETTLED)
    assert await counting.level() == before
    assert await counting.tasks() == [("DONE", "ann"), ("OPEN", None)]
    assert await reconcile(counting.database) == []
    await counting.record(("TEE-M", 7, "A-2"), by=BEN)
    assert await counting.lines() == [("POSTED", 0)]
    assert await reconcile(counting.database) == []


async def test_a_cancelled_count_leaves_the_doubt(counting: Counting) -> None:
    await counting.shop.receive(10)
    await short_pick(counting, 3, 2)
    found = await rows(counting.database, "SELECT id FROM stock_count")
    created = type("Created", (), {"refs": {"count": str(found[0]["id"])}})()
    assert not (await counting.cancel(created, by=ADMIN)).refusals
    assert await counting.counts() == [("VARIANCE", "CANCELLED", 1, 1)]
    assert await counting.tasks() == [("CANCELLED", None)]
    assert await counting.variances() == ["OPEN"]
    assert [code.code for code in (await counting.cancel(created)).refusals] == [
        "ILLEGAL_TRANSITION"
    ]
    await counting.record(("TEE-M", 7), by=ANN)
    assert await reconcile(counting.database) == []


async def test_a_doubt_without_a_short_pick_has_its_level_counted(counting: Counting) -> None:
    """A scan took more units from a bin than it had by the books."""
    await counting.shop.receive(10)
    [level] = await rows(
        counting.database,
        "SELECT s.id, s.item_id, s.location_id FROM stock_level s WHERE s.available = 10",
    )

    async def scan(tx: Transaction) -> None:
        await tx.stock.lock([level["item_id"]])
        await open_exception(
            tx,
            ExceptionKind.COUNT_VARIANCE,
            ("StockLevel", level["id"]),
            "1 more units were picked than the bin had.",
            location_id=level["location_id"],
        )

    for _ in range(2):
        await counting.shop.transactions.run(scan)
    assert await counting.counts() == [("VARIANCE", "OPEN", 1, 0)]
    await counting.record(("TEE-M", 10))
    assert await counting.variances() == ["AUTO_RESOLVED"]
    await counting.shop.transactions.run(scan)
    assert len(await counting.counts()) == 2
    assert await reconcile(counting.database) == []
