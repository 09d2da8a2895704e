"""Manual actions on payouts: retry of a failed refund, settlement of an uncertain attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import workflows.exceptions.opening as exceptions
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.payout_attempts as payout_attempts
from domain.access.callers import Caller
from domain.errors import DomainError, IllegalTransition, Invalid
from domain.exceptions import ExceptionKind
from domain.ledger.entries import Occasion
from domain.ledger.refund_entries import refund_overpaid
from domain.problems import Problems
from domain.refunds.approvals import check_settler
from domain.refunds.payouts import UNSETTLED, AttemptState
from domain.refunds.settlements import Settlement, attempt_to_settle, settlement
from domain.refunds.states import RefundAction, RefundStatus, check_action
from domain.values.codes import store_codes
from domain.values.texts import NOTE_MAX, check_text
from workflows.refunds.locked_refunds import LockedRefund
from workflows.refunds.payout_attempts import PayoutAttempt
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

REFERENCE_MAX = 200
# The state of an attempt after its settlement; CONFIRMED leaves it.
_STATES: Final = {
    Settlement.PAID: AttemptState.SUCCEEDED,
    Settlement.NOT_PAID: AttemptState.FAILED,
    Settlement.TAKEN_BACK: AttemptState.REVERSED,
    Settlement.OVERPAID: AttemptState.SUCCEEDED,
}


@dataclass(frozen=True, slots=True)
class RetryRefund:
    """Pay a failed refund again: a new attempt with a new key."""

    refund_id: UUID


@dataclass(frozen=True, slots=True)
class SettleRefund:
    """Result that a person found for a refund whose outcome the gateway cannot confirm.

    `attempt`: the number of the payout attempt; required if several wait for a person.
    """

    refund_id: UUID
    succeeded: bool
    note: str
    gateway_reference: str | None = None
    attempt: int | None = None

    def __post_init__(self) -> None:
        store_codes(self, "gateway_reference")


@one_by_one("refundRetry")
async def retry(tx: Transaction, command: RetryRefund, caller: Caller) -> Mapping[str, Any]:
    """Start a new payout attempt of a FAILED refund.

    Locks the order, the return, then the refund. Raises IllegalTransition, also while a
    contradicted attempt is not settled, or NotFound. Records `refund.processing`.
    """
    refund, _ = await locked_refunds.lock(tx, command.refund_id, caller, ("id",))
    before = refund.status
    try:
        check_action(before, RefundAction.RETRY)
    except DomainError as error:
        raise error.under("id") from None
    await payout_attempts.check_uncontradicted(tx, refund, RefundStatus.PROCESSING)
    attempt = await payout_attempts.begin(tx, refund, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "refundRetry",
        ("Refund", refund.id),
        before={"status": str(before)},
        after={"status": str(refund.status), "attempt": attempt.number},
    )
    return {"refund": str(refund.id)}


@one_by_one("refundSettle")
async def settle(tx: Transaction, command: SettleRefund, caller: Caller) -> Mapping[str, Any]:
    """Record what a person found out about an attempt that is UNKNOWN or contradicted.

    The table in domain/refunds/settlements.py gives the consequence. The actor that requested the
    refund may not settle it. A refund that is being sent cannot be settled as failed: it may be
    paid a moment later. Locks the order, the return, then the refund. Raises IllegalTransition,
    SelfApproval, Invalid or NotFound. Records `refund.succeeded`, `refund.failed` or
    `refund.reversed` if the status changes.
    """
    _check_texts(command)
    refund, _ = await locked_refunds.lock(tx, command.refund_id, caller, ("id",))
    before = refund.status
    attempts = await payout_attempts.all_of(tx, refund.id)
    attempt = _chosen(attempts, before, command.attempt)
    try:
        check_settler(await locked_refunds.involvement(tx, refund), caller)
    except DomainError as error:
        raise error.under("id") from None
    _check_not_sending(tx, attempt, command)
    result = settlement(attempt.state, before, was_paid=command.succeeded)
    if result is Settlement.PAID:
        await _end_unsent(tx, attempts, attempt, caller)
    settled = replace(
        attempt,
        state=_STATES.get(result, attempt.state),
        settled_by=caller.actor,
        settled_at=tx.now,
        claimed_until=None,
        is_sending=False,
        gateway_reference=command.gateway_reference or attempt.gateway_reference,
        contradicted_as=None,
        contradicted_at=None,
        overpaid_entry_id=_post_overpaid(tx, refund, caller)
        if result is Settlement.OVERPAID
        else attempt.overpaid_entry_id,
    )
    await payout_attempts.write(tx, settled)
    refund.set_closing_note(command.note)
    await _advance(tx, refund, settled, result, caller)
    await payout_attempts.clear_unknown(tx, refund)
    tx.outbox.audit(
        caller.actor,
        "refundSettle",
        ("Refund", refund.id),
        before={"status": str(before), "attemptState": str(attempt.state)},
        after={
            "status": str(refund.status),
            "attempt": settled.number,
            "attemptState": str(settled.state),
            "settlement": str(result),
            "byHand": True,
        },
    )
    return {"refund": str(refund.id)}


def _chosen(
    attempts: Sequence[PayoutAttempt], status: RefundStatus, number: int | None
) -> PayoutAttempt:
    try:
        return attempt_to_settle(attempts, status, number)
    except IllegalTransition as error:
        raise error.under("id") from None


def _check_not_sending(tx: Transaction, attempt: PayoutAttempt, command: SettleRefund) -> None:
    is_sent_now = attempt.is_sending and (attempt.claimed_until or tx.now) > tx.now
    if is_sent_now and not command.succeeded:
        raise Invalid(
            "The refund is being sent to the gateway and cannot be settled as failed now."
            " Try again in a few minutes.",
            field=("id",),
        )


async def _end_unsent(
    tx: Transaction, attempts: Sequence[PayoutAttempt], paid: PayoutAttempt, caller: Caller
) -> None:
    """End a later attempt that was not sent yet: the refund is paid. Raises Invalid if it was."""
    for each in attempts:
        if each.state not in UNSETTLED or each.id == paid.id:
            continue
        if each.sent_at is not None:
            raise Invalid(
                f"Attempt {each.number} was sent to the gateway. Its outcome must be known first.",
                field=("id",),
            )
        ended = replace(
            each,
            state=AttemptState.FAILED,
            settled_by=caller.actor,
            settled_at=tx.now,
            claimed_until=None,
            reason=f"Not sent: attempt {paid.number} was paid.",
        )
        await payout_attempts.write(tx, ended)


def _post_overpaid(tx: Transaction, refund: LockedRefund, caller: Caller) -> UUID | None:
    occasion = Occasion(refund.order.number, refund.order.time_of(tx.now))
    entry = refund_overpaid(refund.amount, occasion)
    return tx.journal.post(entry, actor=caller.actor, channel_id=refund.order.channel_id)


async def _advance(
    tx: Transaction,
    refund: LockedRefund,
    attempt: PayoutAttempt,
    result: Settlement,
    caller: Caller,
) -> None:
    """Advance the refund, or write its note; ask for the return of money that was overpaid."""
    if result is Settlement.OVERPAID:
        await exceptions.open_exception(
            tx,
            ExceptionKind.REFUND_RECOVERY,
            ("Refund", refund.id),
            f"Attempt {attempt.number} paid {refund.amount}, but the refund is {refund.status}"
            " without it. Recover the money from the customer.",
            channel_id=refund.order.channel_id,
        )
    if result in (Settlement.OVERPAID, Settlement.CONFIRMED):
        await locked_refunds.write(tx, refund)
    else:
        await payout_attempts.advance_refund(tx, refund, attempt, caller.actor)


def _check_texts(command: SettleRefund) -> None:
    problems, reference = Problems(), command.gateway_reference
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
    with problems.under("gatewayReference"):
        if reference is not None and not 0 < len(reference) <= REFERENCE_MAX:
            raise Invalid(
                f"The reference must have 1 to {REFERENCE_MAX} characters; it has {len(reference)}."
            )
    problems.refuse()
