"""Manual decisions about returns: authorize (also against the policy), decline, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import models.queries.refunds.payouts as payout_queries
import models.queries.returns.returns as return_queries
import workflows.returns.evaluation as return_evaluation
import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
import workflows.rollout.cases as cases
from domain.access.callers import Caller
from domain.errors import DomainError, IllegalTransition, Invalid
from domain.events.returns import ReturnAuthorized, ReturnCancelled, ReturnDeclined
from domain.policies.decisions import decided
from domain.problems import Problems
from domain.refunds.states import RefundStatus
from domain.returns.authorizations import check_authorization
from domain.returns.cancellations import check_cancellation
from domain.returns.returnable_units import check_room
from domain.returns.states import ReturnAction, ReturnStatus
from domain.values.codes import store_codes
from workflows.catalog.reason_codes import active_reason
from workflows.returns.evaluation import RequestedLine
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.requests import check_note
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class AuthorizeReturn:
    """Accept the units back. Against the policy a note with the reason is required."""

    return_id: UUID
    note: str | None = None


@dataclass(frozen=True, slots=True)
class DeclineReturn:
    """Refuse to take the units back."""

    return_id: UUID
    reason_code: str
    note: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "reason_code")


@dataclass(frozen=True, slots=True)
class CancelReturn:
    """Cancel the return: the customer keeps the units."""

    return_id: UUID


@one_by_one("returnAuthorize")
async def authorize(tx: Transaction, command: AuthorizeReturn, caller: Caller) -> Mapping[str, Any]:
    """Authorize a return that waits for a decision, or that was declined.

    A caller that may override the policy must give a note. Locks the order, then the return. Raises
    IllegalTransition, ReturnWindowClosed, NotReturnable, OverReturn (another return claims the
    units now), Invalid or NotFound. Records `return.authorized`.
    """
    problems = Problems()
    with problems.under():
        check_note(command.note, "note")
    with problems.under():
        locked = await locked_returns.lock(tx, command.return_id, caller, ("id",))
    problems.refuse()
    before = locked.status
    wanted = _wanted(locked)
    evaluation = await return_evaluation.evaluate(
        tx.session, locked.order, locked.channel, wanted, locked.requested_at, tx.now
    )
    objections = evaluation.verdict.objections
    try:
        check_authorization(before, objections, caller, command.note)
        if before is ReturnStatus.DECLINED:
            _check_not_disposed(locked)
            await _check_room(tx, locked)
    except Invalid:
        raise
    except DomainError as error:
        raise error.under("id") from None
    is_override = bool(objections) or before is ReturnStatus.DECLINED
    reason = f"{caller.actor} authorized the return" + (
        " against the policy." if is_override else "."
    )
    locked.decide(decided(evaluation.verdict.policy, "AUTHORIZED", _reasons(reason, command.note)))
    locked.authorize(caller.actor, tx.now)
    await return_records.write(tx, locked)
    await cases.compare(tx, ("Return", locked.id), locked.status, caller.actor)
    event = ReturnAuthorized(**return_records.step(locked, locked.groups, before))
    return_records.record(tx, event, locked, caller.actor)
    policy = evaluation.verdict.policy
    facts = {
        "override": is_override,
        "policy": f"{policy.kind} {policy.scope}",
        "version": policy.version,
        "objections": [objection.code for objection in objections],
    }
    return_records.audit(tx, caller.actor, "returnAuthorize", locked, before=before, facts=facts)
    return {"return": str(locked.id)}


@one_by_one("returnDecline")
async def decline(tx: Transaction, command: DeclineReturn, caller: Caller) -> Mapping[str, Any]:
    """Decline a return that waits for a decision.

    Locks the order, then the return. Raises IllegalTransition, Invalid or NotFound. Records
    `return.declined`.
    """
    problems = Problems()
    with problems.under():
        check_note(command.note, "note")
    with problems.under():
        reason = await active_reason(tx, command.reason_code, "DECLINE")
    with problems.under():
        locked = await locked_returns.lock(tx, command.return_id, caller, ("id",))
    problems.refuse()
    locked.check(ReturnAction.DECLINE, "id")
    before = locked.status
    locked.decline(reason.id)
    text = f"{caller.actor} declined the return: {reason.code}."
    reasons = _reasons(text, command.note)
    locked.decide({**locked.verdict, "outcome": "DECLINED", "reasons": reasons})
    await return_records.write(tx, locked)
    await cases.compare(tx, ("Return", locked.id), locked.status, caller.actor)
    facts = {"reason": reason.code}
    step = return_records.step(locked, locked.groups, before)
    return_records.record(tx, ReturnDeclined(**step, reason=reason.code), locked, caller.actor)
    return_records.audit(tx, caller.actor, "returnDecline", locked, before=before, facts=facts)
    return {"return": str(locked.id)}


@one_by_one("returnCancel")
async def cancel(tx: Transaction, command: CancelReturn, caller: Caller) -> Mapping[str, Any]:
    """Cancel a return of which no unit has been received, and no refund is paid or to be paid.

    Locks the order, then the return. Raises IllegalTransition or NotFound. Records
    `return.cancelled`.
    """
    locked = await locked_returns.lock(tx, command.return_id, caller, ("id",))
    before = locked.status
    names = await return_queries.refund_statuses(tx.session, locked.id)
    refunds = [RefundStatus(each) for each in names]
    if await payout_queries.is_return_contradicted(tx.session, locked.id):
        refunds.append(RefundStatus.UNKNOWN)
    try:
        check_cancellation(before, refunds)
    except DomainError as error:
        raise error.under("id") from None
    locked.set_status(ReturnStatus.CANCELLED)
    await return_records.write(tx, locked)
    event = ReturnCancelled(**return_records.step(locked, locked.groups, before))
    return_records.record(tx, event, locked, caller.actor)
    return_records.audit(tx, caller.actor, "returnCancel", locked, before=before)
    return {"return": str(locked.id)}


def _wanted(locked: LockedReturn) -> list[RequestedLine]:
    wanted = []
    for group in locked.groups:
        line = None if group.order_line_id is None else locked.order.line(group.order_line_id)
        if line is not None and group.reason is not None:
            wanted.append(RequestedLine(line, group.quantity, group.reason))
    return wanted


def _check_not_disposed(locked: LockedReturn) -> None:
    """Raise IllegalTransition if units that came for the declined return were disposed of.

    Their refund would have no units. The customer can request the rest as a new return.
    """
    if any(group.disposition is not None for group in locked.groups):
        raise IllegalTransition("return", locked.status, ReturnStatus.AUTHORIZED, ())


async def _check_room(tx: Transaction, locked: LockedReturn) -> None:
    """Raise OverReturn if other returns have claimed the units since this return was declined."""
    units: dict[UUID, int] = {}
    for group in locked.groups:
        if group.order_line_id is not None:
            units[group.order_line_id] = units.get(group.order_line_id, 0) + group.quantity
    check_room(units, await return_evaluation.returnable_lines(tx.session, locked.order))


def _reasons(reason: str, note: str | None) -> list[str]:
    return [reason, note] if note and note.strip() else [reason]
