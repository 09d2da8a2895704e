"""Inspections: part quantities, grades, one or two inspectors, and the disposition that follows."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.policies.dispositions import Disposition
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.returns import BOSS, INSPECTOR, SECOND, Desk, open_return_desk
from tests.builders.transactions import codes, counts, events, rows
from workflows.transactions.outcomes import Outcome

TABLES = ("return_item", "inspection", "disposition_step", "stock_movement", "event")
TWO_INSPECTORS = {"window": "P30D", "twoInspectorsAboveRisk": 0.0}
DIGEST = "#sha256=" + "0f" * 32


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def here(desk: Desk, *items: tuple[str, int], **facts: Any) -> tuple[Outcome, UUID]:
    """A return with all units received, and the id of its first return item."""
    made = await desk.requested(*items, **facts)
    assert not (await desk.receive(made, *items)).refusals
    first: UUID = (await desk.groups(made))[0]["id"]
    return made, first


@pytest.mark.parametrize(
    ("grade", "disposition", "state", "level"),
    [
        ("NEW", "RESTOCK", "DISPOSED", {"available": 20}),
        ("LIKE_NEW", "RESTOCK", "DISPOSED", {"available": 20}),
        ("USED", "REFURBISH", "INSPECTED", {"available": 18, "refurbishing": 2}),
        ("DAMAGED", "QUARANTINE", "INSPECTED", {"available": 18, "quarantine": 2}),
        ("COUNTERFEIT", "QUARANTINE", "INSPECTED", {"available": 18, "quarantine": 2}),
        ("DEFECTIVE", "RETURN_TO_VENDOR", "DISPOSED", {"available": 18}),
    ],
)
async def test_the_default_policy_decides_each_grade(
    desk: Desk, grade: str, disposition: str, state: str, level: dict[str, int]
) -> None:
    made, group = await here(desk, ("TEE-M", 2))
    assert not (await desk.inspect(made, (group, 2, grade))).refusals
    [found] = await desk.groups(made)
    assert (found["id"], found["state"], found["disposition"]) == (group, state, disposition)
    assert (found["condition"], found["inspected_by"]) == (grade, "ivy")
    assert await desk.shop.level() == level
    [step] = await rows(desk.database, "SELECT * FROM disposition_step")
    assert (step["decided_by"], step["policy_version"]) == ("policy", 1)


async def test_part_quantities_get_grades_of_their_own(desk: Desk) -> None:
    made, group = await here(desk, ("TEE-M", 4))
    findings = ((group, 1, "NEW"), (group, 1, "USED"))
    looked = await desk.inspect(made, *findings, note="seam", evidence=(f"p.jpg{DIGEST}",))
    assert not looked.refusals
    assert sorted(await desk.units(made)) == [
        ("TEE-M", 1, "DISPOSED"),
        ("TEE-M", 1, "INSPECTED"),
        ("TEE-M", 2, "RECEIVED"),
    ]
    rest = (await desk.groups(made))[0]
    assert (rest["id"], rest["quantity"], rest["note"]) == (group, 2, None)
    costs = [each["cost_minor"] for each in await desk.groups(made)]
    assert sum(costs) == 1600
    [inspected] = await events(desk.database, "return.inspected")
    assert [item["condition"] for item in inspected["data"]["items"]] == ["NEW", "USED"]


async def test_two_inspectors_where_the_policy_says_so(desk: Desk) -> None:
    await desk.shop.publish(PolicyKind.RETURN, TWO_INSPECTORS)
    made, group = await here(desk, ("TEE-M", 2))
    assert not (await desk.inspect(made, (group, 2, "NEW"))).refusals
    [found] = await desk.groups(made)
    assert (found["state"], found["condition"], found["first_inspector"]) == (
        "RECEIVED",
        None,
        "ivy",
    )
    before = await counts(desk.database, *TABLES)
    again = await desk.inspect(made, (group, 2, "NEW"))
    assert codes(again) == [("SELF_APPROVAL", ("input", "findings", "0", "returnItemId"))]
    assert await counts(desk.database, *TABLES) == before
    assert not (await desk.inspect(made, (group, 2, "USED"), by=SECOND)).refusals
    [found] = await desk.groups(made)
    # If two inspectors differ, the worse grade counts.
    assert (found["state"], found["condition"]) == ("INSPECTED", "USED")
    assert found["inspected_by"] == "ivy, ike"
    types = [each["type"] for each in await events(desk.database, "return.")]
    assert types[-3:] == ["return.inspection_recorded", "return.inspected", "return.disposed"]


async def test_a_first_inspection_of_a_part_is_of_that_part_only(desk: Desk) -> None:
    await desk.shop.publish(PolicyKind.RETURN, TWO_INSPECTORS)
    made, group = await here(desk, ("TEE-M", 3))
    assert not (await desk.inspect(made, (group, 1, "NEW"))).refusals
    part = (await desk.groups(made))[1]
    assert not (await desk.inspect(made, (group, 2, "NEW"))).refusals
    assert not (await desk.inspect(made, (part["id"], 1, "NEW"), by=SECOND)).refusals
    assert await desk.units(made) == [("TEE-M", 2, "RECEIVED"), ("TEE-M", 1, "DISPOSED")]


async def test_an_extra_unit_is_inspected_like_any_other(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 1))
    await desk.receive(made, ("TEE-M", 1), ("TEE-L", 1))
    [own, strange] = [group["id"] for group in await desk.groups(made)]
    assert not (await desk.inspect(made, (strange, 1, "NEW"), (own, 1, "NEW"))).refusals
    assert await desk.shop.level("TEE-L") == {"available": 21}
    assert await desk.exceptions() == [("RETURN_DISCREPANCY", "AUTO_RESOLVED", 1)]


async def test_a_person_may_choose_another_disposition(desk: Desk) -> None:
    limited = {
        "table": [{"condition": "*", "reason": "*", "disposition": "QUARANTINE"}],
        "overrideAboveValue": {"GBP": "10.00"},
    }
    await desk.shop.publish(PolicyKind.DISPOSITION, limited)
    made, group = await here(desk, ("TEE-M", 2))
    refused = await desk.inspect(made, (group, 1, "NEW"), disposition=Disposition.RESTOCK)
    # Both units of the return count, not only the moved one.
    assert codes(refused) == [("APPROVAL_REQUIRED", ("input", "findings", "0", "disposition"))]
    assert refused.refusals[0].details["amount"] == "20.00"
    chosen = await desk.inspect(made, (group, 1, "NEW"), by=BOSS, disposition=Disposition.RESTOCK)
    assert not chosen.refusals
    [step] = await rows(desk.database, "SELECT * FROM disposition_step")
    assert (step["decided_by"], step["policy_version"]) == ("boss", None)


async def test_what_was_not_received_or_is_not_there_cannot_be_inspected(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 2))
    [group] = await desk.groups(made)
    assert codes(await desk.inspect(made, (group["id"], 1, "NEW"))) == [
        ("ILLEGAL_TRANSITION", ("input", "returnId"))
    ]
    await desk.receive(made, ("TEE-M", 1))
    finding = ("input", "findings", "0")
    assert codes(await desk.inspect(made, (group["id"], 1, "NEW"))) == [
        ("ILLEGAL_TRANSITION", finding)
    ]
    received = (await desk.groups(made))[1]
    assert codes(await desk.inspect(made, (received["id"], 2, "NEW"))) == [
        ("ILLEGAL_TRANSITION", (*finding, "quantity"))
    ]
    assert codes(await desk.inspect(made, (uuid4(), 1, "NEW"))) == [
        ("NOT_FOUND", (*finding, "returnItemId"))
    ]
    assert codes(await desk.inspect(made, (received["id"], 0, "NEW"))) == [
        ("INVALID", (*finding, "quantity"))
    ]
    assert codes(await desk.inspect(made)) == [("INVALID", ("input", "findings"))]
    # One bad finding among good ones: nothing is changed.
    before = await counts(desk.database, *TABLES)
    mixed = await desk.inspect(made, (received["id"], 1, "NEW"), (received["id"], 1, "NEW"))
    assert codes(mixed) == [("ILLEGAL_TRANSITION", ("input", "findings", "1"))]
    assert await counts(desk.database, *TABLES) == before
    assert not (await desk.inspect(made, (received["id"], 1, "NEW"), by=INSPECTOR)).refusals
