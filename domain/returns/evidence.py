"""What has been seen of returned units, and which refunds may go on by it (5.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.policies.refunds import Evidence
from domain.returns.states import ReturnItemState, ReturnStatus


def evidence_of(
    status: ReturnStatus, state: ReturnItemState, *, is_scanned: bool
) -> tuple[Evidence, ...]:
    """What has been seen of units of an order line, in the order in which it happens.

    `is_scanned`: a carrier reported the parcel. What is here was carried, scanned or not; what
    nobody will ever see (MISSING, or of a return that is off) has nothing to show.
    """
    is_off = status in (ReturnStatus.REQUESTED, ReturnStatus.DECLINED, ReturnStatus.CANCELLED)
    if is_off or state in (ReturnItemState.MISSING, ReturnItemState.WRONG_ITEM):
        return ()
    if state in (ReturnItemState.INSPECTED, ReturnItemState.DISPOSED):
        return tuple(Evidence)
    if state is ReturnItemState.RECEIVED:
        return (Evidence.AUTHORIZED, Evidence.CARRIER_SCAN, Evidence.RECEIVED)
    if status is ReturnStatus.EXPIRED:
        return ()
    return (Evidence.AUTHORIZED, Evidence.CARRIER_SCAN) if is_scanned else (Evidence.AUTHORIZED,)


def opens_refund(required: Sequence[Evidence], reached: Iterable[Evidence]) -> bool:
    """Whether units that have come so far get their refund: the first named evidence is there."""
    return required[0] in set(reached)


def is_proven(required: Iterable[Evidence], reached: Iterable[Evidence]) -> bool:
    """Whether all evidence that the policy names is there."""
    return set(required) <= set(reached)


Units = TypeVar("Units")


@dataclass(frozen=True, slots=True)
class Progress(Generic[Units]):
    """A pending refund's units: proven ones, those still to come, and those that never will.

    Proven units leave the pending refund as a refund of their own (all of them: it goes on itself);
    when nothing is waiting and nothing proven, it is cancelled.
    """

    proven: tuple[Units, ...]
    waiting: tuple[Units, ...]
    lost: tuple[Units, ...]


def progress(
    required: Sequence[Evidence], units: Iterable[tuple[Units, Sequence[Evidence]]]
) -> Progress[Units]:
    """Sort the units of a pending refund by the evidence that each has reached."""
    proven: list[Units] = []
    waiting: list[Units] = []
    lost: list[Units] = []
    for unit, reached in units:
        if not reached:
            lost.append(unit)
        elif is_proven(required, reached):
            proven.append(unit)
        else:
            waiting.append(unit)
    return Progress(tuple(proven), tuple(waiting), tuple(lost))
