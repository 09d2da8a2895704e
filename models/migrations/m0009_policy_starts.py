"""Version 9: versions of policies that are published ahead are remembered until they are in force.

Then a fact says so. Until now nothing was written at that instant, and whoever listened to what may
be sold heard of new rules with the next change of the SKU.
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
    """Every statement of this version, in order, in the engine's own words."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
