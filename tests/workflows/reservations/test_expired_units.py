"""Units of expired holds that are not swept yet: every request that needs them gets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import models.queries.stock.stock as stock_queries
import workflows.reservations.expired_units as expired_units
import workflows.reservations.expiry as reservation_expiry
from domain.policies.policies import PolicyKind
from models.database.database import Database
from models.database.sessions import Contention, Session
from tests.builders.store import ADMIN, Shop, hold_all
from tests.builders.transactions import codes, counts, rows
from tests.builders.warehouse import Warehouse, open_warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Request
from workflows.transfers.commands import CreateTransfer, TransferUnitsOf
from workflows.transfers.requests import create

EXPIRED = 600
TABLES = ("reservation", "stock_movement", "event", "audit_entry", "sales_order", "fulfillment")
FIRST_LEEDS = {"order": ["preference"], "preference": ["LEEDS", "YORK"]}


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.publish(PolicyKind.ROUTING, FIRST_LEEDS)
    return warehouse


@pytest.fixture
def shop(warehouse: Warehouse) -> Shop:
    return warehouse.shop


async def let_expire(shop: Shop, orders: Sequence[Sequence[str]]) -> None:
    await hold_all(shop, orders)
    shop.clock.forward(seconds=60)


async def live_statuses(shop: Shop) -> dict[str, int]:
    found = await rows(shop.database, "SELECT status, COUNT(*) AS n FROM reservation GROUP BY 1")
    return {row["status"]: row["n"] for row in found}


async def test_a_hold_gets_all_expired_units(shop: Shop) -> None:
    """All units that availability shows can be held, however many expired holds contain them."""
    await shop.receive(EXPIRED)
    await let_expire(shop, [["TEE-M"]] * EXPIRED)
    assert await shop.atp("TEE-M") == EXPIRED
    assert not (await shop.hold(("TEE-M", EXPIRED))).refusals
    assert await shop.level("TEE-M") == {"held": EXPIRED}
    before = await counts(shop.database, *TABLES)
    assert [code for code, _ in codes(await shop.hold(("TEE-M", 1)))] == ["INSUFFICIENT_STOCK"]
    assert await counts(shop.database, *TABLES) == before
    assert await reconcile(shop.database) == []


async def test_an_order_gets_all_expired_units(shop: Shop) -> None:
    await shop.receive(EXPIRED)
    await let_expire(shop, [["TEE-M"]] * EXPIRED)
    assert not (await shop.place(("TEE-M", EXPIRED))).refusals
    assert await shop.level("TEE-M") == {"allocated": EXPIRED}
    before = await counts(shop.database, *TABLES)
    refused = await shop.place(("TEE-M", 1), reference="W-2")
    assert [code for code, _ in codes(refused)] == ["INSUFFICIENT_STOCK"]
    assert await counts(shop.database, *TABLES) == before
    assert await reconcile(shop.database) == []


async def test_units_taken_by_hand_may_be_of_expired_holds(shop: Shop) -> None:
    """More than one request ends at once; the holds of other items stay."""
    await shop.receive(EXPIRED)
    await shop.receive(1, "TEE-S")
    await let_expire(shop, [["TEE-M"]] * EXPIRED + [["TEE-S"]])
    assert not (await shop.adjust(-EXPIRED + 400)).refusals
    assert await live_statuses(shop) == {"HELD": 1, "EXPIRED": EXPIRED}
    assert await shop.level("TEE-M") == {"available": 400}
    await hold_all(shop, [["TEE-M"]] * 400)
    shop.clock.forward(seconds=60)
    assert not (await shop.move(100, "AVAILABLE", "DAMAGED")).refusals
    assert await shop.level("TEE-M") == {"available": 300, "damaged": 100}
    await hold_all(shop, [["TEE-M"]] * 300)
    shop.clock.forward(seconds=60)
    line = TransferUnitsOf("TEE-M", 300)
    command = CreateTransfer("LEEDS", "YORK", (line,))
    sent = await shop.transactions.perform(create, Request(command, ADMIN))
    assert not sent.refusals
    assert await shop.level("TEE-M") == {"allocated": 300, "damaged": 100}
    assert await reconcile(shop.database) == []


async def test_units_of_live_holds_are_not_taken_by_hand(shop: Shop) -> None:
    await shop.receive(3)
    await hold_all(shop, [["TEE-M"]] * 2)
    before = await counts(shop.database, *TABLES)
    for refused in (await shop.adjust(-2), await shop.move(2, "AVAILABLE", "DAMAGED")):
        assert [code for code, _ in codes(refused)] == ["INSUFFICIENT_STOCK"]
    assert await counts(shop.database, *TABLES) == before


async def test_an_order_backorders_no_unit_of_an_expired_hold(shop: Shop) -> None:
    await shop.receive(EXPIRED)
    await let_expire(shop, [["TEE-M"]] * EXPIRED)
    placed = await shop.place(("TEE-M", EXPIRED + 5), backorder=True)
    [line] = await shop.lines(placed)
    assert (line["allocated"], line["backordered"]) == (EXPIRED, 5)
    assert await reconcile(shop.database) == []


async def test_swept_units_serve_a_backorder(shop: Shop) -> None:
    await shop.receive(EXPIRED)
    await hold_all(shop, [["TEE-M"]] * EXPIRED)
    placed = await shop.place(("TEE-M", EXPIRED), backorder=True)
    assert (await shop.lines(placed))[0]["backordered"] == EXPIRED
    shop.clock.forward(seconds=60)
    assert await reservation_expiry.sweep(shop.transactions) == EXPIRED
    [line] = await shop.lines(placed)
    assert (line["allocated"], line["backordered"]) == (EXPIRED, 0)
    assert await reconcile(shop.database) == []


async def test_a_short_pick_gets_all_expired_units(warehouse: Warehouse) -> None:
    shop = warehouse.shop
    await shop.receive(EXPIRED)
    placed = await shop.place(("TEE-M", EXPIRED))
    await shop.receive(EXPIRED, at="YORK")
    await let_expire(shop, [["TEE-M"]] * EXPIRED)
    assert await shop.level(at="YORK") == {"held": EXPIRED}
    [parcel] = await shop.fulfillments(placed)
    [line] = await shop.lines(placed)
    assert not (await warehouse.pick(parcel["id"], (line["id"], EXPIRED))).refusals
    [line] = await shop.lines(placed)
    assert (line["allocated"], line["backordered"]) == (EXPIRED, 0)
    assert await shop.level(at="YORK") == {"allocated": EXPIRED}
    assert await reconcile(shop.database) == []


async def test_a_reroute_gets_all_expired_units(warehouse: Warehouse) -> None:
    shop = warehouse.shop
    await shop.receive(EXPIRED)
    placed = await shop.place(("TEE-M", EXPIRED))
    await shop.receive(EXPIRED, at="YORK")
    await let_expire(shop, [["TEE-M"]] * EXPIRED)
    [parcel] = await shop.fulfillments(placed)
    assert not (await warehouse.reroute(parcel["id"], "YORK")).refusals
    assert await shop.level(at="YORK") == {"allocated": EXPIRED}
    assert await reconcile(shop.database) == []


async def test_few_expired_holds_are_ended_without_need(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest, and those whose reference the new hold takes over."""
    monkeypatch.setattr(expired_units, "ENDED_AT_ONCE_MAX", 2)
    await shop.receive(20)
    await hold_all(shop, [["TEE-M"]] * 3)
    old = await shop.hold(("TEE-M", 1), external_reference="CART-1", ttl_seconds=61)
    shop.clock.forward(seconds=61)
    new = await shop.hold(("TEE-M", 1), external_reference="CART-1", ttl_seconds=60)
    assert not new.refusals
    statuses = await rows(shop.database, "SELECT id, status FROM reservation ORDER BY status")
    assert [row["status"] for row in statuses] == ["EXPIRED"] * 3 + ["HELD", "HELD"]
    assert old.refs["reservation"] in {str(row["id"]) for row in statuses[:3]}
    assert not (await shop.place(("TEE-M", 1))).refusals
    assert await live_statuses(shop) == {"EXPIRED": 4, "HELD": 1}
    assert await reconcile(shop.database) == []


@pytest.mark.parametrize("action", ["hold", "place"])
async def test_few_other_items_are_locked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """Expired holds with many other items are left to the sweep until their units are needed."""
    monkeypatch.setattr(expired_units, "ENDED_AT_ONCE_MAX", 4)
    monkeypatch.setattr(expired_units, "LOCKED_LINES_MAX", 2)
    for sku in ("TEE-S", "TEE-M", "TEE-L", "COAT"):
        await shop.receive(10, sku)
    await let_expire(shop, [["TEE-M", "TEE-S", "TEE-L", "COAT"]] * 4)
    assert not (await getattr(shop, action)(("TEE-M", 6))).refusals
    assert (await live_statuses(shop))["HELD"] == 4 + (action == "hold")
    assert not (await shop.hold(("TEE-M", 4))).refusals
    assert (await live_statuses(shop))["EXPIRED"] == 4
    assert await shop.level("COAT") == {"available": 10}
    assert await reconcile(shop.database) == []


async def test_needed_holds_are_ended_without_waiting_out_of_order(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another transaction has locked an item of a needed hold: the request starts again."""
    if shop.database.engine == "sqlite":
        pytest.skip("SQLite has one writer")
    monkeypatch.setattr(expired_units, "LOCKED_LINES_MAX", 0)
    await shop.receive(1, "TEE-M")
    await shop.receive(1, "TEE-S")
    await let_expire(shop, [["TEE-M", "TEE-S"]])
    try_lock_levels = stock_queries.try_lock_levels
    refused: list[Contention] = []

    async def overtaken(session: Session, item_ids: Sequence[int]) -> Any:
        if refused:
            return await try_lock_levels(session, item_ids)
        async with shop.database.writer(lambda: None) as other:
            await stock_queries.lock_levels(other, item_ids)
            with pytest.raises(Contention) as raised:
                await try_lock_levels(session, item_ids)
            await other.write_and_commit({})
        refused.append(raised.value)
        raise raised.value

    monkeypatch.setattr(stock_queries, "try_lock_levels", overtaken)
    assert not (await shop.hold(("TEE-M", 1))).refusals
    assert len(refused) == 1
    assert await live_statuses(shop) == {"EXPIRED": 1, "HELD": 1}
    assert await reconcile(shop.database) == []
