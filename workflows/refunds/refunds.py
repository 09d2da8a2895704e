"""Manual refunds: opening of goodwill refunds, approval, rejection and cancellation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import models.queries.refunds.refunds as refund_queries
import models.queries.returns.returns as return_queries
import workflows.orders.locked_orders as locked_orders
import workflows.refunds.balances as order_balances
import workflows.refunds.cancellation_refunds as cancellation_refunds
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.opening as refund_opening
import workflows.refunds.payout_attempts as payout_attempts
import workflows.rollout.cases as cases
from domain.access.callers import Caller
from domain.catalog.commands import ReasonKind
from domain.errors import DomainError, Invalid, NotFound, SelfApproval
from domain.policies.policies import PolicyVersion
from domain.policies.refunds import RefundRules, Tender
from domain.problems import Problems
from domain.refunds.approvals import RefundKind, check_approver, status_after_approval
from domain.refunds.balances import check_balance
from domain.refunds.breakdowns import Breakdown, goodwill
from domain.refunds.states import WITHDRAWN, RefundAction, RefundStatus, check_action
from domain.stock.states import check_quantity
from domain.values.codes import store_codes
from domain.values.money import Money
from domain.values.texts import NOTE_MAX, check_text
from models.refunds import RefundApproval
from workflows.access.visibility import sees_order, sees_return
from workflows.catalog.reason_codes import active_reason
from workflows.orders.locked_orders import LockedOrder
from workflows.refunds.balances import Balances
from workflows.refunds.locked_refunds import LockedRefund
from workflows.refunds.opening import RefundDraft
from workflows.refunds.unit_claims import RefundLine, break_down_claim
from workflows.transactions.actions import one_by_one
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction

# Kinds of reason codes that a goodwill refund may use, in order of look-up.
REASONS = (
    ReasonKind.RETURN,
    ReasonKind.CANCELLATION,
    ReasonKind.WRITE_OFF,
    ReasonKind.ADJUSTMENT,
    ReasonKind.DECLINE,
)


@dataclass(frozen=True, slots=True)
class CreateRefund:
    """Open a refund of an amount, or of units that do not come back, or of shipping."""

    order_id: UUID
    amount: Money | None
    reason_code: str
    note: str
    return_id: UUID | None = None
    tender: Tender = Tender.ORIGINAL_PAYMENT
    lines: tuple[RefundLine, ...] = ()
    shipping: bool = False

    def __post_init__(self) -> None:
        store_codes(self, "reason_code")


@dataclass(frozen=True, slots=True)
class ApproveRefund:
    """Approve a refund."""

    refund_id: UUID
    note: str | None = None


@dataclass(frozen=True, slots=True)
class RejectRefund:
    """Reject a refund. `note` gives the reason."""

    refund_id: UUID
    note: str


@dataclass(frozen=True, slots=True)
class CancelRefund:
    """Cancel a refund before it is paid. `note` gives the reason."""

    refund_id: UUID
    note: str


@one_by_one("refundCreate")
async def create(tx: Transaction, command: CreateRefund, caller: Caller) -> Mapping[str, Any]:
    """Open a refund of an amount, of units or of shipping, which always needs an approval.

    An amount that draws on several payments becomes several refunds; `refund` in the outcome is the
    first of them. Locks the order, then the return. Raises RefundExceedsBalance, Invalid or
    NotFound. Records `refund.opened` and `refund.needs_approval`.
    """
    try:
        problems = Problems()
        with problems.under():
            check_text(command.note or "", "note", longest=NOTE_MAX)
        with problems.under():
            _check_scope(command)
        with problems.under():
            reason = await active_reason(tx, command.reason_code, *REASONS)
        for index, line in enumerate(command.lines):
            with problems.under("lines", str(index)):
                check_quantity(line.quantity)
        with problems.under():
            order = await _lock_order(tx, command, caller)
            _check_amount(command.amount, order)
        problems.refuse()
        balances = await order_balances.read(tx, order)
        await cancellation_refunds.open_missing(tx, balances)
        facts = await refund_opening.facts_of(tx, order, _items_of(order, command))
        policy = await refund_opening.policy_for(tx, facts)
        breakdown = _break_down(balances, command, policy, reason.code)
    except DomainError as error:
        raise error.under("input") from None
    draft = RefundDraft(
        kind=RefundKind.GOODWILL,
        breakdown=breakdown,
        conditions=(None,) * len(breakdown.shares),
        tender=command.tender,
        policy=policy,
        requested_by=caller.actor,
        return_id=command.return_id,
        reason_id=reason.id,
        note=command.note,
        facts={"categories": [facts.category or ""], "asksShipping": command.shipping},
    )
    if command.amount is None:
        draft = refund_opening.within(draft, balances)
    opened = await refund_opening.open_refunds(tx, balances, draft, actor=caller.actor)
    await order_balances.write(tx, balances)
    for refund in opened:
        _audit(tx, caller, "refundCreate", refund, before=None)
    return {"refund": str(opened[0].id), "refunds": [str(refund.id) for refund in opened]}


@one_by_one("refundApprove")
async def approve(tx: Transaction, command: ApproveRefund, caller: Caller) -> Mapping[str, Any]:
    """Approve a refund. With the last approval that it needs, it becomes APPROVED for payout.

    Locks the order, the return, then the refund. Raises IllegalTransition, SelfApproval if the
    actor took part in the refund or its return under any key, GrantExceeded, Invalid or NotFound.
    Records `refund.approval_recorded` or `refund.approved`.
    """
    refund, order = await _lock_noted(tx, command.refund_id, command.note, caller)
    before = refund.status
    try:
        amount, earlier = await _amounts(tx, refund, order, caller)
        involvement = await locked_refunds.involvement(tx, refund)
        check_approver(before, amount, earlier, involvement, caller)
    except DomainError as error:
        raise error.under("id") from None
    await _store_decision(tx, refund, caller, "APPROVED", command.note)
    approvals = await refund_queries.approvals_of(tx.session, refund.id)
    status = status_after_approval(len(approvals), refund.approvals_required)
    if status is RefundStatus.APPROVED:
        await cases.compare(tx, ("Refund", refund.id), status, caller.actor)
        await locked_refunds.approve(tx, refund, caller.actor)
    else:
        await locked_refunds.record_approval(tx, refund, caller.actor, len(approvals))
    _audit(tx, caller, "refundApprove", refund, before=before)
    return {"refund": str(refund.id)}


@one_by_one("refundReject")
async def reject(tx: Transaction, command: RejectRefund, caller: Caller) -> Mapping[str, Any]:
    """Reject a refund finally.

    Locks the order, the return, then the refund. Raises IllegalTransition, SelfApproval if the
    actor has approved the refund before, Invalid or NotFound. Records `refund.rejected`.
    """
    refund, _ = await _lock_noted(tx, command.refund_id, command.note or "", caller)
    before = refund.status
    _check(refund, RefundAction.REJECT)
    if any(map(caller.acts_as, (await locked_refunds.involvement(tx, refund)).approved)):
        raise SelfApproval(caller.actor, "approved", field=("id",))
    await _store_decision(tx, refund, caller, "REJECTED", command.note)
    refund.set_closing_note(command.note)
    await locked_refunds.advance(tx, refund, RefundStatus.REJECTED, caller.actor)
    await cases.compare(tx, ("Refund", refund.id), refund.status, caller.actor)
    _audit(tx, caller, "refundReject", refund, before=before)
    return {"refund": str(refund.id)}


@one_by_one("refundCancel")
async def cancel(tx: Transaction, command: CancelRefund, caller: Caller) -> Mapping[str, Any]:
    """Cancel a refund before it is paid. A debt that was posted for it is reversed.

    Locks the order, the return, then the refund. Raises IllegalTransition, also while a
    contradicted attempt is not settled, Invalid or NotFound. Records `refund.cancelled`.
    """
    refund, _ = await _lock_noted(tx, command.refund_id, command.note or "", caller)
    before = refund.status
    _check(refund, RefundAction.CANCEL)
    await payout_attempts.check_uncontradicted(tx, refund, RefundStatus.CANCELLED)
    refund.set_closing_note(command.note)
    await locked_refunds.advance(tx, refund, RefundStatus.CANCELLED, caller.actor)
    await cases.compare(tx, ("Refund", refund.id), refund.status, caller.actor)
    _audit(tx, caller, "refundCancel", refund, before=before)
    return {"refund": str(refund.id)}


async def _lock_noted(
    tx: Transaction, refund_id: UUID, note: str | None, caller: Caller
) -> tuple[LockedRefund, LockedOrder]:
    """Lock a refund that is to get this note. Raises Invalid, NotFound, or both."""
    problems = Problems()
    with problems.under():
        check_text(note, "note", longest=NOTE_MAX)
    with problems.under():
        locked = await locked_refunds.lock(tx, refund_id, caller, ("id",))
    problems.refuse()
    return locked


async def _lock_order(tx: Transaction, command: CreateRefund, caller: Caller) -> LockedOrder:
    """Lock the order, then the return that the refund is for. Raises NotFound."""
    order = await locked_orders.lock(tx, command.order_id, ("orderId",))
    if not await sees_order(tx.session, caller, order.id):
        raise NotFound("order", str(command.order_id), field=("orderId",))
    if command.return_id is not None:
        tx.locking(LockClass.RETURN)
        row = await return_queries.lock_return(tx.session, command.return_id)
        is_seen = await sees_return(tx.session, caller, command.return_id)
        if row is None or row["order_id"] != order.id or not is_seen:
            raise NotFound("return", str(command.return_id), field=("returnId",))
    return order


def _items_of(order: LockedOrder, command: CreateRefund) -> list[int]:
    """The items that a refund is for: those of its lines, or all of the order."""
    asked = {line.order_line_id for line in command.lines}
    return [line.item_id for line in order.lines if not asked or line.id in asked]


def _break_down(
    found: Balances, command: CreateRefund, policy: PolicyVersion[RefundRules], note: str
) -> Breakdown:
    """The parts of the refund. Raises RefundExceedsBalance, Invalid or NotFound."""
    if command.amount is None:
        return break_down_claim(found, command.lines, policy, with_shipping=command.shipping)
    check_balance(command.amount, found.maximum_minor())
    return goodwill(command.amount, note, found.left_minor_by_part(), found.unclaimed_minor())


def _check_scope(command: CreateRefund) -> None:
    """Raise Invalid unless the refund is of an amount, or of lines, shipping, or both."""
    if (command.amount is None) == (not command.lines and not command.shipping):
        raise Invalid(
            "Exactly one is required: an amount, or lines and/or shipping.", field=("amount",)
        )
    if command.amount is not None and command.amount.minor <= 0:
        raise Invalid("The amount of a refund must be greater than 0.", field=("amount", "amount"))


def _check_amount(amount: Money | None, order: LockedOrder) -> None:
    if amount is not None and amount.currency != order.currency:
        raise Invalid(
            f"The amount must be in {order.currency}, the order's currency;"
            f" {amount.currency} was sent.",
            field=("amount", "currencyCode"),
            details={"allowed": [order.currency]},
        )


def _check(refund: LockedRefund, action: RefundAction) -> None:
    try:
        check_action(refund.status, action)
    except DomainError as error:
        raise error.under("id") from None


async def _amounts(
    tx: Transaction, refund: LockedRefund, order: LockedOrder, caller: Caller
) -> tuple[Money, Money]:
    """Total of the refunds opened together with this one, and of those on the order that the
    caller's actor has approved before.

    A limit applies to both together. It also covers the debt that goodwill takes off the order.
    """
    approved = {
        row["family_id"]
        for row in await refund_queries.approved_families(tx.session, order.id)
        if caller.acts_as(row["actor"])
    }
    amount = earlier = 0
    for row in await refund_queries.refunds_of_order(tx.session, order.id):
        if RefundStatus(row["status"]) in WITHDRAWN:
            continue
        minor = row["amount_minor"]
        if row["kind"] == RefundKind.GOODWILL:
            minor += row["unpaid_minor"] or 0
        if row["family_id"] == refund.family_id:
            amount += minor
        elif row["family_id"] in approved:
            earlier += minor
    currency = refund.amount.currency
    return Money(amount, currency), Money(earlier, currency)


async def _store_decision(
    tx: Transaction, refund: LockedRefund, caller: Caller, decision: str, note: str | None
) -> None:
    """Store an actor's decision about a refund. Such rows are never changed or deleted."""
    row = {
        "id": tx.new_id(),
        "refund_id": refund.id,
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
    refund: LockedRefund,
    *,
    before: RefundStatus | None,
) -> None:
    tx.outbox.audit(
        caller.actor,
        action,
        ("Refund", refund.id),
        before=None if before is None else {"status": str(before)},
        after={
            "status": str(refund.status),
            "amountMinor": refund.amount.minor,
            "currency": refund.amount.currency,
        },
    )
