"""Inspected units of returns, and what their refunds say."""

from typing import Any

import orjson

from domain.policies.dispositions import Disposition
from tests.builders.refunds import RefundDesk
from workflows.transactions.outcomes import Outcome


def refund_rules(*evidence: str, approvers: int = 0) -> dict[str, Any]:
    """A REFUND policy with this evidence, and this number of approvers for any amount."""
    return {
        "evidence": list(evidence),
        "deductions": {"USED": 0.2},
        "approvalFor": [],
        "bands": {"GBP": [{"upTo": None, "approvers": approvers}]},
    }


async def received(refund_desk: RefundDesk, units: int, **facts: Any) -> Outcome:
    """A return with all units received."""
    a_return = await refund_desk.desk.requested(("TEE-M", units), **facts)
    await refund_desk.desk.receive(a_return, ("TEE-M", units))
    return a_return


async def inspected(
    refund_desk: RefundDesk, a_return: Outcome, units: int, grade: str, disposition: str
) -> None:
    refund_desk.shop.clock.forward(seconds=1)
    groups = await refund_desk.desk.groups(a_return)
    group = next(each for each in groups if each["state"] == "RECEIVED")
    found = (group["id"], units, grade)
    outcome = await refund_desk.desk.inspect(a_return, found, disposition=Disposition(disposition))
    assert not outcome.refusals, outcome.refusals


async def sent_back(refund_desk: RefundDesk, a_return: Outcome, units: int, grade: str) -> None:
    """Send units that are in quarantine back to the customer."""
    refund_desk.shop.clock.forward(seconds=1)
    groups = await refund_desk.desk.groups(a_return)
    group = next(
        each for each in groups if each["state"] == "INSPECTED" and each["condition"] == grade
    )
    outcome = await refund_desk.desk.dispose(group["id"], units, "RETURN_TO_CUSTOMER")
    assert not outcome.refusals, outcome.refusals


async def amounts(refund_desk: RefundDesk) -> list[tuple[str, int]]:
    return [(each["status"], each["amount_minor"]) for each in await refund_desk.refunds()]


def reasons(refund: dict[str, Any]) -> str:
    return " ".join(orjson.loads(refund["decision"])["reasons"])
