"""The messages of a webhook that wait for delivery, in its order, and its position in the log.

Messages are in lanes, and each lane has at most one call at a time, of its first message:
- STRICT: one lane. A PARKED message stops it.
- SUBJECT: a lane for each subject.
- NONE: a lane for each message.
A lane is busy from the call until its result is recorded. So a crash repeats the calls under way
only, and never an earlier message after a later one.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.integrations.states import Ordering
from domain.webhooks.messages import MessageStatus


@dataclass(slots=True)
class QueuedMessage:
    """A message that waits. `position` None: a test, which is sent in any order.

    `payload` None: it is read before the call.
    """

    id: UUID
    type: str
    status: MessageStatus
    position: int | None
    subject: str | None
    due_at: datetime
    attempts: int = 0
    payload: str | None = None

    @property
    def place(self) -> tuple[int, UUID]:
        """The place within a lane."""
        return self.position or 0, self.id


class DeliveryQueue:
    """Chooses the next message to send. Not for use by concurrent threads."""

    def __init__(self, ordering: Ordering) -> None:
        self._ordering = ordering
        self._lanes: dict[object, list[tuple[int, UUID]]] = {}
        self._messages: dict[UUID, QueuedMessage] = {}
        self._busy: dict[UUID, object] = {}
        # The first messages of free lanes; entries that no longer hold are dropped when they come.
        self._ready: list[tuple[datetime, int, UUID]] = []

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def busy(self) -> int:
        """Number of messages that were taken and are not recorded yet."""
        return len(self._busy)

    def replace(self, messages: Iterable[QueuedMessage]) -> None:
        """Replace all messages. Those that were taken stay taken."""
        self._lanes, self._messages, self._ready = {}, {}, []
        for message in messages:
            self._insert(message)
        self._busy = {taken: self._lane_of(taken, lane) for taken, lane in self._busy.items()}
        for lane in self._lanes:
            self._offer(lane)

    def _lane_of(self, taken: UUID, lane: object) -> object:
        message = self._messages.get(taken)
        return lane if message is None else self._lane(message)

    def add(self, message: QueuedMessage) -> None:
        """Add a message; one with the same id is replaced."""
        if message.id in self._messages:
            self._remove(message.id)
        self._insert(message)
        lane = self._lane(message)
        if self._lanes[lane][0][1] == message.id:
            self._offer(lane)

    def take(self, now: datetime) -> QueuedMessage | None:
        """Take the next message that may be sent now; None: there is none."""
        while self._ready:
            due_at, _, found = self._ready[0]
            if not self._is_current(found, due_at):
                heapq.heappop(self._ready)
                continue
            if due_at > now:
                return None
            heapq.heappop(self._ready)
            message = self._messages[found]
            self._busy[found] = self._lane(message)
            return message
        return None

    def next_due_at(self) -> datetime | None:
        """The earliest time at which `take` returns a message, if nothing else happens."""
        while self._ready and not self._is_current(self._ready[0][2], self._ready[0][0]):
            heapq.heappop(self._ready)
        return self._ready[0][0] if self._ready else None

    def take_oldest(self) -> QueuedMessage | None:
        """Take the message with the lowest position that no other one precedes, due or not."""
        firsts = [places[0] for lane, places in self._lanes.items() if self._is_free(lane)]
        if not firsts:
            return None
        message = self._messages[min(firsts)[1]]
        self._busy[message.id] = self._lane(message)
        return message

    def put_back(
        self, message_id: UUID, *, status: MessageStatus, due_at: datetime, attempts: int
    ) -> None:
        """Free the lane of a message that was taken; it is sent again at `due_at`."""
        message = self._messages.get(message_id)
        if message is not None:
            message.status, message.due_at, message.attempts = status, due_at, attempts
        lane = self._busy.pop(message_id, None)
        if lane is not None:
            self._offer(lane)

    def settle(self, message: UUID) -> None:
        """Remove a message that was taken, and free its lane."""
        lane = self._busy.pop(message, None)
        self._remove(message)
        if lane is not None:
            self._offer(lane)

    def _lane(self, message: QueuedMessage) -> object:
        if message.position is None or self._ordering is Ordering.NONE:
            return message.id
        if self._ordering is Ordering.STRICT:
            return Ordering.STRICT
        return message.subject or message.id

    def _insert(self, message: QueuedMessage) -> None:
        self._messages[message.id] = message
        insort(self._lanes.setdefault(self._lane(message), []), message.place)

    def _remove(self, message_id: UUID) -> None:
        message = self._messages.pop(message_id, None)
        if message is None:
            return
        lane = self._lane(message)
        places = self._lanes[lane]
        del places[bisect_left(places, message.place)]
        if not places:
            del self._lanes[lane]

    def _offer(self, lane: object) -> None:
        """Make the first message of a lane ready, unless the lane is busy or stopped."""
        if lane in self._lanes and self._is_free(lane):
            message = self._messages[self._lanes[lane][0][1]]
            heapq.heappush(self._ready, (message.due_at, *message.place))

    def _is_free(self, lane: object) -> bool:
        first = self._messages[self._lanes[lane][0][1]]
        return first.status is not MessageStatus.PARKED and lane not in self._busy.values()

    def _is_current(self, message_id: UUID, due_at: datetime) -> bool:
        message = self._messages.get(message_id)
        if message is None or message.due_at != due_at:
            return False
        lane = self._lane(message)
        return self._lanes[lane][0][1] == message_id and self._is_free(lane)


def settled_position(current: int, *, horizon: int, first_open: int | None) -> int:
    """The position up to which every event is settled; it never goes back here.

    `horizon`: every event up to it has its message. `first_open`: the position of the first message
    after `current` that is open.
    """
    reached = horizon if first_open is None else min(first_open - 1, horizon)
    return max(current, reached)
