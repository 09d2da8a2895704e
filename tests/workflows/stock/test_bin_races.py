"""Put-aways against operations that take the same units, at the same time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable

from domain.access.callers import Role, holder
from models.database.database import Database
from tests.builders.floor.bins import WALK, Floor, open_floor
from tests.builders.transactions import codes
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

ROUNDS = 12
ALLOWED = {"INSUFFICIENT_STOCK", "TASK_NOT_CLAIMED", "INVALID", "NOT_FOUND"}
BOSS = holder(Role.SUPERVISOR, actor="sue")


async def _order(floor: Floor, number: int) -> str:
    order = await floor.shop.place(("TEE-M", 2), reference=f"W-{number}")
    [parcel] = await floor.shop.fulfillments(order)
    return str(parcel["id"])


async def test_put_aways_holds_shipments_and_corrections_at_once(database: Database) -> None:
    """No unit is lost, no bin has units that the shelf has not, and nobody waits for ever."""
    floor, chance = await open_floor(database), random.Random(11)
    await floor.shop.receive(200)
    parcels = [await _order(floor, number) for number in range(ROUNDS)]
    work: list[Awaitable[Outcome]] = []
    for number in range(ROUNDS):
        into, source = chance.sample(WALK, 2)
        work += [
            floor.put_away(("TEE-M", 5, into), by=BOSS),
            floor.put_away(("TEE-M", 2, into, source), by=BOSS),
            floor.shop.hold(("TEE-M", 1), ttl_seconds=600),
            floor.shop.ship(parcels[number], tracking_number=f"JD{number}"),
            floor.shop.adjust(-2),
        ]
    chance.shuffle(work)
    outcomes = await asyncio.wait_for(asyncio.gather(*work), 60)
    assert {code for outcome in outcomes for code, _ in codes(outcome)} <= ALLOWED
    # 200 received, 2 a parcel shipped, 2 a correction removed.
    assert sum((await floor.bins()).values()) == 200 - ROUNDS * 4
    assert await reconcile(database) == []


async def test_a_bin_is_never_closed_with_units(database: Database) -> None:
    """Either the put-away finds the bin closed, or closing finds its units."""
    floor = await open_floor(database)
    await floor.shop.receive(50)
    for number in range(ROUNDS):
        code = f"C-{number}"
        await floor.bin(code)
        put, closed = await asyncio.gather(
            floor.put_away(("TEE-M", 1, code), by=BOSS), floor.bin(code, active=False)
        )
        assert bool(put.refusals) is not bool(closed.refusals)
        refused = put.refusals or closed.refusals
        assert refused[0].code == "INVALID"
    assert await reconcile(database) == []


async def test_the_first_bin_and_a_receipt_at_once_leave_a_task(database: Database) -> None:
    floor = await open_floor(database)
    for number in range(ROUNDS):
        sku = ("TEE-S", "TEE-M", "TEE-L", "COAT")[number % 4]
        received, opened = await asyncio.gather(
            floor.shop.receive(1, sku, "YORK"), floor.bin("Y-1", "YORK")
        )
        assert not received.refusals
        assert not opened.refusals
        await floor.go_round()
        assert await reconcile(database) == []
        assert not (await floor.bin("Y-1", "YORK", active=False)).refusals
        await floor.go_round()
        assert await reconcile(database) == []
        assert not (await floor.bin("Y-1", "YORK", active=True)).refusals
        await floor.go_round()
        assert not (await floor.bin("Y-1", "YORK", active=False)).refusals
