"""The proofs of rollout find what contradicts them."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.refunds import open_refund_desk
from tests.builders.tampering import tamper
from tests.workflows.rollout.rollouts import switched
from workflows.ledger.reconciliation import reconcile

_CASE = "SELECT id FROM rollout_case WHERE domain"
BREAKS = {
    "a mode that no policy gave": (
        "UPDATE rollout_case SET mode = 'OFF' WHERE domain = 'ROUTING'",
        "modes of cases = ROLLOUT policies",
        "expected SHADOW, found OFF",
    ),
    "a policy that does not exist": (
        "UPDATE rollout_case SET policy_version = 9 WHERE domain = 'RETURNS'",
        "modes of cases = ROLLOUT policies",
        "expected no policy, found SHADOW",
    ),
    "a return that the policy authorized": (
        "UPDATE customer_return SET authorized_by = 'policy'",
        "people decide cases that are not LIVE",
        "RETURNS Return",
    ),
    "units that the policy disposed of": (
        "UPDATE disposition_step SET decided_by = 'policy'",
        "people decide cases that are not LIVE",
        "DISPOSITIONS ReturnItem",
    ),
    "a refund without an approval": (
        "UPDATE refund SET approvals_required = 0",
        "people decide cases that are not LIVE",
        "REFUNDS Refund",
    ),
    "a shadow that is gone": (
        f"DELETE FROM shadow_decision WHERE case_id IN ({_CASE} = 'RETURNS')",
        "shadow cases have a shadow decision",
        "expected a shadow decision, found none",
    ),
    "a shadow of a case that is OFF": (
        "UPDATE rollout_case SET mode = 'OFF' WHERE domain = 'REFUNDS'",
        "shadow cases have a shadow decision",
        "expected no shadow decision, found APPROVED",
    ),
    **{
        f"a comparison of {domain} that is gone": (
            f"DELETE FROM shadow_comparison WHERE case_id IN ({_CASE} = '{domain}')",
            "decided shadow cases are compared",
            f"{domain} ",
        )
        for domain in ("ROUTING", "RETURNS", "DISPOSITIONS", "REFUNDS")
    },
    "a comparison that was turned": (
        "UPDATE shadow_comparison SET agrees = NOT agrees, differences = '[\"x\"]'"
        f" WHERE case_id IN ({_CASE} = 'RETURNS')",
        "comparisons = both decisions",
        "AUTHORIZED and AUTHORIZED agree, found differ",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_a_contradiction_is_named(database: Database, what: str) -> None:
    desk = await open_refund_desk(database)
    domains = ("ROUTING", "RETURNS", "DISPOSITIONS", "REFUNDS")
    await switched(desk.shop, **dict.fromkeys(domains, "SHADOW"))
    a_return = await desk.desk.requested(("TEE-M", 1))
    assert not (await desk.desk.authorize(a_return)).refusals
    assert not (await desk.desk.receive(a_return, ("TEE-M", 1))).refusals
    [group] = await desk.desk.groups(a_return)
    assert not (await desk.desk.inspect(a_return, (group["id"], 1, "NEW"))).refusals
    assert not (await desk.desk.dispose(group["id"], 1, "RESTOCK")).refusals
    [refund] = await desk.refunds()
    assert not (await desk.approve(refund)).refusals
    assert await reconcile(database) == []
    statement, proof, line = BREAKS[what]
    await tamper(database.url, statement)
    named = [str(each) for each in await reconcile(database) if each.proof == proof]
    assert any(line in each for each in named), named
