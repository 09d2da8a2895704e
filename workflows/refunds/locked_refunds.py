"""A refund under its order's lock: status changes with their ledger entries and events.

    APPROVED   post the debt              SUCCEEDED  post the payout, or store credit
    CANCELLED  reverse the debt           REVERSED   reverse the payout and the debt

The debt of a cancellation's refund was posted by the cancellation. So only its payout, and the
reversal of the payout, are posted here. Events are `refund.opened` and `refund.<status>`; their
payload names the order and the return.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import domain.ledger.entries as ledger_entries
import models.queries.refunds.refunds as refund_queries
import models.queries.returns.returns as return_queries
import workflows.exceptions.opening as exceptions
import workflows.orders.locked_orders as locked_orders
import workflows.refunds.stored_values as stored_values
from domain.access.callers import Caller
from domain.errors import NotFound
from domain.events.refunds import (
    REFUND_STATUS_EVENTS,
    RefundApprovalRecorded,
    RefundEstimated,
    RefundOpened,
    RefundPayload,
    RefundStep,
)
from domain.exceptions import ExceptionKind
from domain.ledger.entries import LedgerEntry, Occasion
from domain.ledger.refund_entries import refund_decided, refund_paid
from domain.policies.refunds import Tender
from domain.refunds.accounts import CustomerAccount
from domain.refunds.approvals import Involvement, RefundKind
from domain.refunds.states import REFUND_TRANSITIONS, SETTLED, WITHDRAWN, RefundStatus
from domain.transitions import step
from domain.values.money import Money
from models.refunds import Refund, RefundRow, RefundUnit, RefundUnitRow
from workflows.access.visibility import sees_refund
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction

_S = RefundStatus


@dataclass(slots=True)
class LockedRefund:
    """A locked refund and its order."""

    row: RefundRow
    order: LockedOrder

    @property
    def id(self) -> UUID:
        return self.row["id"]

    @property
    def status(self) -> RefundStatus:
        return RefundStatus(self.row["status"])

    @property
    def kind(self) -> RefundKind:
        return RefundKind(self.row["kind"])

    @property
    def amount(self) -> Money:
        return Money(self.row["amount_minor"], self.row["currency"])

    @property
    def tender(self) -> Tender:
        return Tender(self.row["tender"])

    @property
    def return_id(self) -> UUID | None:
        return self.row["return_id"]

    @property
    def payment_id(self) -> UUID | None:
        return self.row["payment_id"]

    @property
    def family_id(self) -> UUID:
        return self.row["family_id"]

    @property
    def requested_by(self) -> str:
        return self.row["requested_by"]

    @property
    def evidence(self) -> str:
        """The evidence reached so far, as text."""
        return self.row["evidence"]

    @property
    def approvals_required(self) -> int:
        return self.row["approvals_required"]

    @property
    def decided_at(self) -> datetime | None:
        return self.row["decided_at"]

    @property
    def settled_at(self) -> datetime | None:
        return self.row["settled_at"]

    @property
    def version(self) -> int:
        return self.row["version"]

    def set_closing_note(self, note: str) -> None:
        """Set the reason why the refund was rejected, cancelled or settled by hand."""
        self.row["closing_note"] = note

    def set_gateway_reference(self, reference: str) -> None:
        """Set the gateway's reference of the attempt that decides the refund."""
        self.row["gateway_reference"] = reference


async def lock(
    tx: Transaction, refund_id: UUID, caller: Caller | None, path: tuple[str, ...]
) -> tuple[LockedRefund, LockedOrder]:
    """Lock a refund after its order and its return. `caller` None: no visibility check.

    Raises NotFound at `path` unless the refund exists and the caller sees it.
    """
    missing = NotFound("refund", str(refund_id), field=path)
    places = await refund_queries.places_of(tx.session, refund_id)
    if places is None:
        raise missing
    order = await locked_orders.lock(tx, places["order_id"], path)
    if caller is not None and not await sees_refund(tx.session, caller, refund_id):
        raise missing
    if places["return_id"] is not None:
        tx.locking(LockClass.RETURN)
        await return_queries.lock_return(tx.session, places["return_id"])
    tx.locking(LockClass.REFUND)
    row = await refund_queries.lock_refund(tx.session, refund_id)
    assert row is not None
    return LockedRefund({**row}, order), order


async def involvement(tx: Transaction, refund: LockedRefund) -> Involvement:
    """The actors that took part in a refund: in the request, the return, and the approvals."""
    parts: dict[str, set[str]] = {"requested": {refund.requested_by}}
    if refund.return_id is not None:
        found = await return_queries.actors_of(tx.session, refund.return_id)
        for actor, part in found.items():
            parts.setdefault(part, set()).add(actor)
    for row in await refund_queries.approvals_of(tx.session, refund.id):
        parts.setdefault("approved", set()).add(row["actor"])
    return Involvement(**{part: frozenset(actors) for part, actors in parts.items()})


async def add(
    tx: Transaction, refund: LockedRefund, units: Sequence[RefundUnitRow], actor: str
) -> None:
    """Insert a new refund with its units. Records `refund.opened`."""
    await tx.session.insert(Refund, [refund.row])
    await tx.session.insert(RefundUnit, units)
    _record(tx, refund, RefundOpened(**_step(refund, None)), actor)


async def update_estimate(
    tx: Transaction, refund: LockedRefund, units: Sequence[RefundUnitRow], actor: str
) -> None:
    """Write a refund that waits for evidence with other units and another amount.

    Records `refund.estimated`.
    """
    await refund_queries.delete_units(tx.session, [refund.id])
    await write(tx, refund)
    await tx.session.insert(RefundUnit, units)
    _record(tx, refund, RefundEstimated(**_step(refund, refund.status)), actor)


async def advance(
    tx: Transaction,
    refund: LockedRefund,
    status: RefundStatus,
    actor: str,
    *,
    attempt: int | None = None,
) -> None:
    """Move a refund to `status` and post the entry of this step.

    `attempt`: number of the payout attempt that led to it. A withdrawn refund no longer draws on
    its payment. Opens and clears exceptions. Raises IllegalTransition. Records `refund.<status>`.
    """
    before = refund.status
    refund.row["status"] = str(step("refund", REFUND_TRANSITIONS, before, status))
    await _post_step(tx, refund, before, actor)
    if status in (_S.NEEDS_APPROVAL, _S.APPROVED) and refund.decided_at is None:
        refund.row["decided_at"] = tx.now
    if status in SETTLED:
        refund.row["settled_at"] = tx.now
    await write(tx, refund)
    if status in WITHDRAWN and refund.payment_id is not None:
        await refund_queries.give_back(tx.session, refund.payment_id, refund.amount.minor)
    event = REFUND_STATUS_EVENTS[status](**_step(refund, before), attempt=attempt)
    _record(tx, refund, event, actor)
    await _update_exceptions(tx, refund)


async def approve(tx: Transaction, refund: LockedRefund, actor: str) -> None:
    """Move a refund to APPROVED. One of 0 then succeeds at once, because nothing is paid.

    Records `refund.approved`, and for a refund of 0 the events up to `refund.succeeded`.
    """
    await advance(tx, refund, _S.APPROVED, actor)
    if not refund.amount.minor:
        for status in (_S.PROCESSING, _S.SUCCEEDED):
            await advance(tx, refund, status, actor)


async def revise(tx: Transaction, refund: LockedRefund, actor: str) -> None:
    """Write a refund that waits for approval with another amount. Records `refund.estimated`."""
    await write(tx, refund)
    _record(tx, refund, RefundEstimated(**_step(refund, refund.status)), actor)


async def record_approval(
    tx: Transaction, refund: LockedRefund, actor: str, approvals: int
) -> None:
    """Record an approval of a refund that needs more. Records `refund.approval_recorded`."""
    await write(tx, refund)
    event = RefundApprovalRecorded(**_step(refund, refund.status), approvals=approvals)
    _record(tx, refund, event, actor)


async def write(tx: Transaction, refund: LockedRefund) -> None:
    """Write a refund as its next version."""
    refund.row["version"] += 1
    refund.row["updated_at"] = tx.now
    await refund_queries.write_refund(tx.session, refund.row)


async def _post_step(
    tx: Transaction, refund: LockedRefund, before: RefundStatus, actor: str
) -> None:
    """Post the ledger entries of the step from `before` to the present status."""
    row, is_owed_before = refund.row, refund.kind is RefundKind.CANCELLATION
    match refund.status:
        case _S.APPROVED if not is_owed_before:
            await _decide(tx, refund, actor)
        case _S.SUCCEEDED:
            row["paid_entry_id"] = _post(tx, refund, _paid(tx, refund), actor)
        case _S.CANCELLED if not is_owed_before and before in (_S.APPROVED, _S.FAILED):
            await _undo(tx, refund, "cancelled", actor)
        case _S.REVERSED:
            reason = "returned by the bank"
            _reverse(tx, refund, _paid(tx, refund), row["paid_entry_id"], reason, actor)
            if not is_owed_before:
                await _undo(tx, refund, reason, actor)


async def _decide(tx: Transaction, refund: LockedRefund, actor: str) -> None:
    """Post the refund's value: its amount is a liability, its unpaid part lowers the debt."""
    value, before = stored_values.value_of(refund.row), refund.order.account
    after = before.credited(value.unpaid_minor)
    entry = _decided(tx, refund, before, after)
    refund.row["decided_entry_id"] = _post(tx, refund, entry, actor)
    await _write_account(tx, refund, after)


async def _undo(tx: Transaction, refund: LockedRefund, reason: str, actor: str) -> None:
    """Reverse the value of a refund. Its unpaid part is owed again, from deposits first."""
    after = refund.order.account
    before = after.credited(-stored_values.value_of(refund.row).unpaid_minor)
    entry = _decided(tx, refund, before, after)
    _reverse(tx, refund, entry, refund.row["decided_entry_id"], reason, actor)
    await _write_account(tx, refund, before)


async def _write_account(tx: Transaction, refund: LockedRefund, account: CustomerAccount) -> None:
    if account != refund.order.account:
        refund.order.account = account
        await locked_orders.write_account(tx, refund.order)


def _decided(
    tx: Transaction, refund: LockedRefund, before: CustomerAccount, after: CustomerAccount
) -> LedgerEntry:
    return refund_decided(
        stored_values.value_of(refund.row),
        refund.amount.currency,
        _occasion(tx, refund),
        before=before,
        after=after,
    )


def _paid(tx: Transaction, refund: LockedRefund) -> LedgerEntry:
    return refund_paid(refund.amount, refund.tender, _occasion(tx, refund))


def _occasion(tx: Transaction, refund: LockedRefund) -> Occasion:
    return Occasion(refund.order.number, refund.order.time_of(tx.now))


def _reverse(
    tx: Transaction,
    refund: LockedRefund,
    entry: LedgerEntry,
    entry_id: UUID | None,
    reason: str,
    actor: str,
) -> None:
    # A refund whose whole amount a cancellation already owed has posted no debt.
    if entry_id is not None:
        at = max(refund.order.time_of(tx.now), refund.settled_at or tx.now)
        _post(tx, refund, ledger_entries.reversal(entry, entry_id, reason, at), actor)


def _post(tx: Transaction, refund: LockedRefund, entry: LedgerEntry, actor: str) -> UUID | None:
    return tx.journal.post(entry, actor=actor, channel_id=refund.order.channel_id)


def _step(refund: LockedRefund, before: RefundStatus | None) -> RefundStep:
    """The fields that every event of a refund has."""
    row = refund.row
    return {
        "order": row["order_id"],
        "return_": row["return_id"],
        "number": refund.order.number,
        "status": refund.status,
        "before": before,
        "tender": refund.tender,
        "amount_minor": row["amount_minor"],
        "currency": row["currency"],
    }


def _record(tx: Transaction, refund: LockedRefund, event: RefundPayload, actor: str) -> None:
    tx.outbox.record(
        event,
        refund.id,
        actor=actor,
        version=refund.version,
        channel_id=refund.order.channel_id,
    )


async def _update_exceptions(tx: Transaction, refund: LockedRefund) -> None:
    """Open REFUND_OVERDUE if a person must act; clear exceptions that the new status ends."""
    subject, channel_id = ("Refund", refund.id), refund.order.channel_id
    if refund.status in (_S.SUCCEEDED, _S.CANCELLED, _S.REJECTED):
        await exceptions.clear(tx, ExceptionKind.REFUND_OVERDUE, subject)
    if refund.status is _S.CANCELLED:
        # It was not paid: nothing is to be recovered.
        await exceptions.clear(tx, ExceptionKind.REFUND_RECOVERY, subject)
    if not refund.amount.minor:
        return
    template = {
        _S.FAILED: "The gateway refused the refund of {}. Retry or cancel it.",
        _S.REVERSED: "The bank returned the refund of {}: the customer did not receive it.",
    }.get(refund.status)
    if template is not None:
        message = template.format(refund.amount)
        kind = ExceptionKind.REFUND_OVERDUE
        await exceptions.open_exception(tx, kind, subject, message, channel_id=channel_id)
