"""Each measure while it is active, and that nothing of it is left afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from models.database.database import Database
from tests.builders.store import ADMIN, Shop
from tests.builders.transactions import codes, events, rows
from tests.builders.warehouse import SUE, Warehouse
from tests.workflows.continuity.playbooks import Playbooks, open_playbooks
from workflows.availability.cache import AvailabilityCache
from workflows.ledger.reconciliation import reconcile

STATES = (
    "SELECT i.sku, l.code, s.available, s.held, s.allocated, s.quarantine FROM stock_level s"
    " JOIN item i ON i.id = s.item_id JOIN location l ON l.id = s.location_id ORDER BY s.id"
)
ROUTED = "SELECT routing FROM reservation ORDER BY created_at DESC LIMIT 1"


@pytest.fixture
async def playbooks(database: Database) -> Playbooks:
    return await open_playbooks(database)


class Eyes:
    """Availability of TEE-M as the cache and as the database show it; both must agree."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._cache = AvailabilityCache(shop.database, shop.clock)

    async def see(self, channel: str = "web", sku: str = "TEE-M") -> int:
        _, [found] = await self._cache.find(channel, [sku], ADMIN)
        assert found is not None
        assert found.available_to_promise == await self._shop.atp(sku, channel)
        return found.available_to_promise


@pytest.fixture
def eyes(playbooks: Playbooks) -> Eyes:
    return Eyes(playbooks.shop)


async def left_as_it_was(playbooks: Playbooks, before: list[dict[str, Any]]) -> None:
    assert await rows(playbooks.database, STATES) == before
    assert await reconcile(playbooks.database) == []


async def test_a_buffer_is_left(playbooks: Playbooks, eyes: Eyes) -> None:
    before = await rows(playbooks.database, STATES)
    await playbooks.publish(BUFFER=4)
    assert await eyes.see() == 15
    run = await playbooks.started(channels=("web",), skus=("TEE-M",))
    assert (await eyes.see(), await eyes.see("market")) == (11, 15)
    other = await playbooks.started(channels=("web",), units=2)
    assert await eyes.see() == 9
    assert codes(await playbooks.shop.hold(("TEE-M", 10))) == [
        ("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))
    ]
    waiting = await playbooks.shop.place(("TEE-M", 11), backorder=True)
    assert (await playbooks.shop.lines(waiting))[0]["backordered"] == 2
    await playbooks.ended(run)
    await playbooks.ended(other)
    assert (await playbooks.shop.lines(waiting))[0]["backordered"] == 0
    assert not (await playbooks.shop.cancel(waiting)).refusals
    assert await eyes.see() == 15
    await left_as_it_was(playbooks, before)


async def test_a_stopped_sku_is_sold_by_nobody(playbooks: Playbooks, eyes: Eyes) -> None:
    before = await rows(playbooks.database, STATES)
    held = await playbooks.shop.hold(("TEE-M", 2))
    await playbooks.publish(STOP_SALE=True)
    assert await eyes.see() == 13
    run = await playbooks.started(skus=("tee-m",))
    assert (await eyes.see(), await eyes.see("market"), await eyes.see(sku="TEE-S")) == (0, 0, 0)
    refused = [("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))]
    assert codes(await playbooks.shop.hold(("TEE-M", 1))) == refused
    assert codes(await playbooks.shop.place(("TEE-M", 2), hold=held)) == refused
    assert (await playbooks.shop.level())["held"] == 2
    waiting = await playbooks.shop.place(("TEE-M", 2), hold=held, backorder=True)
    assert (await playbooks.shop.lines(waiting))[0]["backordered"] == 2
    assert (await playbooks.shop.level()).get("held", 0) == 0
    await playbooks.shop.receive(3)
    await playbooks.serve()
    assert (await playbooks.shop.lines(waiting))[0]["backordered"] == 2
    await playbooks.ended(run)
    assert (await playbooks.shop.lines(waiting))[0]["backordered"] == 0
    assert not (await playbooks.shop.cancel(waiting)).refusals
    assert not (await playbooks.shop.adjust(-3)).refusals
    assert await eyes.see() == 15
    await left_as_it_was(playbooks, before)


async def test_a_sale_is_stopped_where_and_for_whom_it_says(
    playbooks: Playbooks, eyes: Eyes
) -> None:
    await playbooks.publish(STOP_SALE=True)
    await playbooks.started(channels=("market",), locations=("LEEDS",))
    assert (await eyes.see(), await eyes.see("market")) == (15, 5)
    assert codes(await playbooks.shop.hold(("TEE-M", 6), channel="market")) == [
        ("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))
    ]
    hold = await playbooks.shop.hold(("TEE-M", 5), channel="market")
    assert not hold.refusals
    assert (await playbooks.shop.level(at="YORK")) == {"held": 5}


async def test_quarantined_units_and_later_arrivals_come_back(
    playbooks: Playbooks, eyes: Eyes
) -> None:
    shop = playbooks.shop
    held = await shop.hold(("TEE-M", 2), channel="web")
    await playbooks.publish(QUARANTINE=True)
    run = await playbooks.start(skus=("TEE-M",))
    assert await eyes.see() == 0, "it holds before the job has moved anything"
    assert codes(await shop.hold(("TEE-M", 1)))
    await playbooks.move()
    assert (await shop.level(), await shop.level(at="YORK")) == (
        {"held": 2, "quarantine": 8},
        {"quarantine": 5},
    )
    assert not (await shop.release(held)).refusals
    await shop.receive(3, at="YORK")
    assert (await shop.level(), await shop.level(at="YORK")) == (
        {"quarantine": 10},
        {"quarantine": 8},
    )
    assert await playbooks.affected(run) == {"QUARANTINE": 18}
    assert not (await shop.adjust(-4, at="YORK", state="QUARANTINE")).refusals
    await playbooks.ended(run)
    assert (await shop.level(), await shop.level(at="YORK")) == (
        {"available": 10},
        {"available": 4},
    )
    found = await rows(
        playbooks.database,
        "SELECT taken, given_back FROM quarantined_unit ORDER BY taken, given_back",
    )
    assert [(row["taken"], row["given_back"]) for row in found] == [(8, 4), (10, 10)]
    assert await eyes.see() == 14
    assert await reconcile(playbooks.database) == []


async def test_units_of_two_quarantines_come_back_with_the_last(playbooks: Playbooks) -> None:
    before = await rows(playbooks.database, STATES)
    await playbooks.publish(QUARANTINE=True)
    first = await playbooks.started(skus=("TEE-M",), locations=("LEEDS",))
    second = await playbooks.started(skus=("TEE-M",))
    assert await playbooks.shop.level() == {"quarantine": 10}
    await playbooks.ended(first)
    assert await playbooks.shop.level() == {"quarantine": 10}
    await playbooks.ended(second)
    await left_as_it_was(playbooks, before)


async def test_missing_and_returned_units_stay_in_quarantine(playbooks: Playbooks) -> None:
    """They are in doubt, or their return accounts for them: the end of a run does not take them."""
    shop, warehouse = playbooks.shop, Warehouse(playbooks.shop)
    order = await shop.place(("TEE-M", 3))
    [parcel] = await shop.fulfillments(order)
    line = (await shop.lines(order))[0]["id"]
    assert not (await warehouse.pick(parcel["id"], (line, 2))).refusals
    await playbooks.publish(QUARANTINE=True)
    run = await playbooks.started(skus=("TEE-M",))
    assert not (await shop.adjust(-6, state="QUARANTINE")).refusals
    taken = (await shop.level())["quarantine"]
    await playbooks.ended(run)
    assert (await shop.level())["quarantine"] == 2
    assert (await shop.level()).get("available", 0) == taken - 2
    assert await reconcile(playbooks.database) == []


async def test_parcels_are_held_until_it_ends(playbooks: Playbooks) -> None:
    shop, warehouse = playbooks.shop, Warehouse(playbooks.shop)
    first = await shop.place(("TEE-M", 1))
    await shop.receive(2, "COAT")
    other = await shop.place(("COAT", 1), reference="W-2")
    own = await warehouse.hold(first)
    await playbooks.publish(HOLD_PARCELS=True)
    run = await playbooks.started(skus=("TEE-M",))
    later = await shop.place(("TEE-M", 1), reference="W-3")
    assert [await warehouse.statuses(each) for each in (first, other, later)] == [
        ["ON_HOLD"],
        ["OPEN"],
        ["ON_HOLD"],
    ]
    assert await playbooks.affected(run) == {"HOLD_PARCELS": 2}
    [parcel] = await shop.fulfillments(later)
    [refusal] = (await shop.ship(parcel["id"])).refusals
    assert (refusal.code, refusal.details["holds"][0]["reason"]) == (
        "ILLEGAL_TRANSITION",
        "MEASURE",
    )
    [held] = [row for row in await warehouse.holds() if row["fulfillment_id"] == parcel["id"]]
    assert codes(await warehouse.release_hold(held["id"], by=ADMIN)) == [
        ("POLICY_VIOLATION", ("holdId",))
    ]
    assert codes(await warehouse.hold(other, reason="MEASURE")) == [("INVALID", ("hold", "reason"))]
    await playbooks.ended(run)
    assert [await warehouse.statuses(each) for each in (first, other, later)] == [
        ["ON_HOLD"],
        ["OPEN"],
        ["OPEN"],
    ]
    assert not (await warehouse.release_hold(own)).refusals
    assert await warehouse.statuses(first) == ["OPEN"]
    assert not (await shop.ship(parcel["id"])).refusals
    assert await reconcile(playbooks.database) == []


async def test_a_cancelled_order_ends_its_hold(playbooks: Playbooks) -> None:
    order = await playbooks.shop.place(("TEE-M", 1))
    await playbooks.publish(HOLD_PARCELS=True)
    run = await playbooks.started(skus=("TEE-M",))
    assert not (await playbooks.shop.cancel(order)).refusals
    [hold] = await Warehouse(playbooks.shop).holds()
    assert hold["released_at"] is not None
    await playbooks.ended(run)
    assert await reconcile(playbooks.database) == []


async def test_a_closed_location_gets_nothing_and_its_parcels_leave_from_elsewhere(
    playbooks: Playbooks, eyes: Eyes
) -> None:
    shop, warehouse = playbooks.shop, Warehouse(playbooks.shop)
    moved = await shop.place(("TEE-M", 2), reference="W-1")
    picked = await shop.place(("TEE-M", 1), reference="W-2")
    assert not (await warehouse.pick((await shop.fulfillments(picked))[0]["id"])).refusals
    large = await shop.place(("TEE-M", 6), reference="W-3")
    assert await shop.level() == {"allocated": 9, "available": 1}
    run = await playbooks.start("LOCATION_CLOSURE", locations=("LEEDS",))
    assert (await eyes.see(), await eyes.see("market")) == (5, 5)
    await playbooks.move()
    parcels = {each["location"]: each for each in await shop.fulfillments(moved)}
    assert (parcels["LEEDS"]["status"], parcels["YORK"]["status"]) == ("CANCELLED", "OPEN")
    assert await warehouse.statuses(picked) == ["PICKED"]
    assert await warehouse.statuses(large) == ["ON_HOLD"]
    assert await playbooks.affected(run) == {"CLOSE_LOCATION": 2}
    assert await eyes.see() == 3
    to_leeds = await warehouse.reroute(parcels["YORK"]["id"], "LEEDS", by=SUE)
    assert codes(to_leeds) == [("POLICY_VIOLATION", ("locationCode",))]
    held = await shop.hold(("TEE-M", 1))
    [routing] = await rows(playbooks.database, ROUTED)
    assert "is closed by the playbook LOCATION_CLOSURE" in str(routing["routing"])
    assert codes(await shop.hold(("TEE-M", 1, "LEEDS"))) == [
        ("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))
    ]
    await playbooks.ended(run)
    assert await warehouse.statuses(large) == ["OPEN"]
    assert len(await shop.fulfillments(moved)) == 2, "they stay where they are"
    assert not (await shop.release(held)).refusals
    assert await eyes.see() == 6
    assert await reconcile(playbooks.database) == []


async def test_units_held_at_a_closed_location_are_replaced(playbooks: Playbooks) -> None:
    held = await playbooks.shop.hold(("TEE-M", 2))
    assert (await playbooks.shop.level())["held"] == 2
    await playbooks.started("LOCATION_CLOSURE", locations=("LEEDS",))
    order = await playbooks.shop.place(("TEE-M", 2), hold=held)
    assert not order.refusals
    [parcel] = await playbooks.shop.fulfillments(order)
    assert parcel["location"] == "YORK"
    assert (await playbooks.shop.level()) == {"available": 10}
    assert await reconcile(playbooks.database) == []


async def test_a_location_gets_as_many_parcels_a_day_as_it_may(
    playbooks: Playbooks, eyes: Eyes
) -> None:
    shop = playbooks.shop
    await playbooks.started("LOCATION_CAPACITY", locations=("LEEDS",), units=2)
    assert await eyes.see() == 15
    for number in (1, 2):
        order = await shop.place(("TEE-M", 1), reference=f"W-{number}")
        assert (await shop.fulfillments(order))[0]["location"] == "LEEDS"
    assert await eyes.see() == 5
    order = await shop.place(("TEE-M", 1), reference="W-3")
    assert (await shop.fulfillments(order))[0]["location"] == "YORK"
    shop.clock.forward(days=1)
    assert await eyes.see() == 12
    order = await shop.place(("TEE-M", 1), reference="W-4")
    assert (await shop.fulfillments(order))[0]["location"] == "LEEDS"


async def test_promises_are_later_for_new_orders_only(playbooks: Playbooks) -> None:
    shop = playbooks.shop
    before = await shop.place(("TEE-M", 1), reference="W-1")
    await playbooks.publish(DELAY_PROMISES=3)
    run = await playbooks.started(channels=("web",))
    during = await shop.place(("TEE-M", 1), reference="W-2")
    other = await shop.place(("TEE-M", 1), reference="W-3", channel="market")
    await playbooks.ended(run)
    after = await shop.place(("TEE-M", 1), reference="W-4")
    first, second, third, last = [await shop.order(each) for each in (before, during, other, after)]
    assert first["deliver_by_at"] == third["deliver_by_at"] == last["deliver_by_at"]
    # Three working days after Wednesday, as lead times are counted.
    assert first["deliver_by_at"].date().isoformat() == "2026-03-04"
    assert second["deliver_by_at"].date().isoformat() == "2026-03-09"
    assert second["ship_by_at"] == first["ship_by_at"]


async def test_the_clock_ends_an_overlay_without_any_job(playbooks: Playbooks, eyes: Eyes) -> None:
    await playbooks.publish(STOP_SALE=True)
    ends_at = playbooks.shop.clock.now + timedelta(minutes=5)
    await playbooks.started(ends_at=ends_at)
    assert await eyes.see() == 0
    playbooks.shop.clock.forward(minutes=5)
    assert await eyes.see() == 15
    assert not (await playbooks.shop.hold(("TEE-M", 1))).refusals


async def test_a_run_that_ends_while_it_starts_gives_everything_back(playbooks: Playbooks) -> None:
    before = await rows(playbooks.database, STATES)
    await playbooks.publish(STOP_SALE=True, QUARANTINE=True, HOLD_PARCELS=True)
    run = await playbooks.start(skus=("TEE-M",))
    assert not (await playbooks.end(run)).refusals
    await playbooks.move()
    assert (await playbooks.run(run))["status"] == "ENDED"
    await left_as_it_was(playbooks, before)
    assert [each["type"] for each in await events(playbooks.database, "playbook.")] == [
        "playbook.started",
        "playbook.ended",
    ]
