"""A refund under its order's lock: moved from state to state, with what each step books.

    APPROVED    the books owe it           SUCCEEDED   it is paid out, or store credit
    CANCELLED   the debt is taken back     REVERSED    the payment and the debt are taken back

A cancellation's refund is owed since the cancellation: only paying it out, and that coming back,
is booked here. Events are `refund.opened` and `refund.<status>`; their data name order and return.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

import domain.ledger.entries as ledger_entries
import models.queries.refunds.refunds as refund_queries
import models.queries.returns.returns as return_queries
import workflows.exceptions.opening as exceptions
import workflows.orders.locked_orders as locked_orders
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
from domain.refunds.approvals import Involvement, RefundKind
from domain.refunds.breakdowns import Breakdown, Component, ComponentKind
from domain.refunds.states import REFUND_TRANSITIONS, SETTLED, WITHDRAWN, RefundStatus
from domain.transitions import step
from domain.values.money import Money
from models.refunds import Refund, RefundRow, RefundUnit, RefundUnitRow
from workflows.access.visibility import sees_order
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction

_S = RefundStatus


@dataclass(slots=True)
class LockedRefund:
    """A refund as it is now, and its order."""

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
        """The evidence that has been reached, as text."""
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
        """Set the gateway's number of the attempt that counts."""
        self.row["gateway_reference"] = reference


async def lock(
    tx: Transaction, refund_id: UUID, caller: Caller | None, path: tuple[str, ...]
) -> tuple[LockedRefund, LockedOrder]:
    """Lock a refund behind its order and its return; `caller` None: everything is visible.

    Raises NotFound at `path` where it does not exist for the caller.
    """
    missing = NotFound("refund", str(refund_id), field=path)
    places = await refund_queries.places_of(tx.session, refund_id)
    if places is None:
        raise missing
    order = await locked_orders.lock(tx, places["order_id"], path)
    if caller is not None and not await sees_order(tx.session, caller, order.id):
        raise missing
    if places["return_id"] is not None:
        tx.locking(LockClass.RETURN)
        await return_queries.lock_return(tx.session, places["return_id"])
    tx.locking(LockClass.REFUND)
    row = await refund_queries.lock_refund(tx.session, refund_id)
    assert row is not None
    return LockedRefund({**row}, order), order


async def involvement(tx: Transaction, case: LockedRefund) -> Involvement:
    """The actors that had a part in a refund: in the request, the return, and the approvals."""
    parts: dict[str, set[str]] = {"requested": {case.requested_by}}
    if case.return_id is not None:
        found = await return_queries.actors_of(tx.session, case.return_id)
        for actor, part in found.items():
            parts.setdefault(part, set()).add(actor)
    for row in await refund_queries.approvals_of(tx.session, case.id):
        parts.setdefault("approved", set()).add(row["actor"])
    return Involvement(**{part: frozenset(actors) for part, actors in parts.items()})


async def add(
    tx: Transaction, case: LockedRefund, units: Sequence[RefundUnitRow], actor: str
) -> None:
    """Write a new refund with its units."""
    await tx.session.insert(Refund, [case.row])
    await tx.session.insert(RefundUnit, units)
    _record(tx, case, RefundOpened(**_step(case, None)), actor)


async def renew(
    tx: Transaction, case: LockedRefund, units: Sequence[RefundUnitRow], actor: str
) -> None:
    """Write a refund that waits for evidence anew, with other units and another amount."""
    await refund_queries.delete_units(tx.session, [case.id])
    await write(tx, case)
    await tx.session.insert(RefundUnit, units)
    _record(tx, case, RefundEstimated(**_step(case, case.status)), actor)


async def advance(
    tx: Transaction,
    case: LockedRefund,
    status: RefundStatus,
    actor: str,
    *,
    attempt: int | None = None,
) -> None:
    """Move a refund on and book what the step means; `attempt`: of the payout that led to it.

    Raises IllegalTransition.
    """
    before = case.status
    case.row["status"] = str(step("refund", REFUND_TRANSITIONS, before, status))
    _book(tx, case, before, actor)
    if status in (_S.NEEDS_APPROVAL, _S.APPROVED) and case.decided_at is None:
        case.row["decided_at"] = tx.now
    if status in SETTLED:
        case.row["settled_at"] = tx.now
    await write(tx, case)
    if status in WITHDRAWN and case.payment_id is not None:
        await refund_queries.give_back(tx.session, case.payment_id, case.amount.minor)
    event = REFUND_STATUS_EVENTS[status](**_step(case, before), attempt=attempt)
    _record(tx, case, event, actor)
    await _tell_people(tx, case)


async def agree(tx: Transaction, case: LockedRefund, actor: str, approvals: int) -> None:
    """Keep that one more actor agrees to a refund that needs still others."""
    await write(tx, case)
    event = RefundApprovalRecorded(**_step(case, case.status), approvals=approvals)
    _record(tx, case, event, actor)


async def write(tx: Transaction, case: LockedRefund) -> None:
    """Write a refund as its next version."""
    case.row["version"] += 1
    await refund_queries.write_refund(tx.session, case.row)


def breakdown_of(row: RefundRow) -> Breakdown:
    """A refund's components, as its row keeps them."""
    return Breakdown(
        tuple(
            Component(ComponentKind(part["kind"]), part["amountMinor"], part["note"])
            for part in orjson.loads(row["breakdown"])
        )
    )


def breakdown_text(breakdown: Breakdown) -> str:
    """A refund's components, as its row keeps them."""
    return orjson.dumps(
        [
            {"kind": str(part.kind), "amountMinor": part.amount_minor, "note": part.note}
            for part in breakdown.components
        ]
    ).decode()


def _book(tx: Transaction, case: LockedRefund, before: RefundStatus, actor: str) -> None:
    """Post what the step from `before` to the case's status means."""
    row, is_owed_before = case.row, case.kind is RefundKind.CANCELLATION
    match case.status:
        case _S.APPROVED if not is_owed_before:
            row["decided_entry_id"] = _post(tx, case, _decided(tx, case), actor)
        case _S.SUCCEEDED:
            row["paid_entry_id"] = _post(tx, case, _paid(tx, case), actor)
        case _S.CANCELLED if not is_owed_before and before in (_S.APPROVED, _S.FAILED):
            _take_back(tx, case, _decided(tx, case), row["decided_entry_id"], "cancelled", actor)
        case _S.REVERSED:
            why = "the bank sent it back"
            _take_back(tx, case, _paid(tx, case), row["paid_entry_id"], why, actor)
            if not is_owed_before:
                _take_back(tx, case, _decided(tx, case), row["decided_entry_id"], why, actor)


def _decided(tx: Transaction, case: LockedRefund) -> LedgerEntry:
    return refund_decided(
        breakdown_of(case.row),
        case.amount.currency,
        Occasion(case.order.number, tx.now),
        owed_minor=case.row["owed_minor"],
    )


def _paid(tx: Transaction, case: LockedRefund) -> LedgerEntry:
    return refund_paid(case.amount, case.tender, Occasion(case.order.number, tx.now))


def _take_back(
    tx: Transaction,
    case: LockedRefund,
    entry: LedgerEntry,
    entry_id: UUID | None,
    why: str,
    actor: str,
) -> None:
    # A refund that a cancellation owed in full has posted no debt of its own.
    if entry_id is not None:
        _post(tx, case, ledger_entries.reversal(entry, entry_id, why, tx.now), actor)


def _post(tx: Transaction, case: LockedRefund, entry: LedgerEntry, actor: str) -> UUID | None:
    return tx.journal.post(entry, actor=actor, channel_id=case.order.channel_id)


def _step(case: LockedRefund, before: RefundStatus | None) -> RefundStep:
    """The fields that every event of a refund has."""
    row = case.row
    return {
        "order": row["order_id"],
        "return_": row["return_id"],
        "number": case.order.number,
        "status": case.status,
        "before": before,
        "tender": case.tender,
        "amount_minor": row["amount_minor"],
        "currency": row["currency"],
    }


def _record(tx: Transaction, case: LockedRefund, event: RefundPayload, actor: str) -> None:
    tx.outbox.record(
        event,
        case.id,
        actor=actor,
        version=case.version,
        channel_id=case.order.channel_id,
    )


async def _tell_people(tx: Transaction, case: LockedRefund) -> None:
    """Open an exception for what only a person can go on with, and clear what is settled."""
    subject, channel_id = ("Refund", case.id), case.order.channel_id
    if case.status in (_S.SUCCEEDED, _S.FAILED):
        await exceptions.clear(tx, ExceptionKind.REFUND_UNKNOWN, subject)
    if case.status in (_S.SUCCEEDED, _S.CANCELLED, _S.REJECTED):
        await exceptions.clear(tx, ExceptionKind.REFUND_OVERDUE, subject)
    told = {
        _S.FAILED: "The gateway refused the refund of {}: retry or cancel it.",
        _S.REVERSED: "The bank sent the refund of {} back: the customer has not got it.",
    }.get(case.status)
    if told is not None:
        words = told.format(case.amount)
        kind = ExceptionKind.REFUND_OVERDUE
        await exceptions.open(tx, kind, subject, words, channel_id=channel_id)
