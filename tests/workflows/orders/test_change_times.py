"""`updated_at` follows every change of an order, its parcels, returns, refunds and tasks."""

from typing import Any

import pytest

from models.database.database import Database
from tests.builders.refunds import FIONA, RefundDesk, open_refund_desk
from tests.builders.tampering import tamper
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

TABLES = ("sales_order", "fulfillment", "customer_return", "refund", "task")


@pytest.fixture
async def desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def changed(desk: RefundDesk) -> dict[str, Any]:
    """The last change in each table."""
    found = {}
    for table in TABLES:
        sql = f"SELECT MAX(updated_at) AS last_at FROM {table}"
        [row] = await rows(desk.shop.database, sql)
        found[table] = row["last_at"]
    return found


async def step(desk: RefundDesk, acting: Any, *tables: str) -> Outcome:
    """Perform an action a minute later; exactly these tables have changed then."""
    before = await changed(desk)
    desk.shop.clock.forward(seconds=60)
    outcome: Outcome = await acting()
    assert not outcome.refusals, outcome.refusals
    after = await changed(desk)
    assert {name for name in TABLES if after[name] != before[name]} == set(tables)
    assert {after[name] for name in tables} <= {desk.shop.clock.now}
    return outcome


async def test_each_change_that_a_reader_sees_is_a_change_of_the_order(desk: RefundDesk) -> None:
    shop, returns = desk.shop, desk.desk
    order = await step(desk, lambda: shop.place(("TEE-M", 3)), "sales_order", "fulfillment", "task")
    [parcel] = await shop.fulfillments(order)
    shipped = ("sales_order", "fulfillment", "task")
    await step(desk, lambda: shop.ship(parcel["id"]), *shipped)
    asked = await step(
        desk, lambda: returns.request(order, ("TEE-M", 1)), "sales_order", "customer_return", "task"
    )
    await step(desk, lambda: returns.track(asked, "RT-1"), "sales_order", "customer_return")
    goodwill = await step(desk, lambda: desk.create(order, "1.00"), "sales_order", "refund")
    await step(desk, lambda: desk.approve(goodwill, FIONA), "sales_order", "refund")
    assert [str(each) for each in await reconcile(shop.database)] == []


LATE = "2020-01-01 00:00:00.000000+00:00"
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    f"an old time in {table}": (
        (f"UPDATE {table} SET updated_at = '{LATE}'",),
        "times of change follow every change",
        "expected changed at or after",
    )
    for table in TABLES
}


BREAKS["a location that an order lacks"] = (
    ("DELETE FROM order_location",),
    "locations of orders = their fulfillments",
    "found nothing",
)
BREAKS["another status at a location"] = (
    ("UPDATE order_location SET status = 'OPEN'",),
    "locations of orders = their fulfillments",
    "expected",
)


@pytest.mark.parametrize("what", BREAKS)
async def test_a_time_before_the_last_change_is_found(desk: RefundDesk, what: str) -> None:
    order = await desk.shop.place(("TEE-M", 3))
    [parcel] = await desk.shop.fulfillments(order)
    await desk.shop.ship(parcel["id"])
    desk.shop.clock.forward(seconds=60)
    await desk.desk.request(order, ("TEE-M", 1))
    await desk.create(order, "1.00")
    statements, proof, line = BREAKS[what]
    await tamper(desk.shop.database.url, *statements)
    found = [each for each in map(str, await reconcile(desk.shop.database)) if proof in each]
    assert found
    assert line in found[0]
