"""State machine of a shipping label; no crash, retry or slow answer buys two labels.

The key of a purchase is stored before the first call. Every later report of the carrier refers to
this key, or to the label that it names:

    report \\ label  REQUESTED    UNKNOWN    VOIDING     BOUGHT, FAILED, VOIDED
    bought           BOUGHT       BOUGHT     same¹       same
    failed           FAILED       FAILED     VOIDED      same
    silence          UNKNOWN      same       same        same
    not found        UNKNOWN      same       VOIDED²     same
    not asked        same         same       same        same
    voided           –            –          VOIDED      same
    refused          –            –          BOUGHT³     same

¹ The label was bought, and is given back next. ² Only once no request for it can still be on its
way. ³ Unless another label has taken its place; then the carrier is asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

DOCUMENT_BYTES_MAX: Final = 512 * 1024
SERVICE_LENGTH_MAX: Final = 100


class LabelStatus(StrEnum):
    """Progress of a shipping label with its carrier."""

    REQUESTED = "REQUESTED"
    """To be bought; the carrier has not answered yet."""
    BOUGHT = "BOUGHT"
    """Bought: it has a tracking number and a cost."""
    FAILED = "FAILED"
    """Certainly not bought. Final."""
    UNKNOWN = "UNKNOWN"
    """The carrier did not answer; it is asked again with the same key."""
    VOIDING = "VOIDING"
    """To be given back to the carrier."""
    VOIDED = "VOIDED"
    """Given back, or never bought: it costs nothing. Final."""


class LabelFormat(StrEnum):
    """File format of a label's document."""

    PDF = "PDF"
    """Portable Document Format."""
    ZPL = "ZPL"
    """Commands of a Zebra label printer."""
    PNG = "PNG"
    """Portable Network Graphics."""


class CarrierSignal(StrEnum):
    """A report about a label: an answer to a call, or the lack of one."""

    BOUGHT = "BOUGHT"
    FAILED = "FAILED"
    VOIDED = "VOIDED"
    REFUSED = "REFUSED"
    SILENCE = "SILENCE"
    NOT_FOUND = "NOT_FOUND"
    NOT_ASKED = "NOT_ASKED"


_S, _R = LabelStatus, CarrierSignal

LABEL_TRANSITIONS: Final[Mapping[LabelStatus, frozenset[LabelStatus]]] = MappingProxyType(
    {
        _S.REQUESTED: frozenset({_S.BOUGHT, _S.FAILED, _S.UNKNOWN}),
        _S.UNKNOWN: frozenset({_S.BOUGHT, _S.FAILED, _S.VOIDING}),
        _S.BOUGHT: frozenset({_S.VOIDING}),
        _S.VOIDING: frozenset({_S.VOIDED, _S.BOUGHT}),
        _S.FAILED: frozenset(),
        _S.VOIDED: frozenset(),
    }
)

# A parcel or return has at most one label in these states.
LIVE: Final = frozenset({_S.REQUESTED, _S.UNKNOWN, _S.BOUGHT})
# A worker has a next step with a label in these states.
UNSETTLED: Final = frozenset({_S.REQUESTED, _S.UNKNOWN, _S.VOIDING})

# Only what changes the label; every other pair leaves it as it is.
REPORTED: Final[Mapping[tuple[LabelStatus, CarrierSignal], LabelStatus]] = MappingProxyType(
    {
        (_S.REQUESTED, _R.BOUGHT): _S.BOUGHT,
        (_S.REQUESTED, _R.FAILED): _S.FAILED,
        (_S.REQUESTED, _R.SILENCE): _S.UNKNOWN,
        (_S.REQUESTED, _R.NOT_FOUND): _S.UNKNOWN,
        (_S.UNKNOWN, _R.BOUGHT): _S.BOUGHT,
        (_S.UNKNOWN, _R.FAILED): _S.FAILED,
        (_S.VOIDING, _R.FAILED): _S.VOIDED,
        (_S.VOIDING, _R.NOT_FOUND): _S.VOIDED,
        (_S.VOIDING, _R.VOIDED): _S.VOIDED,
        (_S.VOIDING, _R.REFUSED): _S.BOUGHT,
    }
)

FIRST_WAIT: Final = timedelta(seconds=4)
LONGEST_WAIT: Final = timedelta(minutes=5)
DOUBLINGS_MAX: Final = 20
# How long carriers keep a key. After it, "not found" proves nothing: the key is not sent again.
KEY_RETENTION: Final = timedelta(hours=24)
# A request that a dead worker sent may still arrive until this long after it was sent.
ON_ITS_WAY: Final = timedelta(seconds=30)


class LabelStep(StrEnum):
    """A worker's next step with a label."""

    SEND = "SEND"
    LOOK_UP = "LOOK_UP"
    VOID = "VOID"
    WAIT = "WAIT"
    NOTHING = "NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelProgress:
    """A label's state and calls. `sent_at`: stored before the newest purchase call; None: never
    sent.

    `first_sent_at`: before the first one. `claimed_until`: a worker owns the label until then.
    `is_bought`: the carrier has reported its purchase.
    """

    status: LabelStatus
    first_sent_at: datetime | None = None
    sent_at: datetime | None = None
    claimed_until: datetime | None = None
    is_bought: bool = False


def next_step(label: LabelProgress, now: datetime) -> LabelStep:
    """The next step with a label; a request that may have been sent is never just sent again."""
    if label.status not in UNSETTLED:
        return LabelStep.NOTHING
    if label.claimed_until is not None and now < label.claimed_until:
        return LabelStep.WAIT
    if label.is_bought:
        return LabelStep.VOID
    return LabelStep.SEND if label.sent_at is None else LabelStep.LOOK_UP


def status_after(label: LabelProgress, signal: CarrierSignal, now: datetime) -> LabelStatus:
    """The label's status after a report. A repeated report changes nothing."""
    is_early = label.sent_at is not None and now < label.sent_at + ON_ITS_WAY
    if label.status is _S.VOIDING and signal is _R.NOT_FOUND and is_early:
        return label.status
    return REPORTED.get((label.status, signal), label.status)


def may_send_again(label: LabelProgress, now: datetime) -> bool:
    """True if a key that the carrier does not know may be sent again, as the same key."""
    return label.status in (_S.REQUESTED, _S.UNKNOWN) and (
        label.first_sent_at is None or now < label.first_sent_at + KEY_RETENTION
    )


def wait_after(tries: int) -> timedelta:
    """The time until the next call, after this many calls without an answer."""
    return min(LONGEST_WAIT, FIRST_WAIT * int(2 ** min(tries, DOUBLINGS_MAX)))
