"""Concurrent actions on a return: a parcel is booked once, a unit graded and disposed of once."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import pytest

from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.returns import INSPECTOR, SECOND, Desk, open_return_desk
from tests.builders.transactions import codes, rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

ROUNDS = 4


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


def refused(outcomes: Iterable[Outcome]) -> list[str]:
    """Codes of the refused outcomes."""
    return [code for each in outcomes for code, _ in codes(each)]


async def here(desk: Desk, number: int, units: int = 2) -> tuple[Outcome, UUID]:
    """A return with all units received, and the id of its return item."""
    made = await desk.requested(("TEE-M", units), reference=f"W-{number}")
    assert not (await desk.receive(made, ("TEE-M", units))).refusals
    group: UUID = (await desk.groups(made))[0]["id"]
    return made, group


async def test_two_receipts_of_one_parcel_book_it_once(desk: Desk) -> None:
    for number in range(ROUNDS):
        made = await desk.requested(("TEE-M", 2), reference=f"W-{number}")
        outcomes = await asyncio.gather(
            *(desk.receive(made, ("TEE-M", 2), by=by) for by in (INSPECTOR, SECOND))
        )
        assert refused(outcomes) == ["ILLEGAL_TRANSITION"]
        assert await desk.units(made) == [("TEE-M", 2, "RECEIVED")]
    assert (await desk.shop.level())["quality_control"] == 2 * ROUNDS
    assert await reconcile(desk.database) == []


async def test_two_receipts_of_one_unknown_parcel_keep_it_once(desk: Desk) -> None:
    for number in range(ROUNDS):
        outcomes = await asyncio.gather(
            *(desk.receive(None, ("TEE-M", 1), tracking_number=f"JD-{number}") for _ in range(3))
        )
        assert refused(outcomes) == ["ALREADY_EXISTS"] * 2
        assert len({each.refs["exception"] for each in outcomes}) == 1
    assert (await desk.shop.level())["quarantine"] == ROUNDS
    assert await desk.exceptions() == [("UNIDENTIFIED_PARCEL", "OPEN", 1)] * ROUNDS
    assert await reconcile(desk.database) == []


async def test_a_parcel_is_identified_as_one_return_only(desk: Desk) -> None:
    for number in range(ROUNDS):
        kept = await desk.receive(None, ("TEE-M", 1))
        exception = UUID(kept.refs["exception"])
        returns = [
            await desk.requested(("TEE-M", 1), reference=f"{name}-{number}") for name in ("A", "B")
        ]
        outcomes = await asyncio.gather(
            *(desk.receive(each, exception_id=exception) for each in returns)
        )
        assert refused(outcomes) == ["ILLEGAL_TRANSITION"]
    assert (await desk.shop.level())["quality_control"] == ROUNDS
    assert await reconcile(desk.database) == []


async def test_two_inspectors_at_once_grade_units_once(desk: Desk) -> None:
    for number in range(ROUNDS):
        made, group = await here(desk, number)
        outcomes = await asyncio.gather(
            desk.inspect(made, (group, 2, "NEW"), by=INSPECTOR),
            desk.inspect(made, (group, 2, "DAMAGED"), by=SECOND),
        )
        assert refused(outcomes) == ["ILLEGAL_TRANSITION"]
    steps = await rows(desk.database, "SELECT id FROM disposition_step")
    assert len(steps) == ROUNDS
    assert await reconcile(desk.database) == []


async def test_where_two_must_inspect_both_do_and_none_twice(desk: Desk) -> None:
    rules = {"window": "P30D", "twoInspectorsAboveRisk": 0.0}
    await desk.shop.publish(PolicyKind.RETURN, rules)
    for number in range(ROUNDS):
        made, group = await here(desk, number)
        by = (INSPECTOR, SECOND, INSPECTOR, SECOND)
        outcomes = await asyncio.gather(
            *(desk.inspect(made, (group, 2, "USED"), by=each) for each in by)
        )
        assert sum(not each.refusals for each in outcomes) == 2
        assert set(refused(outcomes)) <= {"SELF_APPROVAL", "ILLEGAL_TRANSITION"}
        [found] = await desk.groups(made)
        assert found["state"] == "INSPECTED"
        assert set(found["inspected_by"].split(", ")) == {"ivy", "ike"}
    assert await reconcile(desk.database) == []


async def test_a_unit_is_disposed_of_once(desk: Desk) -> None:
    for number in range(ROUNDS):
        made, group = await here(desk, number)
        await desk.inspect(made, (group, 2, "DAMAGED"))
        ways = ("SCRAP", "RESTOCK", "LIQUIDATE", "RETURN_TO_VENDOR")
        outcomes = await asyncio.gather(*(desk.dispose(group, 2, way) for way in ways))
        assert refused(outcomes) == ["ILLEGAL_TRANSITION"] * 3
    assert await reconcile(desk.database) == []


async def test_the_last_units_are_asked_back_once(desk: Desk) -> None:
    order = await desk.sold(("TEE-M", 3))
    outcomes = await asyncio.gather(*(desk.request(order, ("TEE-M", 2)) for _ in range(5)))
    assert refused(outcomes) == ["OVER_RETURN"] * 4
    assert await reconcile(desk.database) == []
