"""PostgreSQL's statistics about tables, from which it plans statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from models.database.sessions import Session

# Smaller tables are read as a whole, whatever PostgreSQL knows about them.
BYTES_MIN = 128 * 1024

# A table that was empty when it was analyzed has no statistics, as one that never was. A table
# without live rows keeps its size until it is vacuumed; there is nothing to analyze in it. Only the
# owner of a table may analyze it.
_WITHOUT = """
SELECT quote_ident(c.relname) AS name FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
  AND pg_relation_size(c.oid) >= $1 AND pg_stat_get_live_tuples(c.oid) > 0
  AND pg_has_role(c.relowner, 'USAGE')
  AND NOT EXISTS (
    SELECT 1 FROM pg_stats s WHERE s.schemaname = current_schema() AND s.tablename = c.relname)
ORDER BY c.relname
"""


class _TableRow(TypedDict):
    name: str


async def tables_without(session: Session) -> Sequence[str]:
    """Filled tables without statistics; none on SQLite, whose plans need none."""
    if session.engine == "sqlite":
        return ()
    return [row["name"] for row in await session.rows(_TableRow, _WITHOUT, BYTES_MIN)]


async def analyze(session: Session, table: str) -> None:
    """Gather the statistics of a table. It reads a sample of 30,000 rows."""
    await session.execute(f"ANALYZE {table}")
