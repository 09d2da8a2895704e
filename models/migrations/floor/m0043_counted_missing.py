"""Version 43: the missing units of a level when it was counted.

Lines that were counted before have NULL: it is unknown whether their missing units were settled.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_COLUMN = (
    "ALTER TABLE stock_count_line ADD COLUMN counted_missing {int} CHECK (counted_missing >= 0)"
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    yield render(engine, _COLUMN)
