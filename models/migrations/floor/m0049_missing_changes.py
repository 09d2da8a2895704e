"""Version 49: each change of the missing units of a level, with the movement that made it.

Missing units of earlier versions get an opening row without a movement. An index finds the last
posted line of a level.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_STATEMENTS = (
    """CREATE TABLE missing_change (
  id {identity},
  level_id {int} NOT NULL REFERENCES stock_level (id) ON DELETE RESTRICT,
  movement_id {uuid} UNIQUE REFERENCES stock_movement (id) ON DELETE RESTRICT,
  units {int} NOT NULL CHECK (units <> 0),
  CHECK (movement_id IS NOT NULL OR units > 0)
) {strict}""",
    "CREATE INDEX missing_change_level ON missing_change (level_id)",
    """INSERT INTO missing_change (level_id, units)
SELECT id, missing FROM stock_level WHERE missing > 0 ORDER BY id""",
    "CREATE INDEX stock_count_line_last ON stock_count_line (level_id, posted_at)"
    " WHERE status = 'POSTED'",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
    yield from append_only(engine, "missing_change")
