"""Refunds that people open, agree to, turn down and call off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import models.queries.refunds.refunds as refund_queries
import models.queries.returns.returns as return_queries
import workflows.orders.locked_orders as locked_orders
import workflows.refunds.balances as balances
import workflows.refunds.cancellation_refunds as cancellation_refunds
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.opening as refund_opening
from domain.access.callers import Caller
from domain.catalog.commands import ReasonKind
from domain.errors import DomainError, Invalid, NotFound, SelfApproval
from domain.policies.policies import Facts
from domain.policies.refunds import Tender
from domain.refunds.approvals import RefundKind, check_approver, status_after_approval
from domain.refunds.balances import check_balance
from domain.refunds.breakdowns import goodwill
from domain.refunds.states import WITHDRAWN, RefundAction, RefundStatus, check_action
from domain.values.money import Money
from domain.values.texts import NOTE_MAX, check_text
from models.refunds import RefundApproval
from workflows.access.visibility import sees_order
from workflows.catalog.reason_codes import active_reason
from workflows.orders.locked_orders import LockedOrder
from workflows.refunds.locked_refunds import LockedRefund
from workflows.refunds.opening import RefundDraft
from workflows.transactions.actions import one_by_one
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction

# In which lists a goodwill refund's reason is looked for, in this order.
REASONS = (
    ReasonKind.RETURN,
    ReasonKind.CANCELLATION,
    ReasonKind.WRITE_OFF,
    ReasonKind.ADJUSTMENT,
    ReasonKind.DECLINE,
)


@dataclass(frozen=True, slots=True)
class CreateRefund:
    """Goodwill: an amount of an order's money, for no units at all."""

    order_id: UUID
    amount: Money
    reason_code: str
    note: str
    return_id: UUID | None = None
    tender: Tender = Tender.ORIGINAL_PAYMENT


@dataclass(frozen=True, slots=True)
class ApproveRefund:
    """Agree to a refund."""

    refund_id: UUID
    note: str | None = None


@dataclass(frozen=True, slots=True)
class RejectRefund:
    """Turn a refund down, saying why."""

    refund_id: UUID
    note: str


@dataclass(frozen=True, slots=True)
class CancelRefund:
    """Call a refund off before it was paid, saying why."""

    refund_id: UUID
    note: str


@one_by_one("refundCreate")
async def create(tx: Transaction, command: CreateRefund, caller: Caller) -> Mapping[str, Any]:
    """Open a goodwill refund, which always needs an approval.

    An amount that needs several payments becomes several refunds; the first is given back.
    Raises RefundExceedsBalance, Invalid or NotFound.
    """
    try:
        check_text(command.note or "", "note", longest=NOTE_MAX)
        order = await _lock_order(tx, command, caller)
        _check_amount(command.amount, order)
        reason = await active_reason(tx, command.reason_code, *REASONS)
        found = await balances.read(tx, order)
        await cancellation_refunds.open_owed(tx, found)
        check_balance(command.amount, found.maximum_minor())
    except DomainError as error:
        raise error.under("input") from None
    channel = await refund_opening.channel_of(tx, order)
    draft = RefundDraft(
        kind=RefundKind.GOODWILL,
        breakdown=goodwill(command.amount, reason.code),
        tender=command.tender,
        policy=await refund_opening.policy_for(tx, Facts(channel=channel.code)),
        requested_by=caller.actor,
        return_id=command.return_id,
        reason_id=reason.id,
        note=command.note,
    )
    opened = await refund_opening.open_family(tx, found, draft, actor=caller.actor)
    await balances.write(tx, found)
    for case in opened:
        _audit(tx, caller, "refundCreate", case, before=None)
    return {"refund": str(opened[0].id), "refunds": [str(case.id) for case in opened]}


@one_by_one("refundApprove")
async def approve(tx: Transaction, command: ApproveRefund, caller: Caller) -> Mapping[str, Any]:
    """Agree to a refund; with the last approval that it needs, it is going to be paid.

    Raises IllegalTransition, SelfApproval for whoever had a part in the case under any key,
    GrantExceeded, Invalid or NotFound.
    """
    check_text(command.note, "note", longest=NOTE_MAX)
    case, order = await locked_refunds.lock(tx, command.refund_id, caller, ("id",))
    before = case.status
    try:
        whole = await _whole(tx, case, order)
        check_approver(before, whole, await locked_refunds.involvement(tx, case), caller)
    except DomainError as error:
        raise error.under("id") from None
    await _say(tx, case, caller, "APPROVED", command.note)
    given = await refund_queries.approvals_of(tx.session, case.id)
    status = status_after_approval(len(given), case.approvals_required)
    if status is RefundStatus.APPROVED:
        await locked_refunds.advance(tx, case, status, caller.actor)
    else:
        await locked_refunds.agree(tx, case, caller.actor, len(given))
    _audit(tx, caller, "refundApprove", case, before=before)
    return {"refund": str(case.id)}


@one_by_one("refundReject")
async def reject(tx: Transaction, command: RejectRefund, caller: Caller) -> Mapping[str, Any]:
    """Turn a refund down for good. Raises IllegalTransition, SelfApproval for whoever agreed to it
    before, Invalid or NotFound."""
    check_text(command.note or "", "note", longest=NOTE_MAX)
    case, _ = await locked_refunds.lock(tx, command.refund_id, caller, ("id",))
    before = case.status
    _check(case, RefundAction.REJECT)
    if caller.actor in (await locked_refunds.involvement(tx, case)).approved:
        raise SelfApproval(caller.actor, "approved", field=("id",))
    await _say(tx, case, caller, "REJECTED", command.note)
    case.set_closing_note(command.note)
    await locked_refunds.advance(tx, case, RefundStatus.REJECTED, caller.actor)
    _audit(tx, caller, "refundReject", case, before=before)
    return {"refund": str(case.id)}


@one_by_one("refundCancel")
async def cancel(tx: Transaction, command: CancelRefund, caller: Caller) -> Mapping[str, Any]:
    """Call a refund off before it is paid; a debt that was booked is taken back.

    Raises IllegalTransition, Invalid or NotFound.
    """
    check_text(command.note or "", "note", longest=NOTE_MAX)
    case, _ = await locked_refunds.lock(tx, command.refund_id, caller, ("id",))
    before = case.status
    _check(case, RefundAction.CANCEL)
    case.set_closing_note(command.note)
    await locked_refunds.advance(tx, case, RefundStatus.CANCELLED, caller.actor)
    _audit(tx, caller, "refundCancel", case, before=before)
    return {"refund": str(case.id)}


async def _lock_order(tx: Transaction, command: CreateRefund, caller: Caller) -> LockedOrder:
    """The order, and the return of it that the refund is for, both locked."""
    order = await locked_orders.lock(tx, command.order_id, ("orderId",))
    if not await sees_order(tx.session, caller, order.id):
        raise NotFound("order", str(command.order_id), field=("orderId",))
    if command.return_id is not None:
        tx.locking(LockClass.RETURN)
        row = await return_queries.lock_return(tx.session, command.return_id)
        if row is None or row["order_id"] != order.id:
            raise NotFound("return", str(command.return_id), field=("returnId",))
    return order


def _check_amount(amount: Money, order: LockedOrder) -> None:
    if amount.currency != order.currency:
        raise Invalid(
            f"The order was paid in {order.currency}.",
            field=("amount", "currencyCode"),
            details={"allowed": [order.currency]},
        )
    if amount.minor <= 0:
        raise Invalid("A refund is more than nothing.", field=("amount", "amount"))


def _check(case: LockedRefund, action: RefundAction) -> None:
    try:
        check_action(case.status, action)
    except DomainError as error:
        raise error.under("id") from None


async def _whole(tx: Transaction, case: LockedRefund, order: LockedOrder) -> Money:
    """The amount that the refund is a part of: a limit holds for all of its refunds together."""
    family = [
        row["amount_minor"]
        for row in await refund_queries.refunds_of_order(tx.session, order.id)
        if row["family_id"] == case.family_id and RefundStatus(row["status"]) not in WITHDRAWN
    ]
    return Money(sum(family), case.amount.currency)


async def _say(
    tx: Transaction, case: LockedRefund, caller: Caller, decision: str, note: str | None
) -> None:
    """Keep what an actor said of a refund, for ever."""
    row = {
        "id": tx.new_id(),
        "refund_id": case.id,
        "actor": caller.actor,
        "decision": decision,
        "note": note,
        "decided_at": tx.now,
    }
    await tx.session.insert(RefundApproval, [row])


def _audit(
    tx: Transaction,
    caller: Caller,
    action: str,
    case: LockedRefund,
    *,
    before: RefundStatus | None,
) -> None:
    tx.outbox.audit(
        caller.actor,
        action,
        ("Refund", case.id),
        before=None if before is None else {"status": str(before)},
        after={
            "status": str(case.status),
            "amountMinor": case.amount.minor,
            "currency": case.amount.currency,
        },
    )
