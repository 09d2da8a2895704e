"""Risk score of a return: a sum of five terms, each with its reason in words.

The same facts always give the same score. The score is 0 to 1. Each term adds at most its weight:
return rate 0.30, repeated patterns 0.25, order value 0.20, reason 0.15, age 0.10. The weights are
chosen by judgment, not from statistics. They keep any single ordinary fact below the limits that
policies use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from domain.values.money import Money, share, to_decimal

# Shares of the score, in ten-thousandths; integers, so that all platforms round alike.
WHOLE: Final = 10_000
RATE_WEIGHT: Final = 3_000
REPEAT_WEIGHT: Final = 2_500
VALUE_WEIGHT: Final = 2_000
REASON_WEIGHT: Final = 1_500
AGE_WEIGHT: Final = 1_000

# An order of this value (major units) gets half of the value term's weight.
HALF_VALUE: Final = 1_000
# Added to the units shipped to a customer: one return of one order proves little.
RATE_DOUBT_UNITS: Final = 5
# A repeated return of the same SKU counts as this many other recent returns.
SAME_SKU_WEIGHT: Final = 2
REPEATS_FULL: Final = 5
RECENT: Final = timedelta(days=90)

# Per mille of the reason's weight. A claim that a person must check counts more than a change of
# mind. A cause outside the customer's control counts nothing.
REASON_RISK: Final[Mapping[str, int]] = MappingProxyType(
    {
        "UNDELIVERED": 0,
        "WRONG_ITEM": 100,
        "ARRIVED_LATE": 100,
        "TOO_SMALL": 150,
        "TOO_LARGE": 150,
        "UNWANTED": 200,
        "DEFECTIVE": 500,
        "NOT_AS_DESCRIBED": 500,
        "OTHER": 500,
        "DAMAGED": 600,
        "DAMAGED_IN_TRANSIT": 600,
        "COUNTERFEIT": 1_000,
    }
)
REASON_RISK_UNKNOWN: Final = 400


@dataclass(frozen=True, slots=True)
class CustomerHistory:
    """Units shipped to and returned by the customer, and returns, before this request.

    `recent_returns`: returns requested within RECENT. `same_sku_returns`: all earlier returns that
    share a SKU with this request.
    """

    shipped_units: int = 0
    returned_units: int = 0
    recent_returns: int = 0
    same_sku_returns: int = 0


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """Input of the risk score. `history` None: an order without a customer reference.

    `age`: from delivery (or shipping) to the request. `window`: the policy's return window.
    """

    order_value: Money
    reasons: tuple[str, ...]
    age: timedelta
    window: timedelta
    history: CustomerHistory | None


@dataclass(frozen=True, slots=True)
class RiskTerm:
    """One term of the score: `points` in ten-thousandths, and its reason in words."""

    name: str
    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class Risk:
    """The terms of the score, in a fixed order; they add up to it."""

    terms: tuple[RiskTerm, ...]

    @property
    def value(self) -> Decimal:
        """The exact score, 0..1 with four decimals; policies compare this value."""
        return Decimal(sum(term.points for term in self.terms)).scaleb(-4)

    @property
    def score(self) -> float:
        """The score as a float, for display."""
        return float(self.value)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each term in words, the largest first; terms without points are left out."""
        nonzero = [term for term in self.terms if term.points]
        nonzero.sort(key=lambda term: -term.points)
        return tuple(f"{term.reason} (+{term.points / WHOLE:.4f})" for term in nonzero)


def assess(facts: RiskFacts) -> Risk:
    """Compute the risk score of a request, with its reasons."""
    return Risk(
        (
            _order_value(facts.order_value),
            _return_rate(facts.history),
            _reason(facts.reasons),
            _age(facts.age, facts.window),
            _repeats(facts.history),
        )
    )


def _order_value(value: Money) -> RiskTerm:
    major = max(0, int(to_decimal(value)))
    points = share(VALUE_WEIGHT, major, major + HALF_VALUE)
    if value.minor > 0:
        # At least one point: an order with any value never scores exactly zero here.
        points = max(points, 1)
    return RiskTerm("order value", points, f"the order is worth {value}")


def _return_rate(history: CustomerHistory | None) -> RiskTerm:
    name = "return rate"
    if history is None:
        return RiskTerm(name, RATE_WEIGHT // 10, "the customer is not known")
    shipped, returned = history.shipped_units, history.returned_units
    points = share(RATE_WEIGHT, min(returned, shipped), shipped + RATE_DOUBT_UNITS)
    return RiskTerm(name, points, f"the customer returned {returned} of {shipped} units before")


def _reason(reasons: tuple[str, ...]) -> RiskTerm:
    weights = [(REASON_RISK.get(code, REASON_RISK_UNKNOWN), code) for code in reasons]
    weight, code = max(weights, default=(REASON_RISK_UNKNOWN, "none"))
    return RiskTerm("reason", share(REASON_WEIGHT, weight, 1_000), f"the reason given is {code}")


def _age(age: timedelta, window: timedelta) -> RiskTerm:
    seconds = max(0, int(age.total_seconds()))
    allowed = max(1, int(window.total_seconds()))
    points = share(AGE_WEIGHT, min(seconds, allowed), allowed)
    days = seconds // 86_400
    return RiskTerm("age", points, f"it was requested {days} days after delivery")


def _repeats(history: CustomerHistory | None) -> RiskTerm:
    recent, same = (
        (history.recent_returns, history.same_sku_returns) if history is not None else (0, 0)
    )
    repeats = min(REPEATS_FULL, recent + SAME_SKU_WEIGHT * same)
    reason = (
        f"the customer requested {recent} returns within {RECENT.days} days, "
        f"{same} of the same items"
    )
    return RiskTerm("repeated patterns", share(REPEAT_WEIGHT, repeats, REPEATS_FULL), reason)
