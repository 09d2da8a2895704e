"""Orders: placed completely or not at all, shipped, cancelled; backorders are served."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import workflows.reservations.expiry as reservation_expiry
import workflows.warehouse.picking
from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.store import ADMIN, CLERK, SHOP, Shop, open_shop, pounds
from tests.builders.transactions import MORNING, codes, counts, events, rows
from workflows.orders.backorders import BackorderRounds
from workflows.orders.commands import Payment
from workflows.transactions.outcomes import Request
from workflows.warehouse.picking import PickFulfillment, Shortage

TABLES = ("sales_order", "order_line", "fulfillment", "stock_movement", "journal_entry", "event")


@pytest.fixture
async def shop(database: Database) -> Shop:
    shop = await open_shop(database)
    await shop.receive(5)
    return shop


async def balances(shop: Shop) -> dict[str, int]:
    """Debit minus credit per account, in pence."""
    found = await rows(
        shop.database,
        "SELECT account, SUM(debit_minor) - SUM(credit_minor) AS balance FROM journal_line"
        " GROUP BY account",
    )
    return {row["account"]: int(row["balance"]) for row in found if row["balance"]}


async def test_an_order_takes_its_holds_units(shop: Shop) -> None:
    held = await shop.hold(("TEE-M", 3))
    placed = await shop.place(("TEE-M", 3), hold=held)
    assert not placed.refusals
    assert await shop.level() == {"available": 2, "allocated": 3}
    status = await rows(shop.database, "SELECT status, order_id FROM reservation")
    assert status[0]["status"] == "COMMITTED"
    assert str(status[0]["order_id"]) == placed.refs["order"]
    assert (await shop.order(placed))["status"] == "ALLOCATED"


async def test_surplus_of_a_hold_is_released_and_what_it_lacks_is_taken_fresh(shop: Shop) -> None:
    await shop.receive(5, "TEE-S")
    held = await shop.hold(("TEE-M", 3), ("TEE-S", 1))
    placed = await shop.place(("TEE-M", 1), ("TEE-S", 4), hold=held)
    assert not placed.refusals
    assert await shop.level() == {"available": 4, "allocated": 1}
    assert await shop.level("TEE-S") == {"available": 1, "allocated": 4}


async def test_a_hold_that_is_over_is_tried_afresh(shop: Shop) -> None:
    held = await shop.hold(("TEE-M", 5), ttl_seconds=60)
    shop.clock.forward(seconds=61)
    taken = await shop.hold(("TEE-M", 3))
    refused = await shop.place(("TEE-M", 5), hold=held)
    assert codes(refused) == [("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))]
    await shop.release(taken)
    assert not (await shop.place(("TEE-M", 5), hold=held)).refusals


async def test_a_refused_order_changes_nothing(shop: Shop) -> None:
    before = await counts(shop.database, *TABLES)
    assert codes(await shop.place(("TEE-M", 3), ("TEE-S", 1))) == [
        ("INSUFFICIENT_STOCK", ("input", "lines", "1", "quantity"))
    ]
    assert await counts(shop.database, *TABLES) == before


async def test_the_same_reference_answers_with_the_order_there_is(shop: Shop) -> None:
    first = await shop.place(("TEE-M", 1))
    second = await shop.place(("TEE-M", 1))
    assert codes(second) == [("ALREADY_EXISTS", ("input", "externalReference"))]
    assert second.refs == first.refs
    assert not (await shop.place(("TEE-M", 1), channel="market")).refusals


async def test_a_foreign_hold_is_not_found_and_an_ended_one_cannot_be_used(shop: Shop) -> None:
    held = await shop.hold(("TEE-M", 1), channel="market")
    field = ("input", "reservationId")
    assert codes(await shop.place(("TEE-M", 1), hold=held)) == [("NOT_FOUND", field)]
    own = await shop.hold(("TEE-M", 1))
    await shop.place(("TEE-M", 1), hold=own)
    assert codes(await shop.place(("TEE-M", 1), reference="W-2", hold=own)) == [
        ("ILLEGAL_TRANSITION", field)
    ]


@pytest.mark.parametrize(
    ("facts", "code", "field"),
    [
        ({"channel": "nope"}, "NOT_FOUND", ("channel",)),
        ({"reference": ""}, "INVALID", ("externalReference",)),
        ({"placed_at": MORNING + timedelta(minutes=6)}, "INVALID", ("placedAt",)),
        ({"shipping": pounds("-1.00")}, "INVALID", ("shipping", "amount")),
        ({"payments": (Payment("p", pounds("99.00")),)}, "INVALID", ("payments",)),
        (
            {"payments": (Payment("p", pounds("0")),)},
            "INVALID",
            ("payments", "0", "amount", "amount"),
        ),
        (
            {"payments": (Payment("p", pounds("1.00")), Payment("p", pounds("1.00")))},
            "INVALID",
            ("payments", "1", "reference"),
        ),
    ],
)
async def test_bad_input_names_the_field_and_changes_nothing(
    shop: Shop, facts: dict[str, Any], code: str, field: tuple[str, ...]
) -> None:
    before = await counts(shop.database, *TABLES)
    assert codes(await shop.place(("TEE-M", 1), **facts)) == [(code, ("input", *field))]
    assert await counts(shop.database, *TABLES) == before


async def test_backdated_orders_need_a_permission(shop: Shop) -> None:
    week_ago = MORNING - timedelta(days=7)
    assert codes(await shop.place(("TEE-M", 1), by=SHOP, placed_at=week_ago)) == [
        ("INVALID", ("input", "placedAt"))
    ]
    assert not (await shop.place(("TEE-M", 1), placed_at=week_ago)).refusals


async def test_money_of_an_order_from_deposit_to_sale(shop: Shop) -> None:
    fee, tax = pounds("5.00"), pounds("1.00")
    placed = await shop.place(("TEE-M", 3), shipping=fee, shipping_tax=tax)
    assert await balances(shop) == {
        "inventory": 2000,
        "goods_received_not_invoiced": -2000,
        "payments_clearing": 3600,
        "customer_deposits": -3600,
    }
    [parcel] = await shop.fulfillments(placed)
    assert not (await shop.ship(parcel["id"], CLERK)).refusals
    assert await balances(shop) == {
        "inventory": 800,
        "goods_received_not_invoiced": -2000,
        "cost_of_goods_sold": 1200,
        "payments_clearing": 3600,
        "sales": -3000,
        "shipping_income": -500,
        "tax_payable": -100,
    }
    assert (await shop.order(placed))["status"] == "SHIPPED"
    assert (await shop.order(placed))["deposit_minor"] == 0
    assert await shop.level() == {"available": 2}


async def test_cancelling_a_part_returns_its_units_and_owes_its_money(shop: Shop) -> None:
    placed = await shop.place(("TEE-M", 3), shipping=pounds("5.00"))
    [line] = await shop.lines(placed)
    assert not (await shop.cancel(placed, (line["id"], 1))).refusals
    assert await shop.level() == {"available": 3, "allocated": 2}
    owed = await rows(shop.database, "SELECT refund_minor FROM order_cancellation")
    assert [row["refund_minor"] for row in owed] == [1000]
    assert (await shop.order(placed))["deposit_minor"] == 2500
    assert not (await shop.cancel(placed)).refusals
    assert (await shop.order(placed))["status"] == "CANCELLED"
    assert (await shop.order(placed))["deposit_minor"] == 0
    assert [each["status"] for each in await shop.fulfillments(placed)] == ["CANCELLED"]
    assert codes(await shop.cancel(placed)) == [("ILLEGAL_TRANSITION", ("id",))]
    assert await shop.level() == {"available": 5}


async def test_what_was_not_paid_is_not_owed(shop: Shop) -> None:
    paid = (Payment("card-1", pounds("15.00")),)
    placed = await shop.place(("TEE-M", 3), payments=paid)
    [line] = await shop.lines(placed)
    await shop.cancel(placed, (line["id"], 1))
    await shop.cancel(placed, (line["id"], 1))
    owed = await rows(
        shop.database, "SELECT refund_minor FROM order_cancellation ORDER BY created_at, id"
    )
    assert sorted(row["refund_minor"] for row in owed) == [0, 500]


async def test_more_than_is_left_cannot_be_cancelled(shop: Shop) -> None:
    placed = await shop.place(("TEE-M", 3))
    [line] = await shop.lines(placed)
    assert codes(await shop.cancel(placed, (line["id"], 4))) == [
        ("ILLEGAL_TRANSITION", ("lines", "0", "quantity"))
    ]
    [parcel] = await shop.fulfillments(placed)
    await shop.ship(parcel["id"])
    assert codes(await shop.cancel(placed)) == [("ILLEGAL_TRANSITION", ("id",))]
    assert codes(await shop.ship(parcel["id"])) == [
        ("ILLEGAL_TRANSITION", ("input", "fulfillmentId"))
    ]


async def test_a_split_order_ships_in_parts(shop: Shop) -> None:
    await shop.receive(2, at="YORK")
    placed = await shop.place(("TEE-M", 7))
    parcels = await shop.fulfillments(placed)
    assert {each["location"] for each in parcels} == {"LEEDS", "YORK"}
    await shop.ship(parcels[0]["id"])
    assert (await shop.order(placed))["status"] == "PARTIALLY_SHIPPED"
    await shop.ship(parcels[1]["id"])
    assert (await shop.order(placed))["status"] == "SHIPPED"
    assert sum((await balances(shop)).values()) == 0


async def test_a_backorder_takes_what_there_is_and_waits_for_the_rest(shop: Shop) -> None:
    placed = await shop.place(("TEE-M", 8), backorder=True)
    assert (await shop.order(placed))["status"] == "OPEN"
    assert await shop.level() == {"allocated": 5}
    assert await shop.atp() == 0
    await shop.receive(2)
    assert await shop.level() == {"allocated": 7}
    await shop.receive(5)
    assert await shop.level() == {"available": 4, "allocated": 8}
    assert (await shop.order(placed))["status"] == "ALLOCATED"
    assert await shop.atp() == 4


async def test_who_waits_is_served_by_channel_then_age(shop: Shop) -> None:
    await shop.place(("TEE-M", 5))
    third = await shop.place(("TEE-M", 1), channel="market", reference="M-1", backorder=True)
    shop.clock.forward(minutes=1)
    first = await shop.place(("TEE-M", 1), reference="W-2", backorder=True)
    shop.clock.forward(minutes=1)
    second = await shop.place(("TEE-M", 1), reference="W-3", backorder=True)
    seen = []
    for _ in range(3):
        await shop.receive(1)
        orders = {"first": first, "second": second, "third": third}
        seen.append(
            {k for k, v in orders.items() if (await shop.order(v))["status"] != "BACKORDERED"}
        )
    assert seen == [{"first"}, {"first", "second"}, {"first", "second", "third"}]


async def test_new_buyers_do_not_jump_the_queue(shop: Shop) -> None:
    await shop.place(("TEE-M", 5))
    waiting = await shop.place(("TEE-M", 2), reference="W-2", backorder=True)
    [line] = await shop.lines(waiting)
    held = await shop.hold(("TEE-M", 1))
    assert codes(held) == [("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))]
    await shop.cancel(waiting, (line["id"], 2))
    assert (await shop.order(waiting))["status"] == "CANCELLED"


async def test_released_and_expired_units_serve_waiting_orders(shop: Shop) -> None:
    held = await shop.hold(("TEE-M", 3), ttl_seconds=60)
    kept = await shop.hold(("TEE-M", 2))
    waiting = await shop.place(("TEE-M", 5), backorder=True)
    await shop.release(kept)
    assert await shop.level() == {"held": 3, "allocated": 2}
    shop.clock.forward(seconds=61)
    await reservation_expiry.sweep(shop.transactions)
    assert await shop.level() == {"allocated": 5}
    assert (await shop.order(waiting))["status"] == "ALLOCATED"
    assert held.refs


async def test_an_order_is_promised_a_date_when_nothing_of_it_waits_any_more(shop: Shop) -> None:
    rules = {
        "locations": {
            "LEEDS": {"workingDays": ["MON"]},
            "YORK": {"workingDays": ["MON", "TUE", "WED", "THU", "FRI"]},
        },
        "leadTimes": [{"serviceLevel": "STANDARD", "from": "*", "to": "*", "days": 2}],
    }
    await shop.publish(PolicyKind.ROUTING, rules)
    waiting = await shop.place(("TEE-M", 6), ("TEE-S", 1), backorder=True)

    async def promised() -> tuple[Any, Any]:
        found = await shop.order(waiting)
        return found["ship_by_at"], found["deliver_by_at"]

    assert await promised() == (None, None)
    shop.clock.forward(days=3)
    await shop.receive(1, "TEE-M", "YORK")
    assert await promised() == (None, None)
    shop.clock.forward(days=1)
    await shop.receive(1, "TEE-S", "YORK")
    # Like an order placed now, from all its possible locations.
    like_it = await shop.place(("TEE-S", 1), reference="W-9", backorder=True)
    assert (await shop.order(like_it))["ship_by_at"] is None
    ship_by, deliver_by = await promised()
    assert ship_by == datetime(2026, 3, 9, 23, 59, 59, 999_999, tzinfo=UTC)
    assert deliver_by == ship_by + timedelta(days=14)  # two working days of LEEDS
    [event] = (await events(shop.database, "fulfillment.created"))[-1:]
    assert event["data"]["shipBy"] is not None


async def test_what_was_promised_stays_when_units_turn_out_to_be_missing(shop: Shop) -> None:
    placed = await shop.place(("TEE-M", 5))
    before = (await shop.order(placed))["ship_by_at"]
    [parcel] = await shop.fulfillments(placed)
    [line] = await rows(shop.database, "SELECT id, order_line_id FROM fulfillment_line")
    command = PickFulfillment(parcel["id"], (Shortage(line["order_line_id"], 2),))
    request = Request(command, ADMIN)
    assert not (await shop.transactions.perform(workflows.warehouse.picking.pick, request)).refusals
    shop.clock.forward(days=9)
    await shop.receive(2)
    assert (await shop.order(placed))["status"] in ("ALLOCATED", "OPEN")
    assert (await shop.order(placed))["ship_by_at"] == before


async def test_the_job_serves_what_a_transaction_left(shop: Shop) -> None:
    await shop.adjust(-5)
    waiting = await shop.place(("TEE-M", 1), backorder=True)
    async with shop.database.writer() as session:
        await session.execute("UPDATE stock_level SET available = available + 1")
    assert await BackorderRounds(shop.transactions).serve() == 1
    assert (await shop.order(waiting))["status"] == "ALLOCATED"


async def test_another_channels_order_does_not_exist(shop: Shop) -> None:
    placed = await shop.place(("TEE-M", 1))
    stranger = holder(Role.STOREFRONT, actor="other", channels=frozenset({"market"}))
    assert codes(await shop.cancel(placed, by=stranger)) == [("NOT_FOUND", ("id",))]
    far = holder(Role.WAREHOUSE, actor="far", locations=frozenset({"YORK"}))
    [parcel] = await shop.fulfillments(placed)
    assert codes(await shop.ship(parcel["id"], far)) == [("NOT_FOUND", ("input", "fulfillmentId"))]
