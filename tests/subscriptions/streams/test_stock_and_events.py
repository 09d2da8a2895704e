"""Streams of events and stock: complete, without repeats, in order, in scope, folded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

import subscriptions.log.relay
import subscriptions.streams.stock_and_events
from domain.access.callers import Caller, Role, holder
from domain.errors import BadRequest
from domain.events.cursors import CursorAhead, ReaderTooSlow
from tests.subscriptions.live_process import ADMIN, LiveProcess, Reader, listening, reading
from tests.subscriptions.log.facts import until


def numbers(events: Sequence[Any]) -> list[int]:
    """Numbers in the events' data."""
    return [event.data["number"] for event in events]


async def test_from_now_on_means_from_now_on(live_process: LiveProcess) -> None:
    await live_process.note(1)
    await until(lambda: live_process.live.sequencer.is_holder)
    async with reading(live_process.streams.events(ADMIN, after="0")) as first:
        await first.has(1)
        async with reading(live_process.streams.events(ADMIN)) as second:
            await listening(live_process, 2)
            await live_process.note(2, 3)
            await second.has(2)
    assert numbers(second.got) == [2, 3]
    assert numbers(first.got) == [1, 2, 3]
    assert [event.cursor for event in first.got] == ["1", "2", "3"]


async def test_a_cursor_resumes_after_its_event(
    live_process: LiveProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events come from the table, from the recent events in memory, and live.

    Pages are smaller than the number of missed events.
    """
    monkeypatch.setattr(subscriptions.log.relay, "PAGE_MAX", 7)
    monkeypatch.setattr(subscriptions.log.relay, "JOIN_MAX", 3)
    await live_process.note(*range(1, 101))
    async with reading(live_process.streams.events(ADMIN, after="0")) as all_of_it:
        await all_of_it.has(100)
        for last, after in enumerate((0, 1, 49, 99, 100), start=101):
            async with reading(live_process.streams.events(ADMIN, after=str(after))) as reader:
                await reader.has(last - 1 - after)
                await live_process.note(last)
                got = await reader.has(last - after)
                assert numbers(got) == list(range(after + 1, last + 1))
                assert [event.position for event in got] == numbers(got)


async def test_joining_while_facts_pour_in_loses_and_repeats_nothing(
    live_process: LiveProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions.log.relay, "PAGE_MAX", 5)
    monkeypatch.setattr(subscriptions.log.relay, "JOIN_MAX", 2)
    monkeypatch.setattr(subscriptions.log.relay, "TAIL_MAX", 50)
    total = 400
    readers: list[Reader] = []

    async def pour() -> None:
        for number in range(1, total + 1):
            await live_process.note(number)

    pouring = asyncio.create_task(pour())
    while not pouring.done():
        after = readers[-1].got[-1].cursor if readers and readers[-1].got else "0"
        readers.append(Reader(live_process.streams.events(ADMIN, after=after)))
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
async def test_a_malformed_cursor_is_refused(live_process: LiveProcess, cursor: str) -> None:
    with pytest.raises(BadRequest):
        await anext(live_process.streams.events(ADMIN, after=cursor))


async def test_a_cursor_of_another_log_is_refused(live_process: LiveProcess) -> None:
    await live_process.note(1)
    async with reading(live_process.streams.events(ADMIN, after="0")) as reader:
        await reader.has(1)
        for _ in range(2):
            with pytest.raises(CursorAhead) as refusal:
                await anext(live_process.streams.events(ADMIN, after="99"))
            await reader.close()
    assert refusal.value.details == {"newest": "1"}


async def test_types_and_scope_choose(live_process: LiveProcess) -> None:
    await live_process.stock("A", "north", 1)
    await live_process.stock("B", "south", 2)
    await live_process.note(3)
    await live_process.note(4, type="secret.noted")
    await live_process.note(5, type="refund.noted")
    northern = holder(Role.WAREHOUSE, actor="w", locations=frozenset({"north"}))
    async with (
        reading(live_process.streams.events(northern, after="0")) as mine,
        reading(live_process.streams.events(ADMIN, types=["stock.changed"], after="0")) as stock,
        reading(live_process.streams.events(ADMIN, after="0")) as everything,
    ):
        await everything.has(5)
        await live_process.stock("A", "south", 6)
        await live_process.stock("A", "north", 7)
        await everything.has(7)
        await mine.has(3)
        await stock.has(4)
    assert numbers(mine.got) == [1, 3, 7]
    assert numbers(stock.got) == [1, 2, 6, 7]


async def test_stock_is_folded_to_what_it_is_now(live_process: LiveProcess) -> None:
    for units in (1, 2, 3):
        await live_process.stock("A", "north", units)
        await live_process.stock("B", "north", 10 * units)
    await live_process.stock("C", "south", 100)
    await live_process.numbered(7)
    async with reading(live_process.streams.stock_changed(ADMIN, after="0")) as reader:
        await reader.has(3)
        await live_process.stock("A", "north", 4, cause="ADJUSTED")
        await reader.has(4)
    assert [(c.details.level["available"], c.cause, c.cursor) for c in reader.got] == [
        (3, "RECEIVED", "5"),
        (30, "RECEIVED", "6"),
        (100, "RECEIVED", "7"),
        (4, "ADJUSTED", "8"),
    ]


async def test_stock_is_found_by_sku_and_location(live_process: LiveProcess) -> None:
    northern: Caller = holder(Role.WAREHOUSE, actor="w", locations=frozenset({"north"}))
    streams = live_process.streams
    async with (
        reading(streams.stock_changed(ADMIN, skus=["A"])) as by_sku,
        reading(streams.stock_changed(ADMIN, locations=["south"])) as by_place,
        reading(streams.stock_changed(ADMIN, skus=["A"], locations=["south"])) as by_both,
        reading(streams.stock_changed(northern)) as scoped,
        reading(streams.stock_changed(ADMIN)) as everything,
    ):
        await listening(live_process, 5)
        for units, (sku, where) in enumerate(
            [("A", "north"), ("B", "north"), ("B", "south"), ("A", "south")], start=1
        ):
            await live_process.stock(sku, where, units)
        await everything.has(4)
        await by_both.has(1)
        await asyncio.gather(by_sku.has(2), by_place.has(2), scoped.has(2))

    def units_of(reader: Reader) -> list[int]:
        return [change.details.level["available"] for change in reader.got]

    assert units_of(by_sku) == [1, 4]
    assert units_of(by_place) == [3, 4]
    assert units_of(by_both) == [4]
    assert units_of(scoped) == [1, 2]


async def test_a_slow_reader_of_stock_gets_the_latest(live_process: LiveProcess) -> None:
    async with aclosing(live_process.streams.stock_changed(ADMIN)) as slow:
        first = asyncio.create_task(anext(slow))
        await listening(live_process, 1)
        await live_process.stock("A", "north", 1)
        assert (await first).details.level["available"] == 1
        for units in range(2, 50):
            await live_process.stock("A", "north", units)
            await live_process.stock("B", "north", units)
        await live_process.numbered(97)
        assert [(await anext(slow)).details.level["available"] for _ in range(2)] == [49, 49]


async def test_a_slow_reader_of_events_is_closed_with_its_last_cursor(
    live_process: LiveProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions.streams.stock_and_events, "EXACT_BUFFER_MAX", 10)
    async with (
        reading(live_process.streams.events(ADMIN)) as quick,
        aclosing(live_process.streams.events(ADMIN)) as slow,
    ):
        first = asyncio.create_task(anext(slow))
        await listening(live_process, 2)
        await live_process.note(1)
        await first
        for number in range(2, 31):
            await live_process.note(number)
            await quick.has(number)
        late = Reader(slow)
        await asyncio.wait([late.task])
    assert numbers(late.got) == list(range(2, 12))
    assert isinstance(late.error, ReaderTooSlow)
    assert late.error.details == {"cursor": late.got[-1].cursor}
    assert not quick.error


async def test_a_thousand_readers_of_other_skus_cost_nothing(live_process: LiveProcess) -> None:
    """Listeners are found by key, so none of them is called."""
    skus = [f"S{n}" for n in range(1000)]
    readers = [Reader(live_process.streams.stock_changed(ADMIN, skus=[sku])) for sku in skus]
    async with reading(live_process.streams.stock_changed(ADMIN, skus=["A"])) as mine:
        await listening(live_process, 1001)
        await live_process.stock("A", "north", 1)
        await mine.has(1)
    await asyncio.gather(*(reader.close() for reader in readers))
    assert live_process.live.relay.listeners == 0
    assert not any(reader.got or reader.error for reader in readers)
