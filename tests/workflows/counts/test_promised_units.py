"""Counts below what is promised: holds lose their units first, then unpicked orders."""

from __future__ import annotations

from uuid import UUID

import pytest

import models.queries.counts.counts as count_queries
import workflows.counts.posting as posting
import workflows.orders.fulfillment_holds as fulfillment_holds
from domain.orders.fulfillment_holds import HoldReason, NewHold
from models.counts import StockCountLineRow
from models.database.database import Database
from tests.builders.floor.counts import BEN, SUE, Counting, open_counting
from tests.builders.floor.transfers import Transfers
from tests.builders.tampering import tamper
from tests.builders.transactions import events, rows
from workflows.counts.posting import PostingRounds
from workflows.counts.promised_units import ORDERS_MAX
from workflows.ledger.reconciliation import reconcile
from workflows.orders.hold_subjects import HoldFulfillment
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction

# what was changed → statement, proof, part of the line that names it
BREAKS = {
    "the hold of a parcel whose units a count took is lost": (
        "DELETE FROM fulfillment_hold WHERE released_at IS NULL",
        "holds go on with the units that replace counted ones",
        "expected a hold of the units that replaced those of the fulfillment, found none",
    ),
}


@pytest.fixture
async def counting(database: Database) -> Counting:
    """A store in which a count of any difference is booked at once."""
    made = await open_counting(database, blind=False, recountAbove={"units": None})
    await made.adjustments_above("100000.00")
    return made


async def test_the_youngest_holds_lose_their_units_and_are_released_whole(
    counting: Counting,
) -> None:
    """10 units: 3 in an old hold, 4 in a young one, 3 free. 5 are there, so 5 are gone."""
    shop = counting.shop
    await shop.receive(10)
    await shop.receive(1, "COAT")
    await shop.hold(("TEE-M", 3), external_reference="old", ttl_seconds=3_600)
    shop.clock.forward(seconds=1)
    await shop.hold(("TEE-M", 4), ("COAT", 1), external_reference="young", ttl_seconds=3_600)
    assert not (await counting.record(("TEE-M", 5))).refusals
    assert await counting.lines() == [("POSTED", -5)]
    assert await counting.level() == {"available": 2, "held": 3}
    assert await counting.level("COAT") == {"available": 1}
    found = await rows(
        counting.database, "SELECT external_reference, status FROM reservation ORDER BY created_at"
    )
    assert [row["status"] for row in found] == ["HELD", "RELEASED"]
    assert await reconcile(counting.database) == []


async def test_orders_are_replaced_elsewhere_or_backordered(counting: Counting) -> None:
    """8 units in four orders, 3 are there. YORK replaces 2 units, 3 units are backordered.

    The marketplace is served after the web shop, so its orders lose their units first.
    """
    shop = counting.shop
    await shop.receive(8)
    orders = {}
    for name, channel in (("w1", "web"), ("w2", "web"), ("m1", "market"), ("m2", "market")):
        orders[name] = await shop.place(("TEE-M", 2), channel=channel, reference=name)
        shop.clock.forward(seconds=1)
    await shop.receive(2, at="YORK")
    assert not (await counting.record(("TEE-M", 3), by=BEN)).refusals
    assert await counting.lines() == [("POSTED", -5)]
    assert await counting.level() == {"allocated": 3}
    states = {
        name: [(row["status"], row["location"]) for row in await shop.fulfillments(order)]
        for name, order in orders.items()
    }
    # The youngest of the marketplace first: YORK has units for it.
    assert states["m2"] == [("CANCELLED", "LEEDS"), ("OPEN", "YORK")]
    assert states["m1"] == [("CANCELLED", "LEEDS")]
    assert states["w2"] == [("OPEN", "LEEDS")]
    assert states["w1"] == [("OPEN", "LEEDS")]
    lines = {name: (await shop.lines(order))[0] for name, order in orders.items()}
    waiting = {name: row["backordered"] for name, row in lines.items()}
    assert waiting == {"w1": 0, "w2": 1, "m1": 2, "m2": 0}
    oversold = await rows(
        counting.database,
        "SELECT subject_key, status FROM operational_exception WHERE kind = 'OVERSOLD'",
    )
    expected = {f"Order:{orders[name].refs['order']}" for name in ("w2", "m1")}
    assert {row["subject_key"] for row in oversold} == expected
    uncovered = await events(counting.database, "order.uncovered")
    assert [event["data"]["backordered"] for event in uncovered] == [0, 2, 1]
    assert await reconcile(counting.database) == []
    # New units are for the backorders, and the exceptions end.
    await shop.receive(3)
    assert await counting.level() == {"allocated": 6}
    assert await reconcile(counting.database) == []


@pytest.mark.parametrize("replaced", [0, 1, 2])
async def test_units_of_a_held_fulfillment_stay_held(counting: Counting, replaced: int) -> None:
    """Both units of a parcel on hold are gone. YORK replaces none, one or both."""
    shop, database = counting.shop, counting.database
    await shop.receive(2)
    order = await shop.place(("TEE-M", 2), ("COAT", 1), backorder=True)
    if replaced:
        await shop.receive(replaced, at="YORK")
    [parcel] = await shop.fulfillments(order)
    command = HoldFulfillment(None, UUID(str(parcel["id"])), NewHold(HoldReason.FRAUD_RISK))
    request = Request(command, SUE)
    assert not (await shop.transactions.perform(fulfillment_holds.hold, request)).refusals
    await counting.record(("TEE-M", 0))
    assert [status for status, _ in await counting.lines()] == ["POSTED"]
    parcels = {row["id"]: row for row in await shop.fulfillments(order)}
    at_york = ["ON_HOLD"] if replaced else []
    assert sorted(row["status"] for row in parcels.values()) == ["CANCELLED", *at_york]
    [live] = await rows(database, "SELECT * FROM fulfillment_hold WHERE released_at IS NULL")
    assert (live["reason"], live["placed_by"]) == ("FRAUD_RISK", SUE.actor)
    if replaced == 2:
        assert parcels[live["fulfillment_id"]]["location"] == "YORK"
        assert await reconcile(database) == []
        what, (statement, proof, line) = next(iter(BREAKS.items()))
        await tamper(database.url, statement)
        found = [str(each) for each in await reconcile(database) if each.proof == proof]
        assert [line in each for each in found] == [True], what
        return
    assert live["fulfillment_id"] is None
    # The hold covers what comes for the backorders, until it is released once.
    await shop.receive(2)
    waiting = sorted(row["status"] for row in await shop.fulfillments(order))
    assert waiting == ["CANCELLED", *at_york, "ON_HOLD"]
    assert await reconcile(database) == []
    assert not (await counting.warehouse.release_hold(live["id"])).refusals
    released = sorted(row["status"] for row in await shop.fulfillments(order))
    assert released == ["CANCELLED", *("OPEN" for _ in at_york), "OPEN"]
    assert await reconcile(database) == []


async def test_picked_orders_keep_their_units(counting: Counting) -> None:
    shop = counting.shop
    await shop.receive(4)
    picked = await shop.place(("TEE-M", 2), reference="picked")
    [parcel] = await shop.fulfillments(picked)
    await counting.warehouse.pick(parcel["id"])
    await shop.place(("TEE-M", 2), reference="open")
    level = await counting.level()
    on_shelf = level["allocated"] - level.get("picked", 0)
    await counting.record(("TEE-M", on_shelf - 2))
    lines = await shop.lines(picked)
    assert lines[0]["picked"] == 2
    assert await reconcile(counting.database) == []


async def test_a_count_that_takes_many_orders_is_posted_in_steps(counting: Counting) -> None:
    shop, many = counting.shop, ORDERS_MAX + 7
    await shop.receive(many)
    await counting.floor.put_away(("TEE-M", many, "A-2"))
    for number in range(many):
        await shop.place(("TEE-M", 1), reference=f"W-{number}")
    assert not (await counting.record(("TEE-M", 0, "A-2"))).refusals
    [line] = await counting.line_rows()
    assert (line["status"], line["variance"], line["unposted"]) == ("POSTING", -many, 7)
    assert await counting.counts() == [("SPOT", "OPEN", 1, 0)]
    assert await reconcile(counting.database) == []
    assert await counting.floor.bins() == {"": 7}
    assert await counting.post_rest() == 1
    assert await counting.lines() == [("POSTED", -many)]
    assert await counting.counts() == [("SPOT", "DONE", 1, 1)]
    assert await counting.level() == {}
    assert len(await events(counting.database, "count.posted")) == 1
    assert await reconcile(counting.database) == []


async def test_a_posting_ends_when_nothing_is_left_on_the_shelf(counting: Counting) -> None:
    """Orders that ship while their units are being taken leave fewer units to take."""
    shop, many = counting.shop, ORDERS_MAX + 3
    await shop.receive(many)
    orders = []
    for number in range(many):
        orders.append(await shop.place(("TEE-M", 1), reference=f"W-{number}"))
        shop.clock.forward(seconds=1)
    await counting.record(("TEE-M", 0))
    for order in orders[:3]:
        [parcel] = await shop.fulfillments(order)
        assert not (await shop.ship(parcel["id"])).refusals
    await counting.post_rest()
    assert await counting.lines() == [("POSTED", -ORDERS_MAX)]
    assert await reconcile(counting.database) == []


async def _counted_under_a_transfer(counting: Counting) -> tuple[Transfers, Outcome]:
    """12 units: 4 in an order, 8 in a transfer. 4 are found: the order loses its 4, and 4 wait."""
    await counting.shop.receive(12)
    await counting.shop.place(("TEE-M", 4))
    transfers = Transfers(counting.warehouse)
    transfer = await transfers.create(("TEE-M", 8))
    assert not (await counting.record(("TEE-M", 4))).refusals
    assert await counting.lines() == [("POSTED", -4)]
    return transfers, transfer


async def test_a_waiting_transfer_keeps_its_units(counting: Counting) -> None:
    """The transfer is shipped without 4 units. Then they are missing, and a count ends them."""
    transfers, transfer = await _counted_under_a_transfer(counting)
    assert not (await counting.record(("TEE-M", 4))).refusals
    # No count opens another one while the transfer waits.
    assert await counting.lines() == [("POSTED", -4), ("POSTED", 0)]
    assert await counting.level() == {"allocated": 8}
    assert await counting.post_rest() == 0
    assert await reconcile(counting.database) == []
    assert not (await transfers.ship(transfer, ("TEE-M", 4))).refusals
    assert await counting.level() == {"quarantine": 4, "missing": 4}
    assert not (await counting.record(("TEE-M", 0), by=BEN)).refusals
    assert await counting.lines() == [("POSTED", -4), ("POSTED", 0), ("POSTED", -4)]
    assert await counting.level() == {}
    assert set(await counting.variances()) == {"AUTO_RESOLVED"}
    assert await reconcile(counting.database) == []


async def test_units_left_to_a_transfer_are_counted_when_it_is_cancelled(
    counting: Counting,
) -> None:
    transfers, transfer = await _counted_under_a_transfer(counting)
    counting.shop.clock.forward(seconds=1)
    assert not (await transfers.cancel(transfer)).refusals
    assert await counting.lines() == [("POSTED", -4), ("OPEN", None)]
    assert await counting.counts() == [("SPOT", "DONE", 1, 1), ("VARIANCE", "OPEN", 1, 0)]
    assert not (await counting.record(("TEE-M", 4), by=BEN)).refusals
    assert await counting.lines() == [("POSTED", -4), ("POSTED", -4)]
    # The order of 4 waited for units, and the transfer's served it.
    assert await counting.level() == {"allocated": 4}
    await counting.shop.receive(4)
    again = await transfers.create(("TEE-M", 4))
    assert not (await transfers.cancel(again)).refusals
    assert len(await counting.lines()) == 2
    assert await reconcile(counting.database) == []


async def test_a_line_that_cannot_be_posted_stops_no_other(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    async def fail(row: StockCountLineRow, tx: Transaction) -> int:
        seen.append(row["id"])
        raise RuntimeError("no stock")

    async def two_lines(*_: object) -> list[dict[str, object]]:
        return [{"id": 1}, {"id": 2}]

    monkeypatch.setattr(posting, "_post_more", fail)
    monkeypatch.setattr(count_queries, "posting_lines", two_lines)
    assert await PostingRounds(counting.shop.transactions).work() == 0
    assert seen == [1, 2]
