"""Figures of windows, checked by hand on both engines: medians, ages, rates and scopes."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

import models.queries.metrics.counts as count_queries
import models.queries.metrics.exceptions as exception_queries
import models.queries.metrics.floor as floor_queries
import models.queries.metrics.queues as queue_queries
import workflows.exceptions.opening as exceptions
import workflows.tasks.claims
from domain.errors import BadRequest
from domain.exceptions import ExceptionKind
from domain.metrics import ExceptionGroup, Interval, age_limits, by_age, window_of
from models.database.database import Database
from models.queries.listing.scopes import Scope
from schema.types.metrics.counts import InventoryAccuracy
from tests.builders.floor.bins import open_floor
from tests.builders.floor.transfers import open_transfers
from tests.builders.transactions import MORNING, rows
from tests.builders.warehouse import ANN, BEN, Warehouse, a_parcel, open_warehouse
from workflows.transactions.transaction import Transaction

ALL = Scope()


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    opened = await open_warehouse(database)
    await opened.shop.receive(60)
    return opened


def day(warehouse: Warehouse) -> Interval:
    """From MORNING up to and including now."""
    return Interval(MORNING, warehouse.shop.clock.now + timedelta(microseconds=1))


async def parcels(warehouse: Warehouse, number: int) -> list[Any]:
    found = []
    for each in range(number):
        order = await warehouse.shop.place(("TEE-M", 2), reference=f"W-{each}")
        found += await warehouse.shop.fulfillments(order)
    return found


def test_a_window_is_at_most_thirty_one_days_and_begins_before_it_ends() -> None:
    assert window_of(MORNING, None, MORNING + timedelta(days=31)).hours == 31 * 24
    late = MORNING + timedelta(days=31, microseconds=1)
    for start, end in ((MORNING, late), (MORNING, MORNING), (late, MORNING)):
        with pytest.raises(BadRequest):
            window_of(start, end, late)


def test_ages_fall_into_six_buckets() -> None:
    assert by_age([1, 3, 3, 6, 10], 15) == [1, 2, 0, 3, 4, 5]
    assert [MORNING - each for each in age_limits(MORNING)] == [
        timedelta(hours=1),
        timedelta(hours=4),
        timedelta(days=1),
        timedelta(days=3),
        timedelta(days=7),
    ]


async def test_a_queue_is_measured(warehouse: Warehouse) -> None:
    """Four orders: three picked after 1, 3 and 8 minutes, one waits and its claim lapses."""
    first, second, third, _ = await parcels(warehouse, 4)
    for parcel, minutes in ((first, 1), (second, 2), (third, 5)):
        warehouse.shop.clock.forward(minutes=minutes)
        assert not (await warehouse.pick(parcel["id"])).refusals
    await warehouse.claim()
    warehouse.shop.clock.forward(minutes=11)
    await warehouse.claim(by=BEN)
    warehouse.shop.clock.forward(hours=2)
    await warehouse.shop.transactions.run(workflows.tasks.claims.release_expired)
    await warehouse.claim(by=ANN)
    async with warehouse.database.snapshot() as session:
        now = warehouse.shop.clock.now
        waiting = await queue_queries.waiting(session, ALL, now, None, ["PICK"])
        done = await queue_queries.done(session, ALL, day(warehouse), [1], ["PICK"])
        lapsed = await queue_queries.lapsed(session, ALL, day(warehouse), None, None)
        nowhere = await queue_queries.done(session, ALL, day(warehouse), [2], None)
    [row] = waiting
    assert (row["depth"], row["claimed"], row["overdue"]) == (1, 1, 0)
    assert row["oldest_at"] == MORNING
    assert [int(row["younger_0"]), int(row["younger_1"])] == [0, 1]
    assert [(each["rows"], each["median"]) for each in done] == [(3, 180)]
    assert [each["lapsed"] for each in lapsed] == [2]
    assert nowhere == []


async def test_the_median_of_an_even_number_is_between_the_two_in_the_middle(
    warehouse: Warehouse,
) -> None:
    for parcel, seconds in zip(await parcels(warehouse, 4), (10, 10, 25, 60), strict=True):
        warehouse.shop.clock.forward(seconds=seconds)
        await warehouse.pick(parcel["id"])
    async with warehouse.database.snapshot() as session:  # after 10, 20, 45 and 105 seconds
        [done] = await queue_queries.done(session, ALL, day(warehouse), None, ["PICK"])
    assert (done["rows"], done["median"]) == (4, 32)


async def test_a_window_takes_its_start_and_leaves_its_end(warehouse: Warehouse) -> None:
    [parcel] = await parcels(warehouse, 1)
    warehouse.shop.clock.forward(hours=1)
    await warehouse.pick(parcel["id"])
    at = warehouse.shop.clock.now

    async def done(start: datetime, end: datetime) -> int:
        async with warehouse.database.snapshot() as session:
            return len(await queue_queries.done(session, ALL, Interval(start, end), None, ["PICK"]))

    assert await done(at, at + timedelta(seconds=1)) == 1
    assert await done(MORNING, at) == 0


async def test_the_floor_is_measured(warehouse: Warehouse) -> None:
    """Three parcels of two units: one late, one on time, one short of one unit and not shipped."""
    late, punctual, short = await parcels(warehouse, 3)
    async with warehouse.database.writer() as session:
        await session.execute(
            "UPDATE sales_order SET ship_by_at = $1", MORNING + timedelta(hours=2)
        )
    warehouse.shop.clock.forward(hours=1)
    await warehouse.shop.ship(punctual["id"], tracking_number="J-1")
    await warehouse.claim(ids=[t["id"] for t in await warehouse.tasks(late["id"])][:1])
    warehouse.shop.clock.forward(hours=2)
    await warehouse.shop.transactions.run(workflows.tasks.claims.release_expired)
    await warehouse.shop.ship(late["id"], tracking_number="J-2")
    async with warehouse.database.snapshot() as session:
        [line] = await session.fetch(
            "SELECT order_line_id FROM fulfillment_line WHERE fulfillment_id = $1", short["id"]
        )
    assert not (await warehouse.pick(short["id"], (line["order_line_id"], 1))).refusals
    window = day(warehouse)
    async with warehouse.database.snapshot() as session:
        shipped = await floor_queries.shipped(session, ALL, window, None)
        figures = [
            await floor_queries.touches(session, ALL, window, None),
            await floor_queries.picked(session, ALL, window, None),
            await floor_queries.short(session, ALL, window, None),
        ]
        elsewhere = await floor_queries.shipped(session, Scope(location_ids=[2]), window, None)
    assert [each or 0 for each in shipped.values()] == [2, 2, 2, 1]
    # Tasks: two shipped parcels had one each in PICK; one was picked short; one claim lapsed.
    assert figures == [4, 5, 1]
    assert elsewhere["parcels"] == 0


async def test_units_of_divided_parcels_were_picked(warehouse: Warehouse) -> None:
    """Parcels of two units: one is split, one is packed into two, both after they were picked."""
    split, packed = await parcels(warehouse, 2)
    found = []
    for parcel in (split, packed):
        assert not (await warehouse.pick(parcel["id"])).refusals
        [line] = await rows(
            warehouse.database,
            "SELECT order_line_id AS id FROM fulfillment_line WHERE fulfillment_id = $1",
            parcel["id"],
        )
        found.append(line["id"])
    assert not (await warehouse.split(split["id"], (found[0], 1))).refusals
    halves = [a_parcel((found[1], 1)), a_parcel((found[1], 1))]
    assert not (await warehouse.pack(packed["id"], ANN, *halves)).refusals
    async with warehouse.database.snapshot() as session:
        assert await floor_queries.picked(session, ALL, day(warehouse), None) == 4


async def test_refused_scans_are_measured(warehouse: Warehouse) -> None:
    """One call of ten scans with two refused, one of five; another one is at York."""
    calls = ((1, 10, 2), (1, 5, 1), (2, 8, 8))
    async with warehouse.database.writer() as session:
        for place, scans, refused in calls:
            await session.execute(
                "INSERT INTO scan_call (id, location_id, queue, actor, scanned_at, scans, refused)"
                " VALUES ($1, $2, 'PICK', 'ann', $3, $4, $5)",
                *(uuid4(), place, MORNING, scans, refused),
            )
    async with warehouse.database.snapshot() as session:
        at_leeds = await floor_queries.scanned(session, ALL, day(warehouse), [1])
        of_leeds = await floor_queries.scanned(
            session, Scope(location_ids=[1]), day(warehouse), None
        )
        everywhere = await floor_queries.scanned(session, ALL, day(warehouse), None)
    assert list(at_leeds.values()) == list(of_leeds.values()) == [15, 3]
    assert list(everywhere.values()) == [23, 11]


async def test_the_way_from_the_dock_to_the_shelf_is_measured(database: Database) -> None:
    """Two levels wait for 30 and for 90 minutes; their median is an hour."""
    floor = await open_floor(database)
    for sku, minutes in (("TEE-M", 30), ("TEE-S", 90)):
        await floor.shop.receive(2, sku)
        floor.shop.clock.forward(minutes=minutes)
        assert not (await floor.put_away((sku, 2, "A-2"))).refusals
    window = Interval(MORNING, floor.shop.clock.now + timedelta(seconds=1))
    async with database.snapshot() as session:
        found = await floor_queries.put_away(session, ALL, window, None)
        nowhere = await floor_queries.put_away(session, ALL, window, [2])
    assert found is not None
    assert (found["rows"], found["median"]) == (2, 3_600)
    assert nowhere is None


async def test_the_accuracy_of_the_books_is_measured(warehouse: Warehouse) -> None:
    """Two lines of 50 and of 10 units: one exact, one 3 short at 4.00; another one at York."""
    counted = ((1, "TEE-M", 50, 0, 0), (1, "TEE-S", 10, -3, -1_200), (2, "TEE-M", 9, 9, 3_600))
    for place, sku, *_ in counted[1:]:
        await warehouse.shop.receive(1, sku, "LEEDS" if place == 1 else "YORK")
    async with warehouse.database.writer() as session:
        for place, sku, expected, variance, value in counted:
            [level] = await session.fetch(
                "SELECT s.id, s.item_id FROM stock_level s JOIN item i ON i.id = s.item_id"
                " WHERE i.sku = $1 AND s.location_id = $2",
                *(sku, place),
            )
            count, line = uuid4(), uuid4()
            await session.execute(
                "INSERT INTO stock_count (id, number, cause, status, location_id, blind,"
                " created_by, created_at, closed_at, line_count, lines_done)"
                " VALUES ($1, $2, 'PLANNED', 'DONE', $3, FALSE, 'ann', $4, $4, 1, 1)",
                *(count, str(count), place, MORNING),
            )
            await session.execute(
                "INSERT INTO stock_count_line (id, count_id, level_id, item_id, location_id,"
                " status, variance, value_minor, value_currency, posted_at)"
                " VALUES ($1, $2, $3, $4, $5, 'POSTED', $6, $7, 'GBP', $8)",
                *(line, count, level["id"], level["item_id"], place, variance, value, MORNING),
            )
            for number, counts, wrong in ((1, False, 7), (2, True, 0)):
                await session.execute(
                    "INSERT INTO count_attempt (id, line_id, number, counted_by, counted_at,"
                    " counted, expected, counts) VALUES ($1, $2, $3, 'ann', $4, $5, $6, $7)",
                    *(uuid4(), line, number, MORNING, expected + variance, expected + wrong),
                    counts,
                )
    async with warehouse.database.snapshot() as session:
        leeds = await count_queries.counted(session, ALL, day(warehouse), [1])
        of_leeds = await count_queries.counted(
            session, Scope(location_ids=[1]), day(warehouse), None
        )
        nothing = await count_queries.counted(session, Scope(location_ids=[]), day(warehouse), None)
    assert list(leeds.values()) == list(of_leeds.values()) == [2, 1, 3, 60, -1_200, 1_200]
    figures = InventoryAccuracy.of(leeds, "GBP")
    assert (figures.line_accuracy, figures.unit_accuracy) == (0.5, 0.95)
    assert figures.net_value is not None
    assert figures.net_value.minor == -1_200
    empty = InventoryAccuracy.of(nothing, "GBP")
    assert (empty.lines, empty.line_accuracy, empty.unit_accuracy, empty.net_value) == (
        *(0, None, None),
        None,
    )


async def test_exceptions_are_measured_by_group(warehouse: Warehouse) -> None:
    """Two of a kind end after 1 and 5 hours, the second past its due time; one stays open."""

    async def opened(tx: Transaction, number: int, kind: ExceptionKind) -> None:
        await exceptions.open_exception(tx, kind, ("Order", number), "Late.", location_id=1)

    async def cleared(tx: Transaction, number: int) -> None:
        await exceptions.clear(tx, ExceptionKind.SHORT_PICK, ("Order", number))

    run, clock = warehouse.shop.transactions.run, warehouse.shop.clock
    for number in (1, 2):
        await run(partial(opened, number=number, kind=ExceptionKind.SHORT_PICK))
    await run(lambda tx: opened(tx, 3, ExceptionKind.ORDER_LATE))
    clock.forward(hours=1)
    await run(lambda tx: cleared(tx, 1))
    clock.forward(hours=4)
    await run(lambda tx: cleared(tx, 2))
    window = day(warehouse)
    async with warehouse.database.snapshot() as session:
        of = (session, ALL, ExceptionGroup.KIND, 1)
        [now] = await exception_queries.open_now(*of, clock.now)
        opened_rows = await exception_queries.opened(*of, window)
        [ended] = await exception_queries.ended(*of, window)
        [duration] = await exception_queries.durations(*of, window)
        by_place = await exception_queries.open_now(
            session, ALL, ExceptionGroup.LOCATION, None, clock.now
        )
        by_owner = await exception_queries.open_now(
            session, ALL, ExceptionGroup.OWNER, None, clock.now
        )
        hidden = await exception_queries.open_now(
            session, Scope(location_ids=[2]), ExceptionGroup.KIND, None, clock.now
        )
    assert (now["name"], now["opened"], now["breached"]) == ("ORDER_LATE", 1, 1)
    assert [int(now["younger_1"]), int(now["younger_2"])] == [0, 1]
    assert sorted((row["name"], row["opened"]) for row in opened_rows) == [
        ("ORDER_LATE", 1),
        ("SHORT_PICK", 2),
    ]
    assert (ended["ended"], ended["cleared"], ended["late"]) == (2, 2, 1)
    assert (duration["rows"], duration["median"]) == (2, 3 * 3_600)
    assert [row["name"] for row in by_place] == ["LEEDS"]
    assert [row["name"] for row in by_owner] == [""]
    assert hidden == []


async def test_units_that_a_transfer_lacks_are_no_short_picks(database: Database) -> None:
    """A transfer of four units is short of one; `picked` has no units of transfers either."""
    transfers = await open_transfers(database)
    window = Interval(MORNING, MORNING + timedelta(days=1))
    created = await transfers.create(("TEE-M", 4))
    assert not (await transfers.ship(created, ("TEE-M", 1))).refusals
    async with database.snapshot() as session:
        moved = "SELECT COUNT(*) FROM stock_movement WHERE to_state = 'QUARANTINE'"
        assert await session.value(int, moved) == 1
        assert await floor_queries.picked(session, ALL, window, None) == 0
        assert await floor_queries.short(session, ALL, window, None) == 0
