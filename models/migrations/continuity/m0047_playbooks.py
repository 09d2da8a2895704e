"""Version 47: runs of playbooks, their measures, and policies of the kind CONTINUITY.

The places, items and carriers of a run never change. A hold of a measure names its run. Approved
refunds are found in the order of their approval. SQLite cannot change a CHECK, so
`fulfillment_hold` and `policy` are made anew there and keep their rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_LIVE = "status IN ('STARTING','ACTIVE')"
_TABLES = (
    f"""CREATE TABLE playbook_run (
  id {{uuid}} NOT NULL PRIMARY KEY,
  playbook {{text}} NOT NULL CHECK (playbook <> ''),
  status {{text}} NOT NULL CHECK ({_LIVE} OR status IN ('ENDING','ENDED')),
  reason {{text}} NOT NULL CHECK (reason <> ''),
  policy_scope {{text}} NOT NULL,
  policy_version {{int}} NOT NULL CHECK (policy_version >= 1),
  end_by {{text}} NOT NULL CHECK (end_by IN ('ANY','OTHER')),
  channels {{json}},
  locations {{json}},
  skus {{json}},
  carriers {{json}},
  started_by {{text}} NOT NULL CHECK (started_by <> ''),
  started_at {{instant}} NOT NULL,
  ends_at {{instant}},
  ended_by {{text}} CHECK (ended_by <> ''),
  ended_at {{instant}},
  end_note {{text}},
  barrier {{int}},
  version {{int}} NOT NULL DEFAULT 1 CHECK (version >= 1),
  CHECK (ends_at > started_at),
  CHECK ((ended_by IS NULL) = (ended_at IS NULL)),
  CHECK ((status IN ('ENDING','ENDED')) = (ended_at IS NOT NULL))
) {{strict}}""",
    f"CREATE INDEX playbook_run_live ON playbook_run (started_at, id) WHERE {_LIVE}",
    "CREATE INDEX playbook_run_moving ON playbook_run (status, started_at, id)"
    " WHERE status <> 'ENDED'",
    "CREATE INDEX playbook_run_end ON playbook_run (ends_at, id)"
    f" WHERE {_LIVE} AND ends_at IS NOT NULL",
    """CREATE TABLE playbook_measure (
  id {uuid} NOT NULL PRIMARY KEY,
  run_id {uuid} NOT NULL REFERENCES playbook_run (id) ON DELETE RESTRICT,
  kind {text} NOT NULL CHECK (kind IN ('BUFFER','KEEP_SHOWN','STOP_SALE','QUARANTINE',
    'HOLD_PARCELS','HOLD_REFUNDS','REVIEW_RETURNS','CLOSE_LOCATION','CAP_LOCATION',
    'DELAY_PROMISES','MANUAL_LABELS')),
  units {int} CHECK (units >= 0),
  affected {int} NOT NULL DEFAULT 0 CHECK (affected >= 0),
  UNIQUE (run_id, kind)
) {strict}""",
    """CREATE TABLE playbook_place (
  id {uuid} NOT NULL PRIMARY KEY,
  run_id {uuid} NOT NULL REFERENCES playbook_run (id) ON DELETE RESTRICT,
  channel_id {int} REFERENCES channel (id) ON DELETE RESTRICT,
  location_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  UNIQUE (run_id, channel_id),
  UNIQUE (run_id, location_id),
  CHECK ((channel_id IS NULL) <> (location_id IS NULL))
) {strict}""",
    """CREATE TABLE playbook_item (
  id {uuid} NOT NULL PRIMARY KEY,
  run_id {uuid} NOT NULL REFERENCES playbook_run (id) ON DELETE RESTRICT,
  item_id {int} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  UNIQUE (run_id, item_id)
) {strict}""",
    """CREATE TABLE playbook_carrier (
  id {uuid} NOT NULL PRIMARY KEY,
  run_id {uuid} NOT NULL REFERENCES playbook_run (id) ON DELETE RESTRICT,
  carrier {text} NOT NULL CHECK (carrier <> ''),
  carrier_key {text} CHECK (carrier_key <> ''),
  UNIQUE (run_id, carrier_key)
) {strict}""",
    """CREATE TABLE quarantined_unit (
  id {uuid} NOT NULL PRIMARY KEY,
  run_id {uuid} NOT NULL REFERENCES playbook_run (id) ON DELETE RESTRICT,
  item_id {int} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  taken {int} NOT NULL CHECK (taken > 0),
  given_back {int} NOT NULL DEFAULT 0 CHECK (given_back BETWEEN 0 AND taken),
  settled {bool} NOT NULL,
  UNIQUE (run_id, item_id, location_id)
) {strict}""",
    "CREATE INDEX quarantined_unit_open ON quarantined_unit (run_id, item_id, location_id)"
    " WHERE NOT settled",
    "CREATE INDEX quarantined_unit_level ON quarantined_unit (item_id, location_id)",
    "CREATE INDEX quarantined_unit_location ON quarantined_unit (location_id)",
    "CREATE INDEX playbook_place_channel ON playbook_place (channel_id)",
    "CREATE INDEX playbook_place_location ON playbook_place (location_id)",
    "CREATE INDEX playbook_item_item ON playbook_item (item_id)",
)
_REASONS = "reason IN ('AWAITING_PAYMENT','FRAUD_RISK','ADDRESS','OTHER','MEASURE')"
_HAS_RUN = "(reason = 'MEASURE') = (run_id IS NOT NULL)"
_POSTGRES_HOLDS = (
    "ALTER TABLE fulfillment_hold ADD COLUMN run_id uuid REFERENCES playbook_run (id)"
    " ON DELETE RESTRICT",
    "ALTER TABLE fulfillment_hold DROP CONSTRAINT IF EXISTS fulfillment_hold_reason_check",
    f"ALTER TABLE fulfillment_hold ADD CONSTRAINT fulfillment_hold_reason_check CHECK ({_REASONS})",
    f"ALTER TABLE fulfillment_hold ADD CONSTRAINT fulfillment_hold_run_check CHECK ({_HAS_RUN})",
    "DROP INDEX fulfillment_hold_endless",
)
_COLUMNS = (
    "id, order_id, fulfillment_id, reason, note, placed_by, placed_at, until_at, released_by,"
    " released_at, release_note"
)
_SQLITE_HOLDS = (
    f"""CREATE TABLE fulfillment_hold_renewed (
  id {{uuid}} NOT NULL PRIMARY KEY,
  order_id {{uuid}} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  fulfillment_id {{uuid}} REFERENCES fulfillment (id) ON DELETE RESTRICT,
  reason {{text}} NOT NULL CHECK ({_REASONS}),
  note {{text}},
  placed_by {{text}} NOT NULL,
  placed_at {{instant}} NOT NULL,
  until_at {{instant}},
  released_by {{text}},
  released_at {{instant}},
  release_note {{text}},
  run_id {{uuid}} REFERENCES playbook_run (id) ON DELETE RESTRICT,
  CHECK (until_at > placed_at),
  CHECK ((released_by IS NULL) = (released_at IS NULL)),
  CHECK ({_HAS_RUN})
) {{strict}}""",
    f"INSERT INTO fulfillment_hold_renewed ({_COLUMNS}) SELECT {_COLUMNS} FROM fulfillment_hold",
    "DROP TABLE fulfillment_hold",
    "ALTER TABLE fulfillment_hold_renewed RENAME TO fulfillment_hold",
    "CREATE INDEX fulfillment_hold_order ON fulfillment_hold (order_id)",
    "CREATE INDEX fulfillment_hold_fulfillment ON fulfillment_hold (fulfillment_id)"
    " WHERE fulfillment_id IS NOT NULL",
    "CREATE INDEX fulfillment_hold_until ON fulfillment_hold (until_at, id)"
    " WHERE released_at IS NULL AND until_at IS NOT NULL",
)
_HOLD_INDEXES = (
    "CREATE INDEX fulfillment_hold_endless ON fulfillment_hold (placed_at, id)"
    " WHERE released_at IS NULL AND until_at IS NULL AND run_id IS NULL",
    "CREATE INDEX fulfillment_hold_run ON fulfillment_hold (run_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX fulfillment_hold_live_run ON fulfillment_hold (run_id, id)"
    " WHERE released_at IS NULL AND run_id IS NOT NULL",
)
_REFUNDS = "CREATE INDEX refund_approved ON refund (decided_at, id) WHERE status = 'APPROVED'"
_KINDS = (
    "kind IN ('ROUTING','RETURN','DISPOSITION','REFUND','ADJUSTMENT','EXCEPTION','FULFILLMENT',"
    "'COUNT','CONTINUITY')"
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
_RULES = {
    "health": {
        "degradedErrorRate": 0.1,
        "downErrorRate": 0.5,
        "failuresInARow": 5,
        "slow": "PT2S",
        "backlog": "PT2M",
    },
    "onDown": {
        "CHANNEL": {"after": "PT2M", "KEEP_SHOWN": 5},
        "PAYMENTS": {"HOLD_REFUNDS": True},
        "CARRIER": {"MANUAL_LABELS": True},
    },
    "playbooks": {
        "CARRIER_DISRUPTION": {"MANUAL_LABELS": True, "DELAY_PROMISES": 2},
        "LOCATION_CLOSURE": {"CLOSE_LOCATION": True},
        "LOCATION_CAPACITY": {"CAP_LOCATION": 100},
        "RETURN_SPIKE": {"REVIEW_RETURNS": True, "HOLD_REFUNDS": True},
        "RECALL": {
            "STOP_SALE": True,
            "QUARANTINE": True,
            "HOLD_PARCELS": True,
            "HOLD_REFUNDS": True,
            "endBy": "OTHER",
        },
    },
}
_DEFAULT = (
    "INSERT INTO policy (id, kind, scope, version, rules, effective_from_at, published_by,"
    " published_at) VALUES ('00000000-0000-7000-8000-000000000009', 'CONTINUITY', 'global', 1,"
    f" '{json.dumps(_RULES)}', {_START}, 'system', {_START})"
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    is_postgres = engine == "postgres"
    holds = _POSTGRES_HOLDS if is_postgres else _SQLITE_HOLDS
    kind = _POSTGRES_KIND if is_postgres else _SQLITE_KIND
    for statement in (*_TABLES, *holds, *_HOLD_INDEXES, _REFUNDS, *kind):
        yield render(engine, statement)
    for table in ("playbook_place", "playbook_item", "playbook_carrier"):
        yield from append_only(engine, table)
    if not is_postgres:
        yield from append_only(engine, "policy")
    yield _DEFAULT
