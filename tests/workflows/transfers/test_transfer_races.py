"""Two desks receive one transfer at the same time: each unit arrives once. 200 times if long."""

from __future__ import annotations

import asyncio
import os

from domain.access.callers import Role, holder
from models.database.database import Database
from tests.builders.floor.transfers import open_transfers
from workflows.ledger.reconciliation import reconcile

TRIALS = 200 if os.environ.get("RESTOW_LONG") == "1" else 12
DESKS = [holder(Role.SUPERVISOR, actor=f"desk-{number}") for number in range(2)]


async def test_two_desks_receive_each_unit_once(database: Database) -> None:
    """Three units each, of four that were sent: two of the six are extra."""
    transfers = await open_transfers(database)
    await transfers.warehouse.shop.receive(4 * TRIALS)
    for _ in range(TRIALS):
        transfer = await transfers.sent(("TEE-M", 4))
        found = await asyncio.gather(
            *(transfers.receive(transfer, ("TEE-M", 3), by=desk) for desk in DESKS)
        )
        assert [each.refusals for each in found] == [(), ()]
        assert await transfers.units(transfer) == {
            "requested": 4,
            "shipped": 4,
            "received": 4,
            "extra": 2,
        }
        assert await transfers.status(transfer) == "CLOSED"
    assert await reconcile(database) == []


async def test_a_cancellation_and_a_shipment_exclude_each_other(database: Database) -> None:
    transfers = await open_transfers(database)
    await transfers.warehouse.shop.receive(TRIALS)
    for _ in range(TRIALS):
        transfer = await transfers.create(("TEE-M", 1))
        shipped, cancelled = await asyncio.gather(
            transfers.ship(transfer), transfers.cancel(transfer)
        )
        assert bool(shipped.refusals) is not bool(cancelled.refusals)
        expected = "CANCELLED" if shipped.refusals else "IN_TRANSIT"
        assert await transfers.status(transfer) == expected
    assert await reconcile(database) == []
