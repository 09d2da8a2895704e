"""Refunds of returns: opened, estimated and decided as evidence about the units arrives.

A refund is opened when units have the first evidence that the policy requires. It is decided when
they have the last. Units are counted per order line and grade, because return items split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import models.queries.refunds.refunds as refund_queries
import models.queries.returns.returns as return_queries
import workflows.orders.locked_orders as locked_orders
import workflows.policies.publishing as policies
import workflows.refunds.balances as order_balances
import workflows.refunds.cancellation_refunds as cancellation_refunds
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.opening as refund_opening
import workflows.refunds.unearned_units as unearned_units
from domain.events.returns import ReturnDisposed, ReturnedUnits, ReturnPayload
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.policies.policies import Facts, PolicyKind, PolicyVersion, choose
from domain.policies.refunds import Evidence, RefundRules
from domain.refunds.approvals import RefundKind
from domain.refunds.breakdowns import (
    Breakdown,
    Component,
    ComponentKind,
    LineAccount,
    UnitsToRefund,
    break_down,
    is_whole_order,
)
from domain.refunds.states import RefundStatus, shipping_to_refund
from domain.returns.evidence import is_proven, opens_refund
from domain.returns.returnable_units import FORGOTTEN
from domain.returns.states import ReturnStatus
from models.queries.returns.returns import LockedReturnRow, RefundableUnits
from workflows.refunds.balances import Balances
from workflows.refunds.locked_refunds import LockedRefund
from workflows.refunds.opening import POLICY, RefundDraft
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

_PENDING = RefundStatus.EVIDENCE_PENDING


@dataclass(frozen=True, slots=True)
class Batch:
    """Units of a return that one policy decides together."""

    policy: PolicyVersion[RefundRules]
    units: tuple[RefundableUnits, ...]

    @property
    def reached(self) -> tuple[Evidence, ...]:
        """The evidence that all of the units have reached."""
        ladders = [unit.evidence for unit in self.units]
        return tuple(each for each in Evidence if all(each in ladder for ladder in ladders))


async def update_refunds_of_return(tx: Transaction, event: PendingEvent[ReturnPayload]) -> None:
    """Open, update, decide or cancel the refunds of the return that the event is about.

    Refunds of units that do not stay are withdrawn, or recovered if they were sent already.
    """
    await tx.flush()
    return_id = UUID(event.subject_key)
    row = await return_queries.lock_return(tx.session, return_id)
    assert row is not None
    units = await return_queries.refundable_units(tx.session, return_id)
    order = await locked_orders.reload(tx, row["order_id"])
    balances = await order_balances.read(tx, order)
    await cancellation_refunds.open_missing(tx, balances)
    unearned = await unearned_units.follow(tx, balances, return_id, units, event.payload)
    if isinstance(event.payload, ReturnDisposed) and not unearned:
        await _record_units_sent_back(tx, balances, row, event.payload, event.actor)
    await _open_and_decide(tx, balances, row, units, event.actor)


async def decide_again(tx: Transaction, return_id: UUID, actor: str) -> None:
    """Open and decide refunds for the units of a return of which refunds were withdrawn."""
    await tx.flush()
    row = await return_queries.lock_return(tx.session, return_id)
    assert row is not None
    units = await return_queries.refundable_units(tx.session, return_id)
    order = await locked_orders.reload(tx, row["order_id"])
    balances = await order_balances.read(tx, order)
    await _open_and_decide(tx, balances, row, units, actor)


async def _open_and_decide(
    tx: Transaction,
    balances: Balances,
    row: LockedReturnRow,
    units: Sequence[RefundableUnits],
    actor: str,
) -> None:
    """Open, update, decide or cancel the refunds of units that no decided refund has."""
    return_id = row["id"]
    pending = _pending(balances, return_id)
    undecided = _without_decided(units, balances, return_id)
    policy_of = await _policies(tx, balances, undecided)
    proven, waiting = _split_by_evidence(undecided, policy_of)
    if not proven and _is_up_to_date(pending, waiting, balances):
        return
    excluded = {refund.id for refund in pending}
    reusable = list(pending)
    # Proven units get a new refund while other units still wait for evidence. If all units are
    # proven, the pending refund is decided, and no new one is opened.
    for batch in proven:
        await _open(tx, balances, row, batch, actor, [] if waiting else reusable, excluded)
    for batch in waiting:
        await _open(tx, balances, row, batch, actor, reusable, excluded)
    await _cancel_unneeded(tx, balances, reusable)
    await order_balances.write(tx, balances)


async def _open(
    tx: Transaction,
    balances: Balances,
    row: LockedReturnRow,
    batch: Batch,
    actor: str,
    reuse: list[LockedRefund],
    excluded: set[UUID],
) -> None:
    """Open the refunds of a batch of units. Reused refunds then count in the balances again."""
    draft = _draft(balances, row, batch, excluded)
    if draft is None:
        return
    opened = await refund_opening.open_refunds(
        tx,
        balances,
        refund_opening.within(draft, balances, excluded),
        actor=actor,
        reuse=reuse,
        excluded=excluded,
    )
    excluded -= {refund.id for refund in opened}


async def _cancel_unneeded(
    tx: Transaction, balances: Balances, refunds_left: Iterable[LockedRefund]
) -> None:
    """Cancel pending refunds of units that will not be received."""
    for refund in refunds_left:
        await refund_queries.delete_units(tx.session, [refund.id])
        refund.set_closing_note("None of its units will be received.")
        await locked_refunds.advance(tx, refund, RefundStatus.CANCELLED, POLICY)
        balances.put(refund.row)


async def _record_units_sent_back(
    tx: Transaction, balances: Balances, row: LockedReturnRow, event: ReturnDisposed, actor: str
) -> None:
    """Open a refund of 0 that records why units which go back to the customer bring no money.

    It has no units: the customer keeps them, so their order line is not undone.
    """
    sent_back = [
        each
        for each in event.items
        if each.order_line is not None and each.disposition is Disposition.RETURN_TO_CUSTOMER
    ]
    if not sent_back or ReturnStatus(row["status"]) in FORGOTTEN:
        return
    lines = {each.order_line for each in sent_back}
    items = [line.item_id for line in balances.order.lines if str(line.id) in lines]
    facts = await refund_opening.facts_of(tx, balances.order, items)
    policy = await refund_opening.policy_for(tx, facts)
    draft = RefundDraft(
        kind=RefundKind.RETURN,
        breakdown=Breakdown(tuple(_sent_back(each) for each in sent_back)),
        tender=policy.rules.tender,
        policy=policy,
        requested_by=row["requested_by"],
        return_id=row["id"],
        required=policy.rules.evidence,
        reached=tuple(Evidence),
        reasons=("The units go back to the customer: they bring no refund.",),
    )
    await refund_opening.open_refunds(tx, balances, draft, actor=actor)


def _sent_back(units: ReturnedUnits) -> Component:
    note = f"{units.quantity} × {units.sku}: goes back to the customer (RETURN_TO_CUSTOMER)"
    return Component(ComponentKind.ITEMS, 0, note)


def _pending(balances: Balances, return_id: UUID) -> list[LockedRefund]:
    return [
        LockedRefund({**refund}, balances.order)
        for refund in balances.refunds.values()
        if refund["return_id"] == return_id and refund["status"] == _PENDING
    ]


def _without_decided(
    units: Sequence[RefundableUnits], balances: Balances, return_id: UUID
) -> list[RefundableUnits]:
    """The units that are in no decided refund of this return.

    Decided units are matched by grade. Units decided before grading are matched with those that
    have the most evidence.
    """
    decided: dict[tuple[UUID, str | None], int] = {}
    for row in balances.units:
        refund = balances.refunds[row["refund_id"]]
        is_of_return = refund["return_id"] == return_id and refund["kind"] == RefundKind.RETURN
        if is_of_return and refund["status"] != _PENDING:
            key = (row["order_line_id"], row["condition"])
            decided[key] = decided.get(key, 0) + row["quantity"]
    left = []
    for unit in sorted(units, key=lambda each: -len(each.evidence)):
        quantity = unit.quantity
        for grade in (unit.condition, None) if unit.condition is not None else (None,):
            key = (unit.order_line_id, grade)
            taken = min(quantity, decided.get(key, 0))
            decided[key] = decided.get(key, 0) - taken
            quantity -= taken
        if quantity:
            left.append(replace(unit, quantity=quantity))
    return left


async def _policies(
    tx: Transaction, balances: Balances, units: Iterable[RefundableUnits]
) -> Mapping[UUID, PolicyVersion[RefundRules]]:
    """The policy that decides each group of units, by the group's id."""
    channel = await refund_opening.channel_of(tx, balances.order)
    in_force = await policies.in_force(tx.session, PolicyKind.REFUND, tx.now)
    return {
        unit.return_item_id: choose(in_force, Facts(channel.code, unit.category), tx.now)
        for unit in units
    }


def _split_by_evidence(
    units: Iterable[RefundableUnits], policy_of: Mapping[UUID, PolicyVersion[RefundRules]]
) -> tuple[list[Batch], list[Batch]]:
    """Batches that can be decided, and batches that wait for evidence, each by policy."""
    proven: dict[str, Batch] = {}
    waiting: dict[str, Batch] = {}
    for unit in units:
        policy = policy_of[unit.return_item_id]
        required = policy.rules.evidence
        if not unit.evidence or not opens_refund(required, unit.evidence):
            continue
        batches = proven if is_proven(required, unit.evidence) else waiting
        batch = batches.get(str(policy.scope), Batch(policy, ()))
        batches[str(policy.scope)] = replace(batch, units=(*batch.units, unit))
    return list(proven.values()), list(waiting.values())


def _is_up_to_date(
    pending: Sequence[LockedRefund], waiting: Sequence[Batch], balances: Balances
) -> bool:
    """True if the pending refunds are already for exactly these units and this evidence."""
    ids = {refund.id for refund in pending}
    has: dict[UUID, int] = {}
    for unit in balances.units:
        if unit["refund_id"] in ids:
            has[unit["order_line_id"]] = has.get(unit["order_line_id"], 0) + unit["quantity"]
    wants: dict[UUID, int] = {}
    for batch in waiting:
        for each in batch.units:
            wants[each.order_line_id] = wants.get(each.order_line_id, 0) + each.quantity
    reached = {refund_opening.evidence_text(batch.reached) for batch in waiting}
    return has == wants and {refund.evidence for refund in pending} == reached


def _grades(
    batch: Batch, lines: Mapping[UUID, LineAccount]
) -> dict[tuple[UUID, ConditionGrade | None], int]:
    """Units by order line and grade, limited to the units that their lines have left to refund.

    Units of an expired return may have been refunded and come back in another return.
    """
    is_decided = is_proven(batch.policy.rules.evidence, batch.reached)
    left = {line_id: line.units - line.units_so_far for line_id, line in lines.items()}
    grades: dict[tuple[UUID, ConditionGrade | None], int] = {}
    for unit in batch.units:
        quantity = min(unit.quantity, left[unit.order_line_id])
        left[unit.order_line_id] -= quantity
        key = (unit.order_line_id, unit.condition if is_decided else None)
        if quantity:
            grades[key] = grades.get(key, 0) + quantity
    return grades


def _draft(
    balances: Balances, row: LockedReturnRow, batch: Batch, excluded: set[UUID]
) -> RefundDraft | None:
    """The refund of these units: with deductions by grade if proven, else an estimate."""
    rules, lines = batch.policy.rules, balances.of_lines(excluded)
    grades = _grades(batch, lines)
    if not grades:
        return None
    parts = [
        UnitsToRefund(line_id, quantity, rules.deduction(grade), str(grade))
        if grade is not None
        else UnitsToRefund(line_id, quantity)
        for (line_id, grade), quantity in grades.items()
    ]
    # Units whose refund is not decided are not undone yet.
    is_whole = is_whole_order(parts, balances.of_lines(excluded | balances.undecided()).values())
    left = balances.of_shipping(excluded)
    shipping = shipping_to_refund(rules, left, is_whole_order=is_whole)
    breakdown = break_down(
        parts, lines, balances.currency, shipping=shipping, fee_rate=rules.restocking_fee
    )
    return RefundDraft(
        kind=RefundKind.RETURN,
        breakdown=breakdown,
        tender=rules.tender,
        policy=batch.policy,
        requested_by=row["requested_by"],
        conditions=tuple(grade for _, grade in grades),
        return_id=row["id"],
        required=rules.evidence,
        reached=batch.reached,
        facts={
            "categories": sorted({unit.category or "" for unit in batch.units}),
            "isWholeOrder": is_whole,
            "shippingLeftMinor": [left.shipping_minor, left.tax_minor],
        },
    )
