"""Authorization of a return: accepted or declined by policy, or left to a person.

The window counts from delivery, or from shipping if there is no delivery. It ends with the day in
the time zone of the location that shipped. Units of a line may have left in several parcels, and it
is not known from which of them a unit comes back. So the window of the latest parcel counts for
all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from domain.access.callers import Caller
from domain.errors import (
    DomainError,
    IllegalTransition,
    Invalid,
    NotReturnable,
    ReturnWindowClosed,
)
from domain.policies.policies import PolicyVersion
from domain.policies.returns import ReturnRules
from domain.returns.inspections import Lane, lane_of
from domain.returns.risk import Risk
from domain.returns.states import ReturnAction, ReturnStatus, check_action
from domain.values.days import day_of, first_instant
from domain.values.money import Money


@dataclass(frozen=True, slots=True)
class ShippedParcel:
    """A parcel that brought units of a line to the customer; `time_zone` of its origin."""

    shipped_at: datetime
    delivered_at: datetime | None
    time_zone: str


@dataclass(frozen=True, slots=True)
class RequestedUnits:
    """Units of one order line that the customer wants to return; `value` of all, with tax."""

    sku: str
    quantity: int
    reason: str
    value: Money
    is_returnable: bool
    parcels: tuple[ShippedParcel, ...]


@dataclass(frozen=True, slots=True)
class ReturnCase:
    """A return request as a policy evaluates it: at least one item, all in one currency."""

    items: tuple[RequestedUnits, ...]
    risk: Risk


@dataclass(frozen=True, slots=True)
class Verdict:
    """The policy's outcome: AUTHORIZED, DECLINED, or REQUESTED (a person decides), with reasons.

    `policy`: the one that decided. `objections`: the errors for a caller that may not override
    them.
    """

    outcome: ReturnStatus
    policy: PolicyVersion[ReturnRules]
    reasons: tuple[str, ...]
    objections: tuple[DomainError, ...] = ()


def window_closes_at(parcels: Iterable[ShippedParcel], window_days: int) -> datetime | None:
    """The first instant (UTC) after the window; None if nothing was shipped."""
    return max((_closes_at(parcel, window_days) for parcel in parcels), default=None)


def may_authorize(
    case: ReturnCase, policies: Sequence[PolicyVersion[ReturnRules]], now: datetime
) -> Verdict:
    """Evaluate a request made at `now`, each item by its own policy (`policies` in item order).

    1. If any item has an objection, the whole return is DECLINED; the client may request the other
    items again.
    2. Else, if any policy wants a review, it is REQUESTED: a person decides.
    3. Else it is AUTHORIZED.

    The deciding policy is the first that objects, else the first that wants a review, else the
    first.
    """
    judged = list(zip(case.items, policies, strict=True))
    against = [
        (policy, objection)
        for item, policy in judged
        for objection in _objections(item, policy.rules, now)
    ]
    if against:
        return Verdict(
            ReturnStatus.DECLINED,
            against[0][0],
            tuple(objection.message for _, objection in against),
            tuple(objection for _, objection in against),
        )
    doubts = [(policy, doubt) for policy in policies for doubt in _doubts(case, policy.rules)]
    if doubts:
        distinct = dict.fromkeys(doubt for _, doubt in doubts)
        return Verdict(ReturnStatus.REQUESTED, doubts[0][0], (*distinct, *case.risk.reasons))
    reasons = [reason for item, policy in judged for reason in _consents(item, policy, case.risk)]
    return Verdict(ReturnStatus.AUTHORIZED, judged[0][1], tuple(dict.fromkeys(reasons)))


def check_authorization(
    status: ReturnStatus, objections: Sequence[DomainError], caller: Caller, note: str | None
) -> None:
    """Raise unless `caller` may authorize a return in `status` that has these objections.

    A caller that may override must give a note (Invalid without it). Any other caller gets the
    first objection, or IllegalTransition for a declined return.
    """
    check_action(status, ReturnAction.AUTHORIZE)
    is_against = bool(objections) or status is ReturnStatus.DECLINED
    if not is_against:
        return
    if not caller.may("returns.override"):
        if objections:
            raise objections[0]
        raise IllegalTransition("return", status, ReturnStatus.AUTHORIZED)
    if not (note or "").strip():
        raise Invalid("A note with the reason is required to override the policy.", field=("note",))


def may_skip_inspection(
    rules: ReturnRules, risk: Decimal, reason: str, sku: str, unit_value: Money
) -> str | None:
    """The reason why such units are restocked without inspection; None: they are inspected."""
    lane = rules.fast_lane
    # Possibly damaged, defective or counterfeit units are always inspected, whatever the policy.
    is_controlled = lane_of(rules, risk, reason, None) is Lane.CONTROLLED
    if lane is None or is_controlled or not lane.takes(risk, reason, unit_value):
        return None
    return (
        f"{sku} takes the fast lane: {reason}, worth {unit_value} each, "
        f"risk {risk} is at most {lane.max_risk}."
    )


def _closes_at(parcel: ShippedParcel, window_days: int) -> datetime:
    start = parcel.delivered_at or parcel.shipped_at
    zone = ZoneInfo(parcel.time_zone)
    return first_instant(day_of(start, zone) + timedelta(days=window_days + 1), zone)


def _objections(item: RequestedUnits, rules: ReturnRules, now: datetime) -> Iterable[DomainError]:
    if not item.is_returnable:
        yield NotReturnable(item.sku, "the item is not returnable")
    if rules.is_final_sale:
        yield NotReturnable(item.sku, "it is a final sale")
    if not rules.reasons.accept(item.reason):
        yield NotReturnable(item.sku, f"the reason {item.reason} is not accepted")
    closes_at = window_closes_at(item.parcels, rules.window_days)
    if closes_at is not None and now >= closes_at:
        yield ReturnWindowClosed(closes_at)


def _doubts(case: ReturnCase, rules: ReturnRules) -> Iterable[str]:
    risk, limit = case.risk.value, rules.review_above_risk
    if limit is not None and risk > limit:
        yield f"A person decides: the risk {risk} is above {limit}."
    total = case.items[0].value
    for item in case.items[1:]:
        total += item.value
    if rules.review_above_amount.is_passed_by(total):
        yield f"A person decides: {total} is above the policy's review limit."


def _consents(
    item: RequestedUnits, policy: PolicyVersion[ReturnRules], risk: Risk
) -> Iterable[str]:
    rules = policy.rules
    closes_at = window_closes_at(item.parcels, rules.window_days)
    if closes_at is not None:
        yield f"{item.sku} was requested before its window closes at {closes_at.isoformat()}."
    yield f"The reason {item.reason} is accepted and the risk is {risk.value}."
    fast = may_skip_inspection(rules, risk.value, item.reason, item.sku, unit_value(item))
    if fast is not None:
        yield fast


def unit_value(item: RequestedUnits) -> Money:
    """The value of one unit, rounded up, so that rounding never brings it below a limit."""
    return Money(-(-item.value.minor // item.quantity), item.value.currency)
