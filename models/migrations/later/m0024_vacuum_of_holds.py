"""Version 24: PostgreSQL vacuums holds and their lines after fewer ended ones.

An ended hold leaves a dead entry in each index of live holds, and every look for expired holds
passes over them until a vacuum. By default a vacuum waits until a fifth of the table is dead:
200,000 holds of 1,000,000 stored ones. Now it waits for a hundredth and 10,000. A vacuum of a
smaller table would save less than it costs: a look passes over 10,000 dead entries in 0.1 ms.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

TABLES = ("reservation", "reservation_line")
SCALE_FACTOR, THRESHOLD = "0.01", "10000"


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order; SQLite has no vacuum of single tables."""
    if engine == "sqlite":
        return
    for table in TABLES:
        yield (
            f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = {SCALE_FACTOR},"
            f" autovacuum_vacuum_threshold = {THRESHOLD})"
        )
