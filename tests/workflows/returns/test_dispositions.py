"""Dispositions of inspected units: each kind, chains of dispositions, and the books."""

from uuid import UUID, uuid4

import orjson
import pytest

from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.returns import BOSS, Desk, open_return_desk
from tests.builders.store import ADMIN
from tests.builders.transactions import codes, counts, rows
from workflows.transactions.outcomes import Outcome

TABLES = ("return_item", "disposition_step", "stock_movement", "journal_entry", "event")


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def inspected(desk: Desk, units: int = 2, grade: str = "DAMAGED") -> tuple[Outcome, UUID]:
    """A return with inspected units in quarantine, and the id of its return item."""
    made = await desk.requested(("TEE-M", units))
    await desk.receive(made, ("TEE-M", units))
    group: UUID = (await desk.groups(made))[0]["id"]
    assert not (await desk.inspect(made, (group, units, grade))).refusals
    return made, group


@pytest.mark.parametrize(
    ("disposition", "account", "level"),
    [
        ("RESTOCK", "inventory", {"available": 20}),
        ("LIQUIDATE", "write_offs", {"available": 18}),
        ("SCRAP", "write_offs", {"available": 18}),
        ("RETURN_TO_VENDOR", "recoverable_from_vendors", {"available": 18}),
        ("RETURN_TO_CUSTOMER", "cost_of_goods_sold", {"available": 18}),
    ],
)
async def test_each_final_disposition_moves_units_and_their_cost(
    desk: Desk, disposition: str, account: str, level: dict[str, int]
) -> None:
    made, group = await inspected(desk)
    before = await desk.balances()
    assert not (await desk.dispose(group, 2, disposition)).refusals
    assert await desk.units(made) == [("TEE-M", 2, "DISPOSED")]
    assert await desk.shop.level() == level
    after = await desk.balances()
    assert after.get(account, 0) - before.get(account, 0) == 800
    assert "inventory_in_quality_control" not in after
    kinds = await rows(desk.database, "SELECT kind FROM stock_movement WHERE kind = 'SCRAPPED'")
    assert len(kinds) == (disposition == "SCRAP")


async def test_quarantine_and_refurbish_have_exits_and_change_no_account(desk: Desk) -> None:
    made, group = await inspected(desk, 3)
    entries = await counts(desk.database, "journal_entry")
    assert not (await desk.dispose(group, 2, "REFURBISH")).refusals
    assert await desk.shop.level() == {"available": 17, "quarantine": 1, "refurbishing": 2}
    assert await counts(desk.database, "journal_entry") == entries
    part = (await desk.groups(made))[1]["id"]
    assert not (await desk.dispose(part, 1, "QUARANTINE")).refusals
    assert not (await desk.dispose(part, 1, "RESTOCK")).refusals
    assert await desk.shop.level() == {"available": 18, "quarantine": 2}
    assert sum(each["cost_minor"] for each in await desk.groups(made)) == 1200
    steps = await rows(desk.database, "SELECT * FROM disposition_step ORDER BY executed_at")
    moves = {step["movement_id"] for step in steps}
    assert len(moves) == len(steps) == 4


async def test_more_than_is_left_and_where_it_is_already_are_refused(desk: Desk) -> None:
    _, group = await inspected(desk)
    before = await counts(desk.database, *TABLES)
    more = await desk.dispose(group, 3, "SCRAP")
    assert codes(more) == [("ILLEGAL_TRANSITION", ("input", "quantity"))]
    assert more.refusals[0].details["available"] == 2
    same = await desk.dispose(group, 1, "QUARANTINE")
    assert codes(same) == [("ILLEGAL_TRANSITION", ("input", "returnItemId"))]
    assert "SCRAP" in same.refusals[0].details["allowed"]
    assert codes(await desk.dispose(group, 0, "SCRAP")) == [("INVALID", ("input", "quantity"))]
    assert codes(await desk.dispose(uuid4(), 1, "SCRAP")) == [
        ("NOT_FOUND", ("input", "returnItemId"))
    ]
    assert await counts(desk.database, *TABLES) == before
    await desk.dispose(group, 2, "SCRAP")
    assert [code for code, _ in codes(await desk.dispose(group, 1, "SCRAP"))] == [
        "ILLEGAL_TRANSITION"
    ]


async def test_a_counterfeit_is_never_restocked(desk: Desk) -> None:
    _, group = await inspected(desk, grade="COUNTERFEIT")
    refused = await desk.dispose(group, 1, "RESTOCK", by=ADMIN)
    assert codes(refused) == [("POLICY_VIOLATION", ("input", "disposition"))]
    await desk.dispose(group, 2, "REFURBISH", by=ADMIN)
    refused = await desk.dispose(group, 1, "RESTOCK", by=ADMIN)
    assert codes(refused) == [("POLICY_VIOLATION", ("input", "disposition"))]


async def test_above_the_policys_value_it_needs_a_supervisor(desk: Desk) -> None:
    rules = {
        "table": [{"condition": "*", "reason": "*", "disposition": "QUARANTINE"}],
        "overrideAboveValue": {"GBP": "19.99"},
    }
    await desk.shop.publish(PolicyKind.DISPOSITION, rules)
    _, group = await inspected(desk)
    assert codes(await desk.dispose(group, 1, "SCRAP")) == [
        ("APPROVAL_REQUIRED", ("input", "disposition"))
    ]
    assert not (await desk.dispose(group, 1, "SCRAP", by=BOSS)).refusals
    steps = await rows(desk.database, "SELECT * FROM disposition_step WHERE disposition = 'SCRAP'")
    assert steps[0]["decided_by"] == "boss"
    assert orjson.loads(steps[0]["decision"])["version"] == 2


async def test_a_return_without_money_closes_with_its_last_unit(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 2), payments=())
    made = await desk.request(order, ("TEE-M", 2))
    await desk.receive(made, ("TEE-M", 1), complete=True)
    group = (await desk.groups(made))[1]["id"]
    await desk.inspect(made, (group, 1, "USED"))
    assert await desk.status(made) == "RECEIVED"
    await desk.dispose(group, 1, "SCRAP")
    assert await desk.status(made) == "CLOSED"
    assert codes(await desk.dispose(group, 1, "SCRAP")) == [
        ("ILLEGAL_TRANSITION", ("input", "returnItemId"))
    ]
