"""Warehouse tasks: states, claims, and priorities.

A claim is a lease. It ends when the clock reaches its end, also before any job has updated the row.
`status_at` is the only reading of a row: a task with an expired lease is OPEN.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.access.callers import Caller
from domain.errors import IllegalTransition, LimitExceeded, Path, TaskNotClaimed
from domain.orders.fulfillments import FulfillmentStatus
from domain.returns.inspections import AGE_HORIZON, Priority
from domain.returns.states import ReturnItemState, ReturnStatus
from domain.stock.transfers import TransferStatus
from domain.values.codes import same_code

LEASE: Final = timedelta(minutes=10)
CLAIMED_MAX: Final = 200


class QueueKind(StrEnum):
    """Kind of work; each has a queue per location."""

    PICK = "PICK"
    """Collect the units of an OPEN fulfillment, or of a REQUESTED transfer and ship them."""
    PACK = "PACK"
    """Pack a PICKED fulfillment."""
    SHIP = "SHIP"
    """Hand a PACKED fulfillment to its carrier."""
    RECEIVE = "RECEIVE"
    """Receive the parcel of a return, or a transfer."""
    INSPECT = "INSPECT"
    """Grade returned units."""
    DISPOSE = "DISPOSE"
    """Decide the disposition of inspected units."""
    COUNT = "COUNT"
    """Count the units of a stock level."""
    PUTAWAY = "PUTAWAY"
    """Put the unbinned units of a stock level into bins."""


class TaskStatus(StrEnum):
    """Status of a task."""

    OPEN = "OPEN"
    """Can be claimed; a claim with an expired lease counts as OPEN."""
    CLAIMED = "CLAIMED"
    """Claimed by one worker until `leaseUntil`."""
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

# The task that each state of the work needs next; states not listed here need none.
FULFILLMENT_STEPS: Final[Mapping[FulfillmentStatus, QueueKind]] = MappingProxyType(
    {
        FulfillmentStatus.OPEN: _Q.PICK,
        FulfillmentStatus.PICKED: _Q.PACK,
        FulfillmentStatus.PACKED: _Q.SHIP,
    }
)
# The queues of fulfillments.
DISPATCH: Final = frozenset(FULFILLMENT_STEPS.values())
RETURN_STEPS: Final[Mapping[ReturnStatus, QueueKind]] = MappingProxyType(
    {
        ReturnStatus.AUTHORIZED: _Q.RECEIVE,
        ReturnStatus.IN_TRANSIT: _Q.RECEIVE,
        ReturnStatus.PARTIALLY_RECEIVED: _Q.RECEIVE,
    }
)
TRANSFER_STEPS: Final[Mapping[TransferStatus, QueueKind]] = MappingProxyType(
    {
        TransferStatus.REQUESTED: _Q.PICK,
        TransferStatus.IN_TRANSIT: _Q.RECEIVE,
        TransferStatus.PARTIALLY_RECEIVED: _Q.RECEIVE,
    }
)
ITEM_STEPS: Final[Mapping[ReturnItemState, QueueKind]] = MappingProxyType(
    {
        ReturnItemState.RECEIVED: _Q.INSPECT,
        ReturnItemState.WRONG_ITEM: _Q.INSPECT,
        ReturnItemState.INSPECTED: _Q.DISPOSE,
    }
)


def status_at(status: TaskStatus, lease_until: datetime | None, now: datetime) -> TaskStatus:
    """The status of a task at `now`; a claim with an expired lease is OPEN."""
    is_over = lease_until is not None and lease_until <= now
    return TaskStatus.OPEN if status is TaskStatus.CLAIMED and is_over else status


def check_limit(limit: int, *, field: Path) -> None:
    """Raise LimitExceeded unless `limit` tasks may be claimed in one request."""
    if not 1 <= limit <= CLAIMED_MAX:
        raise LimitExceeded("tasks", min(max(limit, 1), CLAIMED_MAX), limit, field=field)


def check_live(status: TaskStatus, requested: TaskStatus, *, field: Path) -> None:
    """Raise IllegalTransition if the task is DONE or CANCELLED."""
    if not TASK_TRANSITIONS[status]:
        raise IllegalTransition("task", status, requested, (), field=field)


def may_act(status: TaskStatus, holder: str | None, actor: str) -> bool:
    """True unless another worker has claimed the task."""
    return status is not TaskStatus.CLAIMED or (holder is not None and same_code(holder, actor))


def check_holder(status: TaskStatus, holder: str | None, caller: Caller, *, field: Path) -> None:
    """Raise TaskNotClaimed, with the name that the caller may read, if another worker has it."""
    if not may_act(status, holder, caller.actor):
        shown = "another worker" if holder is None else caller.shown_actor(holder)
        raise TaskNotClaimed(shown, field=field)


# Hours by which a service level is preferred to a standard parcel with the same due time.
HEAD_STARTS: Final[Mapping[str, int]] = MappingProxyType(
    {"SAME_DAY": 48, "EXPRESS": 24, "NEXT_DAY": 24, "PRIORITY": 24, "STANDARD": 0, "ECONOMY": -24}
)
# Work without a promised date counts as due after this time.
UNPROMISED: Final = timedelta(hours=48)
# Hours by which the count of a level with missing units is preferred to other counts.
DOUBT_HEAD_START: Final = 24


def dispatch_priority(service_level: str, ship_by: datetime | None, now: datetime) -> Priority:
    """Priority of picking, packing and shipping a parcel: by its date, then its service level.

    Points are hours from the date to a fixed instant in the far future. So the order of two tasks
    does not depend on the current time.
    """
    head_start = HEAD_STARTS.get(service_level.upper(), 0)
    if ship_by is None:
        due = now + UNPROMISED
        reason = f"No date was promised: treated as due on {_utc_text(due)}."
    else:
        due = ship_by
        reason = f"Promised to ship by {_utc_text(due)}."
    if head_start > 0:
        level_reason = f"{service_level} goes {head_start} hours before standard parcels."
    elif head_start < 0:
        level_reason = f"{service_level} goes {-head_start} hours after standard parcels."
    else:
        level_reason = f"{service_level} service."
    return Priority(_hours_left(due) + head_start, (reason, level_reason))


def receipt_priority(expected_by: datetime | None, now: datetime) -> Priority:
    """Priority of receiving a return: the return expected first comes first."""
    if expected_by is None:
        due = now + UNPROMISED
        return Priority(
            _hours_left(due), (f"No date is expected: treated as due on {_utc_text(due)}.",)
        )
    return Priority(_hours_left(expected_by), (f"Expected by {_utc_text(expected_by)}.",))


def putaway_priority(now: datetime) -> Priority:
    """Priority of putting units away: those that have waited longest come first."""
    return Priority(_hours_left(now), (f"Units wait to be put away since {_utc_text(now)}.",))


def count_priority(is_in_doubt: bool, due_at: datetime | None, now: datetime) -> Priority:
    """Priority of counting a level: by its due time; a level in doubt goes a day earlier."""
    due = now + UNPROMISED if due_at is None else due_at
    reason = "No date was set: treated as due on" if due_at is None else "To be counted by"
    reasons = (f"{reason} {_utc_text(due)}.",)
    if not is_in_doubt:
        return Priority(_hours_left(due), reasons)
    doubt = f"Units are in doubt: goes {DOUBT_HEAD_START} hours before other counts."
    return Priority(_hours_left(due) + DOUBT_HEAD_START, (*reasons, doubt))


def seniority(created_at: datetime) -> int:
    """Tie-breaker of equal priorities: microseconds from creation to AGE_HORIZON; older is more."""
    return max(0, (AGE_HORIZON - created_at) // timedelta(microseconds=1))


def _hours_left(instant: datetime) -> int:
    return max(0, int((AGE_HORIZON - instant).total_seconds()) // 3_600)


def _utc_text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
