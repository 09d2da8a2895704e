"""RETURNS, DISPOSITIONS and REFUNDS: people decide where a policy is not LIVE."""

from __future__ import annotations

from typing import Any

import pytest

import domain.policies.dispositions as disposition_policies
import workflows.refunds.refund_cases as refund_cases
import workflows.returns.evaluation as return_evaluation
from domain.access.callers import Role, holder
from domain.policies.dispositions import Disposition
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.refunds import FIONA, RefundDesk, open_refund_desk
from tests.builders.returns import BOSS
from tests.builders.store import pounds
from tests.builders.transactions import codes, counts, rows
from tests.workflows.rollout.rollouts import TABLES, cases, shadow, switched
from workflows.ledger.reconciliation import reconcile
from workflows.orders.commands import Payment
from workflows.transactions.outcomes import Outcome

SID = holder(Role.SUPERVISOR, actor="sid")
ALONE = {"upTo": None, "approvers": 0}


@pytest.fixture
async def desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


async def requested(desk: RefundDesk, units: int = 1, reference: str = "W-1") -> Outcome:
    paid = (Payment(f"card-{reference}", pounds(f"{units * 10}.00")),)
    order = await desk.desk.sold(("TEE-M", units), reference=reference, payments=paid)
    outcome = await desk.desk.request(order, ("TEE-M", units))
    assert not outcome.refusals, outcome.refusals
    return outcome


async def graded(desk: RefundDesk, a_return: Outcome, units: int = 1, **facts: Any) -> Any:
    """Receive and grade the units as NEW. Returns the id of their group."""
    assert not (await desk.desk.receive(a_return, ("TEE-M", units))).refusals
    [group] = await desk.desk.groups(a_return)
    done = await desk.desk.inspect(a_return, (group["id"], units, "NEW"), **facts)
    assert not done.refusals, done.refusals
    return group["id"]


async def test_live_decides_as_before_and_stores_nothing(desk: RefundDesk) -> None:
    a_return = await requested(desk)
    assert await desk.desk.status(a_return) == "AUTHORIZED"
    await graded(desk, a_return)
    [refund] = await desk.refunds()
    assert refund["status"] == "APPROVED"
    assert set((await counts(desk.database, *TABLES)).values()) == {0}


@pytest.mark.parametrize("mode", ["OFF", "SHADOW"])
async def test_returns_wait_for_people(desk: RefundDesk, mode: str) -> None:
    await switched(desk.shop, RETURNS=mode)
    a_return = await requested(desk)
    assert await desk.desk.status(a_return) == "REQUESTED"
    [case] = await cases(desk.database, "RETURNS")
    would = "AUTHORIZED" if mode == "SHADOW" else None
    assert (case["mode"], case["would"], case["did"]) == (mode, would, None)
    assert not (await desk.desk.authorize(a_return)).refusals
    [case] = await cases(desk.database, "RETURNS")
    assert case["did"] == would
    assert await reconcile(desk.database) == []


async def test_a_declined_return_differs(desk: RefundDesk) -> None:
    await switched(desk.shop, "channel:web,location:LEEDS", RETURNS="SHADOW")
    a_return = await requested(desk)
    assert not (await desk.desk.decline(a_return)).refusals
    assert await shadow(desk.database, "RETURNS") == ("AUTHORIZED", "DECLINED", "susan", False)
    # A second decision is not compared.
    assert not (await desk.desk.authorize(a_return, note="Really.", by=BOSS)).refusals
    assert await shadow(desk.database, "RETURNS") == ("AUTHORIZED", "DECLINED", "susan", False)
    assert await reconcile(desk.database) == []


async def test_a_cancelled_return_stays_open(desk: RefundDesk) -> None:
    await switched(desk.shop, RETURNS="SHADOW")
    a_return = await requested(desk)
    assert not (await desk.desk.cancel(a_return)).refusals
    assert await shadow(desk.database, "RETURNS") == ("AUTHORIZED", None, None, None)
    assert await reconcile(desk.database) == []


@pytest.mark.parametrize("mode", ["OFF", "SHADOW"])
async def test_units_stay_inspected(desk: RefundDesk, mode: str) -> None:
    await switched(desk.shop, "location:LEEDS", DISPOSITIONS=mode)
    a_return = await requested(desk, 3)
    group = await graded(desk, a_return, 3)
    [row] = await desk.desk.groups(a_return)
    assert (row["state"], row["disposition"]) == ("INSPECTED", None)
    assert not (await desk.desk.dispose(group, 1, "QUARANTINE")).refusals
    assert not (await desk.desk.dispose(group, 2, "RESTOCK")).refusals
    found = await cases(desk.database, "DISPOSITIONS")
    compared = [(case["would"], case["did"], case["decided_by"]) for case in found]
    expected = [("RESTOCK", "QUARANTINE", "ivy"), ("RESTOCK", "RESTOCK", "ivy")]
    nothing = [(None, None, None)] * 2
    assert sorted(compared, key=str) == (expected if mode == "SHADOW" else nothing)
    [steps] = await rows(
        desk.database, "SELECT COUNT(*) AS n FROM disposition_step WHERE decided_by <> 'ivy'"
    )
    assert steps["n"] == 0
    assert await reconcile(desk.database) == []


async def test_an_inspector_may_state_the_disposition(desk: RefundDesk) -> None:
    await switched(desk.shop, DISPOSITIONS="SHADOW")
    a_return = await requested(desk)
    await graded(desk, a_return, disposition=Disposition.REFURBISH)
    assert await shadow(desk.database, "DISPOSITIONS") == ("RESTOCK", "REFURBISH", "ivy", False)
    assert await reconcile(desk.database) == []


@pytest.mark.parametrize("mode", ["OFF", "SHADOW"])
async def test_refunds_need_one_approver_at_least(desk: RefundDesk, mode: str) -> None:
    await switched(desk.shop, REFUNDS=mode)
    a_return = await requested(desk)
    await graded(desk, a_return)
    [refund] = await desk.refunds()
    assert (refund["status"], refund["approvals_required"]) == ("NEEDS_APPROVAL", 1)
    assert not (await desk.approve(refund)).refusals
    assert await desk.status(refund) == "APPROVED"
    [case] = await cases(desk.database, "REFUNDS")
    would = "APPROVED" if mode == "SHADOW" else None
    assert (case["mode"], case["would"], case["did"]) == (mode, would, would)
    await desk.pay()
    assert await reconcile(desk.database) == []


async def test_a_rejected_refund_differs(desk: RefundDesk) -> None:
    await switched(desk.shop, REFUNDS="SHADOW")
    await graded(desk, await requested(desk))
    [refund] = await desk.refunds()
    assert not (await desk.reject(refund)).refusals
    assert await shadow(desk.database, "REFUNDS") == ("APPROVED", "REJECTED", "fiona", False)
    assert await reconcile(desk.database) == []


async def test_a_policy_that_asks_people_agrees_with_them(desk: RefundDesk) -> None:
    await switched(desk.shop, REFUNDS="SHADOW")
    await graded(desk, await requested(desk, 11), 11)
    [refund] = await desk.refunds()
    assert not (await desk.reject(refund)).refusals
    assert await shadow(desk.database, "REFUNDS") == ("NEEDS_APPROVAL", "REJECTED", "fiona", True)


async def test_a_case_keeps_its_mode(desk: RefundDesk) -> None:
    """A refund waits for evidence: it was opened while REFUNDS was OFF, and stays so."""
    rules = {"evidence": ["RECEIVED", "INSPECTED"], "bands": {"GBP": [ALONE]}}
    await desk.shop.publish(PolicyKind.REFUND, rules)
    await switched(desk.shop, REFUNDS="OFF")
    waiting = await requested(desk)
    assert not (await desk.desk.receive(waiting, ("TEE-M", 1))).refusals
    await switched(desk.shop)
    live = await requested(desk, reference="W-2")
    assert not (await desk.desk.receive(live, ("TEE-M", 1))).refusals
    await switched(desk.shop, REFUNDS="OFF")
    for a_return in (waiting, live):
        [group] = await desk.desk.groups(a_return)
        assert not (await desk.desk.inspect(a_return, (group["id"], 1, "NEW"))).refusals
    found = await desk.refunds()
    assert [refund["status"] for refund in found] == ["NEEDS_APPROVAL", "APPROVED"]
    assert await reconcile(desk.database) == []


async def test_cancellations_and_nothing_to_pay_need_no_approver(desk: RefundDesk) -> None:
    await switched(desk.shop, REFUNDS="OFF")
    paid = (Payment("card", pounds("10.00")),)
    order = await desk.shop.place(("TEE-M", 1), payments=paid)
    assert not (await desk.shop.cancel(order)).refusals
    [refund] = await desk.refunds()
    assert refund["status"] == "APPROVED"
    assert not await cases(desk.database, "REFUNDS")


async def test_failing_shadows_are_differences(
    desk: RefundDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise ZeroDivisionError

    await switched(desk.shop, RETURNS="SHADOW", DISPOSITIONS="SHADOW", REFUNDS="SHADOW")
    monkeypatch.setattr(return_evaluation, "decide", fail)
    monkeypatch.setattr(refund_cases, "shadow", fail)
    a_return = await requested(desk)
    monkeypatch.undo()
    monkeypatch.setattr(refund_cases, "shadow", fail)
    assert not (await desk.desk.authorize(a_return)).refusals
    assert await shadow(desk.database, "RETURNS") == ("FAILED", "AUTHORIZED", "susan", False)
    monkeypatch.setattr(disposition_policies.DispositionRules, "decide", fail)
    group = await graded(desk, a_return)
    monkeypatch.undo()
    assert not (await desk.desk.dispose(group, 1, "RESTOCK")).refusals
    assert await shadow(desk.database, "DISPOSITIONS") == ("FAILED", "RESTOCK", "ivy", False)
    [refund] = await desk.refunds()
    assert not (await desk.approve(refund, by=FIONA)).refusals
    assert await shadow(desk.database, "REFUNDS") == ("FAILED", "APPROVED", "fiona", False)
    assert await reconcile(desk.database) == []


async def test_a_person_of_the_case_cannot_approve_its_refund(desk: RefundDesk) -> None:
    await switched(desk.shop, REFUNDS="OFF")
    a_return = await requested(desk)
    assert not (await desk.desk.receive(a_return, ("TEE-M", 1))).refusals
    [group] = await desk.desk.groups(a_return)
    assert not (await desk.desk.inspect(a_return, (group["id"], 1, "NEW"), by=SID)).refusals
    [refund] = await desk.refunds()
    assert codes(await desk.approve(refund, by=SID)) == [("SELF_APPROVAL", ("id",))]
