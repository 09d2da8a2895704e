"""Preview of a REFUND policy on the last refunds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

import models.queries.reads.refunds as refund_reads
from domain.policies.decisions import Decision, decided
from domain.policies.dispositions import ConditionGrade
from domain.policies.policies import Facts
from domain.policies.refunds import RefundRules
from domain.refunds.approvals import RefundKind, decide, decide_zero
from domain.refunds.breakdowns import ShippingAccount
from domain.refunds.deductions import GradedValue, restocking_fee
from domain.refunds.states import RefundStatus, shipping_to_refund
from domain.values.money import Money
from models.database.sessions import Session
from models.queries.reads.refunds import DecidedRefundRow, PricedUnitsRow
from workflows.policies.preview_cases import Case, Preview, Trial


async def preview_refunds(session: Session, trial: Trial, last: int) -> Preview:
    """Decide the last refunds of returns and goodwill again, with the facts of their time.

    The outcome includes the amount, because a deduction may change the amount alone.
    """
    rows = await refund_reads.decided_refunds(session, trial.scope, last)
    units = await refund_reads.units_by_refund(session, [row["id"] for row in rows])
    cases = (_evaluate(row, units.get(row["id"], ()), trial) for row in rows)
    return Preview.of(case for case in cases if case is not None)


def _evaluate(row: DecidedRefundRow, units: Sequence[PricedUnitsRow], trial: Trial) -> Case | None:
    """A refund decided again; None if the policy does not apply to it."""
    stored = orjson.loads(row["decision"])
    seen = stored["seen"]
    facts = [Facts(row["channel"], category or None) for category in seen.get("categories", [""])]
    if any(trial.choose(each) != trial.policy for each in facts):
        return None
    old_amount = Money(int(row["family_minor"]), row["currency"])
    kind = RefundKind(row["kind"])
    new_amount = (
        old_amount if kind is RefundKind.GOODWILL else _amount(row, units, seen, trial.policy.rules)
    )
    before = Decision(
        policy=stored["policy"],
        scope=stored["scope"],
        version=stored["version"],
        outcome=f"{stored['outcome']} {old_amount}",
        reasons=stored["reasons"],
    )
    return Case(
        ("Refund", row["id"]), before, _decide(row, units, seen, trial, old_amount, new_amount)
    )


def _decide(
    row: DecidedRefundRow,
    units: Sequence[PricedUnitsRow],
    seen: Mapping[str, Any],
    trial: Trial,
    old_amount: Money,
    now: Money,
) -> Decision:
    rules: RefundRules = trial.policy.rules
    missing = [each for each in rules.evidence if each not in row["evidence"].split(", ")]
    if row["kind"] == RefundKind.RETURN and missing:
        reason = f"Waiting for evidence: {', '.join(missing)}."
        return decided(trial.policy, f"{RefundStatus.EVIDENCE_PENDING} {now}", (reason,))
    grades = [ConditionGrade(unit["condition"]) for unit in units if unit["condition"] is not None]
    kind = RefundKind(row["kind"])
    if now.minor <= 0:
        value = Money(row["unpaid_minor"] or 0, row["currency"])
        decision = decide_zero(kind, trial.policy, value, grades)
    else:
        cumulative = Money(seen["cumulativeMinor"], old_amount.currency) - old_amount + now
        decision = decide(kind, trial.policy, now, cumulative, grades)
    return decided(trial.policy, f"{decision.status} {now}", decision.reasons)


def _amount(
    row: DecidedRefundRow,
    units: Sequence[PricedUnitsRow],
    seen: Mapping[str, Any],
    rules: RefundRules,
) -> Money:
    """The amount for the units under these rules, not yet limited to the money that is left."""
    goods = tax = 0
    values = []
    for unit in units:
        grade = unit["condition"]
        rate = rules.deduction(ConditionGrade(grade)) if grade is not None else Decimal(0)
        value = GradedValue(
            unit["line_net_minor"],
            unit["line_tax_minor"],
            unit["line_units"],
            unit["quantity"],
            rate,
        )
        goods += unit["net_minor"] - value.net_kept(unit["net_minor"])
        tax += unit["tax_minor"] - value.tax_kept(unit["tax_minor"])
        values.append(value)
    shipping = shipping_to_refund(
        rules, ShippingAccount(*seen["shippingLeftMinor"]), is_whole_order=seen["isWholeOrder"]
    )
    fee = restocking_fee(values, rules.restocking_fee, goods)
    minor = goods + tax - fee + shipping.shipping_minor + shipping.tax_minor
    return Money(minor, row["currency"])
