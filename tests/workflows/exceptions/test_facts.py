"""Exceptions that facts open and clear in their own transaction."""

from __future__ import annotations

from uuid import UUID

import pytest

import workflows.orders.placement
from models.database.database import Database
from tests.builders.refunds import RefundDesk, open_refund_desk
from tests.builders.sales import Sales
from tests.builders.store import ADMIN, pounds
from tests.builders.transactions import codes, counts, rows
from tests.builders.warehouse import Warehouse, open_warehouse
from tests.workflows.exceptions.sweeps import of_kind, statuses
from workflows.orders.commands import NewLine, Payment, PlaceOrder
from workflows.transactions.outcomes import Outcome, Request


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    return await open_warehouse(database)


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def paid_order(
    warehouse: Warehouse, hold: Outcome, reference: str, *, is_paid: bool = True
) -> Outcome:
    """Place an order for the units of a hold."""
    command = PlaceOrder(
        channel="web",
        external_reference=reference,
        lines=(NewLine("TEE-M", 2, pounds("10.00")),),
        reservation_id=UUID(hold.refs["reservation"]),
        payments=(Payment("card", pounds("20.00")),) if is_paid else None,
    )
    action = workflows.orders.placement.place
    return await warehouse.shop.transactions.perform(action, Request(command, ADMIN))


async def test_a_marketplace_that_sold_too_much_is_reported_until_stock_comes(
    warehouse: Warehouse,
) -> None:
    async with warehouse.database.writer() as session:
        await session.execute("UPDATE channel SET kind = 'MARKETPLACE' WHERE code = 'market'")
    for channel, reference in (("web", "W-1"), ("market", "M-1")):
        placed = await warehouse.shop.place(
            ("TEE-M", 2), channel=channel, reference=reference, backorder=True
        )
        assert not placed.refusals
    [oversold] = await of_kind(warehouse.database, "OVERSOLD")
    assert oversold["subject_key"] == f"Order:{placed.refs['order']}"
    assert (oversold["status"], oversold["severity"]) == ("OPEN", "CRITICAL")
    await warehouse.shop.receive(9, at="YORK")
    assert await statuses(warehouse.database, "OVERSOLD") == ["AUTO_RESOLVED"]


async def test_a_cancelled_order_is_not_oversold(warehouse: Warehouse) -> None:
    async with warehouse.database.writer() as session:
        await session.execute("UPDATE channel SET kind = 'MARKETPLACE' WHERE code = 'market'")
    placed = await warehouse.shop.place(("TEE-M", 2), channel="market", backorder=True)
    await warehouse.shop.cancel(placed)
    assert await statuses(warehouse.database, "OVERSOLD") == ["AUTO_RESOLVED"]


async def test_a_paid_order_whose_hold_expired_is_reported_until_it_is_placed(
    warehouse: Warehouse,
) -> None:
    await warehouse.shop.receive(2)
    hold = await warehouse.shop.hold(("TEE-M", 2), ttl_seconds=60)
    unpaid = await warehouse.shop.hold(("TEE-M", 1), ttl_seconds=60)
    assert unpaid.refusals
    warehouse.shop.clock.forward(seconds=61)
    assert not (await warehouse.shop.place(("TEE-M", 2), reference="W-0")).refusals
    before = await counts(warehouse.database, "sales_order", "stock_movement", "journal_entry")
    refused = await paid_order(warehouse, hold, "W-1", is_paid=False)
    assert [code for code, _ in codes(refused)] == ["INSUFFICIENT_STOCK"]
    assert await of_kind(warehouse.database, "RESERVATION_EXPIRED_AFTER_PAYMENT") == []
    for _ in range(2):
        refused = await paid_order(warehouse, hold, "W-1")
        assert [code for code, _ in codes(refused)] == ["INSUFFICIENT_STOCK"]
    assert before == await counts(
        warehouse.database, "sales_order", "stock_movement", "journal_entry"
    )
    [expired] = await of_kind(warehouse.database, "RESERVATION_EXPIRED_AFTER_PAYMENT")
    assert expired["subject_key"] == f"Reservation:{hold.refs['reservation']}"
    assert (expired["status"], expired["occurrences"]) == ("OPEN", 2)
    await warehouse.shop.receive(9)
    assert not (await warehouse.shop.place(("TEE-M", 1), reference="W-2")).refusals
    assert await statuses(warehouse.database, "RESERVATION_EXPIRED_AFTER_PAYMENT") == ["OPEN"]
    assert not (await warehouse.shop.place(("TEE-M", 2), reference="w-1")).refusals
    assert await statuses(warehouse.database, "RESERVATION_EXPIRED_AFTER_PAYMENT") == [
        "AUTO_RESOLVED"
    ]


async def test_a_lost_parcel_is_reported_until_it_is_found(warehouse: Warehouse) -> None:
    await warehouse.shop.receive(9)
    placed = await warehouse.shop.place(("TEE-M", 2))
    [parcel] = await warehouse.shop.fulfillments(placed)
    await warehouse.shop.ship(parcel["id"])
    warehouse.shop.clock.forward(hours=1)
    await warehouse.record_event("LOST", "E-1")
    [lost] = await of_kind(warehouse.database, "PARCEL_LOST")
    assert lost["subject_key"] == f"Fulfillment:{parcel['id']}"
    assert (lost["severity"], lost["owner_role"]) == ("HIGH", "SUPPORT")
    warehouse.shop.clock.forward(hours=1)
    await warehouse.record_event("DELIVERED", "E-2")
    assert await statuses(warehouse.database, "PARCEL_LOST") == ["AUTO_RESOLVED"]


async def test_a_lost_parcel_is_settled_by_a_later_refund_only(refund_desk: RefundDesk) -> None:
    warehouse = Warehouse(refund_desk.shop)
    sales = await Sales(refund_desk).open()
    await refund_desk.shop.receive(9)
    order = await sales.place(("TEE-M", 2, 1_000, 0))
    await sales.ship(order)
    await sales.goodwill(order, 100)
    warehouse.shop.clock.forward(hours=1)
    await warehouse.record_event("LOST", "E-1")
    await refund_desk.pay()
    assert await statuses(warehouse.database, "PARCEL_LOST") == ["OPEN"]
    [line] = await refund_desk.shop.lines(order)
    await sales.claim(order, (line["id"], 2))
    assert await statuses(warehouse.database, "PARCEL_LOST") == ["OPEN"]
    await refund_desk.pay()
    assert await statuses(warehouse.database, "PARCEL_LOST") == ["AUTO_RESOLVED"]


async def test_a_short_pick_is_about_the_fulfillment(warehouse: Warehouse) -> None:
    await warehouse.shop.receive(2)
    placed = await warehouse.shop.place(("TEE-M", 2))
    [parcel] = await warehouse.shop.fulfillments(placed)
    [line] = await warehouse.shop.lines(placed)
    assert not (await warehouse.pick(parcel["id"], (line["id"], 1))).refusals
    [short] = await of_kind(warehouse.database, "SHORT_PICK")
    assert short["subject_key"] == f"Fulfillment:{parcel['id']}"
    await warehouse.shop.receive(9)
    assert await statuses(warehouse.database, "SHORT_PICK") == ["AUTO_RESOLVED"]
    assert (
        await rows(warehouse.database, "SELECT 1 AS one FROM order_line WHERE backordered > 0")
        == []
    )
