"""Tables that were filled and never analyzed get statistics."""

from __future__ import annotations

from models.database.database import Database
from models.queries.statistics import tables_without
from tests import raw
from tests.builders.transactions import rows
from workflows.transactions.statistics import analyze_new

FILL = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO supplier (code, code_key, name) SELECT 'S' || i, 's' || i, 'Supplier ' || i FROM n
"""


async def test_a_filled_table_is_analyzed_once(database: Database) -> None:
    await raw.execute(database.url, FILL)
    async with database.reading() as session:
        missing = await tables_without(session)
    if session.engine == "sqlite":
        assert missing == ()
        assert await analyze_new(database) == 0
        return
    assert missing == ["supplier"]
    assert await analyze_new(database) == 1
    known = "SELECT CAST(reltuples AS int) AS found FROM pg_class WHERE relname = 'supplier'"
    assert await rows(database, known) == [{"found": 3_000}]
    assert await analyze_new(database) == 0


async def test_a_table_that_was_emptied_has_nothing_to_analyze(database: Database) -> None:
    await raw.execute(database.url, FILL, "DELETE FROM supplier")
    async with database.reading() as session:
        assert list(await tables_without(session)) == []
