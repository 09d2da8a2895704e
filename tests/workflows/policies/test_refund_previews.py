"""Preview of a REFUND policy on refunds that are already decided."""

from typing import Any

import pytest

import workflows.policies.previews
from domain.policies.policies import PolicyKind
from models.database.database import Database
from models.queries.listing.scopes import Scope
from tests.builders.refunds import RefundDesk, open_refund_desk
from workflows.policies.preview_cases import Preview
from workflows.policies.publishing import PublishPolicy

RULES: dict[str, Any] = {
    "evidence": ["INSPECTED"],
    "deductions": {"USED": 0.2, "DAMAGED": 0.5},
    "bands": {"GBP": [{"upTo": "100.00", "approvers": 0}, {"upTo": None, "approvers": 2}]},
}


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    """A return with one unit NEW and one USED, and a goodwill refund."""
    refund_desk = await open_refund_desk(database)
    a_return = await refund_desk.desk.requested(("TEE-M", 2))
    await refund_desk.desk.receive(a_return, ("TEE-M", 2))
    for grade in ("NEW", "USED"):
        groups = await refund_desk.desk.groups(a_return)
        group = next(each for each in groups if each["state"] == "RECEIVED")
        refund_desk.shop.clock.forward(seconds=1)
        assert not (await refund_desk.desk.inspect(a_return, (group["id"], 1, grade))).refusals
    order = await refund_desk.desk.sold(("TEE-S", 2), reference="W-2")
    await refund_desk.create(order, "3.00")
    return refund_desk


WHOLE = Scope()


async def tried(
    refund_desk: RefundDesk, scope: str = "global", caller: Scope = WHOLE, **rules: Any
) -> Preview:
    command = PublishPolicy(PolicyKind.REFUND, scope, {**RULES, **rules})
    async with refund_desk.database.snapshot() as session:
        return await workflows.policies.previews.preview(
            session, caller, command, 100, refund_desk.shop.clock.now
        )


async def test_the_same_rules_change_nothing(refund_desk: RefundDesk) -> None:
    found = await tried(refund_desk)
    assert (found.decided, len(found.changes)) == (3, 0)


async def test_a_deduction_changes_the_amounts_that_it_meets(refund_desk: RefundDesk) -> None:
    found = await tried(refund_desk, deductions={"USED": 0.5})
    [change] = found.changes
    assert change.subject[0] == "Refund"
    assert change.before["outcome"] == "APPROVED 8.00 GBP"
    assert change.after["outcome"] == "APPROVED 5.00 GBP"


async def test_a_lower_band_asks_people(refund_desk: RefundDesk) -> None:
    bands = {"GBP": [{"upTo": "10.00", "approvers": 0}, {"upTo": None, "approvers": 1}]}
    found = await tried(refund_desk, bands=bands)
    outcomes = [(each.before["outcome"], each.after["outcome"]) for each in found.changes]
    assert outcomes == [("APPROVED 8.00 GBP", "NEEDS_APPROVAL 8.00 GBP")]


async def test_a_narrower_scope_decides_its_own_cases_only(refund_desk: RefundDesk) -> None:
    assert (await tried(refund_desk, "category:coats")).decided == 0
    assert (await tried(refund_desk, "channel:web")).decided == 3
    assert (await tried(refund_desk, caller=Scope(channel_ids=[]))).decided == 0
