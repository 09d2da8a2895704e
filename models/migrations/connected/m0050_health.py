"""Version 50: health of integrations, and runs of playbooks that the outage of one has started.

An integration has at most one run that holds. `outage_since_at` is set from DOWN until HEALTHY or
OFF.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_LIVE = "status IN ('STARTING','ACTIVE')"
_STATEMENTS = (
    "ALTER TABLE integration ADD COLUMN outage_since_at {instant}"
    " CHECK (CASE WHEN status = 'DOWN' THEN outage_since_at IS NOT NULL"
    " WHEN status IN ('HEALTHY','DEGRADED','OFF') THEN outage_since_at IS NULL ELSE TRUE END)",
    "CREATE INDEX integration_unwell ON integration (code_key)"
    " WHERE status NOT IN ('HEALTHY','DEGRADED')",
    """CREATE TABLE integration_health (
  integration_id {uuid} NOT NULL PRIMARY KEY REFERENCES integration (id) ON DELETE RESTRICT,
  since_at {instant} NOT NULL,
  judged_since_at {instant} NOT NULL,
  failures_in_a_row {int} NOT NULL DEFAULT 0 CHECK (failures_in_a_row >= 0),
  successes_in_a_row {int} NOT NULL DEFAULT 0 CHECK (successes_in_a_row >= 0),
  last_success_at {instant},
  last_error {text},
  backlog {int} NOT NULL DEFAULT 0 CHECK (backlog >= 0),
  oldest_at {instant},
  next_probe_at {instant},
  buckets {json} NOT NULL,
  CHECK (failures_in_a_row = 0 OR successes_in_a_row = 0),
  CHECK ((backlog = 0) = (oldest_at IS NULL)),
  CHECK (judged_since_at <= since_at)
) {strict}""",
    "ALTER TABLE playbook_run ADD COLUMN integration_id {uuid}"
    " REFERENCES integration (id) ON DELETE RESTRICT",
    "CREATE INDEX playbook_run_integration ON playbook_run (integration_id, started_at)"
    " WHERE integration_id IS NOT NULL",
    "CREATE UNIQUE INDEX playbook_run_integration_live ON playbook_run (integration_id)"
    f" WHERE integration_id IS NOT NULL AND {_LIVE}",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
