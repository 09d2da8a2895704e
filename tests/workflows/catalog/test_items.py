"""Bulk upserts of items: independent rows, absent fields kept, concurrent calls without loss."""

import asyncio
from decimal import Decimal

import workflows.catalog.items
import workflows.catalog.master_data
from domain.catalog.commands import GivenMoney, UpsertSupplier
from domain.catalog.validation import ITEMS_MAX
from domain.terms import Terms
from models.database.database import Database
from tests.builders.catalog import PLANNER, an_item, gbp, items
from tests.builders.transactions import codes, counts, events, rows, transactions_on
from workflows.transactions.outcomes import Request


async def test_a_new_item_gets_the_defaults(database: Database) -> None:
    outcome = await transactions_on(database).perform(
        workflows.catalog.items.upsert, items(an_item())
    )
    (row,) = await rows(database, "SELECT * FROM item")
    assert outcome.refs == {"items": [row["id"]]}
    assert (row["sku"], row["name"], bool(row["returnable"])) == ("TEE-M", "T-shirt, medium", True)
    assert [row[c] for c in ("barcode", "category", "price_minor", "supplier_id")] == [None] * 4


async def test_absent_fields_stay_and_null_empties(database: Database) -> None:
    transactions = transactions_on(database)
    full = an_item(
        barcode="501", category="tops", price=gbp("12.50"), unit_cost=gbp("4"), returnable=False
    )
    await transactions.perform(workflows.catalog.items.upsert, items(full))
    await transactions.perform(
        workflows.catalog.items.upsert, items(an_item(name="Tee", barcode=None))
    )
    (row,) = await rows(database, "SELECT * FROM item")
    assert (row["name"], row["barcode"], row["category"]) == ("Tee", None, "tops")
    assert (row["price_minor"], row["price_currency"], row["unit_cost_minor"]) == (1250, "GBP", 400)
    assert not row["returnable"]
    assert row["version"] == 2


async def test_each_row_stands_on_its_own_in_the_order_of_the_input(database: Database) -> None:
    given = [
        an_item("A"),
        an_item("B", price=gbp("-1")),
        an_item("C", price=gbp("0.001")),
        an_item("D", unit_cost=GivenMoney(Decimal(1), "EUR"), name=" "),
        an_item("E", supplier_code="nobody"),
        an_item("F\x00"),
        an_item("G\ud800"),
        an_item("", name="x" * 256),
        an_item("H"),
    ]
    outcome = await transactions_on(database).perform(workflows.catalog.items.upsert, items(*given))
    made = await rows(database, "SELECT id, sku FROM item ORDER BY sku")
    assert [row["sku"] for row in made] == ["A", "H"]
    assert outcome.refs["items"] == [made[0]["id"], *[None] * 7, made[1]["id"]]
    assert codes(outcome) == [
        ("INVALID", ("items", "1", "price", "amount")),
        ("INVALID", ("items", "2", "price", "amount")),
        ("INVALID", ("items", "3", "name")),
        ("INVALID", ("items", "3", "unitCost", "currencyCode")),
        ("NOT_FOUND", ("items", "4", "supplierCode")),
        ("INVALID", ("items", "5", "sku")),
        ("INVALID", ("items", "6", "sku")),
        ("INVALID", ("items", "7", "sku")),
        ("INVALID", ("items", "7", "name")),
    ]


async def test_nothing_changed_leaves_no_trace(database: Database) -> None:
    transactions = transactions_on(database)
    same = items(an_item(price=gbp("5")))
    await transactions.perform(workflows.catalog.items.upsert, same)
    before = await counts(database, "event", "audit_entry")
    again = await transactions.perform(
        workflows.catalog.items.upsert, items(an_item(price=gbp("5.00")))
    )
    assert (
        await counts(database, "event", "audit_entry") == before == {"event": 1, "audit_entry": 1}
    )
    assert again.refs["items"] == [row["id"] for row in await rows(database, "SELECT id FROM item")]


async def test_an_event_says_what_changed_and_nothing_of_cost(database: Database) -> None:
    transactions = transactions_on(database)
    await transactions.perform(workflows.catalog.items.upsert, items(an_item()))
    await transactions.perform(workflows.catalog.items.upsert, items(an_item(unit_cost=gbp("3"))))
    second = (await events(database, "item."))[1]
    assert second["subject_version"] == 2
    assert second["data"] == {
        "sku": "TEE-M",
        "created": False,
        "changed": ["unitCost"],
    }


async def test_of_one_skus_rows_the_later_wins(database: Database) -> None:
    outcome = await transactions_on(database).perform(
        workflows.catalog.items.upsert,
        items(an_item(category="a", barcode="1"), an_item(name="Other", category="b")),
    )
    (row,) = await rows(database, "SELECT * FROM item")
    assert outcome.refs["items"] == [row["id"], row["id"]]
    assert (row["name"], row["category"], row["barcode"]) == ("Other", "b", "1")


async def test_a_supplier_is_named_by_its_code(database: Database) -> None:
    transactions = transactions_on(database)
    supplier = Request(UpsertSupplier("ACME", "Acme Mills"), PLANNER)
    made = await transactions.perform(workflows.catalog.master_data.upsert_supplier, supplier)
    await transactions.perform(workflows.catalog.items.upsert, items(an_item(supplier_code="ACME")))
    assert (await rows(database, "SELECT supplier_id AS s FROM item"))[0]["s"] == made.refs[
        "supplier"
    ]
    await transactions.perform(workflows.catalog.items.upsert, items(an_item(supplier_code=None)))
    assert (await rows(database, "SELECT supplier_id AS s FROM item"))[0]["s"] is None


async def test_costs_are_kept_in_the_base_currency(database: Database) -> None:
    transactions = transactions_on(database, terms=Terms(base_currency="JPY"))
    yen = an_item("Y", unit_cost=GivenMoney(Decimal(300), "JPY"))
    half = an_item("H", unit_cost=GivenMoney(Decimal("1.5"), "JPY"))
    outcome = await transactions.perform(
        workflows.catalog.items.upsert, items(yen, half, an_item("P", unit_cost=gbp("1")))
    )
    assert codes(outcome) == [
        ("INVALID", ("items", "1", "unitCost", "amount")),
        ("INVALID", ("items", "2", "unitCost", "currencyCode")),
    ]


async def test_the_number_of_rows_is_limited(database: Database) -> None:
    transactions = transactions_on(database)
    row = an_item()
    too_many = await transactions.perform(
        workflows.catalog.items.upsert, items(*[row] * (ITEMS_MAX + 1))
    )
    assert codes(too_many) == [("LIMIT_EXCEEDED", ("items",))]
    assert codes(await transactions.perform(workflows.catalog.items.upsert, items())) == [
        ("INVALID", ("items",))
    ]
    assert await counts(database, "item", "event") == {"item": 0, "event": 0}


async def test_thousands_of_rows_in_one_call(database: Database) -> None:
    transactions = transactions_on(database)
    many = [an_item(f"SKU-{n:04}", price=gbp("1.25")) for n in range(3_000)]
    first = await transactions.perform(workflows.catalog.items.upsert, items(*many))
    assert len(set(first.refs["items"])) == 3_000
    changed = [an_item(f"SKU-{n:04}", price=gbp("2")) for n in reversed(range(3_000))]
    second = await transactions.perform(workflows.catalog.items.upsert, items(*changed))
    assert second.refs["items"] == first.refs["items"][::-1]
    assert await counts(database, "item", "event") == {"item": 3_000, "event": 6_000}


async def test_a_key_keeps_what_was_done_and_frees_what_was_not(database: Database) -> None:
    transactions = transactions_on(database)
    partly = items(an_item("A"), an_item("", name="x"), key="k1")
    first = await transactions.perform(workflows.catalog.items.upsert, partly)
    again = await transactions.perform(workflows.catalog.items.upsert, partly)
    assert (again.replayed, again.refs, again.refusals) == (True, first.refs, first.refusals)
    await transactions.perform(workflows.catalog.items.upsert, items(an_item(""), key="k2"))
    assert (await counts(database, "idempotency_key"))["idempotency_key"] == 1


async def test_concurrent_calls_for_the_same_new_items_end_well(database: Database) -> None:
    transactions = transactions_on(database)
    skus = [f"S{n}" for n in range(40)]
    calls = [
        items(*(an_item(sku, category=f"{call}") for sku in (skus if call % 2 else skus[::-1])))
        for call in range(6)
    ]
    outcomes = await asyncio.gather(
        *(transactions.perform(workflows.catalog.items.upsert, call) for call in calls)
    )
    assert all(not outcome.refusals for outcome in outcomes)
    found = await rows(database, "SELECT id, category, version FROM item")
    assert len(found) == 40
    assert len({row["category"] for row in found}) == 1
    assert {row["version"] for row in found} == {6}
