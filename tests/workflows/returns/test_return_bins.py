"""Bins of the returns desk: the address where received units wait for their inspection."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domain.policies.policies import PolicyKind
from domain.stock.states import LocationKind
from models.database.database import Database
from tests.builders.floor.bins import Floor, open_floor
from tests.builders.returns import Desk
from tests.builders.transactions import counts, rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

TABLES = ("return_item", "stock_movement", "journal_entry", "event", "operational_exception")


@pytest.fixture
async def floor(database: Database) -> Floor:
    found = await open_floor(database)
    for sku in ("TEE-M", "COAT"):
        await found.shop.receive(20, sku)
    return found


async def places(desk: Desk, a_return: Outcome) -> list[tuple[str, int, str, str | None]]:
    """(SKU, units, state, bin) of each return item."""
    found = await rows(desk.database, "SELECT id, code FROM location")
    codes = {row["id"]: row["code"] for row in found}
    return [
        (each["sku"], each["quantity"], each["state"], codes.get(each["bin_id"]))
        for each in await desk.groups(a_return)
    ]


async def test_units_wait_in_the_bin_until_they_leave_quality_control(floor: Floor) -> None:
    desk = Desk(floor.shop)
    made = await desk.requested(("TEE-M", 4))
    before = await floor.bins()
    received = await desk.receive(made, ("TEE-M", 2), ("COAT", 1), bin_code="a-2")
    assert not received.refusals, received.refusals
    assert await places(desk, made) == [
        ("TEE-M", 2, "EXPECTED", None),
        ("TEE-M", 2, "RECEIVED", "A-2"),
        ("COAT", 1, "WRONG_ITEM", "A-2"),
    ]
    # It is an address: the bin has no units, and the shelf is as before.
    assert await floor.bins() == before
    [group] = [each for each in await desk.groups(made) if each["state"] == "RECEIVED"]
    assert not (await desk.inspect(made, (group["id"], 1, "NEW"))).refusals
    assert not (await desk.receive(made, ("TEE-M", 2), complete=True)).refusals
    assert sorted(await places(desk, made), key=str) == [
        ("COAT", 1, "WRONG_ITEM", "A-2"),
        ("TEE-M", 1, "DISPOSED", None),
        ("TEE-M", 1, "RECEIVED", "A-2"),
        ("TEE-M", 2, "RECEIVED", None),
    ]
    assert await reconcile(desk.database) == []


async def test_missing_units_and_those_of_the_fast_lane_have_no_bin(floor: Floor) -> None:
    desk = Desk(floor.shop)
    rules = {"window": "P30D", "fastLane": {"reasons": ["UNWANTED"], "maxRisk": 1}}
    await desk.shop.publish(PolicyKind.RETURN, rules)
    made = await desk.requested(("TEE-M", 2))
    received = await desk.receive(made, ("TEE-M", 1), complete=True, bin_code="A-2")
    assert not received.refusals, received.refusals
    assert sorted(await places(desk, made)) == [
        ("TEE-M", 1, "DISPOSED", None),
        ("TEE-M", 1, "MISSING", None),
    ]


async def test_units_of_a_quarantined_parcel_get_their_bin_when_it_is_identified(
    floor: Floor,
) -> None:
    desk = Desk(floor.shop)
    lost = await desk.receive(None, ("TEE-M", 1), bin_code="A-2")
    assert await desk.exceptions() == [("UNIDENTIFIED_PARCEL", "OPEN", 1)]
    made = await desk.requested(("TEE-M", 1))
    facts: dict[str, Any] = {"exception_id": UUID(lost.refs["exception"]), "bin_code": "B-1"}
    assert not (await desk.receive(made, **facts)).refusals
    assert await places(desk, made) == [("TEE-M", 1, "RECEIVED", "B-1")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("NONE", "NOT_FOUND"),
        ("Y-1", "NOT_FOUND"),
        ("A", "INVALID"),
        ("LEEDS", "INVALID"),
        ("CLOSED", "INVALID"),
        ("a\u0007b", "NOT_FOUND"),
        ("", "NOT_FOUND"),
    ],
)
async def test_only_an_open_bin_of_the_location_is_an_address(
    floor: Floor, code: str, expected: str
) -> None:
    desk = Desk(floor.shop)
    assert not (await floor.bin("Y-1", parent="YORK")).refusals
    assert not (await floor.bin("CLOSED", active=False)).refusals
    made = await desk.requested(("TEE-M", 1))
    before = await counts(desk.database, *TABLES)
    refused = (await desk.receive(made, ("TEE-M", 1), bin_code=code)).refusals
    assert [(each.code, each.field) for each in refused] == [(expected, ("input", "binCode"))]
    assert await counts(desk.database, *TABLES) == before
    assert await places(desk, made) == [("TEE-M", 1, "EXPECTED", None)]
    # With other faults of the same input, all are returned at once.
    refused = (await desk.receive(made, ("TEE-M", 0), bin_code=code)).refusals
    assert sorted(each.field for each in refused) == [
        ("input", "binCode"),
        ("input", "items", "0", "quantity"),
    ]


async def test_a_bin_that_is_an_address_can_be_closed(floor: Floor) -> None:
    desk = Desk(floor.shop)
    made = await desk.requested(("TEE-M", 1))
    await desk.receive(made, ("TEE-M", 1), bin_code="A-2")
    assert not (await floor.bin("A-2", active=False, kind=LocationKind.BIN)).refusals
    assert await places(desk, made) == [("TEE-M", 1, "RECEIVED", "A-2")]
