"""Fan-out of one execution to many clients: a slow client does not affect the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

import subscriptions.delivery.fanout
from domain.events.cursors import ReaderTooSlow
from subscriptions.delivery.fanout import Answer, Fanout, Feed
from subscriptions.log.relay import Audience
from tests.subscriptions.fake_member import FakeMember
from tests.subscriptions.log.facts import until


class ControlledFeed:
    """A source controlled by the test, which counts how often it was opened."""

    def __init__(self) -> None:
        self.opened = 0
        self.position = 0
        self._queue: asyncio.Queue[Answer | Exception | None] = asyncio.Queue()

    async def feed(self, audience: Audience | None) -> AsyncGenerator[Sequence[Answer], None]:
        """The live feed."""
        self.opened += 1
        assert audience is not None
        assert audience.caught_up(self.position) is False
        while (item := await self._queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield [item]

    def flow(self, *items: Any) -> None:
        """Emit items: texts, (text, subject) pairs, an error, or None for the end."""
        for item in items:
            if isinstance(item, str | tuple):
                self.position += 1
                text, subject = item if isinstance(item, tuple) else (item, None)
                item = Answer(text, self.position, subject)
            self._queue.put_nowait(item)

    def past(self, *texts: str) -> Feed:
        """A member's catch-up feed that ends at the current position of this source."""

        async def own(audience: Audience | None) -> AsyncGenerator[Sequence[Answer], None]:
            yield [Answer(text, None) for text in texts]
            assert audience is not None
            assert audience.caught_up(self.position) is True
            yield [Answer("last", None)]

        return own


async def serving(
    fanout: Fanout, feed_source: ControlledFeed, *clients: FakeMember
) -> list[asyncio.Task[None]]:
    """Serve these members; wait until all have joined."""
    before = fanout.members
    tasks = [
        asyncio.create_task(fanout.serve("key", feed_source.feed, member, own=None))
        for member in clients
    ]
    await until(lambda: fanout.members == before + len(clients))
    return tasks


async def ended(*tasks: asyncio.Task[None]) -> list[Any]:
    """Cancel the tasks and return their results."""
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_many_share_one_feed_and_the_last_one_ends_it() -> None:
    feed_source, fanout = ControlledFeed(), Fanout(lambda: 0)
    clients = [FakeMember() for _ in range(600)]
    tasks = await serving(fanout, feed_source, *clients)
    feed_source.flow("a", "b")
    await until(lambda: all(member.got == ["a", "b"] for member in clients))
    assert (feed_source.opened, fanout.groups) == (1, 1)
    await ended(*tasks[1:])
    feed_source.flow("c")
    await until(lambda: clients[0].got == ["a", "b", "c"])
    await ended(tasks[0])
    assert fanout.groups == 0
    assert clients[1].got == ["a", "b"]


async def test_a_late_client_of_stock_gets_the_latest_of_each() -> None:
    feed_source, fanout = ControlledFeed(), Fanout(lambda: 0)
    quick, late = FakeMember(), FakeMember()
    tasks = await serving(fanout, feed_source, quick, late)
    late.is_open = False
    feed_source.flow(*((f"{sku}{n}", sku) for n in range(3000) for sku in "AB"))
    await until(lambda: len(quick.got) == 6000)
    late.open()
    feed_source.flow(("A!", "A"))
    await until(lambda: late.got[-1:] == ["A!"])
    assert late.got == ["A2999", "B2999", "A!"]
    await ended(*tasks)


async def test_a_slow_client_of_events_is_closed_with_its_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriptions.delivery.fanout, "BACKLOG_MAX", 10)
    feed_source, fanout = ControlledFeed(), Fanout(lambda: 0)
    quick, late = FakeMember(), FakeMember()
    tasks = await serving(fanout, feed_source, quick, late)
    feed_source.flow("1")
    await until(lambda: late.got == ["1"])
    late.is_open = False
    feed_source.flow(*(str(n) for n in range(2, 20)))
    await until(lambda: len(quick.got) == 19)
    with pytest.raises(ReaderTooSlow) as refusal:
        await tasks[1]
    assert refusal.value.details == {"cursor": "1"}
    late.open()
    assert late.got == ["1"]
    await ended(tasks[0])


async def test_a_backlog_is_sent_in_order_when_there_is_room() -> None:
    feed_source, fanout = ControlledFeed(), Fanout(lambda: 0)
    member = FakeMember()
    tasks = await serving(fanout, feed_source, member)
    member.is_open = False
    feed_source.flow("1", "2", "3")
    await until(lambda: member.is_notified and feed_source._queue.empty())
    member.open()
    feed_source.flow("4", None)
    assert await asyncio.gather(*tasks) == [None]
    assert member.got == ["1", "2", "3", "4"]


async def test_an_end_waits_for_the_backlog() -> None:
    feed_source, fanout = ControlledFeed(), Fanout(lambda: 0)
    member = FakeMember()
    [task] = await serving(fanout, feed_source, member)
    member.is_open = False
    feed_source.flow("1", "2", None)
    await until(lambda: fanout._groups["key"].is_over)
    assert not task.done()
    member.open()
    await task
    assert member.got == ["1", "2"]


async def test_a_resuming_client_gets_its_past_first_and_misses_nothing() -> None:
    feed_source, fanout = ControlledFeed(), Fanout(lambda: feed_source.position)
    first, second = FakeMember(), FakeMember()
    tasks = await serving(fanout, feed_source, first)
    feed_source.flow("a", "b")
    own = feed_source.past("x", "y")
    tasks.append(asyncio.create_task(fanout.serve("key", feed_source.feed, second, own=own)))
    await until(lambda: "y" in second.got)
    feed_source.flow("c")
    await until(lambda: second.got[-1:] == ["c"])
    assert second.got == ["x", "y", "last", "c"]
    assert first.got == ["a", "b", "c"]
    assert feed_source.opened == 1
    await ended(*tasks)


async def test_a_broken_feed_fails_all_members_and_the_next_one_is_new() -> None:
    feed_source, fanout = ControlledFeed(), Fanout(lambda: 0)
    tasks = await serving(fanout, feed_source, FakeMember(), FakeMember())
    feed_source.flow(ValueError("broken"))
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(error) for error in found] == ["broken", "broken"]
    assert fanout.groups == 0
    member = FakeMember()
    again = await serving(fanout, feed_source, member)
    feed_source.flow("a")
    await until(lambda: member.got == ["a"])
    assert feed_source.opened == 2
    await ended(*again)


async def test_a_client_found_slow_while_resuming_receives_its_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cursor comes from the client's own catch-up feed, not only from the group's feed."""
    monkeypatch.setattr(subscriptions.delivery.fanout, "BACKLOG_MAX", 2)
    feed_source, fanout = ControlledFeed(), Fanout(lambda: 0)
    feed_source.position = 7
    [keeper] = await serving(fanout, feed_source, FakeMember())

    async def own(audience: Audience | None) -> AsyncGenerator[Sequence[Answer], None]:
        yield [Answer("6", 6), Answer("7", 7)]
        assert audience is not None
        assert audience.caught_up(7) is True

    late = FakeMember()
    late.is_open = False
    task = asyncio.create_task(fanout.serve("key", feed_source.feed, late, own))
    await until(lambda: late.got == ["6", "7"])
    feed_source.flow("8", "9", "10")
    with pytest.raises(ReaderTooSlow) as refusal:
        await task
    assert refusal.value.details == {"cursor": "7"}
    await ended(keeper)


async def test_an_answer_sent_to_no_member_is_not_reported() -> None:
    """A feed may begin with a snapshot, which each client receives from its own catch-up feed."""
    sent: list[str] = []
    feed_source, fanout = (
        ControlledFeed(),
        Fanout(lambda: 0, lambda answer: sent.append(answer.text)),
    )

    async def feed(audience: Audience | None) -> AsyncGenerator[Sequence[Answer], None]:
        yield [Answer("snapshot", 1)]
        async for answers in feed_source.feed(audience):
            yield answers

    member = FakeMember()
    task = asyncio.create_task(fanout.serve("key", feed, member, feed_source.past("snapshot")))
    await until(lambda: member.got == ["snapshot", "last"])
    feed_source.flow("change")
    await until(lambda: member.got[-1:] == ["change"])
    await ended(task)
    assert sent == ["change"]


async def test_a_cancelled_client_receives_nothing_more() -> None:
    """This also holds in the event-loop iteration before the task receives the cancellation."""
    feed_source, fanout = ControlledFeed(), Fanout(lambda: 0)
    member = FakeMember()
    [task] = await serving(fanout, feed_source, member)
    feed_source.flow("a")
    await until(lambda: member.got == ["a"])
    task.cancel()
    member.offer([Answer("b", 2)])
    await ended(task)
    assert member.got == ["a"]
