"""Commands that share a transaction.

test_batch_properties.py compares random batches with single commands.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import workflows.orders.placement
import workflows.reservations.reservations
import workflows.stock.adjustments
from domain.access.callers import Role, holder
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.store import ADMIN, CLERK, Shop, open_shop, pounds
from tests.builders.transactions import codes, rows
from workflows.orders.commands import NewLine, PlaceOrder
from workflows.reservations.commands import ReleaseReservation
from workflows.stock.adjustments import AdjustStock
from workflows.transactions.actions import Action
from workflows.transactions.outcomes import Outcome, Request

UNITS = 6


async def stocked(database: Database) -> Shop:
    shop = await open_shop(database)
    await shop.receive(UNITS, "TEE-M")
    await shop.receive(UNITS, "TEE-S", "YORK")
    return shop


async def together(shop: Shop, action: Action[Any], *requests: Request[Any]) -> list[Outcome]:
    """Run the requests in one transaction, as the commit queue does after it has filled up."""
    before = len(await rows(shop.database, "SELECT DISTINCT transaction_id FROM audit_entry"))
    first = asyncio.create_task(shop.hold(("TEE-L", 1)))  # refused: it only keeps the writer busy
    outcomes = await shop.transactions.perform_all(action, requests)
    await first
    after = len(await rows(shop.database, "SELECT DISTINCT transaction_id FROM audit_entry"))
    assert after - before <= 2  # the first request may be in a transaction of its own
    return outcomes


def order(reference: str, *lines: tuple[str, int], **facts: Any) -> Request[PlaceOrder]:
    wanted = tuple(NewLine(sku, units, pounds("10.00")) for sku, units in lines)
    return Request(PlaceOrder("web", reference, wanted, **facts), ADMIN)


async def test_orders_share_what_there_is(database: Database) -> None:
    shop = await stocked(database)
    outcomes = await together(
        shop,
        workflows.orders.placement.place,
        order("A", ("TEE-M", 4)),
        order("B", ("TEE-M", 4)),
        order("C", ("TEE-M", 2), ("TEE-S", 6)),
        order("A", ("TEE-M", 1)),
        order("D", ("no such", 1)),
    )
    assert [codes(outcome) for outcome in outcomes] == [
        [],
        [("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))],
        [],
        [("ALREADY_EXISTS", ("input", "externalReference"))],
        [("NOT_FOUND", ("input", "lines", "0", "sku"))],
    ]
    assert outcomes[3].refs == outcomes[0].refs
    assert await shop.level() == {"allocated": 6}
    assert await faults(database) == []


async def test_a_hold_becomes_one_order(database: Database) -> None:
    shop = await stocked(database)
    held = UUID((await shop.hold(("TEE-M", 5))).refs["reservation"])
    outcomes = await together(
        shop,
        workflows.orders.placement.place,
        order("A", ("TEE-M", 3), reservation_id=held),
        order("B", ("TEE-M", 3), reservation_id=held),
        order("C", ("TEE-M", 3)),
    )
    assert [codes(outcome) for outcome in outcomes] == [
        [],
        [("ILLEGAL_TRANSITION", ("input", "reservationId"))],
        [],
    ]
    assert await shop.level() == {"allocated": 6}
    assert await faults(database) == []


async def test_who_waits_in_a_batch_waits_before_the_next(database: Database) -> None:
    shop = await stocked(database)
    outcomes = await together(
        shop,
        workflows.orders.placement.place,
        order("A", ("TEE-M", 9), backorder=True),
        order("B", ("TEE-M", 1)),
        order("C", ("TEE-M", 1), backorder=True),
    )
    assert [bool(outcome.refusals) for outcome in outcomes] == [False, True, False]
    assert [line["backordered"] for line in await shop.lines(outcomes[2])] == [1]
    assert await faults(database) == []


async def test_a_hold_is_released_once(database: Database) -> None:
    shop = await stocked(database)
    first, second = await shop.hold(("TEE-M", 2)), await shop.hold(("TEE-S", 1))
    ids = [UUID(hold.refs["reservation"]) for hold in (first, second, first)]
    stranger = holder(Role.STOREFRONT, actor="else", channels=frozenset({"market"}))
    requests = [Request(ReleaseReservation(each), ADMIN) for each in ids]
    requests[1] = Request(ReleaseReservation(ids[1]), stranger)
    outcomes = await together(shop, workflows.reservations.reservations.release, *requests)
    assert [codes(outcome) for outcome in outcomes] == [
        [],
        [("NOT_FOUND", ("id",))],
        [("ILLEGAL_TRANSITION", ("id",))],
    ]
    assert await shop.level() == {"available": 6}
    assert await shop.level("TEE-S", "YORK") == {"available": 5, "held": 1}
    assert await faults(database) == []


async def test_corrections_of_a_level_follow_each_other(database: Database) -> None:
    shop = await stocked(database)

    def correct(delta: int, **facts: Any) -> Request[AdjustStock]:
        return Request(AdjustStock("LEEDS", "TEE-M", delta, "COUNT", **facts), ADMIN)

    outcomes = await together(
        shop,
        workflows.stock.adjustments.adjust,
        correct(-4),
        correct(-4),
        correct(3, change_from_quantity=2),
        correct(1, change_from_quantity=2),
    )
    assert [[code for code, _ in codes(outcome)] for outcome in outcomes] == [
        [],
        ["INSUFFICIENT_STOCK"],
        [],
        ["STALE_QUANTITY"],
    ]
    assert await shop.level() == {"available": 5}
    assert await faults(database) == []


async def test_what_an_actor_writes_down_adds_up_within_a_batch(database: Database) -> None:
    """The policy asks for approval above 50.00 a day; at 4.00 each, the 13th unit exceeds it."""
    shop = await stocked(database)
    await shop.receive(94)
    requests = [Request(AdjustStock("LEEDS", "TEE-M", -5, "COUNT"), CLERK) for _ in range(5)]
    alone = [(await shop.transactions.perform(workflows.stock.adjustments.adjust, requests[0]))]
    batch = await together(shop, workflows.stock.adjustments.adjust, *requests[1:])
    assert [[code for code, _ in codes(outcome)] for outcome in alone + batch] == [
        [],
        [],
        ["APPROVAL_REQUIRED"],
        ["APPROVAL_REQUIRED"],
        ["APPROVAL_REQUIRED"],
    ]
    assert await faults(database) == []
