"""A hold and a step of the work at the same time: one of them comes first, and both are true.

RESTOW_LONG=1 runs 200 trials.
"""

from __future__ import annotations

import asyncio
import os

from models.database.database import Database
from tests.builders.books import faults
from tests.builders.warehouse import SUE, open_warehouse
from workflows.ledger.reconciliation import reconcile

TRIALS = 200 if os.environ.get("RESTOW_LONG") == "1" else 20


async def test_a_hold_and_a_pick_at_once_leave_no_contradiction(database: Database) -> None:
    """The pick comes first: PICKED under a hold. The hold comes first: ON_HOLD, and no pick."""
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(TRIALS)
    seen = set()
    for trial in range(TRIALS):
        order = await warehouse.shop.place(("TEE-M", 1), reference=f"W-{trial}")
        [parcel] = await warehouse.shop.fulfillments(order)
        steps = [warehouse.hold(order), warehouse.pick(parcel["id"], by=SUE)]
        found = await asyncio.gather(*(steps if trial % 2 else reversed(steps)))
        held, picked = found if trial % 2 else reversed(found)
        assert not held.refusals
        [status] = await warehouse.statuses(order)
        assert status == ("ON_HOLD" if picked.refusals else "PICKED")
        seen.add(status)
    assert seen == {"ON_HOLD", "PICKED"}
    assert await faults(database) == []
    assert await reconcile(database) == []


async def test_a_release_and_the_clock_at_once_release_each_hold_once(database: Database) -> None:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(TRIALS)
    for trial in range(TRIALS):
        order = await warehouse.shop.place(("TEE-M", 1), reference=f"W-{trial}")
        clock = warehouse.shop.clock
        until = clock.now.replace(microsecond=trial + 1)
        held = await warehouse.hold(order, until=until)
        clock.forward(seconds=1)
        released, by_clock = await asyncio.gather(
            warehouse.release_hold(held), warehouse.release_due()
        )
        assert bool(released.refusals) is bool(by_clock)
        assert await warehouse.statuses(order) == ["OPEN"]
    assert await reconcile(database) == []
