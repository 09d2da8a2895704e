"""Version 33: codes of items. A code names one item, and one scan of it means a number of units.

The barcodes of existing items become codes. Those that several items share stay with all of them
and name none, until one item is left with them.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.backfills.item_codes import BarcodeCodes
from models.migrations.dialect import Engine, render

_TABLE = """CREATE TABLE item_code (
  id {identity},
  item_id {int} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  code {text} NOT NULL CHECK (code <> ''),
  scan_key {text} NOT NULL CHECK (scan_key <> ''),
  units {int} NOT NULL DEFAULT 1 CHECK (units >= 1),
  is_listed {bool} NOT NULL DEFAULT FALSE,
  is_shared {bool} NOT NULL DEFAULT FALSE,
  UNIQUE (item_id, scan_key)
) {strict}"""
_FINISH = (
    "UPDATE item_code SET is_shared = TRUE WHERE scan_key IN"
    " (SELECT scan_key FROM item_code GROUP BY scan_key HAVING COUNT(*) > 1)",
    "CREATE UNIQUE INDEX item_code_key ON item_code (scan_key) WHERE NOT is_shared",
    "CREATE INDEX item_code_scan ON item_code (scan_key, item_id)",
)


def statements(engine: Engine) -> Iterator[str]:
    """The statement that creates the table."""
    yield render(engine, _TABLE)


def _finish(_: Engine) -> Iterator[str]:
    """The statements that follow when the barcodes are stored."""
    yield from _FINISH


FILL = BarcodeCodes(_finish)
