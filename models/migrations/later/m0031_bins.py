"""Version 31: bins. Units of a level by bin, append-only bin movements, and PUTAWAY tasks.

`picked`, `missing` and `binned` are parts of a level's states. The shelf has available + held +
allocated − picked units; `binned` of them are in bins. SQLite cannot change a CHECK, so `task` is
made anew there and keeps its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_LEVELS = (
    "ALTER TABLE stock_level ADD COLUMN picked {int} NOT NULL DEFAULT 0"
    " CHECK (picked >= 0 AND picked <= allocated)",
    "ALTER TABLE stock_level ADD COLUMN missing {int} NOT NULL DEFAULT 0"
    " CHECK (missing >= 0 AND missing <= quarantine)",
    "ALTER TABLE stock_level ADD COLUMN binned {int} NOT NULL DEFAULT 0"
    " CHECK (binned >= 0 AND binned <= available + held + allocated - picked)",
)
_LOCATIONS = (
    "ALTER TABLE location ADD COLUMN walk_order {int} CHECK (walk_order >= 0)",
    "ALTER TABLE location ADD COLUMN scan_required {bool} NOT NULL DEFAULT FALSE",
    "DROP INDEX location_parent",
    "CREATE INDEX location_parent ON location (parent_id, kind)",
)
_BINS = (
    """CREATE TABLE bin_stock (
  id {uuid} NOT NULL PRIMARY KEY,
  level_id {int} NOT NULL REFERENCES stock_level (id) ON DELETE RESTRICT,
  bin_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  quantity {int} NOT NULL CHECK (quantity > 0),
  since_at {instant} NOT NULL,
  UNIQUE (level_id, bin_id)
) {strict}""",
    "CREATE INDEX bin_stock_bin ON bin_stock (bin_id, level_id)",
    """CREATE TABLE bin_movement (
  id {uuid} NOT NULL PRIMARY KEY,
  level_id {int} NOT NULL REFERENCES stock_level (id) ON DELETE RESTRICT,
  from_bin_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  to_bin_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  quantity {int} NOT NULL CHECK (quantity > 0),
  actor {text} NOT NULL,
  occurred_at {instant} NOT NULL,
  transaction_id {uuid} NOT NULL,
  digest {text} NOT NULL,
  CHECK (from_bin_id IS NOT NULL OR to_bin_id IS NOT NULL),
  CHECK (from_bin_id <> to_bin_id)
) {strict}""",
    "CREATE INDEX bin_movement_level ON bin_movement (level_id, id)",
    "CREATE INDEX bin_movement_from ON bin_movement (from_bin_id) WHERE from_bin_id IS NOT NULL",
    "CREATE INDEX bin_movement_to ON bin_movement (to_bin_id) WHERE to_bin_id IS NOT NULL",
)
# Locations whose levels a job gives PUTAWAY tasks, in the order of items. Bins of earlier versions
# were addresses only, so their locations begin here.
_ROUNDS = (
    "CREATE INDEX stock_level_round ON stock_level (location_id, item_id)",
    """CREATE TABLE putaway_round (
  location_id {int} NOT NULL PRIMARY KEY REFERENCES location (id) ON DELETE RESTRICT,
  after_item_id {int} NOT NULL DEFAULT 0 CHECK (after_item_id >= 0)
) {strict}""",
    """INSERT INTO putaway_round (location_id)
WITH RECURSIVE up (id, kind, parent_id) AS (
  SELECT p.id, p.kind, p.parent_id FROM location b JOIN location p ON p.id = b.parent_id
  WHERE b.kind = 'BIN' AND b.active
  UNION SELECT p.id, p.kind, p.parent_id FROM up JOIN location p ON p.id = up.parent_id
  WHERE up.kind = 'ZONE'
)
SELECT id FROM up WHERE kind <> 'ZONE'""",
)
_QUEUES = "queue IN ('PICK','PACK','SHIP','RECEIVE','INSPECT','DISPOSE','COUNT','PUTAWAY')"
_POSTGRES_QUEUES = (
    "ALTER TABLE task DROP CONSTRAINT IF EXISTS task_queue_check",
    f"ALTER TABLE task ADD CONSTRAINT task_queue_check CHECK ({_QUEUES})",
)
_IS_LIVE = "status IN ('OPEN','CLAIMED')"
_COLUMNS = (
    "id, queue, status, location_id, channel_id, subject_type, subject_key, priority,"
    " priority_reasons, seniority, due_at, claimed_by, lease_until_at, created_at, ended_at,"
    " version, updated_at"
)
_SQLITE_QUEUES = (
    f"""CREATE TABLE task_new (
  id {{uuid}} NOT NULL PRIMARY KEY,
  queue {{text}} NOT NULL CHECK ({_QUEUES}),
  status {{text}} NOT NULL CHECK (status IN ('OPEN','CLAIMED','DONE','CANCELLED')),
  location_id {{int}} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  channel_id {{int}} REFERENCES channel (id) ON DELETE RESTRICT,
  subject_type {{text}} NOT NULL
    CHECK (subject_type IN ('Fulfillment','Return','ReturnItem','StockLevel')),
  subject_key {{text}} NOT NULL CHECK (subject_key <> ''),
  priority {{int}} NOT NULL CHECK (priority BETWEEN -2147483648 AND 2147483647),
  priority_reasons {{json}} NOT NULL,
  seniority {{int}} NOT NULL CHECK (seniority >= 0),
  due_at {{instant}},
  claimed_by {{text}} CHECK (claimed_by <> ''),
  lease_until_at {{instant}},
  created_at {{instant}} NOT NULL,
  ended_at {{instant}},
  version {{int}} NOT NULL DEFAULT 1 CHECK (version >= 1),
  updated_at {{instant}} NOT NULL DEFAULT '1970-01-01 00:00:00.000000+00:00',
  CHECK ((status = 'CLAIMED') = (lease_until_at IS NOT NULL)),
  CHECK (status <> 'CLAIMED' OR claimed_by IS NOT NULL),
  CHECK (status <> 'OPEN' OR claimed_by IS NULL),
  CHECK ((status IN ('DONE','CANCELLED')) = (ended_at IS NOT NULL))
) {{strict}}""",
    f"INSERT INTO task_new ({_COLUMNS}) SELECT {_COLUMNS} FROM task",
    "DROP TABLE task",
    "ALTER TABLE task_new RENAME TO task",
    f"CREATE UNIQUE INDEX task_live ON task (subject_type, subject_key, queue) WHERE {_IS_LIVE}",
    "CREATE INDEX task_queue ON task (location_id, queue, priority, seniority, id)"
    f" WHERE {_IS_LIVE}",
    "CREATE INDEX task_lease ON task (lease_until_at, id) WHERE status = 'CLAIMED'",
    "CREATE INDEX task_rank ON task (priority, seniority, id)",
    "CREATE INDEX task_location ON task (location_id, priority, seniority, id)",
    "CREATE INDEX task_channel ON task (channel_id)",
    "CREATE INDEX task_subject ON task (subject_type, subject_key)",
    "CREATE INDEX task_by_queue ON task (queue, priority, seniority, id)",
    f"CREATE INDEX task_unfinished ON task (priority, seniority, id) WHERE {_IS_LIVE}",
    "CREATE INDEX task_worker ON task (claimed_by, priority, seniority, id)"
    " WHERE claimed_by IS NOT NULL",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    queues = _POSTGRES_QUEUES if engine == "postgres" else _SQLITE_QUEUES
    for statement in (*_LEVELS, *_LOCATIONS, *_BINS, *_ROUNDS, *queues):
        yield render(engine, statement)
    yield from append_only(engine, "bin_movement")
