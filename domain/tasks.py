"""Tasks: what waits for a pair of hands at a location, in which order, and who has it until when.

A claim is a lease. It is over at its end by the clock alone, whether or not anything has swept it:
`standing` is the one reading of a row, and a task whose lease has run out stands OPEN.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.errors import IllegalTransition, LimitExceeded, Path, TaskNotClaimed
from domain.orders.fulfillments import FulfillmentStatus
from domain.returns.inspections import AGE_HORIZON, Priority
from domain.returns.states import ReturnItemState, ReturnStatus

LEASE: Final = timedelta(minutes=10)
CLAIMED_MAX: Final = 200


class QueueKind(StrEnum):
    """A kind of work."""

    PICK = "PICK"
    """Fetch the units of an OPEN fulfillment."""
    PACK = "PACK"
    """Pack a PICKED fulfillment."""
    SHIP = "SHIP"
    """Hand a PACKED fulfillment to its carrier."""
    RECEIVE = "RECEIVE"
    """Take in the parcel of a return."""
    INSPECT = "INSPECT"
    """Grade returned units."""
    DISPOSE = "DISPOSE"
    """Decide what becomes of inspected units."""
    COUNT = "COUNT"
    """Count the units of a stock level."""


class TaskStatus(StrEnum):
    """Where a task stands now."""

    OPEN = "OPEN"
    """Free to be claimed; a claim whose lease is over counts as this."""
    CLAIMED = "CLAIMED"
    """One worker has it until `leaseUntil`."""
    DONE = "DONE"
    """The work was done. Final."""
    CANCELLED = "CANCELLED"
    """The work is no longer needed. Final."""


_Q, _T = QueueKind, TaskStatus

TASK_TRANSITIONS: Final[Mapping[TaskStatus, frozenset[TaskStatus]]] = MappingProxyType(
    {
        _T.OPEN: frozenset({_T.CLAIMED, _T.DONE, _T.CANCELLED}),
        _T.CLAIMED: frozenset({_T.OPEN, _T.DONE, _T.CANCELLED}),
        _T.DONE: frozenset(),
        _T.CANCELLED: frozenset(),
    }
)

# The step that each state of the work asks for next; states that are not here ask for none.
FULFILLMENT_STEPS: Final[Mapping[FulfillmentStatus, QueueKind]] = MappingProxyType(
    {
        FulfillmentStatus.OPEN: _Q.PICK,
        FulfillmentStatus.PICKED: _Q.PACK,
        FulfillmentStatus.PACKED: _Q.SHIP,
    }
)
RETURN_STEPS: Final[Mapping[ReturnStatus, QueueKind]] = MappingProxyType(
    {
        ReturnStatus.AUTHORIZED: _Q.RECEIVE,
        ReturnStatus.IN_TRANSIT: _Q.RECEIVE,
        ReturnStatus.PARTIALLY_RECEIVED: _Q.RECEIVE,
    }
)
ITEM_STEPS: Final[Mapping[ReturnItemState, QueueKind]] = MappingProxyType(
    {
        ReturnItemState.RECEIVED: _Q.INSPECT,
        ReturnItemState.WRONG_ITEM: _Q.INSPECT,
        ReturnItemState.INSPECTED: _Q.DISPOSE,
    }
)


def standing(status: TaskStatus, lease_until: datetime | None, now: datetime) -> TaskStatus:
    """Where a task stands at `now`: a claim that is over counts as open at once."""
    is_over = lease_until is not None and lease_until <= now
    return TaskStatus.OPEN if status is TaskStatus.CLAIMED and is_over else status


def check_limit(limit: int, *, field: Path) -> None:
    """Raise LimitExceeded unless so many tasks may be claimed at once."""
    if not 1 <= limit <= CLAIMED_MAX:
        raise LimitExceeded("tasks", min(max(limit, 1), CLAIMED_MAX), limit, field=field)


def check_live(status: TaskStatus, requested: TaskStatus, *, field: Path) -> None:
    """Raise IllegalTransition unless the task is still to be done."""
    if not TASK_TRANSITIONS[status]:
        raise IllegalTransition("task", status, requested, (), field=field)


def may_act(status: TaskStatus, holder: str | None, actor: str) -> bool:
    """Whether this actor may act on a task that stands so: nobody else has it."""
    return status is not TaskStatus.CLAIMED or holder == actor


def check_holder(status: TaskStatus, holder: str | None, actor: str, *, field: Path) -> None:
    """Raise TaskNotClaimed where another worker has the task."""
    if not may_act(status, holder, actor):
        raise TaskNotClaimed(holder or "another worker", field=field)


# By how many hours a service level's parcels go ahead of a standard one that is due as soon.
HEAD_STARTS: Final[Mapping[str, int]] = MappingProxyType(
    {"SAME_DAY": 48, "EXPRESS": 24, "NEXT_DAY": 24, "PRIORITY": 24, "STANDARD": 0, "ECONOMY": -24}
)
# When work without a promised date counts as due.
UNPROMISED: Final = timedelta(hours=48)


def dispatch_priority(service_level: str, ship_by: datetime | None, now: datetime) -> Priority:
    """How soon a parcel is picked, packed and shipped: by its date, then its service level.

    Points are hours from the date to a fixed far instant, so that the order of two tasks never
    changes with the clock.
    """
    head_start = HEAD_STARTS.get(service_level.upper(), 0)
    if ship_by is None:
        due = now + UNPROMISED
        reason = f"No date was promised: counted as due on {_told(due)}."
    else:
        due = ship_by
        reason = f"Promised to leave by {_told(due)}."
    if head_start > 0:
        words = f"{service_level} goes {head_start} hours ahead of standard parcels."
    elif head_start < 0:
        words = f"{service_level} lets {-head_start} hours of standard parcels go first."
    else:
        words = f"{service_level} service."
    return Priority(_hours_left(due) + head_start, (reason, words))


def receipt_priority(expected_by: datetime | None, now: datetime) -> Priority:
    """How soon a return is looked for at the dock: the one expected first comes first."""
    if expected_by is None:
        due = now + UNPROMISED
        return Priority(
            _hours_left(due), (f"No date is expected: counted as due on {_told(due)}.",)
        )
    return Priority(_hours_left(expected_by), (f"Expected by {_told(expected_by)}.",))


def seniority(created_at: datetime) -> int:
    """Microseconds from a task's making to the far instant: of equals, the older has more."""
    return max(0, (AGE_HORIZON - created_at) // timedelta(microseconds=1))


def _hours_left(instant: datetime) -> int:
    return max(0, int((AGE_HORIZON - instant).total_seconds()) // 3_600)


def _told(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
