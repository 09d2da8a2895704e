"""Payout attempts: created with their key, changed by reports of the gateway.

The table in domain/refunds/payouts.py gives the next state for each report. The lock of the
refund's order covers its attempts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import domain.refunds.settlements as settlements
import models.queries.refunds.payouts as payout_queries
import models.queries.refunds.refunds as refund_queries
import workflows.exceptions.opening as exceptions
import workflows.refunds.locked_refunds as locked_refunds
from domain.errors import DomainError
from domain.exceptions import ExceptionKind
from domain.ledger.entries import Occasion, reversal
from domain.ledger.refund_entries import refund_overpaid
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
    """Times of the gateway and of payout workers.

    `key_retention`: how long the gateway keeps a key. `claim`: how long a worker owns an attempt;
    it is longer than any call with all its retries. If it were too short, two workers could send
    one key, which the gateway pays once.
    """

    key_retention: timedelta = timedelta(hours=24)
    claim: timedelta = timedelta(seconds=90)


DEFAULT_PAYOUT_TERMS: Final = PayoutTerms()


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """A report about an attempt, with the gateway's own reference and reason if it gave them."""

    signal: GatewaySignal
    gateway_reference: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutAttempt(Attempt):
    """One payout attempt. It is immutable: a change makes a new object, which `write` stores."""

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
    contradicted_at: datetime | None
    overpaid_entry_id: UUID | None

    @staticmethod
    def from_row(row: RefundAttemptRow) -> PayoutAttempt:
        """An attempt from a row of `payout_queries`."""
        signal = row["contradicted_as"]
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
            contradicted_as=None if signal is None else GatewaySignal(signal),
            contradicted_at=row["contradicted_at"],
            overpaid_entry_id=row["overpaid_entry_id"],
        )


async def last(tx: Transaction, refund_id: UUID) -> PayoutAttempt | None:
    """The newest attempt of a locked refund."""
    row = await payout_queries.last_attempt(tx.session, refund_id)
    return None if row is None else PayoutAttempt.from_row(row)


async def all_of(tx: Transaction, refund_id: UUID) -> list[PayoutAttempt]:
    """All attempts of a locked refund, the oldest first."""
    rows = await payout_queries.attempts_of(tx.session, refund_id)
    return [PayoutAttempt.from_row(row) for row in rows]


async def check_uncontradicted(
    tx: Transaction, refund: LockedRefund, requested: RefundStatus
) -> None:
    """Raise IllegalTransition at `id` while an attempt is contradicted and not settled."""
    try:
        settlements.check_uncontradicted(await all_of(tx, refund.id), refund.status, requested)
    except DomainError as error:
        raise error.under("id") from None


async def begin(tx: Transaction, refund: LockedRefund, actor: str) -> PayoutAttempt:
    """Add the refund's next attempt, with a new key, not sent yet. Records `refund.processing`."""
    before = await last(tx, refund.id)
    row: RefundAttemptRow = {
        "id": tx.new_id(),
        "refund_id": refund.id,
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
        "contradicted_as": None,
        "contradicted_at": None,
        "overpaid_entry_id": None,
    }
    await tx.session.insert(RefundAttempt, [row])
    begun = PayoutAttempt.from_row(row)
    await locked_refunds.advance(tx, refund, RefundStatus.PROCESSING, actor, attempt=begun.number)
    return begun


async def write(tx: Transaction, attempt: PayoutAttempt) -> None:
    """Write an attempt as it is now; it is a change of its refund."""
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
        "contradicted_as": None
        if attempt.contradicted_as is None
        else str(attempt.contradicted_as),
        "contradicted_at": attempt.contradicted_at,
        "overpaid_entry_id": attempt.overpaid_entry_id,
    }
    await payout_queries.write_attempt(tx.session, changes)
    await refund_queries.touch(tx.session, attempt.refund_id, tx.now)


async def apply_report(
    tx: Transaction,
    refund: LockedRefund,
    attempt_id: UUID,
    report: GatewayReport,
    terms: PayoutTerms,
    *,
    actor: str,
) -> PayoutAttempt:
    """Apply a report to an attempt of a locked refund, then advance the refund.

    Returns the attempt. A repeated report changes nothing. A report that contradicts an earlier one
    is stored with the attempt and opens REFUND_UNKNOWN; a person must settle the attempt.
    """
    row = await payout_queries.attempt(tx.session, attempt_id)
    assert row is not None
    attempt = PayoutAttempt.from_row(row)
    change = apply(attempt.state, report.signal)
    if change.is_contradiction:
        return await _record_contradiction(tx, refund, attempt, report)
    if attempt.state not in UNSETTLED and change.state is attempt.state:
        return attempt
    attempt = replace(
        attempt,
        state=change.state,
        gateway_reference=report.gateway_reference or attempt.gateway_reference,
        reason=report.reason or attempt.reason,
        claimed_until=None,
        is_sending=False,
        # The gateway knows the key, so it was sent. A restored backup may lack this fact.
        sent_at=attempt.sent_at or tx.now,
    )
    if attempt.state in UNSETTLED:
        attempt = await _schedule_next_try(tx, refund, attempt, terms)
    elif attempt.settled_at is None:
        attempt = replace(attempt, settled_at=tx.now)
    await write(tx, attempt)
    await advance_refund(tx, refund, attempt, actor)
    await clear_unknown(tx, refund)
    return attempt


async def clear_unknown(tx: Transaction, refund: LockedRefund) -> None:
    """Clear REFUND_UNKNOWN unless an attempt of the refund still waits for a person."""
    if not await payout_queries.awaits_person(tx.session, refund.id):
        await exceptions.clear(tx, ExceptionKind.REFUND_UNKNOWN, ("Refund", refund.id))


async def advance_refund(
    tx: Transaction, refund: LockedRefund, attempt: PayoutAttempt, actor: str
) -> None:
    """Advance the refund to the status that matches its attempt.

    The reversal of a payment that the refund does not account for reverses its own entry instead.
    """
    if attempt.overpaid_entry_id is not None:
        at = max(refund.order.time_of(tx.now), attempt.settled_at or tx.now)
        entry = refund_overpaid(refund.amount, Occasion(refund.order.number, at))
        reason = "returned by the bank"
        reversed_ = reversal(entry, attempt.overpaid_entry_id, reason, at)
        tx.journal.post(reversed_, actor=actor, channel_id=refund.order.channel_id)
        after = {"attempt": attempt.number, "attemptState": str(attempt.state)}
        tx.outbox.audit(actor, "refundOverpaymentReturned", ("Refund", refund.id), after=after)
        return
    if attempt.gateway_reference is not None:
        refund.set_gateway_reference(attempt.gateway_reference)
    for status in path_to(refund.status, attempt.state):
        await locked_refunds.advance(tx, refund, status, actor, attempt=attempt.number)


async def _schedule_next_try(
    tx: Transaction, refund: LockedRefund, attempt: PayoutAttempt, terms: PayoutTerms
) -> PayoutAttempt:
    """Set the time of the next look-up: later each time, and hourly after a person was asked."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt.tries, DOUBLINGS_MAX))
    asked_at = attempt.person_asked_at
    if needs_person(attempt, tx.now, terms.key_retention):
        wait = WAIT_FOR_PERSON
        if asked_at is None:
            asked_at = tx.now
            message = (
                f"The payment gateway cannot confirm whether {refund.amount} was refunded."
                " Check with the bank, then settle the refund by hand."
            )
            await _open_exception(tx, refund, message)
    return replace(
        attempt, tries=attempt.tries + 1, next_at=tx.now + wait, person_asked_at=asked_at
    )


async def _record_contradiction(
    tx: Transaction, refund: LockedRefund, attempt: PayoutAttempt, report: GatewayReport
) -> PayoutAttempt:
    message = (
        f"The gateway reports {report.signal} for attempt {attempt.number} of {refund.amount},"
        f" but this attempt had ended as {attempt.state}."
        " Money may have moved without a ledger entry. Check with the bank, then settle the refund."
    )
    attempt = replace(attempt, contradicted_as=report.signal, contradicted_at=tx.now)
    await write(tx, attempt)
    await _open_exception(tx, refund, message)
    return attempt


async def _open_exception(tx: Transaction, refund: LockedRefund, message: str) -> None:
    kind, subject = ExceptionKind.REFUND_UNKNOWN, ("Refund", refund.id)
    await exceptions.open_exception(tx, kind, subject, message, channel_id=refund.order.channel_id)
