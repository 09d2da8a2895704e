"""Refunds that wait for approval: their amounts follow the facts of the order until then.

Nothing of a waiting refund is booked. After each fact that moves the order's money (a cancellation,
a chargeback, another refund that is decided or withdrawn), each waiting refund with units or
shipping is computed anew:

1. The goods and the restocking fee stay as its policy decided them.
2. Shipping is included if its units are now the last of the order, as the policy says.
3. What is still owed, and what is left of each part, is computed anew.

The refund keeps its id. It needs at least the approvals that it needed before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

import models.queries.refunds.refunds as refund_queries
import workflows.orders.locked_orders as locked_orders
import workflows.policies.publishing as policies
import workflows.refunds.balances as order_balances
import workflows.refunds.locked_refunds as locked_refunds
import workflows.refunds.opening as refund_opening
import workflows.refunds.stored_values as stored_values
import workflows.rollout.cases as cases
from domain.events.orders import OrderChargedBack
from domain.events.refunds import RefundPayload
from domain.policies.dispositions import ConditionGrade
from domain.policies.policies import PolicyVersion
from domain.policies.refunds import Evidence, RefundRules, Tender
from domain.refunds.approvals import RefundKind
from domain.refunds.balances import Draw, draw
from domain.refunds.breakdowns import (
    NO_SHIPPING,
    Breakdown,
    Component,
    ComponentKind,
    UnitsToRefund,
    graded_value,
    is_whole_order,
    shipping_components,
    split,
)
from domain.refunds.deductions import restocking_fee
from domain.refunds.states import RefundStatus, shipping_to_refund
from domain.values.money import Money
from models.queries.refunds.refunds import RefundedUnitsRow
from models.refunds import RefundRow
from workflows.refunds.balances import Balances
from workflows.refunds.locked_refunds import LockedRefund
from workflows.refunds.opening import POLICY, RefundDraft
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

_WAITING = RefundStatus.NEEDS_APPROVAL


@dataclass(frozen=True, slots=True)
class _Family:
    """Waiting refunds that were opened together, their units, and the ids of their rows."""

    rows: Sequence[RefundRow]
    units: Sequence[RefundedUnitsRow]
    policy: PolicyVersion[RefundRules]

    @property
    def ids(self) -> set[UUID]:
        return {row["id"] for row in self.rows}


async def revise_after_refund(tx: Transaction, event: PendingEvent[RefundPayload]) -> None:
    """Revise the waiting refunds of an order after another refund of it changed."""
    await _revise_of(tx, event.payload.order)


async def revise_after_chargeback(tx: Transaction, event: PendingEvent[OrderChargedBack]) -> None:
    """Revise the waiting refunds of an order after a payment of it was charged back."""
    await _revise_of(tx, UUID(event.subject_key))


async def _revise_of(tx: Transaction, order_id: UUID) -> None:
    await tx.flush()
    if await refund_queries.has_waiting(tx.session, order_id):
        order = await locked_orders.reload(tx, order_id)
        balances = await order_balances.read(tx, order)
        await revise(tx, balances)
        await order_balances.write(tx, balances)


async def revise(tx: Transaction, balances: Balances) -> None:
    """Compute the order's waiting refunds anew; those whose amount stays are not touched.

    Records `refund.estimated` for each that changes, and the events of refunds that are added or
    cancelled because the amount now draws on other payments.
    """
    for rows in _waiting(balances):
        family = await _family(tx, balances, rows)
        if family is not None:
            await _revise(tx, balances, family)


def _waiting(balances: Balances) -> list[list[RefundRow]]:
    """Refunds by family, oldest first; none of a family of which a part is decided already."""
    families: dict[UUID, list[RefundRow]] = {}
    for row in balances.live():
        families.setdefault(row["family_id"], []).append(row)
    return [
        sorted(rows, key=lambda each: not any(u["refund_id"] == each["id"] for u in balances.units))
        for rows in families.values()
        if all(row["status"] == _WAITING for row in rows)
    ]


async def _family(tx: Transaction, balances: Balances, rows: Sequence[RefundRow]) -> _Family | None:
    """The refunds with their units and their policy; None if they are of a fixed amount."""
    ids = {row["id"] for row in rows}
    units = [unit for unit in balances.units if unit["refund_id"] in ids]
    stored = orjson.loads(rows[0]["decision"])
    if not units and not _asks_shipping(rows, units, stored["seen"]):
        return None
    policy = await policies.refund_policy(tx.session, stored["scope"], stored["version"])
    return _Family(rows, units, policy)


async def _revise(tx: Transaction, balances: Balances, family: _Family) -> None:
    ids = family.ids
    draft = refund_opening.within(_draft(balances, family), balances, ids)
    before = [stored_values.value_of(row) for row in family.rows]
    parts = sum((each.parts for each in before[1:]), before[0].parts)
    unpaid = sum(each.unpaid_minor for each in before)
    value = draft.breakdown.value
    if (value.parts, value.unpaid_minor) == (parts, unpaid):
        return
    amount = Money(draft.breakdown.amount_minor, balances.currency)
    payments = balances.of_payments(ids)
    if amount.minor > sum(each.left_minor for each in payments):
        return
    await _write(tx, balances, family, draft, draw(amount, payments))


def _draft(balances: Balances, family: _Family) -> RefundDraft:
    """The refund as its policy decides it with the facts of now, before debts."""
    first, rules = family.rows[0], family.policy.rules
    seen = orjson.loads(first["decision"])["seen"]
    wanted = [UnitsToRefund(unit["order_line_id"], unit["quantity"]) for unit in family.units]
    decided = balances.of_lines(family.ids | balances.undecided())
    is_whole = bool(wanted) and is_whole_order(wanted, decided.values())
    left = balances.of_shipping(family.ids) if balances.order.has_shipped else NO_SHIPPING
    shipping = shipping_to_refund(rules, left, is_whole_order=is_whole)
    if _asks_shipping(family.rows, family.units, seen):
        shipping = left
    components = [*_goods(family), *shipping_components(shipping)]
    goods_minor = sum(each.amount_minor for each in components if each.kind is ComponentKind.ITEMS)
    is_return = first["kind"] == RefundKind.RETURN
    fee_minor = _fee(balances, family, goods_minor) if is_return else 0
    if fee_minor:
        components.append(Component(ComponentKind.RESTOCKING_FEE, -fee_minor))
    return RefundDraft(
        kind=RefundKind(first["kind"]),
        breakdown=Breakdown(tuple(components)),
        tender=Tender(first["tender"]),
        policy=family.policy,
        requested_by=first["requested_by"],
        conditions=tuple(_grade(unit) for unit in family.units),
        return_id=first["return_id"],
        reason_id=first["reason_id"],
        note=first["note"],
        required=_evidence(first["required_evidence"]),
        reached=_evidence(first["evidence"]),
        facts={
            **seen,
            "isWholeOrder": is_whole,
            "shippingLeftMinor": [left.shipping_minor, left.tax_minor],
        },
    )


def _asks_shipping(
    rows: Sequence[RefundRow], units: Sequence[RefundedUnitsRow], seen: Mapping[str, Any]
) -> bool:
    """True if a person asked for the shipping. Claims to units of earlier versions do not say."""
    is_claim = bool(units) and rows[0]["kind"] == RefundKind.GOODWILL
    has_shipping = any(stored_values.value_of(row).parts.has_shipping for row in rows)
    return bool(seen.get("asksShipping", is_claim and has_shipping))


def _goods(family: _Family) -> list[Component]:
    """The goods and their tax as they were decided, with their notes unless they were cut down."""
    net = sum(unit["net_minor"] - unit["net_kept_minor"] for unit in family.units)
    tax = sum(unit["tax_minor"] - unit["tax_kept_minor"] for unit in family.units)
    kinds = (ComponentKind.ITEMS, ComponentKind.TAX)
    stored = [
        each
        for row in family.rows
        for each in stored_values.components_of(row)
        if each.kind in kinds
    ]
    totals = [sum(each.amount_minor for each in stored if each.kind is kind) for kind in kinds]
    if totals == [net, tax]:
        return stored
    return [Component(kind, minor) for kind, minor in zip(kinds, (net, tax), strict=True) if minor]


def _fee(balances: Balances, family: _Family, goods_minor: int) -> int:
    """The restocking fee as it was decided: by the policy's deductions for the units' grades."""
    rules, lines = family.policy.rules, balances.of_lines()
    values = []
    for unit in family.units:
        grade, line_id = _grade(unit), unit["order_line_id"]
        rate = Decimal(0) if grade is None else rules.deduction(grade)
        part = UnitsToRefund(line_id, unit["quantity"], rate)
        values.append(graded_value(lines[line_id], part))
    return restocking_fee(values, rules.restocking_fee, goods_minor)


async def _write(
    tx: Transaction,
    balances: Balances,
    family: _Family,
    draft: RefundDraft,
    draws: Sequence[Draw],
) -> None:
    """Write the family with its new amount: one refund per payment that it draws on."""
    amount = Money(draft.breakdown.amount_minor, balances.currency)
    cumulative = balances.cumulative(family.ids) + amount
    decision = refund_opening.decide_again(draft, cumulative)
    first = family.rows[0]
    required = max(first["approvals_required"], decision.approvals_required)
    reasons = (*decision.reasons, "The amount follows from what happened to the order since.")
    parts = split(draft.breakdown, [each.amount_minor for each in draws]) or [draft.breakdown]
    for place, part in enumerate(parts):
        old = family.rows[place] if place < len(family.rows) else None
        refund = None if old is None else LockedRefund({**old}, balances.order)
        row = refund_opening.row_of(tx, balances, draft, part, refund)
        row["family_id"], row["approvals_required"] = first["family_id"], required
        row["payment_id"] = balances.payment_of(draws[place]) if draws else None
        row["decision"] = refund_opening.decision_text(draft, _WAITING, reasons, cumulative)
        written = LockedRefund(row, balances.order)
        if old is None:
            await locked_refunds.add(tx, written, (), POLICY)
            await cases.follow(tx, ("Refund", first["id"]), written.id)
            await locked_refunds.advance(tx, written, _WAITING, POLICY)
        else:
            row["status"], row["decided_at"] = old["status"], old["decided_at"]
            await locked_refunds.revise(tx, written, POLICY)
        balances.put(row, [unit for unit in family.units if unit["refund_id"] == row["id"]])
    for row in family.rows[len(parts) :]:
        surplus = LockedRefund({**row}, balances.order)
        surplus.set_closing_note("Its amount is now drawn on another payment.")
        await locked_refunds.advance(tx, surplus, RefundStatus.CANCELLED, POLICY)
        balances.put(surplus.row)


def _grade(unit: RefundedUnitsRow) -> ConditionGrade | None:
    return None if unit["condition"] is None else ConditionGrade(unit["condition"])


def _evidence(text: str) -> tuple[Evidence, ...]:
    return tuple(Evidence(each) for each in text.split(", ") if each)
