"""Evidence about returned units, and the refunds that it allows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.policies.dispositions import Disposition
from domain.policies.refunds import Evidence
from domain.returns.states import ReturnItemState, ReturnStatus


def evidence_of(
    status: ReturnStatus,
    state: ReturnItemState,
    disposition: Disposition | None = None,
    *,
    is_scanned: bool,
) -> tuple[Evidence, ...]:
    """Evidence reached by units of an order line, in the order in which it occurs.

    `is_scanned`: a carrier reported the parcel. Received units count as carried, with or without a
    scan. Units that will never arrive (MISSING, or of a declined or cancelled return) have none,
    nor have units that go back to the customer (`disposition`).
    """
    is_off = status in (ReturnStatus.REQUESTED, ReturnStatus.DECLINED, ReturnStatus.CANCELLED)
    is_kept = disposition is not Disposition.RETURN_TO_CUSTOMER
    if is_off or not is_kept or state in (ReturnItemState.MISSING, ReturnItemState.WRONG_ITEM):
        return ()
    if state in (ReturnItemState.INSPECTED, ReturnItemState.DISPOSED):
        return tuple(Evidence)
    if state is ReturnItemState.RECEIVED:
        return (Evidence.AUTHORIZED, Evidence.CARRIER_SCAN, Evidence.RECEIVED)
    if status is ReturnStatus.EXPIRED:
        return ()
    return (Evidence.AUTHORIZED, Evidence.CARRIER_SCAN) if is_scanned else (Evidence.AUTHORIZED,)


def opens_refund(required: Sequence[Evidence], reached: Iterable[Evidence]) -> bool:
    """True if a refund is opened for units so far: the first required evidence is reached."""
    return required[0] in set(reached)


def is_proven(required: Iterable[Evidence], reached: Iterable[Evidence]) -> bool:
    """True if all evidence that the policy requires is reached."""
    return set(required) <= set(reached)


Units = TypeVar("Units")


@dataclass(frozen=True, slots=True)
class Progress(Generic[Units]):
    """A pending refund's units: proven, waiting for evidence, or lost (will never arrive).

    Proven units leave the pending refund as a refund of their own. If all units are proven, the
    pending refund itself continues. If none are proven or waiting, it is cancelled.
    """

    proven: tuple[Units, ...]
    waiting: tuple[Units, ...]
    lost: tuple[Units, ...]


def progress(
    required: Sequence[Evidence], units: Iterable[tuple[Units, Sequence[Evidence]]]
) -> Progress[Units]:
    """Group the units of a pending refund by the evidence that each has reached."""
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
