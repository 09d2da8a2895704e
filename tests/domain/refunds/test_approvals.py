from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.access.callers import Caller, Role, holder
from domain.errors import GrantExceeded, IllegalTransition, SelfApproval
from domain.policies.defaults import DEFAULT_RULES
from domain.policies.dispositions import ConditionGrade
from domain.policies.policies import PolicyKind, PolicyScope, PolicyVersion, parse_rules
from domain.policies.refunds import RefundRules
from domain.refunds.approvals import (
    Involvement,
    RefundKind,
    check_approver,
    check_settler,
    decide,
    status_after_approval,
)
from domain.refunds.states import RefundStatus
from domain.values.money import Money

_S, _K = RefundStatus, RefundKind
FIFTY, NOTHING = Money(5_000, "GBP"), Money(0, "GBP")


def a_policy(**changes: Any) -> PolicyVersion[RefundRules]:
    document: Mapping[str, Any] = {**DEFAULT_RULES[PolicyKind.REFUND], **changes}
    rules = parse_rules(PolicyKind.REFUND, document)
    assert isinstance(rules, RefundRules)
    return PolicyVersion(
        PolicyKind.REFUND, PolicyScope(), 1, datetime(2026, 1, 1, tzinfo=UTC), rules
    )


def an_approver(actor: str = "fay", limit: Money | None = None) -> Caller:
    return holder(Role.FINANCE, actor=actor, refund_limit=limit)


@pytest.mark.parametrize(
    ("cumulative", "needed"),
    [(1, 0), (10_000, 0), (10_001, 1), (50_000, 1), (50_001, 2), (10**12, 2)],
)
def test_bands_compare_the_sum_of_the_order(cumulative: int, needed: int) -> None:
    decision = decide(_K.RETURN, a_policy(), Money(1, "GBP"), Money(cumulative, "GBP"))
    assert decision.approvals_required == needed
    assert decision.status is (_S.NEEDS_APPROVAL if needed else _S.APPROVED)
    assert decision.reasons


def test_ten_refunds_of_99_do_not_pass() -> None:
    needed = [
        decide(
            _K.RETURN, a_policy(), Money(9_900, "GBP"), Money(9_900 * count, "GBP")
        ).approvals_required
        for count in range(1, 11)
    ]
    assert needed == [0, 1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_a_currency_that_the_policy_does_not_name_needs_two() -> None:
    decision = decide(_K.RETURN, a_policy(), Money(1, "JPY"), Money(1, "JPY"))
    assert decision.approvals_required == 2


def test_a_cancellation_needs_neither_evidence_nor_approval() -> None:
    decision = decide(_K.CANCELLATION, a_policy(), Money(10**9, "JPY"), Money(10**9, "JPY"))
    assert (decision.status, decision.approvals_required) == (_S.APPROVED, 0)


def test_goodwill_and_counterfeits_always_need_an_approval() -> None:
    small = Money(100, "GBP")
    assert decide(_K.GOODWILL, a_policy(), small, small).approvals_required == 1
    fakes = [ConditionGrade.NEW, ConditionGrade.COUNTERFEIT]
    assert decide(_K.RETURN, a_policy(), small, small, fakes).approvals_required == 1
    assert decide(_K.RETURN, a_policy(), small, small, fakes[:1]).approvals_required == 0
    large = Money(60_000, "GBP")
    assert decide(_K.GOODWILL, a_policy(), small, large).approvals_required == 2


@pytest.mark.parametrize("part", ["requested", "authorized", "inspected", "approved"])
def test_who_had_a_part_cannot_agree_whatever_the_key(part: str) -> None:
    involved = Involvement(**{part: frozenset({"fay", "gus"})})
    second_key = replace(an_approver(), role=Role.ADMIN)
    for caller in (an_approver(), second_key):
        with pytest.raises(SelfApproval) as refusal:
            check_approver(_S.NEEDS_APPROVAL, FIFTY, NOTHING, involved, caller)
        assert refusal.value.details == {"actor": "fay", "part": part}
    check_approver(_S.NEEDS_APPROVAL, FIFTY, NOTHING, involved, an_approver("hal"))


@pytest.mark.parametrize(
    ("limit", "is_granted"),
    [
        (None, True),
        (Money(5_000, "GBP"), True),
        (Money(4_999, "GBP"), False),
        (Money(10**9, "EUR"), False),
    ],
)
def test_an_approver_stays_within_the_grant_and_its_currency(
    limit: Money | None, is_granted: bool
) -> None:
    caller = an_approver(limit=limit)
    if is_granted:
        check_approver(_S.NEEDS_APPROVAL, FIFTY, NOTHING, Involvement(), caller)
        return
    with pytest.raises(GrantExceeded):
        check_approver(_S.NEEDS_APPROVAL, FIFTY, NOTHING, Involvement(), caller)


@pytest.mark.parametrize("status", RefundStatus)
def test_only_a_refund_that_waits_for_it_is_approved(status: RefundStatus) -> None:
    if status is _S.NEEDS_APPROVAL:
        check_approver(status, FIFTY, NOTHING, Involvement(), an_approver())
        return
    with pytest.raises(IllegalTransition):
        check_approver(status, FIFTY, NOTHING, Involvement(), an_approver())


def test_it_is_approved_once_enough_agree() -> None:
    assert status_after_approval(1, 2) is _S.NEEDS_APPROVAL
    assert status_after_approval(2, 2) is _S.APPROVED


def test_who_asked_for_a_refund_does_not_settle_it() -> None:
    involved = Involvement(requested=frozenset({"fay"}), inspected=frozenset({"gus"}))
    with pytest.raises(SelfApproval):
        check_settler(involved, an_approver("fay"))
    check_settler(involved, an_approver("gus"))
