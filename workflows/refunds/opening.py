"""Opening of refunds: an amount becomes one refund for each payment that it draws on.

The caller holds the order's lock and has read the order's balances.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import workflows.policies.publishing as policies
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.refund_cases as refund_cases
import workflows.refunds.stored_values as stored_values
from domain.policies.decisions import decided
from domain.policies.dispositions import ConditionGrade
from domain.policies.policies import Facts, PolicyKind, PolicyVersion, choose, shared_category
from domain.policies.refunds import Evidence, RefundRules, Tender
from domain.refunds.approvals import (
    RefundDecision,
    RefundKind,
    decide,
    decide_zero,
    left_to_people,
)
from domain.refunds.balances import draw
from domain.refunds.breakdowns import Breakdown, split, within_order
from domain.refunds.states import RefundStatus
from domain.values.money import Money
from models.queries.catalog.lookups import ChannelFacts
from models.refunds import RefundRow, RefundUnitRow
from workflows.orders.locked_orders import LockedOrder
from workflows.refunds.balances import NONE, Balances
from workflows.refunds.locked_refunds import LockedRefund
from workflows.refunds.refund_cases import RefundCase
from workflows.transactions.transaction import Transaction

# Actor of decisions made by policy. No API key may have this name (domain/access/api_keys.py).
POLICY = "policy"


@dataclass(frozen=True, slots=True)
class RefundDraft:
    """An amount to refund, with its reason.

    `conditions`: the grade of each share of the breakdown. While `waits_for` is not empty, evidence
    is missing: the amount is an estimate and nothing is decided. `facts`: data that a preview needs
    to decide the refund again.
    """

    kind: RefundKind
    breakdown: Breakdown
    tender: Tender
    policy: PolicyVersion[RefundRules]
    requested_by: str
    conditions: tuple[ConditionGrade | None, ...] = ()
    return_id: UUID | None = None
    cancellation_id: UUID | None = None
    reason_id: int | None = None
    note: str | None = None
    required: tuple[Evidence, ...] = ()
    reached: tuple[Evidence, ...] = ()
    reasons: tuple[str, ...] = ()
    decided_entry_id: UUID | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def waits_for(self) -> tuple[Evidence, ...]:
        """Evidence that the policy requires and that is still missing."""
        return tuple(each for each in self.required if each not in self.reached)


async def channel_of(tx: Transaction, order: LockedOrder) -> ChannelFacts:
    """The channel of an order."""
    channel_id: int = order.channel_id
    return (await lookups.channels_by_id(tx.session, [channel_id]))[channel_id]


async def facts_of(tx: Transaction, order: LockedOrder, item_ids: Iterable[int]) -> Facts:
    """Facts by which the policy of a refund for these items of an order is chosen."""
    channel = await channel_of(tx, order)
    items = await lookups.items_by_id(tx.session, item_ids)
    return Facts(channel.code, shared_category(item.category for item in items.values()))


async def policy_for(tx: Transaction, facts: Facts) -> PolicyVersion[RefundRules]:
    """The REFUND policy that decides a case with these facts now."""
    return choose(await policies.in_force(tx.session, PolicyKind.REFUND, tx.now), facts, tx.now)


def within(
    draft: RefundDraft, balances: Balances, excluded: Collection[UUID] = NONE
) -> RefundDraft:
    """The draft as the order's money allows it, with reasons for what is less.

    Parts that undecided refunds take are not left. Debts follow from decided refunds alone, so
    that the amount does not depend on the order in which refunds are decided.
    """
    asked = draft.breakdown
    booked = {*excluded, *balances.undecided()}
    allowed = within_order(
        asked,
        balances.left_minor_by_part(excluded),
        kept_minor=balances.kept_minor(booked),
        live_minor=balances.live_minor(booked),
    )
    value, reasons = allowed.value, list(draft.reasons)
    if value.net_minor < asked.value.net_minor:
        most = Money(value.net_minor, balances.currency)
        reasons.append(f"Reduced to {most}: the order has no more left to refund.")
    if value.unpaid_minor:
        unpaid = Money(value.unpaid_minor, balances.currency)
        reasons.append(f"{unpaid} was never paid; it lowers what the order owes.")
    return replace(draft, breakdown=allowed, reasons=tuple(reasons))


def evidence_text(evidence: Iterable[Evidence]) -> str:
    """Evidence in the form of a refund's row."""
    return ", ".join(evidence)


async def open_refunds(
    tx: Transaction,
    balances: Balances,
    draft: RefundDraft,
    *,
    actor: str,
    reuse: list[LockedRefund] | None = None,
    excluded: Collection[UUID] = NONE,
) -> list[LockedRefund]:
    """Open one refund per payment that the amount draws on; decide them if all evidence is there.

    Refunds in `reuse` that wait for evidence become the new ones and are removed from the list.
    `excluded` names refunds that do not count meanwhile. Raises RefundExceedsBalance.
    """
    amount = Money(draft.breakdown.amount_minor, balances.currency)
    cumulative = balances.cumulative(excluded) + amount
    decision = decide_again(draft, cumulative)
    case, would = await _case(tx, balances, draft, reuse), None
    if case is not None:
        would = None if draft.waits_for else await case.would(tx, decision)
        decision = left_to_people(decision, case.switch.reason)
    if amount.minor <= 0:
        old = reuse.pop(0) if reuse else None
        refund = await _open_zero(tx, balances, draft, decision, actor, old, cumulative)
        if case is not None:
            case.store(tx, refund.id, would)
        return [refund]
    draws = draw(amount, balances.of_payments(excluded))
    family_id = tx.new_id()
    opened = []
    parts = split(draft.breakdown, [each.amount_minor for each in draws])
    for part, drawn in zip(parts, draws, strict=True):
        old = reuse.pop(0) if reuse else None
        row = row_of(tx, balances, draft, part, old)
        row["family_id"], row["payment_id"] = family_id, balances.payment_of(drawn)
        row["decision"] = decision_text(draft, decision.status, decision.reasons, cumulative)
        if not draft.waits_for:
            row["approvals_required"] = decision.approvals_required
        refund = LockedRefund(row, balances.order)
        units = _units(tx, refund.id, part, draft.conditions)
        await _save(tx, refund, units, old, actor)
        if case is not None:
            case.store(tx, refund.id, would)
        if not draft.waits_for:
            await locked_refunds.advance(tx, refund, decision.status, POLICY)
        balances.put(refund.row, units)
        opened.append(refund)
    return opened


async def _case(
    tx: Transaction, balances: Balances, draft: RefundDraft, reuse: Sequence[LockedRefund] | None
) -> RefundCase | None:
    """The case of the refunds of a draft; None if no person needs to decide it."""
    if draft.kind is not RefundKind.RETURN or draft.return_id is None:
        return None
    waiting = [refund.id for refund in reuse or ()]
    return await refund_cases.begin(tx, balances.order, draft.return_id, waiting)


def decide_again(draft: RefundDraft, cumulative: Money) -> RefundDecision:
    """The decision on the draft, once its evidence is complete.

    `cumulative`: the order's refunds that count, with this one.
    """
    conditions = [each for each in draft.conditions if each is not None]
    amount = Money(draft.breakdown.amount_minor, cumulative.currency)
    if amount.minor > 0:
        return decide(draft.kind, draft.policy, amount, cumulative, conditions)
    value = Money(draft.breakdown.value.net_minor, cumulative.currency)
    return decide_zero(draft.kind, draft.policy, value, conditions)


async def _save(
    tx: Transaction,
    refund: LockedRefund,
    units: Sequence[RefundUnitRow],
    old: LockedRefund | None,
    actor: str,
) -> None:
    if old is None:
        await locked_refunds.add(tx, refund, units, actor)
    else:
        await locked_refunds.update_estimate(tx, refund, units, actor)


async def _open_zero(
    tx: Transaction,
    balances: Balances,
    draft: RefundDraft,
    decision: RefundDecision,
    actor: str,
    old: LockedRefund | None,
    cumulative: Money,
) -> LockedRefund:
    """Open a refund of 0. Once approved, it succeeds without the gateway, and its units count."""
    row = row_of(tx, balances, draft, draft.breakdown, old)
    row["decision"] = decision_text(draft, decision.status, decision.reasons, cumulative)
    if not draft.waits_for:
        row["approvals_required"] = decision.approvals_required
    refund = LockedRefund(row, balances.order)
    units = _units(tx, refund.id, draft.breakdown, draft.conditions)
    await _save(tx, refund, units, old, actor)
    if decision.approvals_required and not draft.waits_for:
        await locked_refunds.advance(tx, refund, RefundStatus.NEEDS_APPROVAL, POLICY)
    elif not draft.waits_for:
        await locked_refunds.approve(tx, refund, POLICY)
    balances.put(refund.row, units)
    return refund


def row_of(
    tx: Transaction,
    balances: Balances,
    draft: RefundDraft,
    part: Breakdown,
    old: LockedRefund | None,
) -> RefundRow:
    """Row of a new refund, or of the next version of `old`."""
    refund_id = tx.new_id()
    row: RefundRow = {
        "id": refund_id,
        "order_id": balances.order.id,
        "return_id": draft.return_id,
        "cancellation_id": draft.cancellation_id,
        "payment_id": None,
        "family_id": refund_id,
        "kind": str(draft.kind),
        "status": str(RefundStatus.EVIDENCE_PENDING),
        "amount_minor": part.amount_minor,
        "currency": balances.currency,
        "tender": str(draft.tender),
        "reason_id": draft.reason_id,
        "note": draft.note,
        "breakdown": stored_values.breakdown_text(part),
        "decision": "",
        "required_evidence": evidence_text(draft.required),
        "evidence": evidence_text(draft.reached),
        "approvals_required": 0,
        "requested_by": draft.requested_by,
        "decided_entry_id": draft.decided_entry_id,
        "paid_entry_id": None,
        "gateway_reference": None,
        "closing_note": None,
        "created_at": tx.now,
        "decided_at": None,
        "settled_at": None,
        "version": 1,
        "updated_at": tx.now,
        **stored_values.value_columns(part.value),
    }
    if old is not None:
        kept = old.row
        row["id"], row["order_id"] = kept["id"], kept["order_id"]
        row["created_at"], row["version"] = kept["created_at"], kept["version"]
        row["requested_by"] = kept["requested_by"]
    return row


def decision_text(
    draft: RefundDraft, status: RefundStatus, reasons: Sequence[str], cumulative: Money
) -> str:
    """The decision as stored JSON, with the facts needed to decide again."""
    all_reasons = [*draft.reasons, *reasons]
    if draft.waits_for:
        status = RefundStatus.EVIDENCE_PENDING
        all_reasons = [*draft.reasons, f"Waiting for evidence: {', '.join(draft.waits_for)}."]
    facts = {**draft.facts, "cumulativeMinor": cumulative.minor}
    return orjson.dumps({**decided(draft.policy, status, all_reasons), "seen": facts}).decode()


def _units(
    tx: Transaction,
    refund_id: UUID,
    part: Breakdown,
    conditions: Sequence[ConditionGrade | None],
) -> list[RefundUnitRow]:
    return [
        {
            "id": tx.new_id(),
            "refund_id": refund_id,
            "order_line_id": each.order_line_id,
            "quantity": each.quantity,
            "condition": None if condition is None else str(condition),
            "net_minor": each.net_minor,
            "tax_minor": each.tax_minor,
            "net_kept_minor": each.net_kept_minor,
            "tax_kept_minor": each.tax_kept_minor,
        }
        for each, condition in zip(part.shares, conditions, strict=bool(part.shares))
    ]
