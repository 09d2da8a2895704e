"""Units that came for an ended return: what is refused, and what can be requested again."""

import pytest

from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.returns import BOSS, Desk, open_return_desk
from tests.builders.transactions import counts, rows
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


@pytest.mark.parametrize(
    ("units", "disposition"),
    [(2, "RESTOCK"), (2, "REFURBISH"), (2, "RETURN_TO_VENDOR"), (3, "SCRAP")],
)
async def test_other_dispositions_and_more_units_change_nothing(
    desk: Desk, units: int, disposition: str
) -> None:
    a_return = await ended(desk, "DECLINED", 3)
    await desk.receive(a_return, ("TEE-M", 2))
    [group] = await desk.groups(a_return)
    tables = ("return_item", "stock_movement", "journal_entry", "event", "disposition_step")
    before = await counts(desk.database, *tables)
    refused = await desk.dispose(group["id"], units, disposition, by=BOSS)
    assert [each.code for each in refused.refusals] == ["ILLEGAL_TRANSITION"]
    assert await counts(desk.database, *tables) == before


async def test_units_that_never_came_cannot_be_disposed_of(desk: Desk) -> None:
    a_return = await ended(desk, "CANCELLED")
    [group] = await desk.groups(a_return)
    refused = await desk.dispose(group["id"], 1, "SCRAP")
    assert [each.code for each in refused.refusals] == ["ILLEGAL_TRANSITION"]
    assert refused.refusals[0].field == ("input", "returnItemId")


async def test_a_declined_return_is_not_authorized_after_its_units_left(desk: Desk) -> None:
    a_return = await ended(desk, "DECLINED")
    await desk.receive(a_return, ("TEE-M", 2))
    [group] = await desk.groups(a_return)
    await desk.dispose(group["id"], 1, "RETURN_TO_CUSTOMER")
    refused = await desk.authorize(a_return, "Fair.", by=BOSS)
    assert [each.code for each in refused.refusals] == ["ILLEGAL_TRANSITION"]
    assert await desk.status(a_return) == "DECLINED"


@pytest.mark.parametrize(("disposition", "left"), [("RETURN_TO_CUSTOMER", 2), ("SCRAP", 1)])
async def test_only_units_that_the_customer_has_can_be_requested_again(
    desk: Desk, disposition: str, left: int
) -> None:
    a_return = await ended(desk, "CANCELLED")
    await desk.receive(a_return, ("TEE-M", 1))
    [group] = await desk.groups(a_return)
    await desk.dispose(group["id"], 1, disposition)
    [row] = await rows(desk.database, "SELECT order_id FROM customer_return")
    order = Outcome(refs={"order": str(row["order_id"])})
    over = await desk.request(order, ("TEE-M", left + 1))
    assert [each.code for each in over.refusals] == ["OVER_RETURN"]
    again = await desk.request(order, ("TEE-M", left))
    assert not again.refusals
    assert not (await desk.receive(again, ("TEE-M", left))).refusals
    assert await reconcile(desk.database) == []
