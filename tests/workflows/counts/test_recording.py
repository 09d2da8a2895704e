"""Records of counts: what is booked at once, counted again, or shown to a person."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.stock.states import UNITS_MAX
from models.database.database import Database
from tests.builders.floor.counts import ADMIN, ANN, BEN, CLEO, SUE, Counting, open_counting
from tests.builders.floor.transfers import Transfers
from tests.builders.transactions import codes, counts, events, rows
from workflows.ledger.reconciliation import reconcile

TABLES = ("stock_count", "stock_count_line", "count_attempt", "stock_movement", "event", "task")


@pytest.fixture
async def counting(database: Database) -> Counting:
    return await open_counting(database)


async def test_a_count_that_agrees_is_posted_and_sets_the_bins(counting: Counting) -> None:
    await counting.shop.receive(10)
    await counting.floor.put_away(("TEE-M", 6, "A-2"))
    recorded = await counting.record(("TEE-M", 3, "A-2"), ("TEE-M", 5, "B-1"), ("TEE-M", 2))
    assert not recorded.refusals
    assert await counting.lines() == [("POSTED", 0)]
    assert await counting.counts() == [("SPOT", "DONE", 1, 1)]
    assert await counting.floor.bins() == {"A-2": 3, "B-1": 5, "": 2}
    assert await counting.tasks() == []
    assert await reconcile(counting.database) == []


async def test_small_differences_are_booked_at_cost(counting: Counting) -> None:
    """10 units cost 40.00. Two are gone: 8.00. One more is found: 4.00."""
    await counting.shop.receive(10)
    assert not (await counting.record(("TEE-M", 8))).refusals
    assert await counting.level() == {"available": 8}
    counting.shop.clock.forward(minutes=1)
    assert not (await counting.record(("TEE-M", 9))).refusals
    assert await counting.level() == {"available": 9}
    assert await counting.lines() == [("POSTED", -2), ("POSTED", 1)]
    values = [row["value_minor"] for row in await counting.line_rows()]
    assert values == [-800, 400]
    booked = await rows(
        counting.database,
        "SELECT account, SUM(debit_minor) - SUM(credit_minor) AS balance FROM journal_line"
        " WHERE account LIKE 'inventory%' GROUP BY account",
    )
    found = {row["account"]: int(row["balance"]) for row in booked}
    assert found == {"inventory": 3600, "inventory_adjustments": 400}
    kinds = await rows(counting.database, "SELECT kind FROM stock_movement WHERE kind = 'COUNTED'")
    assert len(kinds) == 2
    posted = await events(counting.database, "count.posted")
    assert [event["data"]["variance"] for event in posted] == [-2, 1]
    assert await reconcile(counting.database) == []


async def test_a_large_difference_is_counted_again_by_another_person(counting: Counting) -> None:
    await counting.shop.receive(20)
    await counting.create(skus=("TEE-M",))
    await counting.claim()
    first = await counting.record(("TEE-M", 15))
    assert not first.refusals
    [(status, variance)] = await counting.lines()
    assert (status, variance) == ("RECOUNT", -5)
    assert await counting.tasks() == [("OPEN", None)]
    assert await counting.variances() == ["OPEN"]
    before = await counts(counting.database, *TABLES)
    again = await counting.record(("TEE-M", 15))
    assert codes(again) == [("SELF_APPROVAL", ("input", "places", "0", "sku"))]
    assert await counts(counting.database, *TABLES) == before
    assert not (await counting.record(("TEE-M", 15), by=BEN)).refusals
    assert await counting.lines() == [("POSTED", -5)]
    assert await counting.level() == {"available": 15}
    assert await counting.variances() == ["AUTO_RESOLVED"]
    assert await counting.counts() == [("PLANNED", "DONE", 1, 1)]
    assert await reconcile(counting.database) == []


async def test_the_third_different_count_needs_an_approval(counting: Counting) -> None:
    await counting.shop.receive(20)
    for units, worker in ((10, ANN), (11, BEN), (12, CLEO)):
        assert not (await counting.record(("TEE-M", units), by=worker)).refusals
    assert await counting.lines() == [("NEEDS_APPROVAL", -8)]
    [line] = await counting.line_rows()
    refused = await counting.record(("TEE-M", 12), by=SUE)
    assert codes(refused) == [("ILLEGAL_TRANSITION", ("input", "places", "0", "sku"))]
    assert not (await counting.approve(line["id"])).refusals
    assert await counting.lines() == [("POSTED", -8)]
    assert await counting.level() == {"available": 12}
    [line] = await counting.line_rows()
    assert line["decided_by"] == "sue"
    assert await counting.variances() == ["AUTO_RESOLVED"]
    assert await reconcile(counting.database) == []


async def test_a_counter_does_not_approve(counting: Counting) -> None:
    """15 units cost 4.00 each: 60.00 is above the 50.00 of the ADJUSTMENT policy."""
    await counting.policy(blind=False, recountAbove={"units": None})
    await counting.shop.receive(20)
    await counting.record(("TEE-M", 5), by=SUE)
    assert await counting.lines() == [("NEEDS_APPROVAL", -15)]
    [line] = await counting.line_rows()
    assert line["value_minor"] == -6000
    refused = await counting.approve(line["id"])
    assert codes(refused) == [("SELF_APPROVAL", ("lineIds", "0"))]
    assert refused.refs["lines"] == [None]
    assert not (await counting.approve(line["id"], by=ADMIN)).refusals
    assert await counting.level() == {"available": 5}
    assert await reconcile(counting.database) == []


async def test_a_recount_that_is_asked_for_begins_anew(counting: Counting) -> None:
    await counting.policy(recountAbove={"units": None})
    await counting.shop.receive(20)
    await counting.record(("TEE-M", 5))
    [line] = await counting.line_rows()
    assert not (await counting.recount(line["id"])).refusals
    [line] = await counting.line_rows()
    assert (line["status"], line["asked_again_because"]) == ("RECOUNT", "Count again.")
    assert await counting.tasks() == [("OPEN", None)]
    assert not (await counting.record(("TEE-M", 20))).refusals
    assert await counting.lines() == [("POSTED", 0)]
    assert await counting.variances() == ["AUTO_RESOLVED"]
    assert await reconcile(counting.database) == []


async def test_units_that_move_during_a_count_make_it_void(counting: Counting) -> None:
    await counting.shop.receive(10)
    await counting.create(skus=("TEE-M",))
    [task_id] = (await counting.claim()).refs["tasks"]
    await counting.shop.receive(3)
    await counting.record(("TEE-M", 11))
    [line] = await counting.line_rows()
    assert line["status"] == "RECOUNT"
    assert "since the claim" in line["asked_again_because"]
    assert await counting.tasks() == [("CLAIMED", "ann")]
    # The same worker goes on; a renewal of the claim begins a new count.
    await counting.record(("TEE-M", 11))
    assert [status for status, _ in await counting.lines()] == ["RECOUNT"]
    await counting.renew(task_id)
    assert not (await counting.record(("TEE-M", 11))).refusals
    assert await counting.lines() == [("POSTED", -2)]
    assert await counting.level() == {"available": 11}
    assert await counting.variances() == []
    assert await reconcile(counting.database) == []


async def test_holds_and_orders_do_not_make_a_count_void(counting: Counting) -> None:
    await counting.shop.receive(10)
    await counting.create(skus=("TEE-M",))
    await counting.claim()
    await counting.shop.hold(("TEE-M", 2))
    await counting.shop.place(("TEE-M", 3))
    await counting.record(("TEE-M", 9))
    assert await counting.lines() == [("POSTED", -1)]
    assert await counting.level() == {"available": 4, "held": 2, "allocated": 3}


async def test_a_claimed_pick_makes_a_count_void(counting: Counting) -> None:
    await counting.shop.receive(10)
    order = await counting.shop.place(("TEE-M", 3))
    await counting.warehouse.claim(by=BEN)
    await counting.record(("TEE-M", 7))
    [line] = await counting.line_rows()
    assert line["status"] == "RECOUNT"
    assert "picking" in line["asked_again_because"]
    [parcel] = await counting.shop.fulfillments(order)
    await counting.warehouse.pick(parcel["id"], by=BEN)
    counting.shop.clock.forward(minutes=1)
    await counting.record(("TEE-M", 9))
    assert [status for status, _ in await counting.lines()] == ["POSTED"]


async def test_a_claimed_pick_of_a_transfer_makes_a_count_void(counting: Counting) -> None:
    """The worker has taken 5 of 10 units for a transfer that has not shipped."""
    await counting.shop.receive(10)
    transfers = Transfers(counting.warehouse)
    transfer = await transfers.create(("TEE-M", 5))
    await counting.warehouse.claim(by=BEN)
    await counting.record(("TEE-M", 5))
    [line] = await counting.line_rows()
    assert line["status"] == "RECOUNT"
    assert "picking" in line["asked_again_because"]
    assert not (await transfers.ship(transfer, by=BEN)).refusals
    counting.shop.clock.forward(minutes=1)
    await counting.record(("TEE-M", 5))
    assert await counting.lines() == [("POSTED", 0)]
    assert await counting.level() == {"available": 5}
    assert await reconcile(counting.database) == []


async def test_found_units_of_a_new_level_are_booked_at_the_items_cost(counting: Counting) -> None:
    await counting.shop.receive(10, at="YORK")
    assert not (await counting.record(("TEE-M", 2))).refusals
    assert await counting.level() == {"available": 2}
    refused = await counting.record(("TEE-L", 0), ("TEE-S", 1))
    assert codes(refused) == [("NOT_FOUND", ("input", "places", "0", "sku"))]
    assert refused.refs["lines"][0] is None
    assert refused.refs["lines"][1] is not None
    assert await counting.lines("TEE-L") == []
    assert await reconcile(counting.database) == []


async def test_faults_of_a_record_are_reported_together(counting: Counting) -> None:
    before = await counts(counting.database, *TABLES)
    refused = await counting.record(("NONE", 1), ("TEE-M", -1), ("TEE-M", 1, "NO-BIN"))
    assert codes(refused) == [
        ("NOT_FOUND", ("input", "places", "0", "sku")),
        ("INVALID", ("input", "places", "1", "quantity")),
        ("NOT_FOUND", ("input", "places", "2", "binCode")),
    ]
    assert await counts(counting.database, *TABLES) == before
    assert codes(await counting.record()) == [("INVALID", ("input", "places"))]
    too_many = await counting.record(("TEE-M", UNITS_MAX + 1))
    assert codes(too_many) == [("INVALID", ("input", "places", "0", "quantity"))]
    many = [("TEE-M", 1)] * 501
    assert codes(await counting.record(*many)) == [("LIMIT_EXCEEDED", ("input", "places"))]


async def test_a_task_of_another_worker_is_respected(counting: Counting) -> None:
    await counting.shop.receive(10)
    await counting.create(skus=("TEE-M",))
    await counting.claim(by=BEN)
    refused = await counting.record(("TEE-M", 10))
    assert codes(refused) == [("TASK_NOT_CLAIMED", ("input", "places", "0", "sku"))]
    assert await counting.lines() == [("OPEN", None)]


async def test_a_key_of_a_record_that_was_taken_in_part_is_replayed(counting: Counting) -> None:
    """18 of 20 units are counted. Three more leave; the same request once more changes nothing."""
    await counting.shop.receive(20)
    first = await counting.record(("TEE-M", 18), ("TEE-S", 0), key="K-1")
    assert codes(first) == [("NOT_FOUND", ("input", "places", "1", "sku"))]
    await counting.shop.adjust(-3)
    again = await counting.record(("TEE-M", 18), ("TEE-S", 0), key="K-1")
    assert (again.refs, again.refusals, again.replayed) == (first.refs, first.refusals, True)
    assert await counting.lines() == [("POSTED", -2)]
    assert await counting.level() == {"available": 15}


async def test_a_key_of_an_approval_that_was_taken_in_part_is_replayed(
    counting: Counting,
) -> None:
    await counting.policy(recountAbove={"units": None})
    await counting.adjustments_above("0.01")
    await counting.shop.receive(20)
    await counting.record(("TEE-M", 10))
    [line] = await counting.line_rows()
    asked = (line["id"], uuid4())
    first = await counting.approve(*asked, key="K-1")
    assert codes(first) == [("NOT_FOUND", ("lineIds", "1"))]
    again = await counting.approve(*asked, key="K-1")
    assert (again.refs, again.refusals, again.replayed) == (first.refs, first.refusals, True)
    assert await counting.level() == {"available": 10}
