"""Codes of items: one item each, lists that are replaced, and shared barcodes of old."""

from __future__ import annotations

import asyncio

import pytest

import workflows.catalog.items
from domain.catalog.commands import GivenCode, UpsertItem
from models.database.database import Database
from tests.builders.catalog import an_item, items
from tests.builders.floor.bins import Floor, open_floor
from tests.builders.transactions import codes, events, rows, transactions_on
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome
from workflows.transactions.runner import Transactions

PEN = "4006381333931"


async def upsert(transactions: Transactions, *given: UpsertItem) -> Outcome:
    return await transactions.perform(workflows.catalog.items.upsert, items(*given))


def with_codes(sku: str, *given: str | tuple[str, int], **facts: object) -> UpsertItem:
    listed = tuple(GivenCode(each) if isinstance(each, str) else GivenCode(*each) for each in given)
    return an_item(sku, codes=listed, **facts)


async def stored(database: Database) -> list[tuple[str, str, int]]:
    sql = (
        "SELECT i.sku, c.code, c.units FROM item_code c JOIN item i ON i.id = c.item_id"
        " ORDER BY c.item_id, c.id"
    )
    return [(row["sku"], row["code"], row["units"]) for row in await rows(database, sql)]


async def test_the_barcode_is_a_code_and_the_list_is_replaced(database: Database) -> None:
    transactions = transactions_on(database)
    assert not (await upsert(transactions, an_item("PEN", barcode=PEN))).refusals
    assert await stored(database) == [("PEN", PEN, 1)]
    assert not (await upsert(transactions, with_codes("PEN", ("BOX", 6), "BAG"))).refusals
    assert await stored(database) == [("PEN", "BOX", 6), ("PEN", "BAG", 1), ("PEN", PEN, 1)]
    # The list may say what a scan of the barcode means, here as a GTIN-14.
    await upsert(transactions, with_codes("PEN", (f"0{PEN}", 10)))
    assert await stored(database) == [("PEN", f"0{PEN}", 10)]
    await upsert(transactions, an_item("PEN", name="Other"))
    assert await stored(database) == [("PEN", f"0{PEN}", 10)]
    await upsert(transactions, an_item("PEN", codes=None))
    assert await stored(database) == [("PEN", PEN, 1)]
    await upsert(transactions, an_item("PEN", barcode=None))
    assert await stored(database) == []
    assert await reconcile(database) == []


async def test_a_change_of_codes_is_a_change_of_the_item(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions, an_item("PEN"))
    for _ in range(2):  # the second changes nothing
        await upsert(transactions, with_codes("PEN", ("BOX", 6)))
    found = [(e["subject_version"], e["data"]["changed"]) for e in await events(database)]
    assert found[1:] == [(2, ["codes"])]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        (with_codes("CAP", "0" + PEN), "ALREADY_EXISTS", ("codes", "0", "code")),
        (an_item("CAP", barcode=PEN), "ALREADY_EXISTS", ("barcode",)),
        (with_codes("CAP", "A", "pen"), "ALREADY_EXISTS", ("codes", "1", "code")),
        (an_item("bag"), "ALREADY_EXISTS", ("sku",)),
        (with_codes("CAP", "A", " a"), "INVALID", ("codes", "1", "code")),
        (with_codes("CAP", ("A", 0)), "INVALID", ("codes", "0", "units")),
        (with_codes("CAP", ""), "INVALID", ("codes", "0", "code")),
        (with_codes("CAP", "4006381333932"), "INVALID", ("codes", "0", "code")),
        (an_item("CAP", barcode="12345678"), "INVALID", ("barcode",)),
    ],
)
async def test_a_code_names_one_item(
    database: Database, given: UpsertItem, code: str, field: tuple[str, ...]
) -> None:
    transactions = transactions_on(database)
    await upsert(transactions, with_codes("PEN", "BAG", barcode=PEN))
    before = await stored(database)
    outcome = await upsert(transactions, an_item("TEE"), given)
    assert codes(outcome) == [(code, ("items", "1", *field))]
    assert outcome.refs["items"][1] is None
    assert await stored(database) == before
    assert {row["sku"] for row in await rows(database, "SELECT sku FROM item")} == {"PEN", "TEE"}
    if code == "ALREADY_EXISTS":
        assert outcome.refusals[0].details["existing"] == "PEN"


async def test_the_right_check_digit_is_named(database: Database) -> None:
    outcome = await upsert(transactions_on(database), an_item("PEN", barcode="4006381333932"))
    assert outcome.refusals[0].details == {"expected": PEN}
    assert "4006381333932" in outcome.refusals[0].message


async def test_two_rows_of_a_call_cannot_have_one_code(database: Database) -> None:
    outcome = await upsert(transactions_on(database), with_codes("A", "X"), with_codes("B", "x"))
    assert codes(outcome) == [("ALREADY_EXISTS", ("items", "1", "codes", "0", "code"))]
    assert await stored(database) == [("A", "X", 1)]


async def test_items_of_a_call_exchange_their_codes(database: Database) -> None:
    transactions = transactions_on(database)
    await upsert(transactions, with_codes("A", "X", ("BOX", 6), barcode=PEN), with_codes("B", "Y"))
    swapped = await upsert(
        transactions,
        with_codes("A", "Y", barcode=None),
        with_codes("B", "X", ("box", 3), barcode=PEN),
        with_codes("C"),
    )
    assert not swapped.refusals
    after = [("A", "Y", 1), ("B", "X", 1), ("B", "box", 3), ("B", PEN, 1)]
    assert await stored(database) == after
    assert await reconcile(database) == []


async def test_a_refused_item_keeps_its_codes_and_the_items_that_take_them_are_refused(
    database: Database,
) -> None:
    """A takes from B, B from C, C from D. D is refused, so all are; E has nothing to do with it."""
    transactions = transactions_on(database)
    await upsert(transactions, *(with_codes(sku, f"{sku}1") for sku in "ABCD"))
    before = await stored(database)
    outcome = await upsert(
        transactions,
        with_codes("A", "b1"),
        with_codes("B", "C1"),
        with_codes("C", "D1"),
        with_codes("D", "4006381333932"),
        with_codes("E", "E1"),
    )
    place = ("codes", "0", "code")
    assert sorted(codes(outcome)) == [
        ("ALREADY_EXISTS", ("items", "0", *place)),
        ("ALREADY_EXISTS", ("items", "1", *place)),
        ("ALREADY_EXISTS", ("items", "2", *place)),
        ("INVALID", ("items", "3", *place)),
    ]
    assert outcome.refusals[0].details["existing"] == "B"
    assert await stored(database) == [*before, ("E", "E1", 1)]
    one_sided = await upsert(transactions, with_codes("A", "B1"))
    assert codes(one_sided) == [("ALREADY_EXISTS", ("items", "0", *place))]


async def test_concurrent_calls_give_a_code_to_one_item(database: Database) -> None:
    transactions = transactions_on(database)
    calls = [items(with_codes(f"S{number}", "X")) for number in range(6)]
    outcomes = await asyncio.gather(
        *(transactions.perform(workflows.catalog.items.upsert, call) for call in calls)
    )
    assert sum(not outcome.refusals for outcome in outcomes) == 1
    assert len(await stored(database)) == 1


async def _share(floor: Floor) -> None:
    """Give TEE-S and TEE-L the barcode 501, as versions before unique codes could."""
    async with floor.database.writer() as session:
        await session.execute("UPDATE item SET barcode = '501' WHERE sku IN ('TEE-S', 'TEE-L')")
        await session.execute(
            "INSERT INTO item_code (item_id, code, scan_key, is_shared)"
            " SELECT id, '501', '501', TRUE FROM item WHERE sku IN ('TEE-S', 'TEE-L')"
        )


async def test_a_shared_barcode_names_no_item_until_one_is_left(database: Database) -> None:
    floor = await open_floor(database)
    await _share(floor)
    refused = await floor.receive_into(1, "A-2", "501")
    assert codes(refused) == [("INVALID", ("input", "lines", "0", "sku"))]
    assert refused.refusals[0].details == {"skus": ["TEE-L", "TEE-S"]}
    # Other changes of the items are not refused.
    changed = await upsert(floor.shop.transactions, an_item("TEE-S", barcode="501", name="Tee"))
    assert not changed.refusals
    await upsert(floor.shop.transactions, an_item("TEE-S", barcode="502"))
    assert not (await floor.receive_into(1, "A-2", "501")).refusals
    assert await floor.bins("TEE-L") == {"A-2": 1}


async def test_a_shared_barcode_is_free_when_all_its_items_give_it_up(database: Database) -> None:
    floor = await open_floor(database)
    await _share(floor)
    given = [an_item("TEE-S", barcode=None), an_item("TEE-M", barcode="501")]
    refused = await upsert(floor.shop.transactions, *given)
    assert codes(refused) == [("ALREADY_EXISTS", ("items", "1", "barcode"))]
    assert refused.refusals[0].details["existing"] == "TEE-L"
    taken = await upsert(floor.shop.transactions, an_item("TEE-L", barcode=None), given[1])
    assert not taken.refusals
    assert not (await floor.receive_into(1, "A-2", "501")).refusals
    assert await floor.bins("TEE-M") == {"A-2": 1}


async def test_scans_of_a_code_are_counted_in_units(database: Database) -> None:
    floor = await open_floor(database)
    await upsert(floor.shop.transactions, with_codes("TEE-M", ("BOX-6", 6), barcode=PEN))
    assert not (await floor.receive_into(2, "A-2", "box-6")).refusals
    assert await floor.bins() == {"A-2": 12}
    gs1 = f"(01)0{PEN}(10)LOT7"
    assert not (await floor.put_away((gs1, 1, "B-1", "A-2"), ("BOX-6", 1, "A-10", "A-2"))).refusals
    assert await floor.bins() == {"A-2": 5, "B-1": 1, "A-10": 6}
    too_many = await floor.put_away(("BOX-6", 1, "B-1", "A-2"))
    assert codes(too_many) == [("INSUFFICIENT_STOCK", ("input", "lines", "0", "quantity"))]
    assert too_many.refusals[0].details["requested"] == 6
    assert await reconcile(database) == []
