"""State machine of a payout through the gateway; no crash, retry or webhook pays twice.

A payout is a sequence of attempts, at most one of them unsettled. An attempt's key is stored before
the first call. Every later signal of the gateway refers to this key:

    signal \\ attempt OPEN, UNKNOWN    PENDING     SUCCEEDED      FAILED        REVERSED
    succeeded        SUCCEEDED        SUCCEEDED   same           contradicts   same
    failed           FAILED           FAILED      contradicts    same          contradicts
    reversed         REVERSED         REVERSED    REVERSED       contradicts   same
    pending          PENDING¹         same        same           contradicts   same
    silence          UNKNOWN          same        same           same          same
    not found        UNKNOWN          UNKNOWN     same           same          same
    not asked        same             same        same           same          same

¹ UNKNOWN stays UNKNOWN, because a refund does not return from it to PENDING. A contradiction never
changes the attempt's state; it is stored with the attempt until a person has settled it
(`domain.refunds.settlements`). An outdated signal (a duplicate, or an answer that
arrives after its own webhook) is "same".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class AttemptState(StrEnum):
    """State of one payout attempt, as reported by the payment gateway."""

    OPEN = "OPEN"
    """Its key is stored; the gateway has not answered yet."""
    PENDING = "PENDING"
    """The gateway accepted it and has not decided yet."""
    UNKNOWN = "UNKNOWN"
    """The gateway did not answer; it is asked again with the same key."""
    SUCCEEDED = "SUCCEEDED"
    """The gateway reported that it paid."""
    FAILED = "FAILED"
    """The gateway reported that it did not pay; this is definite."""
    REVERSED = "REVERSED"
    """It was paid, and the bank returned the money."""


class GatewaySignal(StrEnum):
    """A report about an attempt: from the answer, a webhook, or a lookup by key."""

    SUCCEEDED = "SUCCEEDED"
    PENDING = "PENDING"
    FAILED = "FAILED"
    REVERSED = "REVERSED"
    SILENCE = "SILENCE"
    NOT_FOUND = "NOT_FOUND"
    NOT_ASKED = "NOT_ASKED"


UNSETTLED: Final = frozenset({AttemptState.OPEN, AttemptState.PENDING, AttemptState.UNKNOWN})

_T, _W = AttemptState, GatewaySignal

# Only what changes the attempt; every other pair leaves it as it is.
ATTEMPT_CHANGES: Final[Mapping[tuple[AttemptState, GatewaySignal], AttemptState]] = (
    MappingProxyType(
        {
            (_T.OPEN, _W.SUCCEEDED): _T.SUCCEEDED,
            (_T.OPEN, _W.FAILED): _T.FAILED,
            (_T.OPEN, _W.REVERSED): _T.REVERSED,
            (_T.OPEN, _W.PENDING): _T.PENDING,
            (_T.OPEN, _W.SILENCE): _T.UNKNOWN,
            (_T.OPEN, _W.NOT_FOUND): _T.UNKNOWN,
            (_T.PENDING, _W.SUCCEEDED): _T.SUCCEEDED,
            (_T.PENDING, _W.FAILED): _T.FAILED,
            (_T.PENDING, _W.REVERSED): _T.REVERSED,
            (_T.PENDING, _W.NOT_FOUND): _T.UNKNOWN,
            (_T.UNKNOWN, _W.SUCCEEDED): _T.SUCCEEDED,
            (_T.UNKNOWN, _W.FAILED): _T.FAILED,
            (_T.UNKNOWN, _W.REVERSED): _T.REVERSED,
            (_T.SUCCEEDED, _W.REVERSED): _T.REVERSED,
        }
    )
)

# Signals that contradict the attempt's final state: money may have moved without an entry.
CONTRADICTIONS: Final = frozenset(
    {
        (_T.SUCCEEDED, _W.FAILED),
        (_T.FAILED, _W.SUCCEEDED),
        (_T.FAILED, _W.REVERSED),
        (_T.FAILED, _W.PENDING),
        (_T.REVERSED, _W.FAILED),
    }
)

# A key may be sent again until this long before the gateway may delete it. A request that is still
# on its way when the key is deleted would be paid as a new one.
RESEND_MARGIN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class AttemptChange:
    """The attempt's state after a signal; `is_contradiction`: a person must check it."""

    state: AttemptState
    is_contradiction: bool


def apply(state: AttemptState, signal: GatewaySignal) -> AttemptChange:
    """The attempt's state after `signal`. A repeated signal changes nothing."""
    pair = (state, signal)
    return AttemptChange(ATTEMPT_CHANGES.get(pair, state), pair in CONTRADICTIONS)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. `sent_at` is stored before the first call; None: never sent.

    `claimed_until`: a worker owns it until then; after that the worker is considered dead.
    `contradicted_as`: the last report that contradicts the final state; None: none, or a person
    has settled it since.
    """

    key: str
    state: AttemptState
    sent_at: datetime | None = None
    claimed_until: datetime | None = None
    contradicted_as: GatewaySignal | None = None

    @property
    def is_settleable(self) -> bool:
        """True if a person may settle it: the gateway's word is missing or contradictory."""
        return self.state is AttemptState.UNKNOWN or self.contradicted_as is not None


class PayoutStep(StrEnum):
    """A worker's next step with an attempt."""

    SEND = "SEND"
    LOOK_UP = "LOOK_UP"
    WAIT = "WAIT"
    NOTHING = "NOTHING"


def next_step(attempt: Attempt, now: datetime) -> PayoutStep:
    """The next step with an attempt; a request that may have been sent is never just sent again.

    An attempt that was sent and is still OPEN belonged to a worker that died during the call. Its
    key is looked up, like that of an UNKNOWN attempt.
    """
    if attempt.state not in UNSETTLED:
        return PayoutStep.NOTHING
    if attempt.claimed_until is not None and now < attempt.claimed_until:
        return PayoutStep.WAIT
    if attempt.state is AttemptState.OPEN and attempt.sent_at is None:
        return PayoutStep.SEND
    return PayoutStep.LOOK_UP


def may_send_again(attempt: Attempt, now: datetime, retention: timedelta) -> bool:
    """True if a key that the gateway does not find may be sent again, as the same key.

    `retention`: how long the gateway keeps keys. After it, "not found" proves nothing.
    """
    if attempt.sent_at is None:
        return True
    return now < attempt.sent_at + retention - min(RESEND_MARGIN, retention / 2)


def needs_person(attempt: Attempt, now: datetime, retention: timedelta) -> bool:
    """True if only a person can settle it: UNKNOWN, and too late to be sent again."""
    return attempt.state is AttemptState.UNKNOWN and not may_send_again(attempt, now, retention)
