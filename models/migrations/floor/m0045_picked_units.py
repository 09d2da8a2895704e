"""Version 45: the units of a fulfillment at the end of its PICK task.

A fulfillment may be divided later. Tasks that ended before get the units that it has now.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_STATEMENTS = (
    "ALTER TABLE task ADD COLUMN units {int} CHECK (units >= 0)",
    """UPDATE task SET units = (
  SELECT COALESCE(SUM(l.quantity), 0) FROM fulfillment_line l
  WHERE l.fulfillment_id = CAST(task.subject_key AS {uuid}))
WHERE status = 'DONE' AND queue = 'PICK' AND subject_type = 'Fulfillment'""",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
