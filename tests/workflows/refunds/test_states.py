"""Every pair of a refund's state and an action: allowed actions work, others change nothing."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest

from domain.policies.policies import PolicyKind
from domain.refunds.states import REFUND_TRANSITIONS, RefundStatus
from integrations.errors import IntegrationTimeout
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.refunds import (
    FAILED,
    FIONA,
    FRED,
    PENDING,
    SUCCEEDED,
    Answer,
    RefundDesk,
    open_refund_desk,
)
from tests.builders.transactions import codes, counts
from workflows.transactions.outcomes import Outcome

_S = RefundStatus
TABLES = ("refund", "refund_approval", "refund_attempt", "journal_entry", "event", "audit_entry")

# action → (call, {allowed state: next state})
ACTIONS: dict[str, tuple[Callable[[RefundDesk, Any], Awaitable[Outcome]], dict[str, str]]] = {
    "approve": (
        lambda refund_desk, refund: refund_desk.approve(refund),
        {"NEEDS_APPROVAL": "APPROVED"},
    ),
    "reject": (
        lambda refund_desk, refund: refund_desk.reject(refund),
        {"NEEDS_APPROVAL": "REJECTED"},
    ),
    "cancel": (
        lambda refund_desk, refund: refund_desk.cancel(refund),
        dict.fromkeys(("EVIDENCE_PENDING", "NEEDS_APPROVAL", "APPROVED", "FAILED"), "CANCELLED"),
    ),
    "retry": (lambda refund_desk, refund: refund_desk.retry(refund), {"FAILED": "PROCESSING"}),
    "settle as paid": (
        lambda refund_desk, refund: refund_desk.settle(refund),
        {"UNKNOWN": "SUCCEEDED"},
    ),
    "settle as failed": (
        lambda refund_desk, refund: refund_desk.settle(refund, succeeded=False),
        {"UNKNOWN": "FAILED"},
    ),
}


async def a_refund(refund_desk: RefundDesk, status: RefundStatus, reference: str) -> Any:
    """A refund in this state, reached by people, the job and the gateway."""
    if status is _S.EVIDENCE_PENDING:
        rules = {
            "evidence": ["AUTHORIZED", "INSPECTED"],
            "bands": {"GBP": [{"upTo": None, "approvers": 0}]},
        }
        await refund_desk.shop.publish(PolicyKind.REFUND, rules)
        await refund_desk.desk.requested(("TEE-M", 1), reference=reference)
        return next(each for each in await refund_desk.refunds() if each["status"] == status)
    order = await refund_desk.desk.sold(("TEE-M", 1), reference=reference)
    refund = await refund_desk.create(order, "1.00")
    if status is _S.NEEDS_APPROVAL:
        return refund
    if status is _S.REJECTED:
        await refund_desk.reject(refund)
        return refund
    await refund_desk.approve(refund)
    if status is _S.APPROVED:
        return refund
    if status is _S.CANCELLED:
        await refund_desk.cancel(refund)
        return refund
    await _pay(refund_desk, refund, status)
    return refund


async def _pay(refund_desk: RefundDesk, refund: Outcome, status: RefundStatus) -> None:
    answers: dict[RefundStatus, Answer] = {
        _S.FAILED: FAILED,
        _S.UNKNOWN: IntegrationTimeout("silent"),
        _S.PROCESSING: PENDING,
    }
    refund_desk.gateway.answers = [answers.get(status, SUCCEEDED)]
    await refund_desk.pay()
    if status is _S.REVERSED:
        await refund_desk.receive_webhook(refund, Told.REVERSED)


async def snapshot(refund_desk: RefundDesk, refund: Any) -> tuple[Any, ...]:
    return (
        await refund_desk.find(refund),
        await refund_desk.attempts(refund),
        await refund_desk.balances(),
        await counts(refund_desk.database, *TABLES),
    )


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.mark.parametrize("status", RefundStatus)
async def test_what_does_not_fit_a_state_changes_nothing(
    refund_desk: RefundDesk, status: RefundStatus
) -> None:
    refund = await a_refund(refund_desk, status, "W-1")
    assert await refund_desk.status(refund) == status
    before = await snapshot(refund_desk, refund)
    for act, allowed in ACTIONS.values():
        if status in allowed:
            continue
        refused = await act(refund_desk, refund)
        assert codes(refused) == [("ILLEGAL_TRANSITION", ("id",))]
        details = refused.refusals[0].details
        assert details["from"] == status
        assert details["allowed"] == sorted(REFUND_TRANSITIONS[status])
        assert await snapshot(refund_desk, refund) == before


ALLOWED = [(name, status) for name, (_, allowed) in ACTIONS.items() for status in allowed]


@pytest.mark.parametrize(("action", "status"), ALLOWED)
async def test_what_fits_a_state_leads_on(
    refund_desk: RefundDesk, action: str, status: str
) -> None:
    act, allowed = ACTIONS[action]
    refund = await a_refund(refund_desk, RefundStatus(status), "W-1")
    done = await act(refund_desk, refund)
    assert not done.refusals, done.refusals
    assert await refund_desk.status(refund) == allowed[status]
    assert (await refund_desk.find(refund))["version"] > 1


def test_the_actions_are_those_of_the_table() -> None:
    """Every transition is an action of a person, the job or a policy, or an answer of the
    gateway."""
    by_people = {(_S(a), _S(b)) for _, allowed in ACTIONS.values() for a, b in allowed.items()}
    by_gateway = {
        *product((_S.PROCESSING,), (_S.SUCCEEDED, _S.FAILED, _S.UNKNOWN)),
        (_S.UNKNOWN, _S.SUCCEEDED),
        (_S.UNKNOWN, _S.FAILED),
        (_S.SUCCEEDED, _S.REVERSED),
    }
    # A person settles a contradicted attempt: tests/workflows/refunds/test_contradictions.py.
    by_settlement = {(_S.FAILED, _S.SUCCEEDED)}
    by_policy = {
        (_S.EVIDENCE_PENDING, _S.NEEDS_APPROVAL),
        (_S.EVIDENCE_PENDING, _S.APPROVED),
        (_S.APPROVED, _S.PROCESSING),
    }
    table = {(a, b) for a, reached in REFUND_TRANSITIONS.items() for b in reached}
    assert by_people | by_gateway | by_settlement | by_policy == table


async def test_who_requested_a_refund_does_not_settle_it(refund_desk: RefundDesk) -> None:
    order = await refund_desk.desk.sold(("TEE-M", 1))
    refund = await refund_desk.create(order, "1.00", FIONA)
    await refund_desk.approve(refund, FRED)
    refund_desk.gateway.answers = [IntegrationTimeout("silent")]
    await refund_desk.pay()
    assert codes(await refund_desk.settle(refund, by=FIONA)) == [("SELF_APPROVAL", ("id",))]
    assert not (await refund_desk.settle(refund, by=FRED, gateway_reference="bank-7")).refusals
    assert (await refund_desk.find(refund))["gateway_reference"] == "bank-7"
