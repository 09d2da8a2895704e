"""Stream of availability: one value for each changed SKU of an event, sent to every client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

import pytest

import subscriptions.delivery.fanout
import subscriptions.streams.stock_and_events
from subscriptions.delivery.fanout import Answer, Fanout, Feed
from subscriptions.log.relay import Audience
from tests.subscriptions.fake_member import FakeMember
from tests.subscriptions.live_process import ADMIN, LiveProcess, Reader, listening, reading
from tests.subscriptions.log.facts import until


def feed_of(live_process: LiveProcess, skus: Sequence[str], after: str | None = None) -> Feed:
    """The stream of these SKUs, in the form that the fan-out needs."""

    async def feed(audience: Audience | None) -> AsyncGenerator[Sequence[Answer], None]:
        changes = live_process.streams.availability_changed(
            ADMIN, "web", skus=skus, after=after, audience=audience
        )
        async for change in changes:
            sku, units = change.availability
            yield [Answer(f"{sku} {units}", change.position, sku, int(change.cursor))]

    return feed


async def test_availability_sends_changes_and_is_read_once_for_all(
    live_process: LiveProcess,
) -> None:
    fake_availability = live_process.fake_availability
    fake_availability.units = {"A": 5, "B": 7}
    streams = live_process.streams
    async with (
        reading(streams.availability_changed(ADMIN, "web", skus=["A"])) as one,
        reading(streams.availability_changed(ADMIN, "web", skus=["A", "B"])) as two,
        reading(streams.availability_changed(ADMIN, "web")) as all_skus,
    ):
        await listening(live_process, 3)
        await live_process.stock("A", "north", 1)
        await asyncio.gather(one.has(1), two.has(1), all_skus.has(1))
        assert fake_availability.reads == [["a"]]
        await live_process.stock("A", "north", 2)
        fake_availability.units["B"] = 8
        await live_process.note(1, type="order.placed", data={"units": {"A": 1, "B": 2}})
        await asyncio.gather(two.has(2), all_skus.has(2))
        fake_availability.units = {"A": 6, "B": 9}
        await live_process.note(2, type="channel.changed")
        await asyncio.gather(one.has(2), two.has(4), all_skus.has(4))
    assert [change.availability for change in one.got] == [("A", 5), ("A", 6)]
    assert [c.availability for c in two.got] == [("A", 5), ("B", 8), ("A", 6), ("B", 9)]
    assert two.got == all_skus.got


async def test_a_fact_about_all_skus_reaches_each_member_for_each(
    live_process: LiveProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members receive each SKU although they are read in pieces, and also a SKU added since
    joining."""
    monkeypatch.setattr(subscriptions.streams.stock_and_events, "PIECE", 3)
    live_process.fake_availability.units = {f"S{n}": n for n in range(8)}
    fanout = Fanout(lambda: live_process.live.relay.position)
    clients = [FakeMember(), FakeMember()]

    async def feed(audience: Audience | None) -> AsyncGenerator[Sequence[Answer], None]:
        async for change in live_process.streams.availability_changed(
            ADMIN, "web", audience=audience
        ):
            yield [Answer(change.availability[0], change.position, None, int(change.cursor))]

    tasks = [asyncio.create_task(fanout.serve("key", feed, member, None)) for member in clients]
    await listening(live_process, 1)
    await until(lambda: fanout.members == 2)
    live_process.fake_availability.units["S8"] = 8
    await live_process.note(1, type="policy.published")
    await until(lambda: all(len(member.got) == 9 for member in clients))
    assert clients[0].got == clients[1].got == [f"S{n}" for n in range(9)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("step", [1, 2, 32])
async def test_a_client_that_leaves_within_an_event_resumes_with_its_rest(
    live_process: LiveProcess, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(subscriptions.streams.stock_and_events, "STEP", step)
    live_process.fake_availability.units = {"A": 1, "B": 2, "C": 3}
    await live_process.note(1)
    await live_process.note(2, type="order.placed", data={"units": {"A": 1, "B": 1, "C": 1}})
    await live_process.stock("B", "north", 2)
    await live_process.numbered(3)
    streams = live_process.streams
    async with reading(streams.availability_changed(ADMIN, "web", after="0")) as whole:
        got = await whole.has(3)
    assert sorted(change.availability for change in got) == [("A", 1), ("B", 2), ("C", 3)]
    for seen in (1, 2):
        missed = {change.availability for change in got[seen:]}
        left = streams.availability_changed(ADMIN, "web", after=got[seen - 1].cursor)
        async with reading(left) as rest:
            while not missed <= {change.availability for change in rest.got}:
                await rest.has(len(rest.got) + 1)
    assert got[-1].cursor == "3"


class Gated(dict[str, int]):
    """Units that can be read only while the gate is open."""

    def __init__(self, **units: int) -> None:
        super().__init__(units)
        self.gate = asyncio.Event()


async def test_values_sent_before_a_client_joined_are_sent_again(
    live_process: LiveProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group has read a value ahead of the log; a new member has not received that value."""
    units = Gated(A=1, B=1)
    units.gate.set()

    async def of(_: str, skus: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        if "b" in skus:  # the keys of the SKUs
            await units.gate.wait()
        return {key: (key.upper(), units[key.upper()]) for key in skus}

    monkeypatch.setattr(live_process.fake_availability, "of", of)
    fanout = Fanout(lambda: live_process.live.relay.position)
    feed, own = feed_of(live_process, ["A", "B"]), feed_of(live_process, ["A", "B"], after="1")
    first, second = FakeMember(), FakeMember()
    tasks = [asyncio.create_task(fanout.serve("key", feed, first, None))]
    await listening(live_process, 1)
    units.gate.clear()
    await live_process.stock("B", "north", 1)  # the group's read of this waits at the gate
    await live_process.numbered(1)
    await live_process.stock("A", "north", 1)  # the group reads this after it
    await live_process.numbered(2)
    tasks.append(asyncio.create_task(fanout.serve("key", feed, second, own)))
    await until(lambda: second.got == ["A 1"])
    units["A"] = 2  # as if a commit had no position yet
    units.gate.set()
    await until(lambda: first.got[-1:] == ["A 2"])
    await live_process.stock("A", "north", 2)
    await until(lambda: second.got == ["A 1", "A 2"])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("buffer_max", [4, 9])
async def test_a_past_of_more_subjects_than_fit_is_replayed(
    live_process: LiveProcess, monkeypatch: pytest.MonkeyPatch, buffer_max: int
) -> None:
    monkeypatch.setattr(subscriptions.streams.stock_and_events, "FOLDED_BUFFER_MAX", buffer_max)
    monkeypatch.setattr(subscriptions.streams.stock_and_events, "STEP", 2)
    live_process.fake_availability.units = {f"S{n}": n for n in range(20)}
    for sku, units in live_process.fake_availability.units.items():
        await live_process.stock(sku, "north", units)
    await live_process.numbered(20)
    reader = Reader(live_process.streams.availability_changed(ADMIN, "web", after="0"))
    levels = Reader(live_process.streams.stock_changed(ADMIN, after="0"))
    await asyncio.gather(reader.has(20), levels.has(20))
    await asyncio.gather(reader.close(), levels.close())
    assert [change.availability for change in reader.got] == [
        *live_process.fake_availability.units.items()
    ]
    assert [int(change.cursor) for change in levels.got] == [*range(1, 21)]


async def test_a_client_that_stalls_gets_the_latest_of_many_subjects() -> None:
    """There are more subjects than the backlog may hold of answers that cannot be folded."""
    count = subscriptions.delivery.fanout.BACKLOG_MAX + 10
    member = FakeMember()
    member.begin(0, replaying=False)
    member.is_open = False
    for state in ("old", "new"):
        member.offer([Answer(f"{state} {n}", n + 1, str(n)) for n in range(count)])
    member.open()
    assert member.got == [f"new {n}" for n in range(count)]
