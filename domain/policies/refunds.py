"""REFUND policy: required evidence, deductions, fees, and approvers by amount."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final

from domain.policies.dispositions import ConditionGrade
from domain.policies.reading import Members, Value
from domain.problems import Problems
from domain.values.money import Money

APPROVERS_MAX: Final = 2


class Evidence(StrEnum):
    """A stage of a return that can be required before a refund, in order of occurrence."""

    AUTHORIZED = "AUTHORIZED"
    CARRIER_SCAN = "CARRIER_SCAN"
    RECEIVED = "RECEIVED"
    INSPECTED = "INSPECTED"


class RefundShipping(StrEnum):
    """Cases in which a refund includes the shipping that the customer paid."""

    FULL_ORDER_ONLY = "FULL_ORDER_ONLY"
    ALWAYS = "ALWAYS"
    NEVER = "NEVER"


class Tender(StrEnum):
    """Means of a refund."""

    ORIGINAL_PAYMENT = "ORIGINAL_PAYMENT"
    """Back to the original payment, through the gateway."""
    STORE_CREDIT = "STORE_CREDIT"
    """As store credit, without the gateway."""


@dataclass(frozen=True, slots=True)
class Band:
    """Amounts up to and including `up_to_minor` (None: any) require this many approvers."""

    up_to_minor: int | None
    approvers: int


@dataclass(frozen=True, slots=True)
class RefundRules:
    """A parsed REFUND policy; `deductions` are rates of the goods' value by condition."""

    evidence: tuple[Evidence, ...]
    deductions: Mapping[ConditionGrade, Decimal]
    approval_for: frozenset[ConditionGrade]
    restocking_fee: Decimal
    refund_shipping: RefundShipping
    tender: Tender
    bands: Mapping[str, tuple[Band, ...]]

    def deduction(self, condition: ConditionGrade) -> Decimal:
        """The rate deducted for a unit in this condition; zero if the policy has none."""
        return self.deductions.get(condition, Decimal(0))

    def approvers(self, amount: Money) -> int:
        """The approvers required for `amount`; two in a currency without bands."""
        for band in self.bands.get(amount.currency, ()):
            if band.up_to_minor is None or amount.minor <= band.up_to_minor:
                return band.approvers
        return APPROVERS_MAX


def parse(rules: Value) -> RefundRules:
    """Parse a REFUND document; raises its faults with their paths."""
    return rules.record(
        _rules, "evidence bands", "deductions approvalFor restockingFee refundShipping tender"
    )


def _rules(members: Members) -> RefundRules:
    return RefundRules(
        evidence=members.read("evidence", _evidence),
        deductions=members.get("deductions", _deductions, {}),
        approval_for=members.get("approvalFor", _grades, frozenset()),
        restocking_fee=members.get("restockingFee", Value.rate, Decimal(0)),
        refund_shipping=members.get(
            "refundShipping",
            lambda value: value.choice(RefundShipping),
            RefundShipping.FULL_ORDER_ONLY,
        ),
        tender=members.get("tender", lambda value: value.choice(Tender), Tender.ORIGINAL_PAYMENT),
        bands=members.read("bands", _bands_by_currency),
    )


def _evidence(value: Value) -> tuple[Evidence, ...]:
    evidence = value.distinct(lambda each: each.choice(Evidence))
    if not evidence:
        value.refuse("must name at least one piece of evidence")
    return evidence


def _deductions(value: Value) -> dict[ConditionGrade, Decimal]:
    rates = value.entries(_rate_of_condition)
    return {ConditionGrade(name): rate for name, rate in rates.items()}


def _rate_of_condition(name: str, rate: Value) -> Decimal:
    if name not in set(ConditionGrade):
        rate.refuse(f"is not a condition; allowed are {', '.join(ConditionGrade)}")
    return rate.rate()


def _grades(value: Value) -> frozenset[ConditionGrade]:
    return frozenset(value.distinct(lambda each: each.choice(ConditionGrade)))


def _bands_by_currency(value: Value) -> dict[str, tuple[Band, ...]]:
    return value.entries(lambda _, bands: _bands(bands))


def _bands(value: Value) -> tuple[Band, ...]:
    currency = value.currency()
    bands = value.each(lambda element: _band(element, currency))
    if not bands:
        value.refuse("must have at least one band")
    limits = [element.member("upTo") for element in value.elements()]
    problems = Problems()
    for limit, (lower, upper) in zip(limits[1:], pairwise(bands), strict=True):
        if lower.up_to_minor is None or upper.up_to_minor is None:
            continue
        if upper.up_to_minor <= lower.up_to_minor:
            with problems.under():
                limit.refuse("must be above the band before it")
    for limit, band in zip(limits[:-1], bands[:-1], strict=True):
        if band.up_to_minor is None:
            with problems.under():
                limit.refuse("may be null in the last band only")
    if bands[-1].up_to_minor is not None:
        with problems.under():
            limits[-1].refuse("must be null in the last band, so that every amount is decided")
    problems.refuse()
    return tuple(bands)


def _band(value: Value, currency: str) -> Band:
    return value.record(
        lambda members: Band(
            up_to_minor=members.maybe("upTo", lambda each: each.amount(currency)),
            approvers=members.read("approvers", lambda each: each.integer(0, APPROVERS_MAX)),
        ),
        "upTo approvers",
    )
