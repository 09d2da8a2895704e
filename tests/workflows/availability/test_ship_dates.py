"""Ship dates by ROUTING policy: cut-offs by weekday, holidays, and clock changes at midnight."""

from datetime import UTC, datetime
from typing import Any

import pytest

import workflows.availability.availability
import workflows.catalog.locations
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.catalog import a_location
from tests.builders.store import ADMIN, Shop, open_shop
from workflows.availability.cache import AvailabilityCache

LEAD_TIMES = [{"serviceLevel": "*", "from": "*", "to": "*", "days": 1}]


async def a_shop(database: Database, zone: str, **hours: Any) -> Shop:
    """The store with units in LEEDS, which is in this zone and has these hours."""
    shop = await open_shop(database)
    place = a_location("LEEDS", time_zone=zone)
    outcome = await shop.transactions.perform(workflows.catalog.locations.upsert, place)
    assert not outcome.refusals
    await shop.receive(9, "TEE-M", "LEEDS")
    rules = {"locations": {"LEEDS": hours}, "leadTimes": LEAD_TIMES}
    await shop.publish(PolicyKind.ROUTING, rules)
    return shop


async def dates(shop: Shop, cache: AvailabilityCache, now: str) -> tuple[datetime, datetime]:
    """Dates at `now`: of availability, from the database and from memory, and of an order."""
    shop.clock.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
    async with shop.database.snapshot() as session:
        found = await workflows.availability.availability.find(
            session, "web", ["TEE-M"], ADMIN, shop.clock.now
        )
    _, cached = await cache.find("web", ["TEE-M"], ADMIN)
    order = await shop.order(await shop.place(("TEE-M", 1), reference=f"W-{now}"))
    promised = {
        (each.ship_by, each.deliver_by) for each in (*found, *cached) if each is not None
    } | {(order["ship_by_at"], order["deliver_by_at"])}
    [(ship_by, deliver_by)] = promised
    assert ship_by is not None
    assert deliver_by is not None
    return ship_by, deliver_by


def end(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T23:59:59.999999+00:00")


async def test_cut_offs_by_weekday_and_holidays_shift_what_is_promised(database: Database) -> None:
    """Friday ends at noon, Monday is a holiday. 2026-03-06 is a Friday."""
    hours = {"cutOff": {"FRI": "12:00", "TUE": "09:30"}, "holidays": ["2026-03-09"]}
    shop = await a_shop(database, "UTC", **hours)
    cache = AvailabilityCache(database, shop.clock)
    tuesday, wednesday = end("2026-03-10"), end("2026-03-11")
    # Thursday has the default cut-off, 15:00.
    thursday = end("2026-03-05"), end("2026-03-06")
    assert await dates(shop, cache, "2026-03-05T14:59:59.999999") == thursday
    assert await dates(shop, cache, "2026-03-06T11:59:59") == (end("2026-03-06"), tuesday)
    assert await dates(shop, cache, "2026-03-06T12:00:00") == (tuesday, wednesday)
    assert await dates(shop, cache, "2026-03-09T09:00:00") == (tuesday, wednesday)
    assert await dates(shop, cache, "2026-03-10T09:29:59") == (tuesday, wednesday)
    assert await dates(shop, cache, "2026-03-10T09:30:00") == (wednesday, end("2026-03-12"))


@pytest.mark.parametrize(
    ("zone", "now", "ship_by"),
    [
        # The last hour of 4 April 2026 comes twice in Santiago; the order is placed in the second.
        ("America/Santiago", "2026-04-05T03:30:00", "2026-04-05T03:59:59.999999"),
        # Midnight is skipped in Cairo on 24 April 2026: the 23rd ends with the jump.
        ("Africa/Cairo", "2026-04-23T21:30:00", "2026-04-23T21:59:59.999999"),
    ],
)
async def test_a_day_with_a_clock_change_at_midnight_ends_where_the_next_begins(
    database: Database, zone: str, now: str, ship_by: str
) -> None:
    week = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
    shop = await a_shop(database, zone, cutOff="23:59", workingDays=week)
    found, _ = await dates(shop, AvailabilityCache(database, shop.clock), now)
    assert found == datetime.fromisoformat(ship_by).replace(tzinfo=UTC)
    assert found >= shop.clock.now
