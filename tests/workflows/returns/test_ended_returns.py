"""Units that came for a declined or cancelled return: their exits, without a refund."""

import pytest

from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.returns import Desk, open_return_desk
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

REVIEW = {"window": "P30D", "reviewAboveAmount": {"GBP": "0.00"}}


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def ended(desk: Desk, how: str, units: int = 2) -> Outcome:
    """A return that was declined or cancelled, and whose parcel came."""
    if how == "DECLINED":
        await desk.shop.publish(PolicyKind.RETURN, REVIEW)
    a_return = await desk.requested(("TEE-M", units))
    await (desk.decline(a_return) if how == "DECLINED" else desk.cancel(a_return))
    assert await desk.status(a_return) == how
    return a_return


@pytest.mark.parametrize("how", ["DECLINED", "CANCELLED"])
@pytest.mark.parametrize(
    ("disposition", "account"),
    [("RETURN_TO_CUSTOMER", None), ("SCRAP", "write_offs"), ("LIQUIDATE", "write_offs")],
)
async def test_the_units_leave_without_a_refund(
    desk: Desk, how: str, disposition: str, account: str | None
) -> None:
    a_return = await ended(desk, how)
    before, stock = await desk.balances(), await desk.shop.level()
    assert not (await desk.receive(a_return, ("TEE-M", 2))).refusals
    assert (await desk.shop.level())["quarantine"] == 2
    [group] = await desk.groups(a_return)
    assert not (await desk.dispose(group["id"], 1, disposition)).refusals
    assert (await desk.shop.level())["quarantine"] == 1
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 1)]
    assert not (await desk.dispose(group["id"], 1, disposition)).refusals
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "AUTO_RESOLVED", 1)]
    assert await desk.shop.level() == stock
    assert await desk.status(a_return) == how
    after = await desk.balances()
    gained = after.pop("inventory_adjustments", 0)
    written_off = after.pop(account, 0) if account else 0
    assert after == before
    assert (written_off, gained) == ((800, -800) if account else (0, 0))
    assert await rows(desk.database, "SELECT id FROM refund") == []
    steps = await rows(desk.database, "SELECT disposition, quantity FROM disposition_step")
    assert [(each["disposition"], each["quantity"]) for each in steps] == [(disposition, 1)] * 2
    assert [each["disposition"] for each in await desk.groups(a_return)] == [disposition] * 2
    again = await desk.dispose(group["id"], 1, disposition)
    assert [each.code for each in again.refusals] == ["ILLEGAL_TRANSITION"]
    assert await reconcile(desk.database) == []


async def test_quarantine_keeps_the_units_there_and_has_exits(desk: Desk) -> None:
    a_return = await ended(desk, "DECLINED")
    await desk.receive(a_return, ("TEE-M", 2))
    [group] = await desk.groups(a_return)
    assert not (await desk.dispose(group["id"], 2, "QUARANTINE")).refusals
    assert (await desk.shop.level())["quarantine"] == 2
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "OPEN", 1)]
    [group] = await desk.groups(a_return)
    assert group["disposition"] == "QUARANTINE"
    again = await desk.dispose(group["id"], 1, "QUARANTINE")
    assert [each.code for each in again.refusals] == ["ILLEGAL_TRANSITION"]
    assert not (await desk.dispose(group["id"], 2, "RETURN_TO_CUSTOMER")).refusals
    assert "quarantine" not in await desk.shop.level()
    assert await reconcile(desk.database) == []
