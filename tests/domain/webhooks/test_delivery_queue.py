"""The order in which the messages of a webhook are sent, under any interleaving of results."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.integrations.states import Ordering
from domain.webhooks.delivery_queue import DeliveryQueue, QueuedMessage, settled_position
from domain.webhooks.messages import MessageStatus, message_id

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OWNER = UUID(int=7)


def a_message(position: int, subject: str = "Order:1", **facts: object) -> QueuedMessage:
    made = QueuedMessage(
        id=message_id(OWNER, position),
        type="order.placed",
        status=MessageStatus.PENDING,
        position=position,
        subject=subject,
        due_at=NOW,
    )
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def lane(ordering: Ordering, message: QueuedMessage) -> object:
    if ordering is Ordering.STRICT:
        return "all"
    return message.subject if ordering is Ordering.SUBJECT else message.id


@pytest.mark.parametrize("ordering", Ordering)
@given(
    subjects=st.lists(st.sampled_from("abcd"), min_size=1, max_size=40),
    seed=st.integers(0, 2**32),
)
def test_every_message_is_sent_in_its_order(
    ordering: Ordering, subjects: list[str], seed: int
) -> None:
    """Results come in any order, calls fail at times, messages are added, and queues are read again
    from the database meanwhile.
    """
    chance = random.Random(seed)
    waiting = [a_message(n, subject) for n, subject in enumerate(subjects, start=1)]
    unsettled = {message.id: message for message in waiting}
    queue = DeliveryQueue(ordering)
    added = chance.randint(0, len(waiting))
    queue.replace(waiting[:added])
    now = NOW
    taken: list[QueuedMessage] = []
    done: list[QueuedMessage] = []
    while unsettled:
        if added < len(waiting) and chance.random() < 0.5:
            queue.add(waiting[added])
            added += 1
        if chance.random() < 0.1:
            queue.replace([each for each in waiting[:added] if each.id in unsettled])
        message = queue.take(now)
        if message is not None:
            lanes = [lane(ordering, each) for each in taken]
            assert lane(ordering, message) not in lanes
            taken.append(message)
        elif taken:
            ended = taken.pop(chance.randrange(len(taken)))
            if chance.random() < 0.3:
                queue.put_back(
                    ended.id,
                    status=MessageStatus.RETRYING,
                    due_at=now + timedelta(seconds=5),
                    attempts=ended.attempts + 1,
                )
            else:
                del unsettled[ended.id]
                done.append(ended)
                queue.settle(ended.id)
        else:
            due = queue.next_due_at()
            assert due is not None or added < len(waiting)
            now = max(now, due or now)
    assert sorted(message.position or 0 for message in done) == list(range(1, len(waiting) + 1))
    for each in {lane(ordering, message) for message in done}:
        positions = [m.position or 0 for m in done if lane(ordering, m) == each]
        assert positions == sorted(positions)
    assert (len(queue), queue.busy, queue.take(now)) == (0, 0, None)


def test_a_failing_message_stops_its_own_subject_only() -> None:
    queue = DeliveryQueue(Ordering.SUBJECT)
    queue.replace([a_message(1, "a"), a_message(2, "a"), a_message(3, "b")])
    first = queue.take(NOW)
    assert first is not None
    assert first.position == 1
    later = NOW + timedelta(seconds=5)
    queue.put_back(first.id, status=MessageStatus.RETRYING, due_at=later, attempts=1)
    other = queue.take(NOW)
    assert other is not None
    assert other.position == 3
    queue.settle(other.id)
    assert queue.take(NOW) is None
    assert queue.next_due_at() == later
    again = queue.take(later)
    assert again is not None
    assert again.id == first.id


def test_a_parked_message_stops_a_strict_webhook() -> None:
    queue = DeliveryQueue(Ordering.STRICT)
    queue.replace([a_message(1, status=MessageStatus.PARKED), a_message(2)])
    assert queue.take(NOW) is None
    assert queue.take_oldest() is None
    queue.replace([a_message(2)])
    assert queue.take(NOW) is not None


def test_a_probe_takes_the_oldest_message_before_its_time() -> None:
    queue = DeliveryQueue(Ordering.NONE)
    later = NOW + timedelta(hours=1)
    queue.replace([a_message(5, due_at=later), a_message(4, due_at=later), a_message(6)])
    probe = queue.take_oldest()
    assert probe is not None
    assert probe.position == 4
    second = queue.take(NOW)
    assert second is not None
    assert second.position == 6


def test_messages_keep_their_ids_in_each_replay() -> None:
    assert message_id(OWNER, 1) == message_id(OWNER, 1)
    ids = {message_id(owner, event) for owner in (OWNER, UUID(int=8)) for event in (1, 2, 12)}
    assert len(ids) == 6


@given(
    current=st.integers(0, 20),
    horizon=st.integers(0, 30),
    open_=st.sets(st.integers(1, 30), max_size=8),
)
def test_a_position_passes_no_open_message_and_never_goes_back(
    current: int, horizon: int, open_: set[int]
) -> None:
    after = [position for position in open_ if position > current]
    position = settled_position(current, horizon=horizon, first_open=min(after) if after else None)
    assert position >= current
    assert all(position < each for each in after)
    assert position == current or position <= horizon
    if not after:
        assert position == max(current, horizon)
