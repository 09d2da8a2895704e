from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import domain.policies.returns as returns
from domain.access.callers import Role, holder
from domain.errors import DomainError, IllegalTransition, Invalid, NotReturnable, ReturnWindowClosed
from domain.policies.policies import PolicyKind, PolicyScope, PolicyVersion
from domain.policies.reading import Value
from domain.policies.returns import ReturnRules
from domain.returns.authorizations import (
    RequestedUnits,
    ReturnCase,
    ShippedParcel,
    Verdict,
    check_authorization,
    may_authorize,
    window_closes_at,
)
from domain.returns.risk import Risk, RiskTerm
from domain.returns.states import ReturnStatus
from domain.values.money import Money

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
DELIVERED = datetime(2026, 1, 10, 9, tzinfo=UTC)
SUPPORT, SUPERVISOR = holder(Role.SUPPORT, actor="sue"), holder(Role.SUPERVISOR, actor="vic")
LOW, HIGH = Risk((RiskTerm("reason", 1_000, "little"),)), Risk((RiskTerm("rate", 9_000, "a lot"),))


def a_policy(version: int = 1, **rules: Any) -> PolicyVersion[ReturnRules]:
    document: Mapping[str, Any] = {"window": "P30D", **rules}
    return PolicyVersion(
        PolicyKind.RETURN, PolicyScope(), version, NOW, returns.parse(Value(document))
    )


def units(**facts: Any) -> RequestedUnits:
    given: dict[str, Any] = {
        "sku": "COAT",
        "quantity": 2,
        "reason": "UNWANTED",
        "value": Money(8_000, "GBP"),
        "is_returnable": True,
        "parcels": (ShippedParcel(DELIVERED - timedelta(days=3), DELIVERED, "Europe/London"),),
    }
    return RequestedUnits(**(given | facts))


def judged(*items: RequestedUnits, policy: PolicyVersion[ReturnRules], risk: Risk = LOW) -> Verdict:
    return may_authorize(ReturnCase(items, risk), [policy] * len(items), NOW)


@pytest.mark.parametrize(
    ("start", "zone", "closes"),
    [
        # 30 days, to the end of the day in the location's time zone, across daylight saving changes
        ("2026-01-10T23:30", "Europe/London", "2026-02-10T00:00"),
        ("2026-01-10T23:30", "Europe/Berlin", "2026-02-10T23:00"),
        ("2026-03-10T12:00", "Europe/London", "2026-04-09T23:00"),
        ("2026-01-10T03:00", "America/New_York", "2026-02-09T05:00"),
        ("2026-01-10T12:00", "UTC", "2026-02-10T00:00"),
        # clock changes at midnight: the last hour is twice, or the next day begins at 01:00
        ("2026-03-05T12:00", "America/Santiago", "2026-04-05T04:00"),
        ("2026-03-24T12:00", "Africa/Cairo", "2026-04-23T22:00"),
        ("2010-10-07T12:00", "America/St_Johns", "2010-11-07T03:30"),
    ],
)
def test_the_window_ends_with_a_day_of_the_location(start: str, zone: str, closes: str) -> None:
    delivered = datetime.fromisoformat(start).replace(tzinfo=UTC)
    parcel = ShippedParcel(delivered - timedelta(days=9), delivered, zone)
    assert window_closes_at([parcel], 30) == datetime.fromisoformat(closes).replace(tzinfo=UTC)


def test_the_window_counts_from_shipping_until_delivery_is_known_and_the_latest_parcel() -> None:
    shipped = ShippedParcel(DELIVERED, None, "UTC")
    later = ShippedParcel(DELIVERED, DELIVERED + timedelta(days=2), "UTC")
    assert window_closes_at([shipped], 1) == datetime(2026, 1, 12, tzinfo=UTC)
    assert window_closes_at([later, shipped], 1) == datetime(2026, 1, 14, tzinfo=UTC)
    assert window_closes_at([], 1) is None


def test_what_the_policy_accepts_is_authorized_with_words() -> None:
    verdict = judged(units(), policy=a_policy(version=4))
    assert verdict.outcome is ReturnStatus.AUTHORIZED
    assert verdict.policy.version == 4
    assert len(verdict.reasons) == 2


def test_the_last_instant_of_the_window_is_within_it() -> None:
    closes = window_closes_at(units().parcels, 30)
    assert closes is not None
    case, policies = ReturnCase((units(),), LOW), [a_policy()]
    last = may_authorize(case, policies, closes - timedelta(microseconds=1))
    assert last.outcome is ReturnStatus.AUTHORIZED
    late = may_authorize(case, policies, closes)
    assert late.outcome is ReturnStatus.DECLINED
    assert isinstance(late.objections[0], ReturnWindowClosed)


@pytest.mark.parametrize(
    ("item", "rules", "why"),
    [
        (units(is_returnable=False), {}, "not returnable"),
        (units(), {"finalSale": True}, "final sale"),
        (units(), {"reasons": ["DEFECTIVE"]}, "UNWANTED is not accepted"),
    ],
)
def test_what_is_not_returnable_is_declined(
    item: RequestedUnits, rules: dict[str, Any], why: str
) -> None:
    verdict = judged(item, policy=a_policy(**rules))
    assert verdict.outcome is ReturnStatus.DECLINED
    assert isinstance(verdict.objections[0], NotReturnable)
    assert why in verdict.reasons[0]


def test_one_item_that_cannot_be_returned_declines_the_whole_by_its_policy() -> None:
    case = ReturnCase((units(), units(sku="HAT")), LOW)
    verdict = may_authorize(case, [a_policy(1), a_policy(2, finalSale=True)], NOW)
    assert verdict.outcome is ReturnStatus.DECLINED
    assert verdict.policy.version == 2
    assert "HAT" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("risk", "rules"),
    [
        (HIGH, {"reviewAboveRisk": 0.7}),
        (LOW, {"reviewAboveAmount": {"GBP": "159.99"}}),
        (LOW, {"reviewAboveAmount": {"EUR": "500.00"}}),
    ],
)
def test_a_doubt_leaves_it_to_a_person(risk: Risk, rules: dict[str, Any]) -> None:
    verdict = judged(units(), units(sku="HAT"), policy=a_policy(**rules), risk=risk)
    assert verdict.outcome is ReturnStatus.REQUESTED
    assert verdict.reasons[0].startswith("A person decides")
    assert verdict.objections == ()


def test_limits_are_passed_only_above_them() -> None:
    policy = a_policy(reviewAboveRisk=0.9, reviewAboveAmount={"GBP": "80.00"})
    assert judged(units(), policy=policy, risk=HIGH).outcome is ReturnStatus.AUTHORIZED


FAST: dict[str, Any] = {
    "fastLane": {"maxRisk": 0.1, "reasons": ["*"], "maxUnitValue": {"GBP": "40.00"}}
}


@pytest.mark.parametrize(
    ("item", "risk", "is_fast"),
    [
        (units(), LOW, True),
        (units(), HIGH, False),
        (units(value=Money(8_001, "GBP")), LOW, False),
        (units(value=Money(10, "EUR")), LOW, False),
        (units(reason="DAMAGED_IN_TRANSIT"), LOW, False),
        (units(reason="DEFECTIVE"), LOW, False),
    ],
)
def test_the_decision_says_which_units_pass_unseen(
    item: RequestedUnits, risk: Risk, is_fast: bool
) -> None:
    verdict = judged(item, policy=a_policy(**FAST), risk=risk)
    assert any("fast lane" in reason for reason in verdict.reasons) is is_fast


def test_a_high_risk_unit_never_passes_unseen() -> None:
    policy = a_policy(**FAST, twoInspectorsAboveRisk=0.05)
    assert policy.rules.two_inspectors_above_risk == Decimal("0.05")
    verdict = judged(units(), policy=policy)
    assert not any("fast lane" in reason for reason in verdict.reasons)


def test_a_person_may_authorize_what_nothing_speaks_against() -> None:
    check_authorization(ReturnStatus.REQUESTED, (), SUPPORT, None)


@pytest.mark.parametrize("status", [ReturnStatus.REQUESTED, ReturnStatus.DECLINED])
@pytest.mark.parametrize(
    "objection", [NotReturnable("COAT", "it is a final sale"), ReturnWindowClosed(NOW)]
)
def test_objections_are_raised_for_actors_that_may_not_override(
    status: ReturnStatus, objection: DomainError
) -> None:
    with pytest.raises(type(objection)):
        check_authorization(status, [objection], SUPPORT, "please")


def test_a_declined_return_is_authorized_by_a_supervisor_with_a_note() -> None:
    with pytest.raises(IllegalTransition):
        check_authorization(ReturnStatus.DECLINED, (), SUPPORT, "please")
    for note in (None, "", "  "):
        with pytest.raises(Invalid) as refusal:
            check_authorization(ReturnStatus.DECLINED, (), SUPERVISOR, note)
        assert refusal.value.field == ("note",)
    check_authorization(ReturnStatus.DECLINED, (), SUPERVISOR, "a loyal customer")


def test_no_other_status_can_be_authorized_by_anybody() -> None:
    for status in set(ReturnStatus) - {ReturnStatus.REQUESTED, ReturnStatus.DECLINED}:
        with pytest.raises(IllegalTransition):
            check_authorization(status, (), SUPERVISOR, "because")
