"""Statistics of tables that PostgreSQL has not analyzed yet.

Without them PostgreSQL reads whole tables in rarer statements (decision 22). Autovacuum gathers
them, but it looks once a minute, and a restored dump has none at all.
"""

from __future__ import annotations

import models.queries.statistics as statistics_queries
from models.database.database import Database


async def analyze_new(database: Database) -> int:
    """Analyze the filled tables without statistics; returns their number."""
    async with database.reading() as session:
        tables = await statistics_queries.tables_without(session)
    for table in tables:
        async with database.reading() as session:
            await statistics_queries.analyze(session, table)
    return len(tables)
