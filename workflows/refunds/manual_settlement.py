"""Manual actions on payouts: retry of a failed refund, settlement of an unknown one."""

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
    """Pay a failed refund again: a new attempt with a new key."""

    refund_id: UUID


@dataclass(frozen=True, slots=True)
class SettleRefund:
    """Result that a person found for a refund whose outcome the gateway cannot confirm."""

    refund_id: UUID
    succeeded: bool
    note: str
    gateway_reference: str | None = None


@one_by_one("refundRetry")
async def retry(tx: Transaction, command: RetryRefund, caller: Caller) -> Mapping[str, Any]:
    """Start a new payout attempt of a FAILED refund.

    Locks the order, the return, then the refund. Raises IllegalTransition or NotFound. Records
    `refund.processing`.
    """
    refund, _ = await locked_refunds.lock(tx, command.refund_id, caller, ("id",))
    before = refund.status
    try:
        check_action(before, RefundAction.RETRY)
    except DomainError as error:
        raise error.under("id") from None
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
    """Record the outcome of an UNKNOWN refund. The actor that requested it may not settle it.

    A refund that is being sent cannot be settled as failed: it may be paid a moment later. Locks
    the order, the return, then the refund. Raises IllegalTransition, SelfApproval, Invalid or
    NotFound. Records `refund.succeeded` or `refund.failed`.
    """
    _check_texts(command)
    refund, _ = await locked_refunds.lock(tx, command.refund_id, caller, ("id",))
    before = refund.status
    try:
        check_settler(before, await locked_refunds.involvement(tx, refund), caller)
    except DomainError as error:
        raise error.under("id") from None
    attempt = await payout_attempts.last(tx, refund.id)
    assert attempt is not None
    is_sent_now = attempt.is_sending and (attempt.claimed_until or tx.now) > tx.now
    if is_sent_now and not command.succeeded:
        raise Invalid(
            "The refund is being sent to the gateway and cannot be settled as failed now."
            " Try again in a few minutes.",
            field=("id",),
        )
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
    refund.set_closing_note(command.note)
    await payout_attempts.advance_refund(tx, refund, attempt, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "refundSettle",
        ("Refund", refund.id),
        before={"status": str(before)},
        after={"status": str(refund.status), "attempt": attempt.number, "byHand": True},
    )
    return {"refund": str(refund.id)}


def _check_texts(command: SettleRefund) -> None:
    check_text(command.note, "note", longest=NOTE_MAX)
    reference = command.gateway_reference
    if reference is not None and not 0 < len(reference) <= REFERENCE_MAX:
        raise Invalid(
            f"The reference must have 1 to {REFERENCE_MAX} characters; it has {len(reference)}.",
            field=("gatewayReference",),
        )
