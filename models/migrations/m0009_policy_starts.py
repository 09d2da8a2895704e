"""Version 9: policy versions published for a later time are stored until they are in force.

An event then announces the start. Before this version nothing was written at that time, and
availability subscribers got the new rules only with the next change of the SKU.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_STATEMENTS = (
    """CREATE TABLE policy_start (
  policy_id {uuid} NOT NULL PRIMARY KEY REFERENCES policy (id) ON DELETE RESTRICT
) {strict}""",
    "INSERT INTO policy_start (policy_id)"
    " SELECT id FROM policy WHERE effective_from_at > CURRENT_TIMESTAMP",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
