"""Backorders are served in rounds; items or lines that cannot be served block no others."""

import pytest

import workflows.catalog.channels
import workflows.orders.backorders
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.catalog import a_channel
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import rows
from workflows.orders.backorders import BackorderRounds

BUFFER = 3


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A web shop with a safety buffer, and a marketplace of lower priority without one."""
    return await open_shop(database, safety_buffer=BUFFER)


async def leave_to_the_job(shop: Shop, sku: str) -> None:
    """Add a unit without serving a backorder; the job has to do it."""
    async with shop.database.writer() as session:
        await session.execute(
            "UPDATE stock_level SET available = available + 1"
            " WHERE item_id = (SELECT id FROM item WHERE sku = $1)",
            sku,
        )


async def still_waiting(shop: Shop) -> set[str]:
    """References of the orders with backordered units."""
    found = await rows(
        shop.database,
        "SELECT DISTINCT o.external_reference AS reference FROM sales_order o"
        " JOIN order_line l ON l.order_id = o.id WHERE l.backordered > 0",
    )
    return {row["reference"] for row in found}


async def test_units_no_waiting_order_may_use_are_no_work(shop: Shop) -> None:
    york = a_channel("outlet", location_codes=("YORK",), priority=9)
    await shop.transactions.perform(workflows.catalog.channels.upsert, york)
    rules = {"protected": [{"channel": "web", "category": "coats", "units": 5}]}
    await shop.publish(PolicyKind.ROUTING, rules)
    await shop.place(("TEE-S", 1), reference="buffer", backorder=True)
    await shop.place(("COAT", 1), channel="market", reference="protected", backorder=True)
    await shop.place(("TEE-L", 1), channel="outlet", reference="elsewhere", backorder=True)
    for sku in ("TEE-S", "COAT", "TEE-L"):
        await shop.receive(BUFFER, sku)
    rounds = BackorderRounds(shop.transactions)
    assert [await rounds.serve() for _ in range(3)] == [0, 0, 0]
    assert await still_waiting(shop) == {"buffer", "protected", "elsewhere"}


async def test_items_that_cannot_be_served_keep_no_other_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflows.orders.backorders, "ITEMS_MAX", 1)
    for sku in ("TEE-S", "TEE-M", "TEE-L"):
        await shop.place((sku, 1), reference=sku, backorder=True)
        await shop.receive(BUFFER, sku)
    rounds = BackorderRounds(shop.transactions)
    await leave_to_the_job(shop, "TEE-L")
    assert sum([await rounds.serve() for _ in range(4)]) == 1
    assert await still_waiting(shop) == {"TEE-S", "TEE-M"}
    await leave_to_the_job(shop, "TEE-S")
    assert sum([await rounds.serve() for _ in range(4)]) == 1
    assert await still_waiting(shop) == {"TEE-M"}


async def test_lines_that_cannot_be_served_keep_no_other_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflows.orders.backorders, "SERVED_MAX", 1)
    await shop.place(("TEE-M", 1), reference="buffer", backorder=True)
    await shop.place(("TEE-M", 1), channel="market", reference="behind", backorder=True)
    await shop.receive(BUFFER)
    assert await still_waiting(shop) == {"buffer"}
