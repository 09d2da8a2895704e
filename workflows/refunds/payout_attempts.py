"""Payout attempts: created with their key, changed by reports of the gateway.

The table in domain/refunds/payouts.py gives the next state for each report. The lock of the
refund's order covers its attempts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import models.queries.refunds.payouts as payout_queries
import workflows.exceptions.opening as exceptions
import workflows.refunds.locked_refunds as locked_refunds
from domain.exceptions import ExceptionKind
from domain.refunds.payouts import (
    UNSETTLED,
    Attempt,
    AttemptState,
    GatewaySignal,
    apply,
    needs_person,
)
from domain.refunds.states import RefundStatus, path_to
from models.queries.refunds.payouts import AttemptChanges
from models.refunds import RefundAttempt, RefundAttemptRow
from workflows.refunds.locked_refunds import LockedRefund
from workflows.transactions.transaction import Transaction

FIRST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(minutes=5)
WAIT_FOR_PERSON: Final = timedelta(hours=1)
DOUBLINGS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class PayoutTerms:
    """How the gateway keeps keys, and how long a worker is believed to live in a call.

    `claim` is longer than any call with all its tries. Should it be too short all the same, two
    workers may send one key, which the gateway pays once. `overdue`: how long after its decision
    people are told of a refund that is not over.
    """

    key_retention: timedelta = timedelta(hours=24)
    claim: timedelta = timedelta(seconds=90)
    overdue: timedelta = timedelta(days=1)


DEFAULT_PAYOUT_TERMS: Final = PayoutTerms()


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """What was heard of an attempt, with the gateway's own reference and reason where given."""

    word: GatewaySignal
    gateway_reference: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutAttempt(Attempt):
    """One attempt as it is stored. A change makes a new object, which `write` stores."""

    id: UUID
    refund_id: UUID
    number: int
    is_sending: bool
    tries: int
    next_at: datetime
    person_asked_at: datetime | None
    gateway_reference: str | None
    reason: str | None
    settled_by: str | None
    settled_at: datetime | None

    @staticmethod
    def from_row(row: RefundAttemptRow) -> PayoutAttempt:
        """An attempt as `payout_queries` reads it."""
        return PayoutAttempt(
            key=row["key"],
            state=AttemptState(row["state"]),
            sent_at=row["sent_at"],
            claimed_until=row["claimed_until_at"],
            id=row["id"],
            refund_id=row["refund_id"],
            number=row["attempt_no"],
            is_sending=bool(row["is_sending"]),
            tries=row["tries"],
            next_at=row["next_at"],
            person_asked_at=row["person_asked_at"],
            gateway_reference=row["gateway_reference"],
            reason=row["reason"],
            settled_by=row["settled_by"],
            settled_at=row["settled_at"],
        )


async def last(tx: Transaction, refund_id: UUID) -> PayoutAttempt | None:
    """The newest attempt of a locked refund."""
    row = await payout_queries.last_attempt(tx.session, refund_id)
    return None if row is None else PayoutAttempt.from_row(row)


async def begin(tx: Transaction, case: LockedRefund, actor: str) -> PayoutAttempt:
    """Add the refund's next attempt, with a key of its own, not sent yet."""
    before = await last(tx, case.id)
    row: RefundAttemptRow = {
        "id": tx.new_id(),
        "refund_id": case.id,
        "attempt_no": 1 if before is None else before.number + 1,
        "key": str(tx.new_id()),
        "state": str(AttemptState.OPEN),
        "created_at": tx.now,
        "created_by": actor,
        "sent_at": None,
        "claimed_until_at": None,
        "is_sending": False,
        "tries": 0,
        "next_at": tx.now,
        "person_asked_at": None,
        "gateway_reference": None,
        "reason": None,
        "settled_by": None,
        "settled_at": None,
    }
    await tx.session.insert(RefundAttempt, [row])
    begun = PayoutAttempt.from_row(row)
    await locked_refunds.advance(tx, case, RefundStatus.PROCESSING, actor, attempt=begun.number)
    return begun


async def write(tx: Transaction, attempt: PayoutAttempt) -> None:
    """Write what changed of an attempt."""
    changes: AttemptChanges = {
        "id": attempt.id,
        "state": str(attempt.state),
        "sent_at": attempt.sent_at,
        "claimed_until_at": attempt.claimed_until,
        "is_sending": attempt.is_sending,
        "tries": attempt.tries,
        "next_at": attempt.next_at,
        "person_asked_at": attempt.person_asked_at,
        "gateway_reference": attempt.gateway_reference,
        "reason": attempt.reason,
        "settled_by": attempt.settled_by,
        "settled_at": attempt.settled_at,
    }
    await payout_queries.write_attempt(tx.session, changes)


async def listen(
    tx: Transaction,
    case: LockedRefund,
    attempt_id: UUID,
    said: GatewayReport,
    terms: PayoutTerms,
    *,
    actor: str,
) -> PayoutAttempt:
    """Tell a locked refund's attempt what was heard of it, and go on with the refund; the attempt.

    Hearing the same again changes nothing. A word that contradicts an earlier one changes nothing
    either, and a person is told.
    """
    row = await payout_queries.attempt(tx.session, attempt_id)
    assert row is not None
    attempt = PayoutAttempt.from_row(row)
    heard = apply(attempt.state, said.word)
    if heard.is_contradiction:
        await _tell_contradiction(tx, case, attempt, said)
        return attempt
    if attempt.state not in UNSETTLED and heard.state is attempt.state:
        return attempt
    attempt = replace(
        attempt,
        state=heard.state,
        gateway_reference=said.gateway_reference or attempt.gateway_reference,
        reason=said.reason or attempt.reason,
        claimed_until=None,
        is_sending=False,
        # The gateway knows the key, so the call was made: a restored backup forgets that it was.
        sent_at=attempt.sent_at or tx.now,
    )
    if attempt.state in UNSETTLED:
        attempt = await _wait(tx, case, attempt, terms)
    elif attempt.settled_at is None:
        attempt = replace(attempt, settled_at=tx.now)
    await write(tx, attempt)
    await follow(tx, case, attempt, actor)
    return attempt


async def follow(tx: Transaction, case: LockedRefund, attempt: PayoutAttempt, actor: str) -> None:
    """Move the refund to where its attempt stands."""
    if attempt.gateway_reference is not None:
        case.set_gateway_reference(attempt.gateway_reference)
    for status in path_to(case.status, attempt.state):
        await locked_refunds.advance(tx, case, status, actor, attempt=attempt.number)


async def _wait(
    tx: Transaction, case: LockedRefund, attempt: PayoutAttempt, terms: PayoutTerms
) -> PayoutAttempt:
    """Say when to look again: later each time, and seldom once a person was asked."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt.tries, DOUBLINGS_MAX))
    asked_at = attempt.person_asked_at
    if needs_person(attempt, tx.now, terms.key_retention):
        wait = WAIT_FOR_PERSON
        if asked_at is None:
            asked_at = tx.now
            words = (
                f"Nobody knows whether {case.amount} was paid back: the gateway no longer tells. "
                "Find out and settle the refund."
            )
            await _ask(tx, case, words)
    return replace(
        attempt, tries=attempt.tries + 1, next_at=tx.now + wait, person_asked_at=asked_at
    )


async def _tell_contradiction(
    tx: Transaction, case: LockedRefund, attempt: PayoutAttempt, said: GatewayReport
) -> None:
    words = (
        f"The gateway says {said.word} of attempt {attempt.number} at {case.amount}, which had"
        f" ended as {attempt.state}: money may have moved that the books do not know."
    )
    await _ask(tx, case, words)


async def _ask(tx: Transaction, case: LockedRefund, words: str) -> None:
    kind, subject = ExceptionKind.REFUND_UNKNOWN, ("Refund", case.id)
    await exceptions.open(tx, kind, subject, words, channel_id=case.order.channel_id)
