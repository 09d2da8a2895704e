"""Version 36: stock counts, and policies of the kind COUNT.

`shelf_changes` counts the changes of a level's shelf and bins, so that a count knows whether units
moved while it was made. Units of earlier short picks become `missing` where their exception is
still open: as many as pickers did not find since it was opened, without those that were moved or
written off by hand since, and as quarantine has beside units of returns and unidentified parcels.
SQLite cannot change a CHECK, so `policy` is made anew there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from domain.values.money import decimals_of
from models.migrations.dialect import Engine, append_only, render

_LIVE = "status IN ('OPEN','RECOUNT','NEEDS_APPROVAL','POSTING')"
_TABLES = (
    "ALTER TABLE stock_level ADD COLUMN shelf_changes {int} NOT NULL DEFAULT 0"
    " CHECK (shelf_changes >= 0)",
    """CREATE TABLE stock_count (
  id {uuid} NOT NULL PRIMARY KEY,
  number {text} NOT NULL UNIQUE CHECK (number <> ''),
  cause {text} NOT NULL CHECK (cause IN ('PLANNED','CYCLE','VARIANCE','SPOT')),
  status {text} NOT NULL CHECK (status IN ('OPEN','DONE','CANCELLED')),
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  blind {bool} NOT NULL,
  created_by {text} NOT NULL CHECK (created_by <> ''),
  created_at {instant} NOT NULL,
  due_at {instant},
  closed_at {instant},
  line_count {int} NOT NULL CHECK (line_count >= 0),
  lines_done {int} NOT NULL DEFAULT 0,
  version {int} NOT NULL DEFAULT 1 CHECK (version >= 1),
  CHECK (lines_done BETWEEN 0 AND line_count),
  CHECK ((status = 'OPEN') = (closed_at IS NULL))
) {strict}""",
    "CREATE INDEX stock_count_location ON stock_count (location_id, id)",
    "CREATE INDEX stock_count_status ON stock_count (status, id)",
    "CREATE INDEX stock_count_location_status ON stock_count (location_id, status, id)",
    "CREATE INDEX stock_count_cycle ON stock_count (location_id, created_at) WHERE cause = 'CYCLE'",
    f"""CREATE TABLE stock_count_line (
  id {{uuid}} NOT NULL PRIMARY KEY,
  count_id {{uuid}} NOT NULL REFERENCES stock_count (id) ON DELETE RESTRICT,
  level_id {{int}} NOT NULL REFERENCES stock_level (id) ON DELETE RESTRICT,
  item_id {{int}} NOT NULL,
  location_id {{int}} NOT NULL,
  status {{text}} NOT NULL CHECK ({_LIVE} OR status IN ('POSTED','CANCELLED')),
  variance {{int}},
  value_minor {{int}},
  value_currency {{text}},
  asked_again_because {{text}},
  decided_by {{text}},
  posted_at {{instant}},
  unposted {{int}} NOT NULL DEFAULT 0 CHECK (unposted >= 0),
  started_changes {{int}},
  counted_changes {{int}},
  version {{int}} NOT NULL DEFAULT 1 CHECK (version >= 1),
  UNIQUE (count_id, level_id),
  CHECK ((status = 'POSTED') = (posted_at IS NOT NULL)),
  CHECK ((status = 'POSTING') = (unposted > 0)),
  CHECK (variance IS NOT NULL OR status NOT IN ('NEEDS_APPROVAL','POSTING','POSTED')),
  CHECK ((value_minor IS NULL) = (value_currency IS NULL))
) {{strict}}""",
    f"CREATE UNIQUE INDEX stock_count_line_live ON stock_count_line (level_id) WHERE {_LIVE}",
    "CREATE INDEX stock_count_line_count ON stock_count_line (count_id, id)",
    "CREATE INDEX stock_count_line_status ON stock_count_line (count_id, status, id)",
    "CREATE INDEX stock_count_line_level ON stock_count_line (level_id)",
    "CREATE INDEX stock_count_line_posting ON stock_count_line (id) WHERE status = 'POSTING'",
    "CREATE INDEX stock_count_line_posted ON stock_count_line (posted_at, location_id)"
    " WHERE status = 'POSTED'",
    """CREATE TABLE count_attempt (
  id {uuid} NOT NULL PRIMARY KEY,
  line_id {uuid} NOT NULL REFERENCES stock_count_line (id) ON DELETE RESTRICT,
  number {int} NOT NULL CHECK (number >= 1),
  counted_by {text} NOT NULL CHECK (counted_by <> ''),
  counted_at {instant} NOT NULL,
  counted {int} NOT NULL CHECK (counted >= 0),
  expected {int} NOT NULL CHECK (expected >= 0),
  counts {bool} NOT NULL,
  UNIQUE (line_id, number)
) {strict}""",
    """CREATE TABLE count_place (
  id {uuid} NOT NULL PRIMARY KEY,
  attempt_id {uuid} NOT NULL REFERENCES count_attempt (id) ON DELETE RESTRICT,
  bin_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  counted {int} NOT NULL CHECK (counted >= 0)
) {strict}""",
    "CREATE INDEX count_place_attempt ON count_place (attempt_id, id)",
    "CREATE INDEX count_place_bin ON count_place (bin_id) WHERE bin_id IS NOT NULL",
    """CREATE TABLE counted_level (
  level_id {int} NOT NULL PRIMARY KEY REFERENCES stock_level (id) ON DELETE RESTRICT,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  abc_class {text} CHECK (abc_class IN ('A','B','C')),
  counted_at {instant}
) {strict}""",
    "CREATE INDEX counted_level_age ON counted_level (location_id, counted_at)",
    "CREATE INDEX stock_movement_shipped ON stock_movement (location_id, occurred_at)"
    " WHERE kind = 'SHIPPED'",
)
# Per level with an open exception: units that pickers did not find since it was opened, less those
# that left quarantine by hand since (moves of returns name their return); and quarantined units
# that no return and no parcel accounts for. The lesser of both is missing.
_MISSING = """
UPDATE stock_level SET missing = d.units FROM (
  SELECT s.id, CASE WHEN p.units < s.quarantine - t.units THEN p.units
    ELSE s.quarantine - t.units END AS units
  FROM stock_level s
  JOIN (
    SELECT v.id, SUM(CASE WHEN m.to_state = 'QUARANTINE' THEN m.quantity ELSE -m.quantity END)
      AS units
    FROM stock_level v
    JOIN operational_exception x ON x.subject_key = 'StockLevel:' || CAST(v.id AS {text})
      AND x.kind = 'COUNT_VARIANCE' AND x.status NOT IN ('RESOLVED', 'AUTO_RESOLVED')
    JOIN stock_movement m ON m.item_id = v.item_id AND m.location_id = v.location_id
      AND m.occurred_at >= x.opened_at
    WHERE (m.from_state = 'ALLOCATED' AND m.to_state = 'QUARANTINE')
      OR (m.from_state = 'QUARANTINE' AND m.reference IS NULL)
    GROUP BY v.id
  ) AS p ON p.id = s.id
  JOIN (
    SELECT v.id, COALESCE((
      SELECT SUM(r.quantity) FROM return_item r WHERE r.item_id = v.item_id
        AND r.location_id = v.location_id AND r.stock_state = 'QUARANTINE'), 0) + COALESCE((
      SELECT SUM(u.quantity) FROM unidentified_unit u
      JOIN unidentified_parcel b ON b.id = u.parcel_id
      WHERE u.item_id = v.item_id AND b.location_id = v.location_id), 0) AS units
    FROM stock_level v
  ) AS t ON t.id = s.id
) AS d WHERE d.id = stock_level.id AND d.units > 0
"""
_KINDS = (
    "kind IN ('ROUTING','RETURN','DISPOSITION','REFUND','ADJUSTMENT','EXCEPTION','FULFILLMENT',"
    "'COUNT')"
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


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    return statements_in(engine, "GBP")


def statements_in(engine: Engine, base_currency: str) -> Iterator[str]:
    """The statements for a base currency, in which the default policy names its amount."""
    kind = _POSTGRES_KIND if engine == "postgres" else _SQLITE_KIND
    for statement in (*_TABLES, _MISSING, *kind):
        yield render(engine, statement)
    if engine == "sqlite":
        yield from append_only(engine, "policy")
    yield (
        "INSERT INTO policy (id, kind, scope, version, rules, effective_from_at, published_by,"
        " published_at) VALUES ('00000000-0000-7000-8000-000000000008', 'COUNT', 'global', 1,"
        f" '{_rules(base_currency)}', {_START}, 'system', {_START})"
    )


def _rules(base_currency: str) -> str:
    amount = f"{50:.{decimals_of(base_currency)}f}"
    limits = {"units": 2, "value": {base_currency: amount}}
    return json.dumps({"blind": True, "recountAbove": limits, "cycle": None})
