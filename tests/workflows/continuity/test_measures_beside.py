"""Measures beside counts, transfers and daily capacities, and nothing is left of them."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.catalog import a_location
from tests.builders.floor.counts import open_counting
from tests.builders.floor.transfers import Transfers
from tests.builders.store import ADMIN
from tests.builders.transactions import codes, counts, rows
from tests.builders.warehouse import Warehouse
from tests.workflows.continuity.playbooks import Playbooks, open_playbooks
from workflows.availability.cache import AvailabilityCache
from workflows.catalog.locations import upsert
from workflows.ledger.reconciliation import reconcile


@pytest.mark.parametrize("replaced", [1, 2])
@pytest.mark.parametrize("kind", ["HOLD_PARCELS", "CLOSE_LOCATION"])
async def test_units_that_replace_counted_ones_are_not_held_where_no_measure_is(
    database: Database, kind: str, replaced: int
) -> None:
    """Both units of a parcel in LEEDS, which a playbook holds, are gone. YORK replaces some."""
    counting = await open_counting(database, blind=False, recountAbove={"units": None})
    await counting.adjustments_above("100000.00")
    shop, playbooks = counting.shop, Playbooks(counting.shop)
    await playbooks.publish_all({"TEST": {kind: True}})
    await shop.receive(2)
    order = await shop.place(("TEE-M", 2), ("COAT", 1), backorder=True)
    run = await playbooks.started(locations=("LEEDS",))
    await shop.receive(replaced, at="YORK")
    assert not (await counting.record(("TEE-M", 0))).refusals
    parcels = {row["location"]: row["status"] for row in await shop.fulfillments(order)}
    assert parcels == {"LEEDS": "CANCELLED", "YORK": "OPEN"}
    assert await reconcile(database) == []
    await playbooks.ended(run)
    assert await reconcile(database) == []


async def test_a_replacement_within_the_run_is_held_by_it(database: Database) -> None:
    counting = await open_counting(database, blind=False, recountAbove={"units": None})
    await counting.adjustments_above("100000.00")
    shop, playbooks = counting.shop, Playbooks(counting.shop)
    await playbooks.publish(HOLD_PARCELS=True)
    await shop.receive(2)
    order = await shop.place(("TEE-M", 2))
    run = await playbooks.started(skus=("TEE-M",))
    await shop.receive(2, at="YORK")
    assert not (await counting.record(("TEE-M", 0))).refusals
    parcels = {row["location"]: row["status"] for row in await shop.fulfillments(order)}
    assert parcels == {"LEEDS": "CANCELLED", "YORK": "ON_HOLD"}
    assert await reconcile(database) == []
    await playbooks.ended(run)
    assert sorted(row["status"] for row in await shop.fulfillments(order)) == ["CANCELLED", "OPEN"]
    assert await reconcile(database) == []


async def test_a_transfer_takes_no_units_that_go_to_quarantine(database: Database) -> None:
    playbooks = await open_playbooks(database)
    transfers = Transfers(Warehouse(playbooks.shop))
    await playbooks.publish(QUARANTINE=True)
    run = await playbooks.start(skus=("TEE-M",), locations=("LEEDS",))
    changed = ("transfer", "transfer_line", "stock_movement", "event", "audit_entry")
    before = await counts(database, *changed)
    refused = await transfers.create(("TEE-M", 1))
    assert codes(refused) == [("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))]
    assert await counts(database, *changed) == before
    await playbooks.move()
    await playbooks.ended(run)
    assert not (await transfers.create(("TEE-M", 1))).refusals
    assert await reconcile(database) == []


async def test_a_cap_counts_the_parcels_that_came_before_it(database: Database) -> None:
    """YORK has a daily capacity, so the cache has read the orders of the channel's locations."""
    playbooks = await open_playbooks(database)
    shop = playbooks.shop
    york = a_location("YORK", daily_order_capacity=100)
    assert not (await shop.transactions.perform(upsert, york)).refusals
    cache = AvailabilityCache(database, shop.clock)
    for number in (1, 2):
        await shop.place(("TEE-M", 1), reference=f"W-{number}")

    async def seen() -> int:
        _, [found] = await cache.find("web", ["TEE-M"], ADMIN)
        assert found is not None
        return found.available_to_promise

    assert await seen() == 13
    await playbooks.started("LOCATION_CAPACITY", locations=("LEEDS",), units=2)
    assert await seen() == await shop.atp() == 5
    places = "SELECT COUNT(*) AS number FROM fulfillment"
    assert await rows(database, places) == [{"number": 2}]
