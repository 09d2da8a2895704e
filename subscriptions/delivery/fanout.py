"""One execution for many: readers who ask for the same, and may see the same, share its answers.

    source ──► one execution per event ──► one text ──► every member's own bounded backlog

A *group* runs a feed (events executed and written as text) for all members with the same key. A
member that begins at a cursor first reads a feed of its own; when that has caught up with the
relay it hands over to the group at one position, in one step, so that nothing is missing and
nothing comes twice.

What a member cannot send at once waits in its backlog: answers about one subject are folded to the
latest, exact ones are kept in order, and a member whose backlog is full is ended, alone.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from domain.events.cursors import ReaderTooSlow
from subscriptions.cancellation import end
from subscriptions.log.relay import Audience

BACKLOG_MAX = 1_000  # answers of one member that each count; the texts are shared
SUBJECTS_MAX = 10_000  # subjects of one member of which the latest answer waits
OFFERED_AT_ONCE_MAX = 250  # answers given to members before other tasks have their turn
BREATH_MAX = 32  # answers that one member is given before the next one


@dataclass(frozen=True, slots=True)
class Answer:
    """An executed event as the JSON text that is sent to everybody.

    `position`: the place of its event in the log, where it has one. `subject`: what a later answer
    replaces; None where each answer counts. `cursor`: behind what its reader goes on; not behind
    `position` where others of the same event follow.
    """

    text: str
    position: int | None = None
    subject: str | None = None
    cursor: int | None = None

    def __post_init__(self) -> None:
        if self.cursor is None:
            object.__setattr__(self, "cursor", self.position)


# Answers in the order of their positions, those that came in one breath together.
Feed = Callable[[Audience | None], AsyncGenerator[Sequence[Answer], None]]


class Backlog:
    """Answers that wait to be sent, oldest first; at most one per subject."""

    __slots__ = ("_count", "_kept", "folds")

    def __init__(self) -> None:
        self._kept: dict[Hashable, Answer] = {}
        self._count = 0
        self.folds = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, answer: Answer) -> bool:
        """Keep an answer; false where there is no room."""
        self._count += 1
        key = self._count if answer.subject is None else answer.subject
        if self._kept.pop(key, None) is not None:
            self.folds += 1
        elif len(self._kept) >= (BACKLOG_MAX if answer.subject is None else SUBJECTS_MAX):
            return False
        self._kept[key] = answer
        return True

    def take(self) -> Answer | None:
        """The oldest answer, if there is one."""
        if not self._kept:
            return None
        return self._kept.pop(next(iter(self._kept)))

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()


class Member(ABC):
    """One subscription of one client: takes answers, sends what it can, keeps the rest.

    A transport says how to send: `_try_send` now or never, `send` when there is room, `_has_more`
    to be asked for `next_answer` as soon as there is room again.
    """

    __slots__ = (
        "_backlog",
        "_ended",
        "_floor",
        "_is_direct",
        "_is_finishing",
        "_is_replaying",
        "_last",
    )

    def __init__(self) -> None:
        self._backlog = Backlog()
        self._is_direct = False  # nothing stands between an answer and the client
        self._is_replaying = False
        self._is_finishing = False
        self._last: int | None = None  # the cursor of what was sent last
        self._floor = 0
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def backlog(self) -> int:
        """How many answers wait to be sent."""
        return len(self._backlog)

    @property
    def folds(self) -> int:
        """How many answers were replaced by later ones before they were sent."""
        return self._backlog.folds

    @property
    def floor(self) -> int:
        """The position behind which it began; others have given it, or it asked for, no more."""
        return self._floor

    def begin(self, floor: int, *, replaying: bool) -> None:
        """Take what lies behind `floor`; keep it back while a feed of its own is being sent."""
        self._floor = floor
        self._is_replaying = replaying
        self._is_direct = not replaying

    def go_live(self) -> None:
        """The feed of its own was sent: now what was kept back."""
        self._is_replaying = False
        self._is_direct = not self._backlog
        if self._backlog:
            self._has_more()

    def offer(self, answers: Sequence[Answer]) -> None:
        """Send answers now, or keep them; never waits. Nothing once it is ended or cancelled."""
        if self._ended.done():
            return
        for answer in answers:
            position = answer.position
            if position is not None and position <= self._floor:
                continue
            if self._is_direct and self._try_send(answer):
                self._last = answer.cursor
            else:
                self._keep(answer)

    async def give(self, answer: Answer) -> None:
        """Send an answer of the feed of its own, waiting for room."""
        await self.send(answer)
        self._last = answer.cursor

    def _keep(self, answer: Answer) -> None:
        if self._ended.done() or self._is_finishing:
            return
        self._is_direct = False
        if not self._backlog.put(answer):
            self.fail(ReaderTooSlow(self._last))
        elif not self._is_replaying:
            self._has_more()

    def next_answer(self) -> Answer | None:
        """The next of the backlog to be sent."""
        if self._is_replaying or (answer := self._backlog.take()) is None:
            return None
        self._last = answer.cursor
        if not self._backlog:
            if self._is_finishing:
                if not self._ended.done():
                    self._ended.set_result(None)
            else:
                self._is_direct = True
        return answer

    def finish(self) -> None:
        """There is no more to come: the end is when the backlog was sent."""
        if not self._ended.done():
            self._is_direct = False
            self._is_finishing = True
            if not self._backlog:
                self._ended.set_result(None)

    def fail(self, error: Exception) -> None:
        """It cannot go on: what was not sent is dropped, its client goes on behind the last."""
        if not self._ended.done():
            self._is_direct = False
            self._backlog.clear()
            self._ended.set_exception(error)
            self._ended.exception()  # its reader may be gone

    def leave(self) -> None:
        """The client wants no more."""
        self._is_direct = False
        self._backlog.clear()
        self._ended.cancel()

    async def ended(self) -> None:
        """Wait for the end. Raises what ended it."""
        await self._ended

    @abstractmethod
    async def send(self, answer: Answer) -> None:
        """Send, waiting for room."""

    @abstractmethod
    def _try_send(self, answer: Answer) -> bool:
        """Send at once; false where there is no room."""

    @abstractmethod
    def _has_more(self) -> None:
        """The backlog has something to send."""


class FanoutGroup:
    """Members that get the same answers, and the one feed that makes them, whose audience it is."""

    def __init__(self, feed: Feed, spread: Callable[[Answer], None]) -> None:
        self.users = 0
        self.joined_at = 0
        self._spread_was = spread
        self._members: set[Member] = set()
        self._is_live = asyncio.Event()
        self._task = asyncio.create_task(self._run(feed))

    @property
    def size(self) -> int:
        """How many are offered what comes, once it listens."""
        return len(self._members) if self._is_live.is_set() else 0

    @property
    def backlog(self) -> int:
        """How many answers wait to be sent to its members."""
        return sum(member.backlog for member in self._members)

    def add(self, member: Member) -> None:
        """From now on it is offered what comes."""
        self._members.add(member)
        self.joined_at = max(self.joined_at, member.floor)

    def discard(self, member: Member) -> None:
        """It is offered nothing more."""
        self._members.discard(member)

    async def live(self) -> None:
        """Wait until the feed misses nothing any more, or has ended."""
        waiting = asyncio.create_task(self._is_live.wait())
        try:
            await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    async def stop(self) -> None:
        """End the feed; nobody is left."""
        await end(self._task)

    @property
    def is_over(self) -> bool:
        """Whether the feed has ended."""
        return self._task.done()

    async def _run(self, feed: Feed) -> None:
        try:
            async with aclosing(feed(self)) as breaths:
                async for answers in breaths:
                    await self._spread(answers)
        except Exception as error:  # noqa: BLE001  every member is told, and tells its client
            for member in self._members:
                member.fail(error)
        else:
            for member in self._members:
                member.finish()

    async def _spread(self, answers: Sequence[Answer]) -> None:
        """Offer all of them to one member after the other: its socket takes them as one."""
        at_once = max(1, OFFERED_AT_ONCE_MAX // len(answers))
        for count, member in enumerate(tuple(self._members), start=1):
            member.offer(answers)
            if count % at_once == 0:
                await asyncio.sleep(0)
        if self.size:  # else they were for who comes to a stream that begins with what is so now
            for answer in answers:
                self._spread_was(answer)

    def caught_up(self, _: int) -> bool:
        """Told by the feed: it misses nothing any more, and goes on."""
        self._is_live.set()
        return False


class Newcomer:
    """The audience of a member's own feed, until its group takes the member over."""

    joined_at = 0  # nobody else comes to it

    def __init__(self, group: FanoutGroup, member: Member) -> None:
        self._group = group
        self._member = member
        self.is_taken_over = False

    def caught_up(self, position: int) -> bool:
        """Hand over to the group, in the step in which the own feed misses nothing."""
        if not self._group.is_over:
            self.is_taken_over = True
            self._member.begin(position, replaying=True)
            self._group.add(self._member)
        return self.is_taken_over


class Fanout:
    """Groups by what they ask for and what they may see. `position` is where the relay stands.

    `spread` is told of each answer that was offered to all members of a group.
    """

    def __init__(
        self,
        position: Callable[[], int | None],
        spread: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        self._position = position
        self._spread = spread
        self.folds = 0
        self._groups: dict[Hashable, FanoutGroup] = {}

    @property
    def groups(self) -> int:
        """How many feeds are executed."""
        return len(self._groups)

    @property
    def members(self) -> int:
        """How many subscriptions they serve."""
        return sum(group.size for group in self._groups.values())

    @property
    def backlog(self) -> int:
        """How many answers wait to be sent to all members."""
        return sum(group.backlog for group in self._groups.values())

    async def serve(self, key: Hashable, feed: Feed, member: Member, own: Feed | None) -> None:
        """Serve a member until the stream ends, or until cancelled.

        `feed` begins now and serves the group; `own` begins at the member's cursor and serves it
        alone until it has caught up. Raises what ended the stream.
        """
        group = self._groups.get(key)
        if group is None or group.is_over:
            group = self._groups[key] = FanoutGroup(feed, self._spread)
        group.users += 1
        try:
            if own is None:
                member.begin(self._position() or 0, replaying=False)
                group.add(member)
            else:
                await self._replay(group, member, own)
            await member.ended()
        finally:
            member.leave()
            group.discard(member)
            self.folds += member.folds
            group.users -= 1
            if not group.users:
                if self._groups.get(key) is group:
                    del self._groups[key]
                await group.stop()

    @staticmethod
    async def _replay(group: FanoutGroup, member: Member, own: Feed) -> None:
        await group.live()
        newcomer = Newcomer(group, member)
        async with aclosing(own(newcomer)) as breaths:
            async for answers in breaths:
                for answer in answers:
                    await member.give(answer)
        if newcomer.is_taken_over:
            member.go_live()
        else:
            member.finish()
