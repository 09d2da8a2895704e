"""A page of a search costs the same in a large catalog, for rare, frequent and short searches.

The catalogs are filled before the version that adds the index, and then migrated: so the index is
built as it is in an installation. RESTOW_LONG=1 compares with 1,000,000 items instead of 25,000 and
bounds the milliseconds of each search. It takes about ten minutes.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import asyncpg
import orjson
import pytest

import models.queries.reads.catalog as catalog_reads
from domain.values.search_texts import search_term
from models.database.database import Database
from models.database.sessions import Session
from models.database.sql import for_sqlite
from models.migrations import runner
from models.migrations.runner import VERSIONS, migrate, sqlite_path
from models.queries.listing.paging import Window
from models.queries.reads.catalog import ItemFilters
from tests import raw

LONG = os.environ.get("RESTOW_LONG") == "1"
SMALL, LARGE = 1_000, 1_000_000 if LONG else 25_000
MILLISECONDS_MAX = 50
# SQLite reads its index in the order of the list, PostgreSQL block by block of 8,192 items.
STEPS_MAX = 4_000
PAGES_MAX = 100 * (2 + LARGE // 8_192)
BEFORE = [version.name for version in VERSIONS].index("0019_search_text")
LATIN = ("ka", "to", "mi", "ra", "se", "lo", "ni", "ve", "du", "pa", "zi", "or", "el", "an", "ti")
CYRILLIC = ("ша", "пка", "кур", "тка", "те", "пло", "са", "по", "ги", "ру", "ва", "бе", "лый")
# What is searched for: the search, and the number of items on its first page.
SEARCHES = {
    "all but none": ("a", 51),
    "a rare word": ("QZXunique", 3),
    "a word in half the items": ("jacket", 51),
    "a word in the oldest half": ("phonecase", 51),
    "two frequent words never together": ("jacket phonecase", 0),
    "another alphabet": ("ЗИМНЯЯ", 51),
    "two characters, frequent": ("ka", 51),
    "two characters, rare": ("qz", 3),
    "three characters, whose pairs are frequent": ("sec", 0),
    "one character, rare": ("帽", 3),
    "two characters, none": ("жж", 0),
    "no hit": ("nosuchword", 0),
    "a SKU": ("sku-0000777", 1),
    "a barcode": ("5000000530637", 1),
    "255 characters": ("phonecase jacket " * 15, 0),
}


def _word(syllables: Sequence[str], number: int) -> str:
    return "".join(
        syllables[number // len(syllables) ** place % len(syllables)] for place in range(3)
    )


def _name(number: int, count: int) -> str:
    words = [_word(LATIN, number * 7919 % 7_993), _word(CYRILLIC, number * 104_729 % 4_093)]
    words.append("Jacket" if number % 2 else "Shirt")
    if number <= count // 2 and not number % 2:
        words.append("phonecase")
    if number % 16 == 0:
        words.append("Зимняя")
    if number in {77, count // 2 + 1, count - 3}:
        words.append("qzxunique 冬帽")
    return " ".join(words)


def _rows(count: int) -> Iterator[tuple[object, ...]]:
    for number in range(1, count + 1):
        barcode = f"50{number // 100_000:05d}{number * 7919 % 100_000:05d}{number % 10}"
        yield number, f"SKU-{number:07d}", _name(number, count), barcode


async def _fill(url: str, count: int) -> None:
    columns = ("id", "sku", "name", "barcode")
    instant = "2026-03-02 09:00:00.000000+00:00"
    if url.startswith("sqlite"):
        connection = sqlite3.connect(sqlite_path(url))
        connection.executemany(
            "INSERT INTO item (id, sku, name, barcode, returnable, created_at, updated_at)"
            f" VALUES (?, ?, ?, ?, TRUE, '{instant}', '{instant}')",
            _rows(count),
        )
        connection.commit()
        connection.close()
        return
    pg = await asyncpg.connect(url.replace("postgres://", "postgresql://", 1))
    await pg.execute("CREATE TEMP TABLE draft (id bigint, sku text, name text, barcode text)")
    await pg.copy_records_to_table("draft", records=_rows(count), columns=columns)
    await pg.execute(
        "INSERT INTO item (id, sku, name, barcode, returnable, created_at, updated_at)"
        f" SELECT id, sku, name, barcode, TRUE, '{instant}', '{instant}' FROM draft ORDER BY id"
    )
    await pg.close()


async def _catalog(url: str, count: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """Fill a database before the version of the index; returns the seconds of its migration."""
    await raw.empty(url)
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", VERSIONS[:BEFORE])
        await migrate(url)
    await _fill(url, count)
    started = time.monotonic()
    await migrate(url)
    return time.monotonic() - started


class Recorder:
    """Stands in for a session and records the last statement with its arguments."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.engine = session.engine
        self.sql, self.args = "", ()

    async def rows(self, _: type, sql: str, *args: Any) -> Sequence[Any]:
        self.sql, self.args = sql, args
        return await self._session.fetch(sql, *args)

    async def plan(self) -> dict[str, Any]:
        """The plan of the last statement, with what PostgreSQL read for it."""
        explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {self.sql}"
        found: dict[str, Any] = orjson.loads(
            await self._session.fetch_value(explained, *self.args)
        )[0]
        return found


async def _cost(recorder: Recorder, url: str) -> tuple[int, float]:
    """Pages that PostgreSQL reads, or steps that SQLite makes; and the fewest milliseconds."""
    if recorder.engine == "postgres":
        plans = [await recorder.plan() for _ in range(5 if LONG else 1)]
        pages = plans[0]["Plan"]["Shared Hit Blocks"] + plans[0]["Plan"]["Shared Read Blocks"]
        return pages, min(plan["Planning Time"] + plan["Execution Time"] for plan in plans)
    connection = sqlite3.connect(sqlite_path(url))
    steps, times = [0], []

    def step() -> None:
        steps[0] += 1

    for _ in range(5 if LONG else 1):
        started = time.process_time()
        connection.execute(for_sqlite(recorder.sql), recorder.args).fetchall()
        times.append((time.process_time() - started) * 1_000)
    connection.set_progress_handler(step, 1)
    connection.execute(for_sqlite(recorder.sql), recorder.args).fetchall()
    connection.close()
    return steps[0], min(times)


async def _costs(url: str, count: int) -> dict[str, tuple[int, float]]:
    database = Database(url)
    await database.open()
    found = {}
    try:
        async with database.reading() as session:
            recorder: Any = Recorder(session)
            for what, (search, rows) in SEARCHES.items():
                term = search_term(search, "search")
                page = await catalog_reads.items(recorder, Window(50), ItemFilters(term=term))
                assert (len(page.rows), page.has_next) == (min(rows, 50), rows > 50), what
                found[what] = await _cost(recorder, url)
                # from the middle, and from the other end
                for window in (Window(50, after=[count // 2]), Window(50, from_end=True)):
                    await catalog_reads.items(recorder, window, ItemFilters(term=term))
                    found[f"{what}, {'end' if window.from_end else 'middle'}"] = await _cost(
                        recorder, url
                    )
    finally:
        await database.close()
    return found


async def test_a_page_costs_the_same_in_a_large_catalog(
    fresh_database: Callable[[], str],
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
    report_figure: Callable[[str], None],
) -> None:
    small_url, large_url = fresh_database(), fresh_database()
    await _catalog(small_url, SMALL, monkeypatch)
    seconds = await _catalog(large_url, LARGE, monkeypatch)
    small, large = await _costs(small_url, SMALL), await _costs(large_url, LARGE)
    for what, (steps, milliseconds) in large.items():
        report_figure(
            f"{engine}: {what}: {small[what][0]} → {steps} "
            f"{'pages' if engine == 'postgres' else 'steps'}, {milliseconds:.1f} ms"
        )
    report_figure(f"{engine}: migration of {LARGE} items in {seconds:.0f} s")
    limit = PAGES_MAX if engine == "postgres" else STEPS_MAX
    assert {what: steps for what, (steps, _) in large.items() if steps > limit} == {}
    if LONG:
        assert {what: ms for what, (_, ms) in large.items() if ms > MILLISECONDS_MAX} == {}
