"""A webhook in the process that delivers to it: its queue, its rest, and its share of calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

from domain.access.api_keys import state_at
from domain.access.callers import Caller
from domain.integrations.states import STILL, IntegrationStatus, Ordering
from domain.webhooks.delivery_queue import DeliveryQueue, QueuedMessage
from domain.webhooks.messages import MessageStatus
from models.integrations import IntegrationSecretRow, QueuedMessageRow
from models.queries.webhooks.endpoints import EndpointRow
from workflows.webhooks.terms import DeliveryTerms

# Messages that wait for one webhook. Later events wait in the log, which keeps them.
WAITING_MAX: Final = 10_000
WAITING_FAILING_MAX: Final = 1_000
REPEATED_MAX: Final = 1_000
NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Endpoint:
    """A webhook whose lease this process holds.

    `seen_position`: every event up to it has its message or needs none; it is stored less often.
    `lease_until`: no call begins unless it would end before it. `not_before`: no call before it.
    """

    row: EndpointRow
    caller: Caller
    secrets: Sequence[IntegrationSecretRow]
    lease_until: datetime
    seen_position: int = 0
    calls: int = 0
    failures_in_row: int = 0
    not_before: datetime | None = None
    choices: Sequence[str] | None = None
    queue: DeliveryQueue = field(init=False)
    tests: DeliveryQueue = field(init=False)

    def __post_init__(self) -> None:
        self.queue = DeliveryQueue(self.ordering)
        self.tests = DeliveryQueue(Ordering.NONE)
        self.follow(self.row)

    @property
    def id(self) -> UUID:
        return self.row["id"]

    @property
    def ordering(self) -> Ordering:
        return Ordering(self.row["ordering"])

    @property
    def status(self) -> IntegrationStatus:
        return IntegrationStatus(self.row["status"])

    @property
    def is_still(self) -> bool:
        """True if only test messages are sent."""
        return self.status in STILL

    @property
    def settings(self) -> tuple[object, ...]:
        """Values that change with everything that was read besides the row."""
        return self.row["version"], self.row["api_key_id"]

    def follow(self, row: EndpointRow) -> None:
        """Take over a newer row."""
        self.row = {**row}
        self.seen_position = max(self.seen_position, row["fed_position"])
        events = row["events"]
        self.choices = None if events is None else orjson.loads(events)

    def has_live_key(self, now: datetime) -> bool:
        """True unless the API key has expired or is revoked."""
        row = self.row
        return state_at(row["key_revoked_at"], row["key_expires_at"], now) == "live"

    def fill(self, rows: Sequence[QueuedMessageRow]) -> None:
        """Replace the queues by the messages of the database.

        A STRICT webhook that is replayed gets no message after those that are fed again by now.
        """
        replayed = self.row["replay_after"] if self.ordering is Ordering.STRICT else None
        messages = [
            queued(row)
            for row in rows
            if replayed is None or row["position"] is None or row["position"] <= replayed
        ]
        self.queue.replace(each for each in messages if each.position is not None)
        self.tests.replace(each for each in messages if each.position is None)

    @property
    def room(self) -> int:
        """Number of messages that may be added to the queue."""
        most = WAITING_FAILING_MAX if self.failures_in_row else WAITING_MAX
        return max(0, most - len(self.queue))

    @property
    def takes_events(self) -> bool:
        """True if later events may be fed. A STRICT webhook is replayed first."""
        is_replayed = self.ordering is Ordering.STRICT and self.row["replay_after"] is not None
        return not self.is_still and self.room > 0 and not is_replayed

    def take(self, now: datetime, terms_call: timedelta) -> QueuedMessage | None:
        """The next message that may be sent now; None: there is none, or the webhook rests."""
        if now + terms_call > self.lease_until:
            return None
        test = self.tests.take(now)
        if test is not None:
            return test
        if self.is_still or self._rests(now):
            return None
        return self.queue.take_oldest() if self.is_down else self.queue.take(now)

    def rest(self, until: datetime) -> None:
        """Make no call before a time."""
        known = self.row["rests_until_at"]
        self.row["rests_until_at"] = until if known is None else max(known, until)

    def _rests(self, now: datetime) -> bool:
        rest = self.row["rests_until_at"]
        is_resting = rest is not None and rest > now
        return is_resting or (self.not_before is not None and self.not_before > now)

    def calls_max(self, most: int, limit: int | None) -> int:
        """Concurrent calls that are allowed: one while calls fail or the webhook is DOWN.

        `limit`: that of its status, None if there is none.
        """
        if self.failures_in_row > 0 or self.is_down:
            return 1
        return most if limit is None else max(1, min(most, limit))

    @property
    def is_down(self) -> bool:
        return self.status is IntegrationStatus.DOWN

    def due_at(self) -> datetime | None:
        """The earliest time at which a message may be sent, if nothing else happens."""
        found = [self.tests.next_due_at()]
        if not self.is_still:
            due = self.queue.next_due_at() if not self.is_down else self.not_before
            rests = (self.row["rests_until_at"], self.not_before)
            found.append(None if due is None else max(due, *(each for each in rests if each)))
        times = [each for each in found if each is not None]
        return min(times) if times else None

    def record_failure(self, now: datetime, terms: DeliveryTerms) -> None:
        """Wait before the next call, the longer the more calls failed in a row."""
        self.failures_in_row += 1
        doubled = terms.backoff_seconds * 2 ** min(self.failures_in_row - 1, 20)
        seconds = terms.probe_seconds if self.is_down else min(doubled, terms.backoff_max)
        self.not_before = now + timedelta(seconds=seconds)

    def record_success(self) -> None:
        """Call at full speed again."""
        self.failures_in_row = 0
        self.not_before = None


def queued(row: QueuedMessageRow, payload: str | None = None) -> QueuedMessage:
    """A message of the database in its queue. A PARKED one stops the lane that it is in."""
    status = MessageStatus(row["status"])
    due_at = row["next_attempt_at"] or NEVER
    return QueuedMessage(
        id=row["id"],
        type=row["type"],
        status=status,
        position=row["position"],
        subject=row["subject"],
        due_at=due_at,
        attempts=row["attempts"],
        payload=payload,
    )
