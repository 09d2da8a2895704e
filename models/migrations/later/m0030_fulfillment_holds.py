"""Version 30: fulfillment holds, and policies of the kind FULFILLMENT.

Holds are found by order and by fulfillment. Live ones are also found by the time at which the clock
releases them, and those without an end by the time at which they were placed. SQLite cannot change
a CHECK, so `policy` is made anew there and takes over its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_HOLDS = (
    """CREATE TABLE fulfillment_hold (
  id {uuid} NOT NULL PRIMARY KEY,
  order_id {uuid} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  fulfillment_id {uuid} REFERENCES fulfillment (id) ON DELETE RESTRICT,
  reason {text} NOT NULL CHECK (reason IN ('AWAITING_PAYMENT','FRAUD_RISK','ADDRESS','OTHER')),
  note {text},
  placed_by {text} NOT NULL,
  placed_at {instant} NOT NULL,
  until_at {instant},
  released_by {text},
  released_at {instant},
  release_note {text},
  CHECK (until_at > placed_at),
  CHECK ((released_by IS NULL) = (released_at IS NULL))
) {strict}""",
    "CREATE INDEX fulfillment_hold_order ON fulfillment_hold (order_id)",
    "CREATE INDEX fulfillment_hold_fulfillment ON fulfillment_hold (fulfillment_id)"
    " WHERE fulfillment_id IS NOT NULL",
    "CREATE INDEX fulfillment_hold_until ON fulfillment_hold (until_at, id)"
    " WHERE released_at IS NULL AND until_at IS NOT NULL",
    "CREATE INDEX fulfillment_hold_endless ON fulfillment_hold (placed_at, id)"
    " WHERE released_at IS NULL AND until_at IS NULL",
)
_KINDS = (
    "kind IN ('ROUTING','RETURN','DISPOSITION','REFUND','ADJUSTMENT','EXCEPTION','FULFILLMENT')"
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
_DEFAULT = (
    "INSERT INTO policy (id, kind, scope, version, rules, effective_from_at, published_by,"
    " published_at) VALUES ('00000000-0000-7000-8000-000000000007', 'FULFILLMENT', 'global', 1,"
    """ '{"holds": [], "carriers": [], "labelOnPack": false}',"""
    f" {_START}, 'system', {_START})"
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in (*_HOLDS, *(_POSTGRES_KIND if engine == "postgres" else _SQLITE_KIND)):
        yield render(engine, statement)
    if engine == "sqlite":
        yield from append_only(engine, "policy")
    yield _DEFAULT
