"""Version 48: cases that policies do not decide, shadow decisions, and their comparison.

A case without a row is LIVE. Shadow decisions and comparisons are added once and never changed. An
order line may name its location. SQLite cannot change a CHECK, so `policy` is made anew there and
keeps its rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_TABLES = (
    """CREATE TABLE rollout_case (
  id {uuid} NOT NULL PRIMARY KEY,
  domain {text} NOT NULL CHECK (domain IN ('ROUTING','RETURNS','DISPOSITIONS','REFUNDS')),
  mode {text} NOT NULL CHECK (mode IN ('OFF','SHADOW')),
  subject_type {text} NOT NULL,
  subject_key {text} NOT NULL CHECK (subject_key <> ''),
  channel_id {int} NOT NULL REFERENCES channel (id) ON DELETE RESTRICT,
  location_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  policy_scope {text} NOT NULL,
  policy_version {int} NOT NULL CHECK (policy_version >= 1),
  opened_at {instant} NOT NULL,
  UNIQUE (subject_type, subject_key),
  CHECK ((domain = 'ROUTING') = (subject_type IN ('Order','Reservation'))),
  CHECK ((domain = 'RETURNS') = (subject_type = 'Return')),
  CHECK ((domain = 'DISPOSITIONS') = (subject_type = 'ReturnItem')),
  CHECK ((domain = 'REFUNDS') = (subject_type = 'Refund'))
) {strict}""",
    "CREATE INDEX rollout_case_domain ON rollout_case (domain, opened_at, id)",
    "CREATE INDEX rollout_case_channel ON rollout_case (channel_id)",
    "CREATE INDEX rollout_case_location ON rollout_case (location_id)"
    " WHERE location_id IS NOT NULL",
    """CREATE TABLE shadow_decision (
  case_id {uuid} NOT NULL PRIMARY KEY REFERENCES rollout_case (id) ON DELETE RESTRICT,
  outcome {text} NOT NULL CHECK (outcome <> ''),
  decision {json} NOT NULL,
  failed {bool} NOT NULL,
  decided_at {instant} NOT NULL
) {strict}""",
    """CREATE TABLE shadow_comparison (
  case_id {uuid} NOT NULL PRIMARY KEY REFERENCES shadow_decision (case_id) ON DELETE RESTRICT,
  did {text} NOT NULL CHECK (did <> ''),
  decided_by {text} NOT NULL CHECK (decided_by <> ''),
  agrees {bool} NOT NULL,
  differences {json} NOT NULL,
  decided_at {instant} NOT NULL,
  CHECK (agrees = (differences = '[]'))
) {strict}""",
)
_LINE = (
    "ALTER TABLE order_line ADD COLUMN location_id {int} REFERENCES location (id)"
    " ON DELETE RESTRICT",
    "CREATE INDEX order_line_location ON order_line (location_id) WHERE location_id IS NOT NULL",
)
_KINDS = (
    "kind IN ('ROUTING','RETURN','DISPOSITION','REFUND','ADJUSTMENT','EXCEPTION','FULFILLMENT',"
    "'COUNT','CONTINUITY','ROLLOUT')"
)
_POSTGRES_KIND = (
    "ALTER TABLE policy DROP CONSTRAINT IF EXISTS policy_kind_check",
    f"ALTER TABLE policy ADD CONSTRAINT policy_kind_check CHECK ({_KINDS})",
)
_SQLITE_KIND = (
    f"""CREATE TABLE policy_renewed (
  id {{uuid}} NOT NULL PRIMARY KEY,
  kind {{text}} NOT NULL CHECK ({_KINDS}),
  scope {{text}} NOT NULL,
  version {{int}} NOT NULL CHECK (version >= 1),
  rules {{json}} NOT NULL,
  effective_from_at {{instant}} NOT NULL,
  published_by {{text}} NOT NULL,
  published_at {{instant}} NOT NULL,
  UNIQUE (kind, scope, version)
) {{strict}}""",
    "INSERT INTO policy_renewed SELECT id, kind, scope, version, rules, effective_from_at,"
    " published_by, published_at FROM policy",
    "DROP TABLE policy",
    "ALTER TABLE policy_renewed RENAME TO policy",
)
_START = "'2000-01-01 00:00:00.000000+00:00'"
_RULES = {"domains": {"*": "LIVE"}, "require": {"cases": 0, "agreement": 0.0}}
_DEFAULT = (
    "INSERT INTO policy (id, kind, scope, version, rules, effective_from_at, published_by,"
    " published_at) VALUES ('00000000-0000-7000-8000-00000000000a', 'ROLLOUT', 'global', 1,"
    f" '{json.dumps(_RULES)}', {_START}, 'system', {_START})"
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    is_postgres = engine == "postgres"
    kind = _POSTGRES_KIND if is_postgres else _SQLITE_KIND
    for statement in (*_TABLES, *_LINE, *kind):
        yield render(engine, statement)
    for table in ("rollout_case", "shadow_decision", "shadow_comparison"):
        yield from append_only(engine, table)
    if not is_postgres:
        yield from append_only(engine, "policy")
    yield _DEFAULT
