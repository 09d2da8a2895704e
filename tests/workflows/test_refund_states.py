"""Every pair of a refund's state and an action: allowed ones work, all others change nothing."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest

from domain.policies.policies import PolicyKind
from domain.refunds.states import REFUND_TRANSITIONS, RefundStatus
from integrations.payments.gateway import GatewayTimeout
from integrations.payments.gateway import PaymentEventType as Told
from models.database.database import Database
from tests.builders.till import FAILED, FIONA, FRED, PENDING, SUCCEEDED, Answer, Till, open_till
from tests.builders.transactions import codes, counts
from workflows.transactions.outcomes import Outcome

_S = RefundStatus
TABLES = ("refund", "refund_approval", "refund_attempt", "journal_entry", "event", "audit_entry")

# What people do, from where it is allowed, and what comes of it (section 5).
ACTIONS: dict[str, tuple[Callable[[Till, Any], Awaitable[Outcome]], dict[str, str]]] = {
    "approve": (lambda till, refund: till.approve(refund), {"NEEDS_APPROVAL": "APPROVED"}),
    "reject": (lambda till, refund: till.reject(refund), {"NEEDS_APPROVAL": "REJECTED"}),
    "cancel": (
        lambda till, refund: till.cancel(refund),
        dict.fromkeys(("EVIDENCE_PENDING", "NEEDS_APPROVAL", "APPROVED", "FAILED"), "CANCELLED"),
    ),
    "retry": (lambda till, refund: till.retry(refund), {"FAILED": "PROCESSING"}),
    "settle as paid": (lambda till, refund: till.settle(refund), {"UNKNOWN": "SUCCEEDED"}),
    "settle as failed": (
        lambda till, refund: till.settle(refund, succeeded=False),
        {"UNKNOWN": "FAILED"},
    ),
}


async def a_refund(till: Till, status: RefundStatus, reference: str) -> Any:
    """A refund in this state, brought there by what people, the job and the gateway do."""
    if status is _S.EVIDENCE_PENDING:
        rules = {
            "evidence": ["AUTHORIZED", "INSPECTED"],
            "bands": {"GBP": [{"upTo": None, "approvers": 0}]},
        }
        await till.shop.publish(PolicyKind.REFUND, rules)
        await till.desk.asked(("TEE-M", 1), reference=reference)
        return next(each for each in await till.refunds() if each["status"] == status)
    order = await till.desk.sold(("TEE-M", 1), reference=reference)
    refund = await till.create(order, "1.00")
    if status is _S.NEEDS_APPROVAL:
        return refund
    if status is _S.REJECTED:
        await till.reject(refund)
        return refund
    await till.approve(refund)
    if status is _S.APPROVED:
        return refund
    if status is _S.CANCELLED:
        await till.cancel(refund)
        return refund
    await _pay(till, refund, status)
    return refund


async def _pay(till: Till, refund: Outcome, status: RefundStatus) -> None:
    answers: dict[RefundStatus, Answer] = {
        _S.FAILED: FAILED,
        _S.UNKNOWN: GatewayTimeout("silent"),
        _S.PROCESSING: PENDING,
    }
    till.gateway.answers = [answers.get(status, SUCCEEDED)]
    await till.pay()
    if status is _S.REVERSED:
        await till.hear(refund, Told.REVERSED)


async def snapshot(till: Till, refund: Any) -> tuple[Any, ...]:
    return (
        await till.find(refund),
        await till.attempts(refund),
        await till.balances(),
        await counts(till.database, *TABLES),
    )


@pytest.fixture
async def till(database: Database) -> Till:
    return await open_till(database)


@pytest.mark.parametrize("status", RefundStatus)
async def test_what_does_not_fit_a_state_changes_nothing(till: Till, status: RefundStatus) -> None:
    refund = await a_refund(till, status, "W-1")
    assert await till.status(refund) == status
    before = await snapshot(till, refund)
    for act, allowed in ACTIONS.values():
        if status in allowed:
            continue
        refused = await act(till, refund)
        assert codes(refused) == [("ILLEGAL_TRANSITION", ("id",))]
        details = refused.refusals[0].details
        assert details["from"] == status
        assert details["allowed"] == sorted(REFUND_TRANSITIONS[status])
        assert await snapshot(till, refund) == before


ALLOWED = [(name, status) for name, (_, allowed) in ACTIONS.items() for status in allowed]


@pytest.mark.parametrize(("action", "status"), ALLOWED)
async def test_what_fits_a_state_leads_on(till: Till, action: str, status: str) -> None:
    act, allowed = ACTIONS[action]
    refund = await a_refund(till, RefundStatus(status), "W-1")
    done = await act(till, refund)
    assert not done.refusals, done.refusals
    assert await till.status(refund) == allowed[status]
    assert (await till.find(refund))["version"] > 1


def test_the_actions_are_those_of_the_table() -> None:
    """Each step of section 5 is somebody's action, or the gateway's word."""
    by_people = {(_S(a), _S(b)) for _, allowed in ACTIONS.values() for a, b in allowed.items()}
    by_gateway = {
        *product((_S.PROCESSING,), (_S.SUCCEEDED, _S.FAILED, _S.UNKNOWN)),
        (_S.UNKNOWN, _S.SUCCEEDED),
        (_S.UNKNOWN, _S.FAILED),
        (_S.SUCCEEDED, _S.REVERSED),
    }
    by_policy = {
        (_S.EVIDENCE_PENDING, _S.NEEDS_APPROVAL),
        (_S.EVIDENCE_PENDING, _S.APPROVED),
        (_S.APPROVED, _S.PROCESSING),
    }
    table = {(a, b) for a, reached in REFUND_TRANSITIONS.items() for b in reached}
    assert by_people | by_gateway | by_policy == table


async def test_who_requested_a_refund_does_not_settle_it(till: Till) -> None:
    order = await till.desk.sold(("TEE-M", 1))
    refund = await till.create(order, "1.00", FIONA)
    await till.approve(refund, FRED)
    till.gateway.answers = [GatewayTimeout("silent")]
    await till.pay()
    assert codes(await till.settle(refund, by=FIONA)) == [("SELF_APPROVAL", ("id",))]
    assert not (await till.settle(refund, by=FRED, gateway_reference="bank-7")).refusals
    assert (await till.find(refund))["gateway_reference"] == "bank-7"
