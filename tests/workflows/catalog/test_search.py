"""Items are found by parts of their SKU, name or barcode: in pages, and after changes."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import pytest

import models.queries.reads.catalog as catalog_reads
import workflows.catalog.items
from domain.catalog.commands import UpsertItem
from domain.catalog.validation import ITEMS_MAX
from domain.errors import DomainError
from domain.values.search_texts import folded, search_term, search_text
from domain.values.texts import check_label, check_name
from models.database.database import Database
from models.queries.listing.paging import BIGINT_MAX, Window
from models.queries.reads.catalog import ItemFilters
from tests.builders.catalog import an_item, items
from tests.builders.tampering import tamper
from tests.builders.transactions import codes, transactions_on
from workflows.ledger.reconciliation import SEARCHED, reconcile

SEARCHES = 3_000 if os.environ.get("RESTOW_LONG") == "1" else 200
ALPHABET = "aAbBéÉøßЁеШ漢字-_%\"'!*?01１ﾊ ()\u0301\u00ad^{$"


async def upsert(database: Database, *rows: UpsertItem) -> None:
    for first in range(0, len(rows), ITEMS_MAX):
        request = items(*rows[first : first + ITEMS_MAX])
        outcome = await transactions_on(database).perform(workflows.catalog.items.upsert, request)
        assert codes(outcome) == []


async def found(database: Database, search: str, size: int = 250) -> list[str]:
    """SKUs of all pages, whose number must be the list's own."""
    skus: list[str] = []
    after: Sequence[int] | None = None
    async with database.reading() as session:
        while True:
            window = Window(size, after)
            term = search_term(search, "search")
            page = await catalog_reads.items(session, window, ItemFilters(term=term))
            skus += [row["sku"] for row in page.rows]
            if not page.has_next:
                assert await page.listing.count(session) == len(skus)
                return skus
            after = [page.rows[-1]["id"]]


async def test_names_are_found_in_any_alphabet(database: Database) -> None:
    await upsert(
        database,
        an_item("HAT-1", name="Шапка зимняя Örebro"),
        an_item("帽-2", name="冬季帽子", barcode="4006381333931"),
        an_item("HAT-3", name="Plain hat"),
    )
    for search in ("Örebro", "orebro", "ШАПКА", "шапка  ЗИМНЯЯ", "Я Ö", "reb", "hat-1"):
        assert await found(database, search) == ["HAT-1"], search
    for search in ("帽", "冬季", "帽子", "冬季帽子", "4006381333931", "8133"):
        assert await found(database, search) == ["帽-2"], search
    assert await found(database, "HAT") == ["HAT-3", "HAT-1"]
    assert await found(database, "") == await found(database, " ") == ["帽-2", "HAT-3", "HAT-1"]
    assert await found(database, "hat-1 шапка") == []  # of two texts
    assert await found(database, "4006381333931冬") == []


async def test_any_part_is_found_and_nothing_else(database: Database) -> None:
    """Found if, and only if, the folded search is a part of the folded text."""
    seed = random.randrange(1_000_000)
    chance = random.Random(seed)
    rows = [_random_item(chance, number) for number in range(150)]
    await upsert(database, *rows)
    texts = {each.sku: search_text(each.sku, each.name, str(each.barcode)) for each in rows}
    for _ in range(SEARCHES):
        search = _random_search(chance, rows)
        expected = [sku for sku, text in texts.items() if folded(search) in text]
        assert await found(database, search) == expected[::-1], (seed, search)


def _random_item(chance: random.Random, number: int) -> UpsertItem:
    while True:
        name = "".join(chance.choices(ALPHABET, k=chance.randrange(1, 12)))
        # A barcode names one item, so each ends with its number.
        barcode = "".join(chance.choices(ALPHABET, k=chance.randrange(1, 6))) + f"#{number:03d}"
        try:
            check_name(name)
            check_label(barcode)
        except DomainError:
            continue
        return an_item(f"S-{number:03d}", name=name, barcode=barcode)


def _random_search(chance: random.Random, rows: Sequence[UpsertItem]) -> str:
    row = chance.choice(rows)
    text = chance.choice(
        [row.sku, row.name, str(row.barcode), "".join(chance.choices(ALPHABET, k=3))]
    )
    start = chance.randrange(len(text))
    part = text[start : start + chance.randrange(1, 8)]
    return chance.choice([part, part.upper(), part.lower(), part.swapcase()])


@pytest.mark.parametrize("from_end", [False, True])
async def test_pages_have_every_item_once(database: Database, from_end: bool) -> None:
    """Over blocks of the index, with gaps between the ids, to the largest id."""
    await upsert(database, *(an_item(f"P-{number:02d}", name="needle") for number in range(12)))
    await _spread(database)
    expected = [f"P-{number:02d}" for number in reversed(range(12))]
    seen: list[str] = []
    edge: Sequence[int] | None = None
    async with database.reading() as session:
        while True:
            window = Window(5, None if from_end else edge, edge if from_end else None, from_end)
            page = await catalog_reads.items(session, window, ItemFilters(term="needle"))
            skus = [row["sku"] for row in page.rows]
            seen = [*skus, *seen] if from_end else [*seen, *skus]
            if not (page.has_previous if from_end else page.has_next):
                break
            edge = [page.rows[0 if from_end else -1]["id"]]
        between = Window(5, after=[8_192 * 900], before=[8_192])
        inside = await catalog_reads.items(session, between, ItemFilters(term="needle"))
    assert seen == expected
    assert [row["id"] for row in inside.rows] == [8_192 * n + n for n in range(10, 5, -1)]


async def _spread(database: Database) -> None:
    """Give the items ids of several blocks, the last of them far away."""
    async with database.writer() as session:
        rows = await session.fetch(
            "SELECT i.id, t.search_text FROM item i"
            " JOIN item_text t ON t.item_id = i.id ORDER BY i.id"
        )
        await session.execute("DELETE FROM item_text")
        for place, row in reversed([*enumerate(rows)]):
            moved = 8_192 * place + place if place < 11 else BIGINT_MAX - 1
            await session.execute("UPDATE item SET id = $2 WHERE id = $1", row["id"], moved)
            await session.execute(
                "INSERT INTO item_text VALUES ($1, $2)", moved, row["search_text"]
            )


async def test_changes_are_found_at_once(database: Database) -> None:
    await upsert(
        database, an_item("TEE", name="Red tee", barcode="501"), an_item("CAP", name="Cap")
    )
    await upsert(database, an_item("TEE", name="Blue tee"))
    assert (await found(database, "red"), await found(database, "BLUE")) == ([], ["TEE"])
    assert await found(database, "501") == ["TEE"]
    await upsert(database, an_item("TEE", name="Blue tee", barcode=None))
    assert await found(database, "501") == []
    assert await found(database, "tee") == ["TEE"]
    assert await reconcile(database) == []


async def test_a_price_leaves_the_index_alone(database: Database, engine: str) -> None:
    await upsert(database, an_item("TEE", name="Red tee"))
    before = await _writes(database, engine)
    await upsert(database, an_item("TEE", name="Red tee", category="tops"))
    assert await _writes(database, engine) == before
    await upsert(database, an_item("TEE", name="Blue tee", category="tops"))
    assert await _writes(database, engine) != before


async def _writes(database: Database, engine: str) -> object:
    """A mark of the row of the search text that each write of it changes."""
    async with database.reading() as session:
        if engine == "postgres":
            return await session.fetch_value("SELECT xmin::text || ctid::text FROM item_text")
        return await session.fetch_value("SELECT hex(block) FROM item_search_data WHERE id = 10")


async def test_a_refused_change_leaves_what_is_found(database: Database) -> None:
    await upsert(database, an_item("TEE", name="Red tee"))
    refused = items(an_item("TEE", name="Blue tee", barcode=" "), an_item("NEW", name=""))
    outcome = await transactions_on(database).perform(workflows.catalog.items.upsert, refused)
    assert [code for code, _ in codes(outcome)] == ["INVALID", "INVALID"]
    assert (await found(database, "blue"), await found(database, "e")) == ([], ["TEE"])


BREAKS = {
    "a name without its text": "UPDATE item SET name = 'Other' WHERE sku = 'TEE'",
    "a text without its name": "UPDATE item_text SET search_text = 'other'",
    "no text": "DELETE FROM item_text",
}


@pytest.mark.parametrize("what", BREAKS)
async def test_the_proof_names_items_that_are_not_found(database: Database, what: str) -> None:
    await upsert(database, an_item("TEE", name="Red tee"))
    assert await reconcile(database) == []
    await tamper(database.url, BREAKS[what])
    named = {(each.proof, each.place) for each in await reconcile(database)}
    assert named == {(SEARCHED, "TEE")}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_the_proof_names_items_that_the_index_lacks(database: Database) -> None:
    """As after a write without SQLite's triggers. PostgreSQL itself keeps its index."""
    await upsert(database, an_item("TEE", name="Red tee"), an_item("CAP", name="Cap"))
    await tamper(
        database.url,
        "UPDATE item SET name = 'Blue tee' WHERE sku = 'TEE'",
        "UPDATE item_text SET search_text = 'tee' || char(10) || 'blue tee'"
        " WHERE search_text LIKE 'tee%'",
    )
    (difference,) = await reconcile(database)
    assert str(difference) == f"{SEARCHED}: TEE: expected in the search index, found missing"
