import json
from datetime import UTC, datetime

import pytest

from domain import errors
from domain.errors import DomainError

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
# names of UserErrorCode in the API
CONTRACT_CODES = """
    INVALID NOT_FOUND ALREADY_EXISTS ILLEGAL_TRANSITION POLICY_VIOLATION
    INSUFFICIENT_STOCK STALE_QUANTITY RESERVATION_EXPIRED
    NOT_RETURNABLE RETURN_WINDOW_CLOSED OVER_RETURN
    REFUND_EXCEEDS_BALANCE APPROVAL_REQUIRED SELF_APPROVAL GRANT_EXCEEDED
    IDEMPOTENCY_KEY_REUSED IDEMPOTENCY_IN_PROGRESS IDEMPOTENCY_KEY_REQUIRED
    TASK_NOT_CLAIMED PERIOD_CLOSED UNBALANCED_ENTRY LIMIT_EXCEEDED
"""
EXAMPLES: list[DomainError] = [
    errors.Invalid("The quantity must be positive.", field=("quantity",)),
    errors.NotFound("item", "SKU-1", field=("sku",)),
    errors.AlreadyExists("order", "web-1", "T3JkZXI6MQ=="),
    errors.IllegalTransition("order", "SHIPPED", "CANCELLED", {"DELIVERED"}),
    errors.PolicyViolation("The policy forbids it.", details={"version": 3}),
    errors.InsufficientStock("SKU-1", 3, 2),
    errors.StaleQuantity(4, 5),
    errors.ReservationAlreadyExpired(NOW),
    errors.LimitExceeded("ttlSeconds", 3600, 4000),
    errors.ApprovalRequired("A supervisor must do this."),
    errors.SelfApproval("ann", "requested"),
    errors.GrantExceeded("600.00", "GBP", "500.00"),
    errors.NotReturnable("SKU-1", "it is a final sale"),
    errors.ReturnWindowClosed(NOW),
    errors.OverReturn("SKU-1", 3, 1),
    errors.RefundExceedsBalance("10.01", "10.00", "GBP"),
    errors.TaskNotClaimed("bob"),
    errors.PeriodNotOpen("The period is closed already.", NOW),
    errors.UnbalancedEntry("GBP", 1, 2),
    errors.IdempotencyKeyReused(),
    errors.IdempotencyInProgress(),
    errors.IdempotencyKeyRequired(),
]


def test_every_code_of_the_contract_has_exactly_one_error() -> None:
    assert {error.code for error in EXAMPLES} == set(CONTRACT_CODES.split())
    assert len(EXAMPLES) == len(CONTRACT_CODES.split())


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: error.code)
def test_an_error_is_one_sentence_with_json_facts(error: DomainError) -> None:
    assert str(error) == error.message
    assert error.message.endswith(".")
    assert json.loads(json.dumps(error.details)) == error.details


def test_the_field_path_grows_from_the_inside_out() -> None:
    error = errors.InsufficientStock("SKU-1", 3, 2, field=("quantity",))
    assert error.under("lines", "0").under("input") is error
    assert error.field == ("input", "lines", "0", "quantity")


def test_only_what_the_caller_can_mend_is_not_kept_with_the_key() -> None:
    assert {error.code for error in EXAMPLES if not error.is_stored} == {
        "INVALID",
        "NOT_FOUND",
        "IDEMPOTENCY_KEY_REUSED",
        "IDEMPOTENCY_IN_PROGRESS",
        "IDEMPOTENCY_KEY_REQUIRED",
    }


def test_a_transition_error_names_the_allowed_states_in_order() -> None:
    error = errors.IllegalTransition("return", "CLOSED", "RECEIVED", {"B", "A"})
    assert error.details == {"from": "CLOSED", "to": "RECEIVED", "allowed": ["A", "B"]}
    assert "nothing" in errors.IllegalTransition("return", "CLOSED", "RECEIVED").message


def test_a_refused_request_is_no_user_error() -> None:
    for kind in (errors.Unauthenticated, errors.Forbidden, errors.BadRequest):
        assert not issubclass(kind, DomainError)
        assert kind("No.").message == "No."


@pytest.mark.parametrize(("requested", "words"), [(0, "at least 1"), (9, "at most 1")])
def test_a_limit_says_on_which_side_of_it_what_is_allowed_lies(requested: int, words: str) -> None:
    assert words in errors.LimitExceeded("tasks", 1, requested).message
