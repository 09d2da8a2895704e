"""ROUTING: the caller, or the channel's order of locations, where the policy is not LIVE."""

from __future__ import annotations

from uuid import UUID

import pytest

import workflows.availability.routing as routing
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.store import ADMIN, Shop, open_shop
from tests.builders.transactions import codes, counts
from tests.workflows.rollout.rollouts import TABLES, cases, order, shadow, supplied, switched
from workflows.availability.cache import AvailabilityCache
from workflows.ledger.reconciliation import reconcile
from workflows.orders.backorders import BackorderRounds
from workflows.transactions.transaction import Transaction

PREFERS_YORK = {"order": ["preference"], "preference": ["YORK", "LEEDS"]}


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A store with stock in both warehouses, whose policy prefers York. LEEDS comes first."""
    shop = await open_shop(database)
    for place in ("LEEDS", "YORK"):
        await shop.receive(5, "TEE-M", place)
    await shop.publish(PolicyKind.ROUTING, PREFERS_YORK)
    return shop


async def test_live_routes_as_before_and_stores_nothing(shop: Shop) -> None:
    await switched(shop, "channel:web")
    assert await supplied(shop, await order(shop, ("TEE-M", 2, None))) == {"YORK": 2}
    assert set((await counts(shop.database, *TABLES)).values()) == {0}


async def test_off_takes_the_named_location_else_the_first_in_order(shop: Shop) -> None:
    await switched(shop, ROUTING="OFF")
    assert await supplied(shop, await order(shop, ("TEE-M", 2, None))) == {"LEEDS": 2}
    named = await order(shop, ("TEE-M", 1, "york"), reference="W-2")
    assert await supplied(shop, named) == {"YORK": 1}
    both = await order(shop, ("TEE-M", 4, None), reference="W-3")
    assert await supplied(shop, both) == {"LEEDS": 3, "YORK": 1}
    found = await cases(shop.database, "ROUTING")
    assert [(case["mode"], case["subject_type"], case["would"]) for case in found] == [
        ("OFF", "Order", None)
    ] * 3
    assert await reconcile(shop.database) == []


async def test_a_named_location_supplies_a_line_alone_in_every_mode(shop: Shop) -> None:
    placed = await order(shop, ("TEE-M", 3, "LEEDS"), ("TEE-M", 2, "YORK"), ("TEE-M", 2, None))
    assert await supplied(shop, placed) == {"LEEDS": 3, "YORK": 4}
    before = await counts(shop.database, "sales_order", "stock_movement", "event")
    lacking = await order(shop, ("TEE-M", 3, "LEEDS"), reference="W-2")
    assert codes(lacking) == [("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))]
    unknown = await order(shop, ("TEE-M", 0, "MARS"), ("TEE-M", 1, "VENUS"), reference="W-3")
    assert codes(unknown) == [
        ("INVALID", ("input", "lines", "0", "quantity")),
        ("NOT_FOUND", ("input", "lines", "0", "locationCode")),
        ("NOT_FOUND", ("input", "lines", "1", "locationCode")),
    ]
    assert await counts(shop.database, *before) == before


async def test_a_named_backorder_waits_for_its_location(shop: Shop) -> None:
    placed = await order(shop, ("TEE-M", 8, "YORK"), backorder=True)
    assert await supplied(shop, placed) == {"YORK": 5}
    await shop.receive(9)
    assert await supplied(shop, placed) == {"YORK": 5}
    await shop.receive(2, "TEE-M", "YORK")
    await BackorderRounds(shop.transactions).serve()
    assert await supplied(shop, placed) == {"YORK": 7}
    assert await reconcile(shop.database) == []


async def test_a_shadow_is_compared_with_the_choice_of_the_caller(shop: Shop) -> None:
    await switched(shop, "channel:web", ROUTING="SHADOW")
    assert await supplied(shop, await order(shop, ("TEE-M", 2, None))) == {"LEEDS": 2}
    assert await shadow(shop.database, "ROUTING") == ("YORK", "LEEDS", "ada", False)
    shop.clock.forward(seconds=1)
    await order(shop, ("TEE-M", 2, "YORK"), reference="W-2")
    case = (await cases(shop.database, "ROUTING"))[1]
    assert (case["would"], case["did"], bool(case["agrees"])) == ("YORK", "YORK", True)
    other = await order(shop, ("TEE-M", 1, None), channel="market", reference="M-1")
    assert await supplied(shop, other) == {"YORK": 1}
    assert len(await cases(shop.database, "ROUTING")) == 2


async def test_a_failing_shadow_is_a_difference(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also an error of the database, after which PostgreSQL refuses the transaction."""

    async def fail(tx: Transaction, *_: object) -> list[str]:
        await tx.session.fetch("SELECT nothing FROM nowhere")
        return []

    await switched(shop, ROUTING="SHADOW")
    monkeypatch.setattr(routing, "would_route", fail)
    assert await supplied(shop, await order(shop, ("TEE-M", 2, None))) == {"LEEDS": 2}
    assert await shadow(shop.database, "ROUTING") == ("FAILED", "LEEDS", "ada", False)
    assert await reconcile(shop.database) == []


async def test_a_hold_keeps_its_mode_in_its_order(shop: Shop) -> None:
    await switched(shop, ROUTING="SHADOW")
    held = await shop.hold(("TEE-M", 1), ("TEE-M", 1, "YORK"))
    assert await shadow(shop.database, "ROUTING") == ("YORK", "LEEDS, YORK", "ada", False)
    await switched(shop)
    placed = await order(shop, ("TEE-M", 4, None), reservation_id=UUID(held.refs["reservation"]))
    assert await supplied(shop, placed) == {"LEEDS": 3, "YORK": 1}
    found = await cases(shop.database, "ROUTING")
    assert [case["subject_type"] for case in found] == ["Reservation", "Order"]
    assert await reconcile(shop.database) == []


async def test_a_location_that_is_not_live_gets_no_routed_unit(shop: Shop) -> None:
    cache = AvailabilityCache(shop.database, lambda: shop.clock.now)
    assert await _available(cache) == 10
    await switched(shop, "location:YORK", ROUTING="OFF")
    assert (await _available(cache), await shop.atp("TEE-M", "web")) == (5, 5)
    assert await supplied(shop, await order(shop, ("TEE-M", 2, None))) == {"LEEDS": 2}
    lacking = await order(shop, ("TEE-M", 4, None), reference="W-2")
    assert codes(lacking) == [("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))]
    named = await order(shop, ("TEE-M", 4, "YORK"), ("TEE-M", 3, None), reference="W-3")
    assert await supplied(shop, named) == {"LEEDS": 3, "YORK": 4}
    beyond = await order(shop, ("TEE-M", 3, "YORK"), reference="W-4", backorder=True)
    assert await supplied(shop, beyond) == {"YORK": 1}
    assert not await cases(shop.database, "ROUTING")
    assert await reconcile(shop.database) == []


async def _available(cache: AvailabilityCache) -> int:
    _, [found] = await cache.find("web", ["TEE-M"], ADMIN)
    assert found is not None
    return found.available_to_promise
