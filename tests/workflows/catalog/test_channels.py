"""Channels: a currency that never changes, and locations that can store stock."""

from typing import Any

import pytest

import workflows.catalog.channels
import workflows.catalog.locations
from domain.access.callers import Role, holder
from domain.stock.states import LocationKind
from models.database.database import Database
from tests.builders.catalog import a_channel, a_location
from tests.builders.transactions import codes, counts, events, rows, transactions_on
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.runner import Transactions

PLACES = "SELECT l.code FROM channel_location c JOIN location l ON l.id = c.location_id ORDER BY 1"


async def upsert(transactions: Transactions, code: str = "web", **facts: Any) -> Outcome:
    return await transactions.perform(workflows.catalog.channels.upsert, a_channel(code, **facts))


async def with_locations(database: Database) -> Transactions:
    transactions = transactions_on(database)
    for code in ("LEEDS", "LONDON", "PARIS"):
        await transactions.perform(workflows.catalog.locations.upsert, a_location(code))
    bin_a = a_location("BIN-A", kind=LocationKind.BIN, parent_code="LEEDS")
    await transactions.perform(workflows.catalog.locations.upsert, bin_a)
    return transactions


async def places(database: Database) -> list[str]:
    return [row["code"] for row in await rows(database, PLACES)]


async def test_a_new_channel_gets_the_defaults(database: Database) -> None:
    transactions = await with_locations(database)
    outcome = await upsert(transactions, location_codes=("LONDON", "LEEDS", "LONDON"))
    (row,) = await rows(database, "SELECT * FROM channel")
    assert outcome.refs == {"channel": row["id"]}
    assert (row["priority"], row["safety_buffer"], bool(row["active"])) == (100, 0, True)
    assert await places(database) == ["LEEDS", "LONDON"]


async def test_its_locations_become_those_named(database: Database) -> None:
    transactions = await with_locations(database)
    await upsert(transactions, location_codes=("LEEDS", "LONDON"), priority=1)
    await upsert(transactions, location_codes=("PARIS", "LONDON"))
    assert await places(database) == ["LONDON", "PARIS"]
    found = await events(database, "channel.")
    assert [event["data"]["changed"] for event in found][1] == ["locations"]
    assert [event["subject_version"] for event in found] == [1, 2]
    await upsert(transactions, location_codes=("LONDON", "PARIS"), priority=1)
    assert len(await events(database, "channel.")) == 2


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"code": "web:1"}, ("INVALID", "code")),
        ({"name": ""}, ("INVALID", "name")),
        ({"currency_code": "GPB"}, ("INVALID", "currencyCode")),
        ({"currency_code": ""}, ("INVALID", "currencyCode")),
        ({"priority": 0}, ("INVALID", "priority")),
        ({"safety_buffer": -1}, ("INVALID", "safetyBuffer")),
        ({"location_codes": ("LEEDS", "NOWHERE")}, ("NOT_FOUND", "locationCodes", "1")),
        ({"location_codes": ("BIN-A",)}, ("INVALID", "locationCodes", "0")),
        ({"location_codes": ("LEEDS",) * 1_001}, ("LIMIT_EXCEEDED", "locationCodes")),
    ],
)
async def test_bad_input_is_refused(
    database: Database, facts: dict[str, Any], expected: tuple[str, ...]
) -> None:
    outcome = await upsert(await with_locations(database), **facts)
    assert codes(outcome) == [(expected[0], ("input", *expected[1:]))]
    assert (await counts(database, "channel"))["channel"] == 0


async def test_the_currency_is_fixed(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions)
    outcome = await upsert(transactions, currency_code="EUR", name="Euro shop")
    assert codes(outcome) == [("INVALID", ("input", "currencyCode"))]
    (row,) = await rows(database, "SELECT name, currency FROM channel")
    assert (row["name"], row["currency"]) == ("Web shop", "GBP")


async def test_a_planner_of_one_place_leaves_the_others_alone(database: Database) -> None:
    transactions = await with_locations(database)
    await upsert(transactions, location_codes=("LEEDS", "LONDON"))
    local = holder(Role.SUPPLY_CHAIN, actor="local", locations=frozenset({"LEEDS", "PARIS"}))
    command = a_channel(location_codes=("PARIS",)).command
    await transactions.perform(workflows.catalog.channels.upsert, Request(command, local))
    assert await places(database) == ["LONDON", "PARIS"]
    command = a_channel(location_codes=("LONDON",)).command
    outcome = await transactions.perform(workflows.catalog.channels.upsert, Request(command, local))
    assert codes(outcome) == [("NOT_FOUND", ("input", "locationCodes", "0"))]
