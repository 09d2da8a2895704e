from itertools import product

import pytest

from domain.errors import IllegalTransition
from domain.policies.defaults import DEFAULT_RULES
from domain.policies.policies import PolicyKind, parse_rules
from domain.policies.refunds import RefundRules
from domain.refunds.breakdowns import NO_SHIPPING, ShippingAccount
from domain.refunds.payouts import AttemptState
from domain.refunds.states import (
    REFUND_ACTIONS,
    REFUND_TRANSITIONS,
    SETTLED,
    WITHDRAWN,
    RefundAction,
    RefundStatus,
    check_action,
    path_to,
    shipping_to_refund,
)
from domain.transitions import step

_S, _A = RefundStatus, RefundAction

# the allowed transitions of a refund, written out
WRITTEN = {
    "EVIDENCE_PENDING": "NEEDS_APPROVAL APPROVED CANCELLED",
    "NEEDS_APPROVAL": "APPROVED REJECTED CANCELLED",
    "APPROVED": "PROCESSING CANCELLED",
    "REJECTED": "",
    "PROCESSING": "SUCCEEDED FAILED UNKNOWN",
    "SUCCEEDED": "REVERSED",
    "FAILED": "PROCESSING SUCCEEDED CANCELLED",
    "UNKNOWN": "SUCCEEDED FAILED",
    "REVERSED": "",
    "CANCELLED": "",
}


@pytest.mark.parametrize(("current", "requested"), list(product(RefundStatus, RefundStatus)))
def test_every_pair_of_states_is_a_step_or_names_the_allowed_ones(
    current: RefundStatus, requested: RefundStatus
) -> None:
    if requested in WRITTEN[current].split():
        assert step("refund", REFUND_TRANSITIONS, current, requested) is requested
        return
    with pytest.raises(IllegalTransition) as refusal:
        step("refund", REFUND_TRANSITIONS, current, requested)
    assert refusal.value.details["allowed"] == sorted(WRITTEN[current].split())


@pytest.mark.parametrize(("status", "action"), list(product(RefundStatus, RefundAction)))
def test_every_action_fits_a_status_or_is_an_illegal_transition(
    status: RefundStatus, action: RefundAction
) -> None:
    if status in REFUND_ACTIONS[action]:
        check_action(status, action)
        return
    with pytest.raises(IllegalTransition) as refusal:
        check_action(status, action)
    assert refusal.value.details["allowed"] == sorted(WRITTEN[status].split())


def test_actions_start_where_the_table_leads_to_their_aim() -> None:
    def leads_to(aim: RefundStatus) -> set[RefundStatus]:
        return {status for status, reached in REFUND_TRANSITIONS.items() if aim in reached}

    assert REFUND_ACTIONS[_A.CANCEL] == leads_to(_S.CANCELLED)
    assert REFUND_ACTIONS[_A.REJECT] == leads_to(_S.REJECTED)
    assert REFUND_ACTIONS[_A.PAY] | REFUND_ACTIONS[_A.RETRY] == leads_to(_S.PROCESSING)
    assert REFUND_ACTIONS[_A.APPROVE] | {_S.EVIDENCE_PENDING} == leads_to(_S.APPROVED)


def test_a_failed_refund_still_draws_on_its_payment_and_holds_the_return_open() -> None:
    assert _S.FAILED not in WITHDRAWN
    assert _S.FAILED not in SETTLED
    assert WITHDRAWN < SETTLED
    assert {_S.SUCCEEDED} == SETTLED - WITHDRAWN


@pytest.mark.parametrize(
    ("status", "attempt", "path"),
    [
        (_S.PROCESSING, AttemptState.OPEN, ()),
        (_S.PROCESSING, AttemptState.PENDING, ()),
        (_S.PROCESSING, AttemptState.UNKNOWN, (_S.UNKNOWN,)),
        (_S.UNKNOWN, AttemptState.UNKNOWN, ()),
        (_S.UNKNOWN, AttemptState.SUCCEEDED, (_S.SUCCEEDED,)),
        (_S.UNKNOWN, AttemptState.FAILED, (_S.FAILED,)),
        (_S.UNKNOWN, AttemptState.REVERSED, (_S.SUCCEEDED, _S.REVERSED)),
        (_S.PROCESSING, AttemptState.REVERSED, (_S.SUCCEEDED, _S.REVERSED)),
        (_S.SUCCEEDED, AttemptState.SUCCEEDED, ()),
        (_S.SUCCEEDED, AttemptState.REVERSED, (_S.REVERSED,)),
        (_S.REVERSED, AttemptState.REVERSED, ()),
        (_S.FAILED, AttemptState.FAILED, ()),
    ],
)
def test_a_refund_follows_its_attempt_through_the_table(
    status: RefundStatus, attempt: AttemptState, path: tuple[RefundStatus, ...]
) -> None:
    assert path_to(status, attempt) == path


@pytest.mark.parametrize("status", [_S.CANCELLED, _S.REJECTED, _S.NEEDS_APPROVAL])
def test_a_refund_that_is_not_being_paid_cannot_have_been_paid(status: RefundStatus) -> None:
    with pytest.raises(IllegalTransition):
        path_to(status, AttemptState.SUCCEEDED)


@pytest.mark.parametrize(
    ("rule", "is_whole_order", "is_given"),
    [
        ("FULL_ORDER_ONLY", True, True),
        ("FULL_ORDER_ONLY", False, False),
        ("ALWAYS", False, True),
        ("NEVER", True, False),
    ],
)
def test_shipping_goes_back_as_the_policy_says(
    rule: str, is_whole_order: bool, is_given: bool
) -> None:
    document = {**DEFAULT_RULES[PolicyKind.REFUND], "refundShipping": rule}
    rules = parse_rules(PolicyKind.REFUND, document)
    assert isinstance(rules, RefundRules)
    left = ShippingAccount(500, 100)
    given = shipping_to_refund(rules, left, is_whole_order=is_whole_order)
    assert given == (left if is_given else NO_SHIPPING)
