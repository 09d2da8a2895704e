"""Locations: a hierarchy without cycles; a location in use cannot be closed."""

import asyncio
from typing import Any

import pytest

import workflows.catalog.items
import workflows.catalog.locations
from domain.access.callers import Role, holder
from domain.stock.states import LocationKind, StockState
from models.database.database import Database
from tests.builders.catalog import a_location, an_item, items
from tests.builders.transactions import codes, counts, events, rows, transactions_on
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.runner import Transactions
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

ZONE, BIN, STORE = LocationKind.ZONE, LocationKind.BIN, LocationKind.STORE


async def upsert(transactions: Transactions, code: str = "LEEDS", **facts: Any) -> Outcome:
    return await transactions.perform(workflows.catalog.locations.upsert, a_location(code, **facts))


async def test_a_new_location_gets_the_defaults(database: Database) -> None:
    outcome = await upsert(transactions_on(database))
    (row,) = await rows(database, "SELECT * FROM location")
    assert outcome.refs == {"location": row["id"]}
    assert (row["time_zone"], bool(row["active"]), bool(row["pack_required"])) == (
        "UTC",
        True,
        False,
    )


async def test_absent_fields_stay(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions, time_zone="Europe/London", country_code="GB", pack_required=True)
    await upsert(transactions, name="Leeds", daily_order_capacity=40, time_zone=None)
    (row,) = await rows(database, "SELECT * FROM location")
    assert (row["name"], row["time_zone"], row["country_code"]) == ("Leeds", "Europe/London", "GB")
    assert (row["daily_order_capacity"], bool(row["pack_required"])) == (40, True)
    assert [event["subject_version"] for event in await events(database)] == [1, 2]
    await upsert(transactions, name="Leeds")
    assert await counts(database, "event", "audit_entry") == {"event": 2, "audit_entry": 2}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"code": ""}, ("INVALID", "code")),
        ({"code": "a b"}, ("INVALID", "code")),
        ({"code": "x" * 65}, ("INVALID", "code")),
        ({"code": "a\x00", "name": "A"}, ("INVALID", "code")),
        ({"name": "\ud800"}, ("INVALID", "name")),
        ({"time_zone": "Europe/Leeds"}, ("INVALID", "timeZone")),
        ({"time_zone": "../../etc/passwd"}, ("INVALID", "timeZone")),
        ({"time_zone": ""}, ("INVALID", "timeZone")),
        ({"country_code": "gb"}, ("INVALID", "countryCode")),
        ({"daily_order_capacity": -1}, ("INVALID", "dailyOrderCapacity")),
        ({"daily_order_capacity": 2**31 - 1}, ("INVALID", "dailyOrderCapacity")),
        ({"parent_code": "NOWHERE"}, ("NOT_FOUND", "parentCode")),
        ({"parent_code": "LEEDS"}, ("INVALID", "parentCode")),
        ({"kind": ZONE}, ("INVALID", "parentCode")),
    ],
)
async def test_bad_input_is_refused(
    database: Database, facts: dict[str, Any], expected: tuple[str, str]
) -> None:
    outcome = await upsert(transactions_on(database), **facts)
    assert codes(outcome) == [(expected[0], ("input", expected[1]))]
    assert await counts(database, "location", "event") == {"location": 0, "event": 0}


async def test_all_faults_are_returned_at_once(database: Database) -> None:
    outcome = await upsert(transactions_on(database), code="", name="", time_zone="Mars")
    assert [field[1] for _, field in codes(outcome)] == ["code", "name", "timeZone"]


async def test_zones_and_bins_lie_in_something_that_can_hold_them(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions, "W")
    await upsert(transactions, "Z", kind=ZONE, parent_code="W")
    assert not (await upsert(transactions, "B", kind=BIN, parent_code="Z")).refusals
    for code, kind, parent in (("X", BIN, "B"), ("X", ZONE, "B"), ("X", STORE, "Z")):
        outcome = await upsert(transactions, code, kind=kind, parent_code=parent)
        assert codes(outcome) == [("INVALID", ("input", "parentCode"))]
    assert codes(await upsert(transactions, "Z", kind=BIN, parent_code="W")) == [
        ("INVALID", ("input", "kind"))
    ]
    assert codes(await upsert(transactions, "Z", kind=ZONE, parent_code=None)) == [
        ("INVALID", ("input", "parentCode"))
    ]


async def test_a_circle_is_refused(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions, "A")
    await upsert(transactions, "B", parent_code="A")
    await upsert(transactions, "C", parent_code="B")
    assert codes(await upsert(transactions, "A", parent_code="C")) == [
        ("INVALID", ("input", "parentCode"))
    ]


async def test_two_that_would_make_a_circle_together(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions, "A")
    await upsert(transactions, "B")
    outcomes = await asyncio.gather(
        upsert(transactions, "A", parent_code="B"), upsert(transactions, "B", parent_code="A")
    )
    assert sorted(len(outcome.refusals) for outcome in outcomes) == [0, 1]


async def test_concurrent_calls_for_one_new_code_end_well(database: Database) -> None:
    transactions = transactions_on(database)
    outcomes = await asyncio.gather(
        *(upsert(transactions, daily_order_capacity=n) for n in range(8))
    )
    assert all(not outcome.refusals for outcome in outcomes)
    (row,) = await rows(database, "SELECT version FROM location")
    assert row["version"] == 8


async def put_units(transactions: Transactions, location_id: int) -> None:
    item = await transactions.perform(workflows.catalog.items.upsert, items(an_item()))
    item_id = item.refs["items"][0]

    async def work(tx: Transaction) -> None:
        await tx.stock.open_levels([(item_id, location_id)])
        tx.stock.move(
            StockMove(item_id, location_id, None, StockState.AVAILABLE, 3, actor="planner")
        )

    await transactions.run(work)


async def test_a_location_with_stock_is_not_closed_nor_made_an_address(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions, "W")
    location_id = (await upsert(transactions)).refs["location"]
    await put_units(transactions, location_id)
    before = await counts(database, "event", "audit_entry")
    closing = await upsert(transactions, active=False, name="Closed")
    assert codes(closing) == [("ILLEGAL_TRANSITION", ("input", "active"))]
    assert closing.refusals[0].details["units"] == 3
    moved = await upsert(transactions, kind=ZONE, parent_code="W")
    assert codes(moved) == [("ILLEGAL_TRANSITION", ("input", "kind"))]
    (row,) = await rows(database, "SELECT * FROM location WHERE code = 'LEEDS'")
    assert (bool(row["active"]), row["kind"], row["name"]) == (
        True,
        "WAREHOUSE",
        "Leeds warehouse",
    )
    assert await counts(database, "event", "audit_entry") == before


async def test_an_empty_location_is_closed_and_opened_again(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions)
    for active in (False, True):
        assert not (await upsert(transactions, active=active)).refusals
        (row,) = await rows(database, "SELECT active FROM location")
        assert bool(row["active"]) is active


async def test_beyond_the_callers_scope_nothing_exists(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions, "LONDON")
    local = holder(Role.SUPPLY_CHAIN, actor="local", locations=frozenset({"LEEDS"}))
    for request, field in (
        (a_location("LONDON"), "code"),
        (a_location("LEEDS", parent_code="LONDON"), "parentCode"),
    ):
        outcome = await transactions.perform(
            workflows.catalog.locations.upsert, Request(request.command, local)
        )
        assert codes(outcome) == [("NOT_FOUND", ("input", field))]
