"""Payouts that people put right: a failed one tried again, an unknown one settled by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.payout_attempts as payout_attempts
from domain.access.callers import Caller
from domain.errors import DomainError, Invalid
from domain.refunds.approvals import check_settler
from domain.refunds.payouts import AttemptState
from domain.refunds.states import RefundAction, check_action
from domain.values.texts import NOTE_MAX, check_text
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

REFERENCE_MAX = 200


@dataclass(frozen=True, slots=True)
class RetryRefund:
    """Try a failed refund again: a new attempt with a new key."""

    refund_id: UUID


@dataclass(frozen=True, slots=True)
class SettleRefund:
    """What a person found out about a refund whose outcome the gateway does not tell."""

    refund_id: UUID
    succeeded: bool
    note: str
    gateway_reference: str | None = None


@one_by_one("refundRetry")
async def retry(tx: Transaction, command: RetryRefund, caller: Caller) -> Mapping[str, Any]:
    """Have a refund that definitely failed paid again. Raises IllegalTransition or NotFound."""
    case, _ = await locked_refunds.lock(tx, command.refund_id, caller, ("id",))
    before = case.status
    try:
        check_action(before, RefundAction.RETRY)
    except DomainError as error:
        raise error.under("id") from None
    attempt = await payout_attempts.begin(tx, case, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "refundRetry",
        ("Refund", case.id),
        before={"status": str(before)},
        after={"status": str(case.status), "attempt": attempt.number},
    )
    return {"refund": str(case.id)}


@one_by_one("refundSettle")
async def settle(tx: Transaction, command: SettleRefund, caller: Caller) -> Mapping[str, Any]:
    """Write down what became of an UNKNOWN refund; never by whoever requested it.

    That it failed cannot be said while it is being sent: it might be paid a moment later. Raises
    IllegalTransition, SelfApproval, Invalid or NotFound.
    """
    _check_texts(command)
    case, _ = await locked_refunds.lock(tx, command.refund_id, caller, ("id",))
    before = case.status
    try:
        check_settler(before, await locked_refunds.involvement(tx, case), caller)
    except DomainError as error:
        raise error.under("id") from None
    attempt = await payout_attempts.last(tx, case.id)
    assert attempt is not None
    is_sent_now = attempt.is_sending and (attempt.claimed_until or tx.now) > tx.now
    if is_sent_now and not command.succeeded:
        raise Invalid("It is being sent to the gateway just now: ask again soon.", field=("id",))
    ended = AttemptState.SUCCEEDED if command.succeeded else AttemptState.FAILED
    attempt = replace(
        attempt,
        state=ended,
        settled_by=caller.actor,
        settled_at=tx.now,
        claimed_until=None,
        is_sending=False,
        gateway_reference=command.gateway_reference or attempt.gateway_reference,
    )
    await payout_attempts.write(tx, attempt)
    case.set_closing_note(command.note)
    await payout_attempts.follow(tx, case, attempt, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "refundSettle",
        ("Refund", case.id),
        before={"status": str(before)},
        after={"status": str(case.status), "attempt": attempt.number, "byHand": True},
    )
    return {"refund": str(case.id)}


def _check_texts(command: SettleRefund) -> None:
    check_text(command.note, "note", longest=NOTE_MAX)
    reference = command.gateway_reference
    if reference is not None and not 0 < len(reference) <= REFERENCE_MAX:
        raise Invalid(
            f"Between 1 and {REFERENCE_MAX} characters are needed.", field=("gatewayReference",)
        )
