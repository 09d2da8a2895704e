"""Fan-out: subscribers with the same subscription and the same visibility share one execution.

    source ──► one execution per event ──► one text ──► bounded backlog of each member

A *group* runs one feed (events executed and serialized) for all members with the same key. A member
that starts at a cursor first catches up on its own feed. When that feed has reached the position of
the relay, the member joins the group, at one position and in one step. So no message is missing or
repeated.

Messages that cannot be sent at once wait in the member's backlog. Messages about one subject are
folded to the latest; exact messages are kept in order. If the backlog is full, only that member is
ended.
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

BACKLOG_MAX = 1_000  # unsent exact messages of one member; the texts are shared
SUBJECTS_MAX = 10_000  # subjects of one member with an unsent message
OFFERED_AT_ONCE_MAX = 250  # messages offered to members before other tasks run
BATCH_MAX = 32  # messages that one member gets before the next one


@dataclass(frozen=True, slots=True)
class Answer:
    """An executed event as JSON text, sent to all members.

    `position`: position of its event in the log, if any. `subject`: a later message with this
    subject replaces it; None if every message counts. `cursor`: the position from which a client
    continues after this message. It is lower than `position` if other messages of the same event
    follow.
    """

    text: str
    position: int | None = None
    subject: str | None = None
    cursor: int | None = None

    def __post_init__(self) -> None:
        if self.cursor is None:
            object.__setattr__(self, "cursor", self.position)


# Messages in the order of their positions, in batches.
Feed = Callable[[Audience | None], AsyncGenerator[Sequence[Answer], None]]


class Backlog:
    """Unsent messages, oldest first; at most one per subject."""

    __slots__ = ("_count", "_kept", "folds")

    def __init__(self) -> None:
        self._kept: dict[Hashable, Answer] = {}
        self._count = 0
        self.folds = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, answer: Answer) -> bool:
        """Store a message; false if the backlog is full."""
        self._count += 1
        key = self._count if answer.subject is None else answer.subject
        if self._kept.pop(key, None) is not None:
            self.folds += 1
        elif len(self._kept) >= (BACKLOG_MAX if answer.subject is None else SUBJECTS_MAX):
            return False
        self._kept[key] = answer
        return True

    def take(self) -> Answer | None:
        """The oldest message, if any."""
        if not self._kept:
            return None
        return self._kept.pop(next(iter(self._kept)))

    def clear(self) -> None:
        """Drop all messages."""
        self._kept.clear()


class Member(ABC):
    """One subscription of one client: sends messages, and stores those that cannot be sent yet.

    A transport implements the sending: `_try_send` sends now or not at all, `send` waits for room,
    and `_has_more` requests calls of `next_answer` as soon as there is room.
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
        self._is_direct = False  # the backlog is empty, so messages are sent directly
        self._is_replaying = False
        self._is_finishing = False
        self._last: int | None = None  # cursor of the last sent message
        self._floor = 0
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def backlog(self) -> int:
        """Number of unsent messages."""
        return len(self._backlog)

    @property
    def folds(self) -> int:
        """Number of messages that later ones replaced before they were sent."""
        return self._backlog.folds

    @property
    def floor(self) -> int:
        """Start position: nothing at or before it is delivered."""
        return self._floor

    def begin(self, floor: int, *, replaying: bool) -> None:
        """Start after `floor`. With `replaying`, store messages while the member's own feed is
        sent.
        """
        self._floor = floor
        self._is_replaying = replaying
        self._is_direct = not replaying

    def go_live(self) -> None:
        """Send the messages that were stored during the replay of the member's own feed."""
        self._is_replaying = False
        self._is_direct = not self._backlog
        if self._backlog:
            self._has_more()

    def offer(self, answers: Sequence[Answer]) -> None:
        """Send messages now, or store them; never waits. Does nothing after the end or a
        cancellation.
        """
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
        """Send a message of the member's own feed, waiting for room."""
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
        """The next message of the backlog."""
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
        """Announce the end: the member ends when its backlog is sent."""
        if not self._ended.done():
            self._is_direct = False
            self._is_finishing = True
            if not self._backlog:
                self._ended.set_result(None)

    def fail(self, error: Exception) -> None:
        """End with an error. Unsent messages are dropped; the client continues after the last sent
        one.
        """
        if not self._ended.done():
            self._is_direct = False
            self._backlog.clear()
            self._ended.set_exception(error)
            self._ended.exception()  # nothing may wait for it any more

    def leave(self) -> None:
        """Cancel: the client has unsubscribed."""
        self._is_direct = False
        self._backlog.clear()
        self._ended.cancel()

    async def ended(self) -> None:
        """Wait for the end. Raises the error that ended it."""
        await self._ended

    @abstractmethod
    async def send(self, answer: Answer) -> None:
        """Send, waiting for room."""

    @abstractmethod
    def _try_send(self, answer: Answer) -> bool:
        """Send at once; false if there is no room."""

    @abstractmethod
    def _has_more(self) -> None:
        """Called when the backlog has messages to send."""


class FanoutGroup:
    """Members that get the same messages, and the feed that makes them. The group is its
    audience.
    """

    def __init__(self, feed: Feed, spread: Callable[[Answer], None]) -> None:
        self.users = 0
        self.joined_at = 0
        self._on_offered = spread
        self._members: set[Member] = set()
        self._is_live = asyncio.Event()
        self._task = asyncio.create_task(self._run(feed))

    @property
    def size(self) -> int:
        """Number of members that get messages, once the feed is live."""
        return len(self._members) if self._is_live.is_set() else 0

    @property
    def backlog(self) -> int:
        """Number of unsent messages of all members."""
        return sum(member.backlog for member in self._members)

    def add(self, member: Member) -> None:
        """Add a member; it gets all messages from now on."""
        self._members.add(member)
        self.joined_at = max(self.joined_at, member.floor)

    def discard(self, member: Member) -> None:
        """Remove a member."""
        self._members.discard(member)

    async def live(self) -> None:
        """Wait until the feed is live, or has ended."""
        waiting = asyncio.create_task(self._is_live.wait())
        try:
            await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    async def stop(self) -> None:
        """End the feed of a group without members."""
        await end(self._task)

    @property
    def is_over(self) -> bool:
        """True if the feed has ended."""
        return self._task.done()

    async def _run(self, feed: Feed) -> None:
        try:
            async with aclosing(feed(self)) as batches:
                async for answers in batches:
                    await self._offer_all(answers)
        except Exception as error:  # noqa: BLE001  every member gets the error
            for member in self._members:
                member.fail(error)
        else:
            for member in self._members:
                member.finish()

    async def _offer_all(self, answers: Sequence[Answer]) -> None:
        """Offer the whole batch to one member after another, so that its connection writes it at
        once.
        """
        at_once = max(1, OFFERED_AT_ONCE_MAX // len(answers))
        for count, member in enumerate(tuple(self._members), start=1):
            member.offer(answers)
            if count % at_once == 0:
                await asyncio.sleep(0)
        if self.size:  # otherwise it is the initial state of a stream that is not live yet
            for answer in answers:
                self._on_offered(answer)

    def caught_up(self, _: int) -> bool:
        """Called by the feed when it is live. It continues."""
        self._is_live.set()
        return False


class Newcomer:
    """The audience of a member's own feed, until its group takes the member over."""

    joined_at = 0  # no other member joins it

    def __init__(self, group: FanoutGroup, member: Member) -> None:
        self._group = group
        self._member = member
        self.is_taken_over = False

    def caught_up(self, position: int) -> bool:
        """Hand the member over to the group, in the step in which its own feed is live."""
        if not self._group.is_over:
            self.is_taken_over = True
            self._member.begin(position, replaying=True)
            self._group.add(self._member)
        return self.is_taken_over


class Fanout:
    """Groups by subscription and visibility. `position` is the position of the relay.

    `spread` is called with each message that was offered to all members of a group.
    """

    def __init__(
        self,
        position: Callable[[], int | None],
        spread: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        self._position = position
        self._on_offered = spread
        self.folds = 0
        self._groups: dict[Hashable, FanoutGroup] = {}

    @property
    def groups(self) -> int:
        """Number of feeds."""
        return len(self._groups)

    @property
    def members(self) -> int:
        """Number of subscriptions that they serve."""
        return sum(group.size for group in self._groups.values())

    @property
    def backlog(self) -> int:
        """Number of unsent messages of all members."""
        return sum(group.backlog for group in self._groups.values())

    async def serve(self, key: Hashable, feed: Feed, member: Member, own: Feed | None) -> None:
        """Serve a member until the stream ends, or until cancelled.

        `feed` starts now and serves the group. `own` serves only this member, from its cursor until
        it has caught up. Raises the error that ended the stream.
        """
        group = self._groups.get(key)
        if group is None or group.is_over:
            group = self._groups[key] = FanoutGroup(feed, self._on_offered)
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
        async with aclosing(own(newcomer)) as batches:
            async for answers in batches:
                for answer in answers:
                    await member.give(answer)
        if newcomer.is_taken_over:
            member.go_live()
        else:
            member.finish()
