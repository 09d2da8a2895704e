"""Settlement of attempts by a person: every pair of states and findings."""

from dataclasses import replace
from itertools import product

import pytest

from domain.errors import IllegalTransition, Invalid
from domain.refunds.payouts import UNSETTLED, Attempt, AttemptState, GatewaySignal
from domain.refunds.settlements import (
    Settlement,
    attempt_to_settle,
    check_uncontradicted,
    settlement,
)
from domain.refunds.states import RefundStatus

_T, _S, _R = AttemptState, RefundStatus, Settlement
FAILED = Attempt("one", _T.FAILED)
CONTRADICTED = replace(FAILED, contradicted_as=GatewaySignal.SUCCEEDED)
UNKNOWN = Attempt("two", _T.UNKNOWN)


@pytest.mark.parametrize(("state", "status"), list(product(AttemptState, RefundStatus)))
def test_what_a_finding_means(state: AttemptState, status: RefundStatus) -> None:
    found = (
        settlement(state, status, was_paid=True),
        settlement(state, status, was_paid=False),
    )
    if state in UNSETTLED:
        assert found == (_R.PAID, _R.NOT_PAID)
    elif state is _T.SUCCEEDED:
        assert found == (_R.CONFIRMED, _R.TAKEN_BACK)
    elif state is _T.FAILED and status in (_S.FAILED, _S.UNKNOWN, _S.PROCESSING):
        assert found == (_R.PAID, _R.CONFIRMED)
    else:
        assert found == (_R.OVERPAID, _R.CONFIRMED)


def test_a_person_settles_what_is_uncertain() -> None:
    assert attempt_to_settle([CONTRADICTED], _S.FAILED, None) is CONTRADICTED
    assert attempt_to_settle([FAILED, UNKNOWN], _S.UNKNOWN, None) is UNKNOWN
    both = [CONTRADICTED, UNKNOWN]
    assert [attempt_to_settle(both, _S.UNKNOWN, number) for number in (1, 2)] == both


@pytest.mark.parametrize("number", [None, 3])
def test_the_attempt_is_named_if_several_are(number: int | None) -> None:
    with pytest.raises(Invalid) as refusal:
        attempt_to_settle([CONTRADICTED, UNKNOWN], _S.UNKNOWN, number)
    assert refusal.value.field == ("attempt",)
    assert refusal.value.details == {"allowed": [1, 2]}


def test_what_is_certain_is_not_settled() -> None:
    with pytest.raises(IllegalTransition):
        attempt_to_settle([FAILED], _S.FAILED, None)
    check_uncontradicted([FAILED], _S.FAILED, _S.PROCESSING)
    with pytest.raises(IllegalTransition):
        check_uncontradicted([CONTRADICTED, FAILED], _S.FAILED, _S.PROCESSING)
