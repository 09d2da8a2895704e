"""Codes of master data in other spellings: the same row, and one row only."""

import asyncio
from dataclasses import replace

import pytest

import workflows.catalog.channels
import workflows.catalog.items
import workflows.catalog.locations
import workflows.catalog.master_data
from domain.access.callers import Role, holder
from domain.catalog.commands import ReasonKind, UpsertReasonCode, UpsertSupplier
from domain.catalog.validation import Facts
from domain.stock.states import LocationKind
from models.database.database import Database
from tests.builders.catalog import PLANNER, a_channel, a_location, an_item, items
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import codes, counts, rows, transactions_on
from workflows.transactions.outcomes import Request

SKUS = "SELECT sku, sku_key, name FROM item ORDER BY sku_key"


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


async def test_a_code_is_stored_as_given_without_blanks(database: Database) -> None:
    given = items(an_item("\u00a0Re\u0301gal ＡＢ\u200b", barcode=" 501\u3000", category="\ttops "))
    await transactions_on(database).perform(workflows.catalog.items.upsert, given)
    [row] = await rows(database, "SELECT sku, sku_key, barcode, category FROM item")
    assert tuple(row.values()) == ("Régal ＡＢ", "régal ab", "501", "tops")


async def test_another_spelling_changes_the_same_item(database: Database) -> None:
    transactions = transactions_on(database)
    first = await transactions.perform(workflows.catalog.items.upsert, items(an_item("Tee-M")))
    again = items(an_item("ＴＥＥ-m ", name="Tee"))
    second = await transactions.perform(workflows.catalog.items.upsert, again)
    assert second.refs == first.refs
    [row] = await rows(database, SKUS)
    assert tuple(row.values()) == ("Tee-M", "tee-m", "Tee")


async def test_two_spellings_in_one_call_are_refused(database: Database) -> None:
    given = items(an_item("abc"), an_item("ABC", name="Other"), an_item("abc", name="Last"))
    outcome = await transactions_on(database).perform(workflows.catalog.items.upsert, given)
    assert codes(outcome) == [("INVALID", ("items", "1", "sku"))]
    assert outcome.refusals[0].message == "ABC and abc in another row are the same SKU."
    assert [tuple(row.values()) for row in await rows(database, SKUS)] == [("abc", "abc", "Last")]


@pytest.mark.parametrize("sku", ["A\x01B", "A\u200bB", "A\u202eB"])
async def test_invisible_characters_are_refused(database: Database, sku: str) -> None:
    tables = ("item", "event", "audit_entry")
    before = await counts(database, *tables)
    outcome = await transactions_on(database).perform(
        workflows.catalog.items.upsert, items(an_item(sku))
    )
    assert codes(outcome) == [("INVALID", ("items", "0", "sku"))]
    assert await counts(database, *tables) == before


async def test_one_item_comes_of_two_spellings_at_once(database: Database) -> None:
    transactions = transactions_on(database)
    spellings = ("Tee-M", "TEE-M", "tee-m", "ＴＥＥ-Ｍ")
    given = [items(an_item(sku)) for sku in spellings]
    outcomes = await asyncio.gather(
        *(transactions.perform(workflows.catalog.items.upsert, each) for each in given)
    )
    assert len({tuple(outcome.refs["items"]) for outcome in outcomes}) == 1
    assert len(await rows(database, SKUS)) == 1


async def test_places_and_channels_keep_their_first_spelling(shop: Shop) -> None:
    perform = shop.transactions.perform
    before = await counts(shop.database, "location", "channel")
    moved = a_location("leeds ", name="Leeds 2")
    await perform(workflows.catalog.locations.upsert, moved)
    inside = a_location("zone-1", kind=LocationKind.ZONE, parent_code="Leeds")
    await perform(workflows.catalog.locations.upsert, inside)
    channel = a_channel("WEB", location_codes=("york", "LEEDS"))
    done = await perform(workflows.catalog.channels.upsert, channel)
    assert not done.refusals
    after = await counts(shop.database, "location", "channel")
    assert after == {"location": before["location"] + 1, "channel": before["channel"]}
    sql = "SELECT code, name FROM location WHERE code_key = 'leeds'"
    assert [tuple(row.values()) for row in await rows(shop.database, sql)] == [("LEEDS", "Leeds 2")]
    itself = a_location("NEW", parent_code="new")
    refused = await perform(workflows.catalog.locations.upsert, itself)
    assert codes(refused) == [("INVALID", ("input", "parentCode"))]


async def test_reasons_and_suppliers_are_found_in_any_case(database: Database) -> None:
    transactions = transactions_on(database)
    named: Facts = {}
    for code in ("Moths", "MOTHS "):
        reason = UpsertReasonCode(code, ReasonKind.ADJUSTMENT, code)
        done = await transactions.perform(
            workflows.catalog.master_data.upsert_reason_code, Request(reason, PLANNER)
        )
        assert named.setdefault("reason", done.refs["reasonCode"]) == done.refs["reasonCode"]
        supplier = UpsertSupplier(code, code)
        done = await transactions.perform(
            workflows.catalog.master_data.upsert_supplier, Request(supplier, PLANNER)
        )
        assert named.setdefault("supplier", done.refs["supplier"]) == done.refs["supplier"]
    bought = items(an_item(supplier_code="moths"))
    assert not (await transactions.perform(workflows.catalog.items.upsert, bought)).refusals
    found = await rows(database, "SELECT supplier_id FROM item")
    assert [row["supplier_id"] for row in found] == [named["supplier"]]


async def test_a_scope_covers_every_spelling(shop: Shop) -> None:
    caller = holder(
        Role.ADMIN, actor="a", channels=frozenset({"WEB"}), locations=frozenset({"leeds"})
    )
    assert caller.sees_channel("web")
    assert caller.sees_location("LEEDS")
    assert not caller.sees_location("YORK")
    renamed = replace(a_location("Leeds", name="Mine"), caller=caller)
    done = await shop.transactions.perform(workflows.catalog.locations.upsert, renamed)
    assert not done.refusals
