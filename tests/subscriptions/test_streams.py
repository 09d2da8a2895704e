"""Streams: nothing missing, nothing twice, in order; in scope; folded where only now counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

import subscriptions.relay
import subscriptions.streams
from domain.access import Caller, Role, holder
from domain.errors import BadRequest
from domain.events import CursorAhead, ReaderTooSlow
from models.database import Database
from subscriptions.live import Live
from tests.subscriptions.log import note, now, transactions, until, write
from workflows.transactions import Transaction, Transactions

ADMIN = holder(Role.ADMIN, actor="root")


class Ledger:
    """Availability that a test sets by hand, and a count of how often it was read."""

    def __init__(self) -> None:
        self.units: dict[str, int] = {}
        self.reads: list[list[str]] = []

    async def of(self, channel: str, skus: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """(sku, units)."""
        self.reads.append(list(skus))
        return {sku: (sku, self.units[sku]) for sku in skus if sku in self.units}

    async def skus(self, channel: str) -> Sequence[str]:
        """All of them."""
        return sorted(self.units)

    def substance(self, availability: tuple[str, int]) -> Hashable:
        """All of it."""
        return availability


class Place:
    """A live process, a writer in it, and master data."""

    def __init__(self, live: Live[Any], writer: Transactions, ledger: Ledger) -> None:
        self.live = live
        self.streams = live.streams
        self.writer = writer
        self.ledger = ledger
        self._levels = 0

    async def note(self, *numbers: int, **facts: Any) -> None:
        """Commit facts with these numbers."""
        await write(self.writer, *numbers, **facts)

    async def numbered(self, position: int) -> None:
        """Wait until the relay has served a position."""
        await until(lambda: (self.live.relay.position or 0) >= position)

    async def stock(self, sku: str, location: str, units: int, cause: str = "RECEIVED") -> None:
        """Make a level, or change it, with its fact."""

        async def work(tx: Transaction) -> None:
            level = await _level(tx, sku, location, units)
            data = {"sku": sku, "location": location, "cause": cause, "available": units}
            note(
                tx,
                units,
                type="stock.changed",
                subject=("StockLevel", level["id"]),
                data=data,
                location_id=level["location_id"],
            )

        await self.writer.run(work)


async def _level(tx: Transaction, sku: str, location: str, units: int) -> Mapping[str, Any]:
    session = tx.session
    for sql, args in (
        (
            "INSERT INTO item (sku, name, returnable, created_at, updated_at)"
            " VALUES ($1, 'x', TRUE, $2, $2) ON CONFLICT DO NOTHING",
            (sku, now()),
        ),
        (
            "INSERT INTO location (code, name, kind, time_zone, pack_required, active)"
            " VALUES ($1, 'x', 'STORE', 'UTC', FALSE, TRUE) ON CONFLICT DO NOTHING",
            (location,),
        ),
        (
            "INSERT INTO stock_level (item_id, location_id, updated_at)"
            " SELECT i.id, l.id, $3 FROM item i, location l WHERE i.sku = $1 AND l.code = $2"
            " ON CONFLICT DO NOTHING",
            (sku, location, now()),
        ),
    ):
        await session.execute(sql, *args)
    level = await session.fetch_one(
        "SELECT s.id, s.location_id FROM stock_level s JOIN item i ON i.id = s.item_id"
        " JOIN location l ON l.id = s.location_id WHERE i.sku = $1 AND l.code = $2",
        sku,
        location,
    )
    assert level is not None
    await session.execute("UPDATE stock_level SET available = $2 WHERE id = $1", level["id"], units)
    return level


@pytest.fixture
async def place(database: Database) -> AsyncIterator[Place]:
    """A process with everything running."""
    ledger = Ledger()
    live = Live(database, transactions(database), broadcast_url="memory://", promises=ledger)
    await live.start()
    try:
        yield Place(live, transactions(database, live.committed), ledger)
    finally:
        await live.stop()


class Reader:
    """Reads a stream into a list, in a task."""

    def __init__(self, stream: Any) -> None:
        self.got: list[Any] = []
        self.error: Exception | None = None
        self._stream = stream
        self._news = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async with aclosing(self._stream) as stream:
                async for value in stream:
                    self.got.append(value)
                    self._news.set()
        except Exception as error:  # noqa: BLE001  the test looks at it
            self.error = error
        self._news.set()

    async def has(self, count: int) -> list[Any]:
        """Wait for so many values."""
        async with asyncio.timeout(10):
            while len(self.got) < count and not self.task.done():
                self._news.clear()
                await self._news.wait()
        assert len(self.got) >= count, self.error
        return self.got

    async def close(self) -> None:
        """End the subscription."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def reading(stream: Any) -> AsyncIterator[Reader]:
    """A reader inside the block."""
    reader = Reader(stream)
    try:
        yield reader
    finally:
        await reader.close()


def numbers(events: Sequence[Any]) -> list[int]:
    """The numbers of the facts."""
    return [event.data["number"] for event in events]


async def listening(place: Place, count: int) -> None:
    """Wait until so many listeners are with the relay."""
    await until(lambda: place.live.relay.listeners == count)


async def test_from_now_on_means_from_now_on(place: Place) -> None:
    await place.note(1)
    await until(lambda: place.live.sequencer.is_holder)
    async with reading(place.streams.events(ADMIN, after="0")) as first:
        await first.has(1)
        async with reading(place.streams.events(ADMIN)) as second:
            await listening(place, 2)
            await place.note(2, 3)
            await second.has(2)
    assert numbers(second.got) == [2, 3]
    assert numbers(first.got) == [1, 2, 3]
    assert [event.cursor for event in first.got] == ["1", "2", "3"]


async def test_a_cursor_goes_on_behind_its_event(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the table, from the tail and live, with pages smaller than what is missing."""
    monkeypatch.setattr(subscriptions.relay, "PAGE_MAX", 7)
    monkeypatch.setattr(subscriptions.relay, "JOIN_MAX", 3)
    await place.note(*range(1, 101))
    async with reading(place.streams.events(ADMIN, after="0")) as all_of_it:
        await all_of_it.has(100)
        for last, after in enumerate((0, 1, 49, 99, 100), start=101):
            async with reading(place.streams.events(ADMIN, after=str(after))) as reader:
                await reader.has(last - 1 - after)
                await place.note(last)
                got = await reader.has(last - after)
                assert numbers(got) == list(range(after + 1, last + 1))
                assert [event.position for event in got] == numbers(got)


async def test_joining_while_facts_pour_in_loses_and_repeats_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions.relay, "PAGE_MAX", 5)
    monkeypatch.setattr(subscriptions.relay, "JOIN_MAX", 2)
    monkeypatch.setattr(subscriptions.relay, "TAIL_MAX", 50)
    total = 400
    readers: list[Reader] = []

    async def pour() -> None:
        for number in range(1, total + 1):
            await place.note(number)

    pouring = asyncio.create_task(pour())
    while not pouring.done():
        after = readers[-1].got[-1].cursor if readers and readers[-1].got else "0"
        readers.append(Reader(place.streams.events(ADMIN, after=after)))
        readers[-1].after = int(after)  # type: ignore[attr-defined]
        if len(readers) % 3 == 0:
            await readers[-2].close()
        await asyncio.wait([pouring], timeout=0.02)
    await pouring
    alive = [reader for reader in readers if not reader.task.done()]
    assert len(alive) > 3
    for reader in alive:
        after = reader.after  # type: ignore[attr-defined]
        await reader.has(total - after)
        assert numbers(reader.got) == list(range(after + 1, total + 1))
        await reader.close()


@pytest.mark.parametrize("cursor", ["", "-1", "1.5", "x", "٣", "1" * 30, " 1"])
async def test_a_malformed_cursor_is_refused(place: Place, cursor: str) -> None:
    with pytest.raises(BadRequest):
        await anext(place.streams.events(ADMIN, after=cursor))


async def test_a_cursor_of_another_log_is_refused(place: Place) -> None:
    await place.note(1)
    async with reading(place.streams.events(ADMIN, after="0")) as reader:
        await reader.has(1)
        for _ in range(2):
            with pytest.raises(CursorAhead) as refusal:
                await anext(place.streams.events(ADMIN, after="99"))
            await reader.close()
    assert refusal.value.details == {"newest": "1"}


async def test_types_and_scope_choose(place: Place) -> None:
    await place.stock("A", "north", 1)
    await place.stock("B", "south", 2)
    await place.note(3)
    await place.note(4, type="secret.noted")
    await place.note(5, type="refund.noted")
    northern = holder(Role.WAREHOUSE, actor="w", locations=frozenset({"north"}))
    async with (
        reading(place.streams.events(northern, after="0")) as mine,
        reading(place.streams.events(ADMIN, types=["stock.changed"], after="0")) as stock,
        reading(place.streams.events(ADMIN, after="0")) as everything,
    ):
        await everything.has(5)
        await place.stock("A", "south", 6)
        await place.stock("A", "north", 7)
        await everything.has(7)
        await mine.has(3)
        await stock.has(4)
    assert numbers(mine.got) == [1, 3, 7]
    assert numbers(stock.got) == [1, 2, 6, 7]


async def test_stock_is_folded_to_what_it_is_now(place: Place) -> None:
    for units in (1, 2, 3):
        await place.stock("A", "north", units)
        await place.stock("B", "north", 10 * units)
    await place.stock("C", "south", 100)
    await place.numbered(7)
    async with reading(place.streams.stock_changed(ADMIN, after="0")) as reader:
        await reader.has(3)
        await place.stock("A", "north", 4, cause="ADJUSTED")
        await reader.has(4)
    assert [(c.shelf.level["available"], c.cause, c.cursor) for c in reader.got] == [
        (3, "RECEIVED", "5"),
        (30, "RECEIVED", "6"),
        (100, "RECEIVED", "7"),
        (4, "ADJUSTED", "8"),
    ]


async def test_stock_is_found_by_sku_and_location(place: Place) -> None:
    northern: Caller = holder(Role.WAREHOUSE, actor="w", locations=frozenset({"north"}))
    streams = place.streams
    async with (
        reading(streams.stock_changed(ADMIN, skus=["A"])) as by_sku,
        reading(streams.stock_changed(ADMIN, locations=["south"])) as by_place,
        reading(streams.stock_changed(ADMIN, skus=["A"], locations=["south"])) as by_both,
        reading(streams.stock_changed(northern)) as scoped,
        reading(streams.stock_changed(ADMIN)) as everything,
    ):
        await listening(place, 5)
        for units, (sku, where) in enumerate(
            [("A", "north"), ("B", "north"), ("B", "south"), ("A", "south")], start=1
        ):
            await place.stock(sku, where, units)
        await everything.has(4)
        await by_both.has(1)
        await asyncio.gather(by_sku.has(2), by_place.has(2), scoped.has(2))

    def units_of(reader: Reader) -> list[int]:
        return [change.shelf.level["available"] for change in reader.got]

    assert units_of(by_sku) == [1, 4]
    assert units_of(by_place) == [3, 4]
    assert units_of(by_both) == [4]
    assert units_of(scoped) == [1, 2]


async def test_a_slow_reader_of_stock_gets_the_latest(place: Place) -> None:
    async with aclosing(place.streams.stock_changed(ADMIN)) as slow:
        first = asyncio.create_task(anext(slow))
        await listening(place, 1)
        await place.stock("A", "north", 1)
        assert (await first).shelf.level["available"] == 1
        for units in range(2, 50):
            await place.stock("A", "north", units)
            await place.stock("B", "north", units)
        await place.numbered(97)
        assert [(await anext(slow)).shelf.level["available"] for _ in range(2)] == [49, 49]


async def test_a_slow_reader_of_events_is_closed_with_its_last_cursor(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions.streams, "EXACT_BUFFER_MAX", 10)
    async with (
        reading(place.streams.events(ADMIN)) as quick,
        aclosing(place.streams.events(ADMIN)) as slow,
    ):
        first = asyncio.create_task(anext(slow))
        await listening(place, 2)
        await place.note(1)
        await first
        for number in range(2, 31):
            await place.note(number)
            await quick.has(number)
        late = Reader(slow)
        await asyncio.wait([late.task])
    assert numbers(late.got) == list(range(2, 12))
    assert isinstance(late.error, ReaderTooSlow)
    assert late.error.details == {"cursor": late.got[-1].cursor}
    assert not quick.error


async def test_availability_tells_what_changed_and_is_read_once_for_all(place: Place) -> None:
    ledger = place.ledger
    ledger.units = {"A": 5, "B": 7}
    streams = place.streams
    async with (
        reading(streams.availability_changed(ADMIN, "web", skus=["A"])) as one,
        reading(streams.availability_changed(ADMIN, "web", skus=["A", "B"])) as two,
        reading(streams.availability_changed(ADMIN, "web")) as all_skus,
    ):
        await listening(place, 3)
        await place.stock("A", "north", 1)
        await asyncio.gather(one.has(1), two.has(1), all_skus.has(1))
        assert ledger.reads == [["A"]]
        await place.stock("A", "north", 2)
        ledger.units["B"] = 8
        await place.note(1, type="order.placed", data={"units": {"A": 1, "B": 2}})
        await asyncio.gather(two.has(2), all_skus.has(2))
        ledger.units = {"A": 6, "B": 9}
        await place.note(2, type="channel.changed")
        await asyncio.gather(one.has(2), two.has(4), all_skus.has(4))
    assert [change.availability for change in one.got] == [("A", 5), ("A", 6)]
    assert [c.availability for c in two.got] == [("A", 5), ("B", 8), ("A", 6), ("B", 9)]
    assert two.got == all_skus.got


async def test_a_thousand_readers_of_other_skus_cost_nothing(place: Place) -> None:
    """Found by key: none of them is even asked."""
    skus = [f"S{n}" for n in range(1000)]
    readers = [Reader(place.streams.stock_changed(ADMIN, skus=[sku])) for sku in skus]
    async with reading(place.streams.stock_changed(ADMIN, skus=["A"])) as mine:
        await listening(place, 1001)
        await place.stock("A", "north", 1)
        await mine.has(1)
    await asyncio.gather(*(reader.close() for reader in readers))
    assert place.live.relay.listeners == 0
    assert not any(reader.got or reader.error for reader in readers)
