"""Version 37: transfers of stock between two locations, and their tasks.

Each shipped unit of a line is in one of the columns after `shipped`. SQLite cannot change a CHECK,
so `task` is made anew there and keeps its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_UNITS = ("in_transit", "received", "damaged", "came_back", "lost")
_COLUMNS_OF_UNITS = " ".join(
    f"{each} {{int}} NOT NULL DEFAULT 0 CHECK ({each} >= 0)," for each in _UNITS
)
_TRANSFERS = (
    """CREATE TABLE transfer (
  id {uuid} NOT NULL PRIMARY KEY,
  number {text} NOT NULL UNIQUE CHECK (number <> ''),
  reference {text} CHECK (reference <> ''),
  reference_key {text} CHECK (reference_key <> ''),
  status {text} NOT NULL CHECK (status IN ('REQUESTED','IN_TRANSIT','PARTIALLY_RECEIVED','CLOSED',
    'CANCELLED')),
  origin_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  destination_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  carrier {text} CHECK (carrier <> ''),
  tracking_number {text} CHECK (tracking_number <> ''),
  requested_by {text} NOT NULL,
  requested_at {instant} NOT NULL,
  shipped_at {instant},
  expected_by_at {instant},
  closed_at {instant},
  version {int} NOT NULL DEFAULT 1 CHECK (version >= 1),
  updated_at {instant} NOT NULL,
  UNIQUE (origin_id, reference_key),
  CHECK (origin_id <> destination_id),
  CHECK ((reference IS NULL) = (reference_key IS NULL)),
  CHECK ((status IN ('CLOSED','CANCELLED')) = (closed_at IS NOT NULL)),
  CHECK ((status IN ('REQUESTED','CANCELLED')) = (shipped_at IS NULL)),
  CHECK (shipped_at >= requested_at),
  CHECK (closed_at >= requested_at)
) {strict}""",
    "CREATE INDEX transfer_origin ON transfer (origin_id, id)",
    "CREATE INDEX transfer_destination ON transfer (destination_id, id)",
    "CREATE INDEX transfer_status ON transfer (status, id)",
    "CREATE INDEX transfer_expected ON transfer (expected_by_at, id)"
    " WHERE status IN ('IN_TRANSIT','PARTIALLY_RECEIVED')",
    f"""CREATE TABLE transfer_line (
  id {{uuid}} NOT NULL PRIMARY KEY,
  transfer_id {{uuid}} NOT NULL REFERENCES transfer (id) ON DELETE RESTRICT,
  line_no {{int}} NOT NULL CHECK (line_no >= 0),
  item_id {{int}} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  requested {{int}} NOT NULL CHECK (requested >= 0),
  shipped {{int}} NOT NULL DEFAULT 0 CHECK (shipped >= 0),
  {_COLUMNS_OF_UNITS}
  extra {{int}} NOT NULL DEFAULT 0 CHECK (extra >= 0),
  value_minor {{int}} NOT NULL DEFAULT 0 CHECK (value_minor >= 0),
  lost_minor {{int}} NOT NULL DEFAULT 0 CHECK (lost_minor >= 0),
  currency {{text}} NOT NULL CHECK (length(currency) = 3),
  UNIQUE (transfer_id, item_id),
  UNIQUE (transfer_id, line_no),
  CHECK (shipped <= requested),
  CHECK (shipped = {" + ".join(_UNITS)}),
  CHECK (value_minor = 0 OR in_transit > 0)
) {{strict}}""",
    "CREATE INDEX transfer_line_item ON transfer_line (item_id, transfer_id)",
)
_SUBJECTS = "subject_type IN ('Fulfillment','Return','ReturnItem','StockLevel','Transfer')"
_POSTGRES_SUBJECTS = (
    "ALTER TABLE task DROP CONSTRAINT IF EXISTS task_subject_type_check",
    f"ALTER TABLE task ADD CONSTRAINT task_subject_type_check CHECK ({_SUBJECTS})",
)
_IS_LIVE = "status IN ('OPEN','CLAIMED')"
_COLUMNS = (
    "id, queue, status, location_id, channel_id, subject_type, subject_key, priority,"
    " priority_reasons, seniority, due_at, claimed_by, lease_until_at, created_at, ended_at,"
    " version, updated_at"
)
_SQLITE_SUBJECTS = (
    f"""CREATE TABLE task_new (
  id {{uuid}} NOT NULL PRIMARY KEY,
  queue {{text}} NOT NULL CHECK (queue IN ('PICK','PACK','SHIP','RECEIVE','INSPECT','DISPOSE',
    'COUNT','PUTAWAY')),
  status {{text}} NOT NULL CHECK (status IN ('OPEN','CLAIMED','DONE','CANCELLED')),
  location_id {{int}} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  channel_id {{int}} REFERENCES channel (id) ON DELETE RESTRICT,
  subject_type {{text}} NOT NULL
    CHECK ({_SUBJECTS}),
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
    subjects = _POSTGRES_SUBJECTS if engine == "postgres" else _SQLITE_SUBJECTS
    for statement in (*_TRANSFERS, *subjects):
        yield render(engine, statement)
