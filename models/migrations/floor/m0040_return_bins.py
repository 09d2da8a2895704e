"""Version 40: the bin in which received units wait at the returns desk.

It is an address only. Units in quality control are not on the shelf, so no bin counts them.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_STATEMENTS = (
    "ALTER TABLE return_item ADD COLUMN bin_id {int} REFERENCES location (id) ON DELETE RESTRICT"
    " CHECK (bin_id IS NULL OR stock_state = 'QUALITY_CONTROL')",
    "CREATE INDEX return_item_bin ON return_item (bin_id) WHERE bin_id IS NOT NULL",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
