"""Counts that a person asks for: their levels, and cancellation; cycles and classes."""

from __future__ import annotations

from typing import Any

import pytest

import models.queries.counts.candidates as candidates
import workflows.counts.cycles as cycles
from domain.counts.classes import AbcClass
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.floor.counts import Counting, open_counting
from tests.builders.transactions import codes, events, rows
from workflows.counts.cycles import Classification
from workflows.ledger.reconciliation import reconcile

CYCLE = {"A": "P30D", "B": "P90D", "C": "P365D", "perDay": 2}


@pytest.fixture
async def counting(database: Database) -> Counting:
    return await open_counting(database)


async def skus_of(counting: Counting, number: int = -1) -> list[str]:
    """SKUs of a count, in their order."""
    found = await rows(
        counting.database,
        "SELECT c.id, i.sku FROM stock_count_line l JOIN stock_count c ON c.id = l.count_id"
        " JOIN item i ON i.id = l.item_id ORDER BY c.created_at, c.id, i.sku",
    )
    ids = list(dict.fromkeys(row["id"] for row in found))
    return [row["sku"] for row in found if row["id"] == ids[number]]


async def test_a_count_takes_the_levels_that_meet_all_conditions(counting: Counting) -> None:
    shop = counting.shop
    for sku in ("TEE-S", "TEE-M", "TEE-L"):
        await shop.receive(10, sku)
    await counting.floor.put_away(("TEE-M", 5, "A-2"), ("TEE-L", 5, "A-2"))
    await counting.record(("TEE-L", 5, "A-2"), ("TEE-L", 5))
    shop.clock.forward(days=1)
    await counting.create(zone_code="A", not_counted_since=shop.clock.now.replace(hour=0))
    assert await skus_of(counting) == ["TEE-L", "TEE-M"]
    assert await counting.counts() == [("SPOT", "DONE", 1, 1), ("PLANNED", "OPEN", 2, 0)]
    # A level that is being counted is left out.
    shop.clock.forward(minutes=1)
    await counting.create()
    assert await skus_of(counting) == ["TEE-S"]
    shop.clock.forward(minutes=1)
    last = await counting.create()
    assert (await counting.counts())[-1] == ("PLANNED", "DONE", 0, 0)
    assert not last.refusals
    assert len(await events(counting.database, "count.created")) == 4
    assert await reconcile(counting.database) == []


async def test_the_longest_uncounted_levels_come_first(counting: Counting) -> None:
    shop = counting.shop
    for sku in ("TEE-S", "TEE-M", "TEE-L"):
        await shop.receive(1, sku)
    await counting.record(("TEE-S", 1))
    shop.clock.forward(days=1)
    await counting.record(("TEE-M", 1))
    shop.clock.forward(minutes=1)
    await counting.create(limit=2)
    assert await skus_of(counting) == ["TEE-L", "TEE-S"]


async def test_faults_of_a_count_are_reported_together(counting: Counting) -> None:
    now = counting.shop.clock.now
    refused = await counting.create(limit=0, zone_code="NONE", skus=("NONE",))
    assert codes(refused) == [
        ("LIMIT_EXCEEDED", ("input", "limit")),
        ("NOT_FOUND", ("input", "zoneCode")),
        ("NOT_FOUND", ("input", "skus", "0")),
    ]
    assert codes(await counting.create(due_at=now)) == [("INVALID", ("input", "dueAt"))]
    assert codes(await counting.create(zone_code="A-2")) == [("INVALID", ("input", "zoneCode"))]
    assert codes(await counting.create(at="NONE")) == [("NOT_FOUND", ("input", "locationCode"))]
    assert await counting.counts() == []


@pytest.mark.parametrize(
    ("facts", "allowed"),
    [
        ({"limit": 0}, 1),
        ({"limit": -1}, 1),
        ({"limit": 2_001}, 2_000),
        ({"skus": ()}, 1),
        ({"skus": ("TEE-S",) * 501}, 500),
    ],
)
async def test_the_nearest_allowed_number_is_named(
    counting: Counting, facts: dict[str, Any], allowed: int
) -> None:
    [refusal] = (await counting.create(**facts)).refusals
    assert (refusal.code, refusal.details["allowed"]) == ("LIMIT_EXCEEDED", allowed)
    assert f"at {'least' if allowed == 1 else 'most'} {allowed} allowed" in refusal.message


async def test_a_cancelled_count_gives_up_its_open_lines(counting: Counting) -> None:
    for sku in ("TEE-S", "TEE-M"):
        await counting.shop.receive(1, sku)
    created = await counting.create()
    await counting.record(("TEE-S", 1))
    assert not (await counting.cancel(created)).refusals
    assert await counting.counts() == [("PLANNED", "CANCELLED", 2, 2)]
    assert await counting.lines("TEE-S") == [("POSTED", 0)]
    assert await counting.lines("TEE-M") == [("CANCELLED", None)]
    assert codes(await counting.cancel(created)) == [("ILLEGAL_TRANSITION", ("id",))]
    assert await reconcile(counting.database) == []


async def classes(counting: Counting) -> dict[str, str]:
    found = await rows(
        counting.database,
        "SELECT i.sku, k.abc_class FROM counted_level k JOIN stock_level s ON s.id = k.level_id"
        " JOIN item i ON i.id = s.item_id JOIN location l ON l.id = s.location_id"
        " WHERE l.code = 'LEEDS'",
    )
    return {row["sku"]: row["abc_class"] for row in found}


async def ship(counting: Counting, sku: str, units: int) -> None:
    order = await counting.shop.place((sku, units), reference=f"{sku}-{units}")
    for parcel in await counting.shop.fulfillments(order):
        await counting.shop.ship(parcel["id"])


async def test_levels_are_classified_by_the_cost_that_was_shipped(counting: Counting) -> None:
    """At 4.00 a unit: 17 units of TEE-M, 2 of TEE-S and 1 of TEE-L are 85 %, 10 % and 5 %."""
    for sku in ("TEE-S", "TEE-M", "TEE-L", "COAT"):
        await counting.shop.receive(20, sku)
    for sku, units in (("TEE-M", 17), ("TEE-S", 2), ("TEE-L", 1)):
        await ship(counting, sku, units)
    job = Classification(counting.shop.transactions)
    while await job.work():
        pass
    assert await classes(counting) == {"TEE-M": "A", "TEE-S": "B", "TEE-L": "C", "COAT": "C"}
    assert await job.work() == 0
    counting.shop.clock.forward(days=91)
    while await job.work():
        pass
    assert set((await classes(counting)).values()) == {"C"}
    counting.shop.clock.forward(minutes=1)
    await counting.create(abc_class=AbcClass.C, skus=("COAT", "TEE-M"))
    assert await skus_of(counting) == ["COAT", "TEE-M"]


async def test_cycle_counts_come_daily_longest_uncounted_first(counting: Counting) -> None:
    shop: Any = counting.shop
    for sku in ("TEE-S", "TEE-M", "TEE-L"):
        await shop.receive(1, sku)
    assert await cycles.count_due(shop.transactions) == 0
    await counting.policy(cycle=CYCLE)
    assert await cycles.count_due(shop.transactions) == 1
    assert await counting.counts() == [("CYCLE", "OPEN", 2, 0)]
    assert await cycles.count_due(shop.transactions) == 0
    first = await skus_of(counting)
    await counting.record(*((sku, 1) for sku in first))
    shop.clock.forward(days=1)
    assert await cycles.count_due(shop.transactions) == 1
    [second] = await skus_of(counting)
    assert second not in first
    await counting.record((second, 1))
    # Class C, and counted within the year: nothing is due.
    shop.clock.forward(days=1)
    assert await cycles.count_due(shop.transactions) == 0
    shop.clock.forward(days=365)
    assert await cycles.count_due(shop.transactions) == 1
    assert await skus_of(counting) == first
    assert await reconcile(counting.database) == []


async def test_a_category_may_have_a_cycle_of_its_own(counting: Counting) -> None:
    shop = counting.shop
    await shop.receive(1, "COAT")
    await shop.receive(1, "TEE-S")

    await shop.publish(PolicyKind.COUNT, {"cycle": CYCLE}, scope="category:coats")
    assert await cycles.count_due(shop.transactions) == 1
    assert await skus_of(counting) == ["COAT"]


async def test_locations_that_count_are_listed_with_their_last_cycle(counting: Counting) -> None:
    async with counting.database.snapshot() as session:
        found = await candidates.counting_locations(session)
    assert [(row["code"], row["last_cycle_at"]) for row in found] == [
        ("LEEDS", None),
        ("YORK", None),
    ]
