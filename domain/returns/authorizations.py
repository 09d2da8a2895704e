"""Whether a return is taken back: by policy, by nobody, or by a person (4.1).

The window counts from delivery, else from shipping, to the end of the day in the time zone of the
location that shipped. Units of a line may have left in several parcels; nobody can tell which of
them come back, so the latest parcel's window counts for all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
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
from domain.values.money import Money


@dataclass(frozen=True, slots=True)
class ParcelOut:
    """A parcel that brought units of a line to the customer; `time_zone` of who shipped it."""

    shipped_at: datetime
    delivered_at: datetime | None
    time_zone: str


@dataclass(frozen=True, slots=True)
class AskedUnits:
    """Units of one order line that should go back; `value` with tax, of these units."""

    sku: str
    quantity: int
    reason: str
    value: Money
    is_returnable: bool
    parcels: tuple[ParcelOut, ...]


@dataclass(frozen=True, slots=True)
class ReturnCase:
    """A request as a policy judges it: at least one item, all in one currency."""

    items: tuple[AskedUnits, ...]
    risk: Risk


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy says: AUTHORIZED, DECLINED, or REQUESTED (a person decides), and why.

    `policy`: the one that decided. `objections`: what stands against it, as the errors that a role
    without the right to override gets.
    """

    outcome: ReturnStatus
    policy: PolicyVersion[ReturnRules]
    reasons: tuple[str, ...]
    objections: tuple[DomainError, ...] = ()


def window_closes_at(parcels: Iterable[ParcelOut], window_days: int) -> datetime | None:
    """The first instant (UTC) behind the window; None when nothing was shipped."""
    return max((_closes_at(parcel, window_days) for parcel in parcels), default=None)


def may_authorize(
    case: ReturnCase, policies: Sequence[PolicyVersion[ReturnRules]], now: datetime
) -> Verdict:
    """Judge a request made at `now`, each item by its own policy (one of `policies` each).

    One item that cannot be returned declines the whole: the others may be asked for again. Of
    several policies the one that objects or wants a person is the one that decided.
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
        told = dict.fromkeys(doubt for _, doubt in doubts)
        return Verdict(ReturnStatus.REQUESTED, doubts[0][0], (*told, *case.risk.reasons))
    reasons = [reason for item, policy in judged for reason in _consents(item, policy, case.risk)]
    return Verdict(ReturnStatus.AUTHORIZED, judged[0][1], tuple(dict.fromkeys(reasons)))


def check_authorization(
    status: ReturnStatus, objections: Sequence[DomainError], caller: Caller, note: str | None
) -> None:
    """Raise unless `caller` may authorize a return in `status` that has these objections.

    Who may override answers for it with a note (Invalid without); anybody else gets the objection
    itself, and IllegalTransition for a return that was declined.
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
        raise Invalid("Going against the policy needs a note that says why.", field=("note",))


def may_pass_unseen(
    rules: ReturnRules, risk: Decimal, reason: str, sku: str, unit_value: Money
) -> str | None:
    """Why such units go straight back on the shelf, in words; None: they are inspected (4.4)."""
    lane = rules.fast_lane
    # Whatever the policy lists: what may be damaged, broken or fake goes to the controlled lane.
    is_controlled = lane_of(rules, risk, reason, None) is Lane.CONTROLLED
    if lane is None or is_controlled or not lane.takes(risk, reason, unit_value):
        return None
    return (
        f"{sku} takes the fast lane: {reason}, worth {unit_value} each, "
        f"risk {risk} is at most {lane.max_risk}."
    )


def _closes_at(parcel: ParcelOut, window_days: int) -> datetime:
    start = parcel.delivered_at or parcel.shipped_at
    zone = ZoneInfo(parcel.time_zone)
    day_after = start.astimezone(zone).date() + timedelta(days=window_days + 1)
    return datetime.combine(day_after, time(0), zone).astimezone(UTC)


def _objections(item: AskedUnits, rules: ReturnRules, now: datetime) -> Iterable[DomainError]:
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
        yield f"A person decides: {total} is above what the policy lets pass."


def _consents(item: AskedUnits, policy: PolicyVersion[ReturnRules], risk: Risk) -> Iterable[str]:
    rules = policy.rules
    closes_at = window_closes_at(item.parcels, rules.window_days)
    if closes_at is not None:
        yield f"{item.sku} was asked for before its window closes at {closes_at.isoformat()}."
    yield f"The reason {item.reason} is accepted and the risk is {risk.value}."
    fast = may_pass_unseen(rules, risk.value, item.reason, item.sku, unit_value(item))
    if fast is not None:
        yield fast


def unit_value(item: AskedUnits) -> Money:
    """What one of the units is worth, rounded up: a limit is never passed by rounding."""
    return Money(-(-item.value.minor // item.quantity), item.value.currency)
