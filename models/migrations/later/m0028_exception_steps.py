"""Version 28: the history of exceptions, and exceptions that the sweep must not open again.

`exception_step` has each step of an exception. Exceptions that exist get the step that opened them
and the one that ended them; the steps between are in the audit trail. Its notes are free text of
people, so the rows may be erased.

`silenced`: a person resolved the exception, and its condition has held ever since.

The job that escalates read every open exception past its due time, escalated ones too. Its index
now has only those that may be escalated.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_STATEMENTS = (
    "ALTER TABLE operational_exception ADD COLUMN silenced {bool} NOT NULL DEFAULT FALSE"
    " CHECK (NOT silenced OR status = 'RESOLVED')",
    """CREATE TABLE exception_step (
  id {identity},
  exception_id {uuid} NOT NULL REFERENCES operational_exception (id) ON DELETE RESTRICT,
  recorded_at {instant} NOT NULL,
  actor {text} NOT NULL,
  action {text} NOT NULL,
  status {text} NOT NULL,
  owner {text},
  note {text}
) {strict}""",
    "INSERT INTO exception_step (exception_id, recorded_at, actor, action, status, note)"
    " SELECT id, opened_at, 'system', 'OPENED', 'OPEN', message FROM operational_exception"
    " ORDER BY opened_at, id",
    "INSERT INTO exception_step (exception_id, recorded_at, actor, action, status, owner, note)"
    " SELECT id, resolved_at, 'system', status, status, owner, resolution"
    " FROM operational_exception WHERE resolved_at IS NOT NULL ORDER BY resolved_at, id",
    "UPDATE exception_step SET actor = (SELECT a.actor FROM audit_entry a WHERE a.subject ="
    " 'OperationalException:' || CAST(exception_step.exception_id AS text)"
    " AND a.action = 'exceptionResolve' ORDER BY a.recorded_at DESC LIMIT 1)"
    " WHERE action = 'RESOLVED' AND EXISTS (SELECT 1 FROM audit_entry a WHERE a.subject ="
    " 'OperationalException:' || CAST(exception_step.exception_id AS text)"
    " AND a.action = 'exceptionResolve')",
    "CREATE INDEX exception_step_exception ON exception_step (exception_id, id)",
    "CREATE INDEX operational_exception_silenced ON operational_exception (kind, subject_key)"
    " WHERE silenced",
    "CREATE INDEX operational_exception_escalating ON operational_exception (due_at, id)"
    " WHERE status IN ('OPEN','ASSIGNED','IN_PROGRESS')",
    "CREATE INDEX operational_exception_waiting ON operational_exception (wait_until_at, id)"
    " WHERE status = 'WAITING'",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
