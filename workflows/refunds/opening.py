"""Opens refunds: an amount becomes a refund for each payment that it draws on.

Whoever opens one holds the order's lock and has read the order's balances.
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
from domain.ledger.refund_entries import already_owed
from domain.policies.decisions import decided
from domain.policies.dispositions import ConditionGrade
from domain.policies.policies import Facts, PolicyKind, PolicyVersion, choose
from domain.policies.refunds import Evidence, RefundRules, Tender
from domain.refunds.approvals import RefundKind, decide
from domain.refunds.balances import draw
from domain.refunds.breakdowns import Breakdown, split
from domain.refunds.states import RefundStatus
from domain.values.money import Money
from models.queries.catalog.lookups import ChannelFacts
from models.refunds import RefundRow, RefundUnitRow
from workflows.orders.locked_orders import LockedOrder
from workflows.refunds.balances import NONE, Balances
from workflows.refunds.locked_refunds import LockedRefund
from workflows.transactions.transaction import Transaction

# Who decides where no person does; no key may speak for it (domain/access/api_keys.py).
POLICY = "policy"


@dataclass(frozen=True, slots=True)
class RefundDraft:
    """One amount that is to go back, and why.

    `conditions`: the grade of each of the breakdown's shares. `waits_for` is not empty while not
    all evidence is there: then the amount is an estimate, and nothing is decided. `seen`: facts of
    the case that a preview needs to judge it again.
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
    seen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def waits_for(self) -> tuple[Evidence, ...]:
        """Evidence that the policy names and that is not there yet."""
        return tuple(each for each in self.required if each not in self.reached)


async def channel_of(tx: Transaction, order: LockedOrder) -> ChannelFacts:
    """The channel that an order was sold on."""
    channel_id: int = order.channel_id
    return (await lookups.channels_by_id(tx.session, [channel_id]))[channel_id]


async def policy_for(tx: Transaction, facts: Facts) -> PolicyVersion[RefundRules]:
    """The REFUND policy that decides such a case now."""
    return choose(await policies.in_force(tx.session, PolicyKind.REFUND, tx.now), facts, tx.now)


def within(draft: RefundDraft, maximum: Money) -> RefundDraft:
    """The draft cut down to what may be refunded, saying so."""
    if draft.breakdown.amount_minor <= maximum.minor:
        return draft
    [cut] = split(draft.breakdown, [maximum.minor])
    told = f"Cut down to {maximum}: no more may be refunded of the order."
    return replace(draft, breakdown=cut, reasons=(*draft.reasons, told))


def evidence_text(evidence: Iterable[Evidence]) -> str:
    """Evidence as a refund's row keeps it."""
    return ", ".join(evidence)


async def open_family(
    tx: Transaction,
    balances: Balances,
    draft: RefundDraft,
    *,
    actor: str,
    reuse: list[LockedRefund] | None = None,
    without: Collection[UUID] = NONE,
) -> list[LockedRefund]:
    """Open a refund per payment that the draft's amount needs, and decide it if it is proven.

    Refunds that still wait (`reuse`) go on as the new ones and are taken out of the list; `without`
    names those that do not count meanwhile. Raises RefundExceedsBalance.
    """
    amount = Money(draft.breakdown.amount_minor, balances.currency)
    if amount.minor <= 0:
        return [await _open_nothing(tx, balances, draft, actor)]
    draws = draw(amount, balances.of_payments(without))
    cumulative = balances.cumulative(without) + amount
    decision = decide(
        draft.kind,
        draft.policy,
        amount,
        cumulative,
        [each for each in draft.conditions if each is not None],
    )
    family_id = tx.new_id()
    opened = []
    parts = split(draft.breakdown, [each.amount_minor for each in draws])
    for part, drawn in zip(parts, draws, strict=True):
        old = reuse.pop(0) if reuse else None
        row = _row(tx, balances, draft, part, old)
        row["family_id"], row["payment_id"] = family_id, balances.payment_of(drawn)
        row["decision"] = _decision(draft, decision.status, decision.reasons, cumulative)
        if not draft.waits_for:
            row["approvals_required"] = decision.approvals_required
        case = LockedRefund(row, balances.order)
        units = _units(tx, case.id, part, draft.conditions)
        await _put(tx, case, units, old, actor)
        if not draft.waits_for:
            await locked_refunds.advance(tx, case, decision.status, POLICY)
        balances.put(case.row, units)
        opened.append(case)
    return opened


async def _put(
    tx: Transaction,
    case: LockedRefund,
    units: Sequence[RefundUnitRow],
    old: LockedRefund | None,
    actor: str,
) -> None:
    if old is None:
        await locked_refunds.add(tx, case, units, actor)
    else:
        await locked_refunds.renew(tx, case, units, actor)


async def _open_nothing(
    tx: Transaction, balances: Balances, draft: RefundDraft, actor: str
) -> LockedRefund:
    """Keep that these units bring nothing: a refund that is over before it began."""
    row = _row(tx, balances, draft, draft.breakdown, None)
    told = (*draft.reasons, "Nothing is left to refund.")
    row["decision"] = _decision(draft, RefundStatus.CANCELLED, told, None)
    row["amount_minor"] = 0
    row["status"], row["settled_at"] = str(RefundStatus.CANCELLED), tx.now
    case = LockedRefund(row, balances.order)
    units = _units(tx, case.id, draft.breakdown, draft.conditions)
    await locked_refunds.add(tx, case, units, actor)
    balances.put(row, units)
    return case


def _row(
    tx: Transaction,
    balances: Balances,
    draft: RefundDraft,
    part: Breakdown,
    old: LockedRefund | None,
) -> RefundRow:
    """A refund's row, as new or as the next version of `old`."""
    # What a cancellation owes already is claimed by goodwill only: it names no units.
    owed = balances.unclaimed_minor() if draft.kind is RefundKind.GOODWILL else 0
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
        "owed_minor": already_owed(part.amount_minor, owed),
        "currency": balances.currency,
        "tender": str(draft.tender),
        "reason_id": draft.reason_id,
        "note": draft.note,
        "breakdown": locked_refunds.breakdown_text(part),
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
    }
    if old is not None:
        kept = old.row
        row["id"], row["order_id"] = kept["id"], kept["order_id"]
        row["created_at"], row["version"] = kept["created_at"], kept["version"]
        row["requested_by"] = kept["requested_by"]
    return row


def _decision(
    draft: RefundDraft, status: RefundStatus, reasons: Sequence[str], cumulative: Money | None
) -> str:
    """The decision as it is kept, with the facts by which it can be made again."""
    told = [*draft.reasons, *reasons]
    if draft.waits_for:
        status = RefundStatus.EVIDENCE_PENDING
        told = [*draft.reasons, f"Waits for {', '.join(draft.waits_for)}."]
    seen = dict(draft.seen)
    if cumulative is not None:
        seen["cumulativeMinor"] = cumulative.minor
    return orjson.dumps({**decided(draft.policy, status, told), "seen": seen}).decode()


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
