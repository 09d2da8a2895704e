"""Results that are kept between transactions: the same objects for the same rows, and no others."""

from __future__ import annotations

from datetime import timedelta

from models.database.database import Database
from models.queries.catalog.lookups import every_channel
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import rows
from workflows.availability.atp_context import AtpContext, read

ROUTING = "SELECT routing FROM reservation ORDER BY created_at, id"


async def context_of(shop: Shop) -> AtpContext:
    async with shop.database.snapshot() as session:
        return await read(session, [], shop.clock())


async def test_the_same_rows_give_the_same_objects_until_they_change(database: Database) -> None:
    shop = await open_shop(database)
    first, second = await context_of(shop), await context_of(shop)
    assert first.channels is second.channels
    assert first.routing is second.routing
    async with database.writer() as session:
        await session.execute("UPDATE channel SET safety_buffer = 3 WHERE code = 'web'")
    third = await context_of(shop)
    assert third.channels is not first.channels
    assert [c.safety_buffer for c in third.channels if c.code == "web"] == [3]
    assert third.routing is first.routing


async def test_dates_are_those_of_the_second(database: Database) -> None:
    shop = await open_shop(database)
    context = await context_of(shop)
    context.dates_now[("x",)] = None  # type: ignore[assignment]
    assert ("x",) in (await context_of(shop)).dates_now
    shop.clock.forward(seconds=1)
    assert ("x",) not in (await context_of(shop)).dates_now


async def test_a_hold_after_the_day_has_changed_has_the_later_dates(database: Database) -> None:
    shop = await open_shop(database)
    await shop.receive(9)
    for _ in range(3):
        assert not (await shop.hold(("TEE-M", 1))).refusals
        shop.clock.forward(seconds=timedelta(days=7).total_seconds())
    decisions = [row["routing"] for row in await rows(database, ROUTING)]
    assert len(set(map(str, decisions))) == 3


async def test_questions_of_channels_share_their_answers() -> None:
    assert every_channel().kept is every_channel().kept is not None
