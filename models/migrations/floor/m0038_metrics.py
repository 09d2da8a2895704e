"""Version 38: figures of a window of time read an index of that time; lapsed claims are kept.

`task_lapse` has each claim that ended with its lease. Claims that lapsed before are not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_STATEMENTS = (
    """CREATE TABLE task_lapse (
  id {identity},
  task_id {uuid} NOT NULL REFERENCES task (id) ON DELETE RESTRICT,
  claimed_by {text} NOT NULL,
  lapsed_at {instant} NOT NULL
) {strict}""",
    "CREATE INDEX task_lapse_time ON task_lapse (lapsed_at, task_id)",
    "CREATE INDEX task_lapse_task ON task_lapse (task_id)",
    "CREATE INDEX task_done ON task (ended_at, location_id, queue, created_at)"
    " WHERE status = 'DONE'",
    "CREATE INDEX fulfillment_shipped ON fulfillment (shipped_at, location_id)"
    " WHERE shipped_at IS NOT NULL",
    "CREATE INDEX stock_movement_short ON stock_movement (occurred_at, location_id)"
    " WHERE from_state = 'ALLOCATED' AND to_state = 'QUARANTINE'",
    "CREATE INDEX operational_exception_opened ON operational_exception (opened_at)",
    "CREATE INDEX operational_exception_ended ON operational_exception (resolved_at)"
    " WHERE resolved_at IS NOT NULL",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
