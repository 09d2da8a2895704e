"""Version 12: contradicting reports of the payment gateway, kept with their attempt.

An attempt that was never sent may end as FAILED by a person's hand. At most one attempt pays a
refund. SQLite cannot change a CHECK, so `refund_attempt` is made anew there and keeps its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_SIGNALS = "contradicted_as IN ('SUCCEEDED','PENDING','FAILED','REVERSED')"
_ENTRY = "REFERENCES journal_entry (id) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED"
_SENT = "state = 'OPEN' OR sent_at IS NOT NULL OR (state = 'FAILED' AND settled_by IS NOT NULL)"
_CHECKS = (
    _SENT,
    "(contradicted_as IS NULL) = (contradicted_at IS NULL)",
    "contradicted_as IS NULL OR settled_at IS NOT NULL",
    "overpaid_entry_id IS NULL OR state IN ('SUCCEEDED','REVERSED')",
)
_POSTGRES = (
    "ALTER TABLE refund_attempt DROP CONSTRAINT refund_attempt_check1",
    f"ALTER TABLE refund_attempt ADD COLUMN contradicted_as {{text}} CHECK ({_SIGNALS})",
    "ALTER TABLE refund_attempt ADD COLUMN contradicted_at {instant}",
    f"ALTER TABLE refund_attempt ADD COLUMN overpaid_entry_id {{uuid}} {_ENTRY}",
    *(f"ALTER TABLE refund_attempt ADD CHECK ({check})" for check in _CHECKS),
)
_COLUMNS = (
    "id, refund_id, attempt_no, key, state, created_at, created_by, sent_at, claimed_until_at,"
    " is_sending, tries, next_at, person_asked_at, gateway_reference, reason, settled_by,"
    " settled_at"
)
_SQLITE = (
    f"""CREATE TABLE refund_attempt_new (
  id {{uuid}} NOT NULL PRIMARY KEY,
  refund_id {{uuid}} NOT NULL REFERENCES refund (id) ON DELETE RESTRICT,
  attempt_no {{int}} NOT NULL CHECK (attempt_no >= 1),
  key {{text}} NOT NULL UNIQUE CHECK (key <> ''),
  state {{text}} NOT NULL CHECK (state IN ('OPEN','PENDING','UNKNOWN','SUCCEEDED','FAILED',
    'REVERSED')),
  created_at {{instant}} NOT NULL,
  created_by {{text}} NOT NULL,
  sent_at {{instant}},
  claimed_until_at {{instant}},
  is_sending {{bool}} NOT NULL DEFAULT FALSE,
  tries {{int}} NOT NULL DEFAULT 0 CHECK (tries >= 0),
  next_at {{instant}} NOT NULL,
  person_asked_at {{instant}},
  gateway_reference {{text}},
  reason {{text}},
  settled_by {{text}},
  settled_at {{instant}},
  contradicted_as {{text}} CHECK ({_SIGNALS}),
  contradicted_at {{instant}},
  overpaid_entry_id {{uuid}} {_ENTRY},
  UNIQUE (refund_id, attempt_no),
  CHECK ((state IN ('OPEN','PENDING','UNKNOWN')) = (settled_at IS NULL)),
  {", ".join(f"CHECK ({check})" for check in _CHECKS)}
) {{strict}}""",
    f"INSERT INTO refund_attempt_new ({_COLUMNS}) SELECT {_COLUMNS} FROM refund_attempt",
    "DROP TRIGGER refund_attempt_kept",
    "DROP TABLE refund_attempt",
    "ALTER TABLE refund_attempt_new RENAME TO refund_attempt",
    "CREATE UNIQUE INDEX refund_attempt_unsettled ON refund_attempt (refund_id)"
    " WHERE state IN ('OPEN','PENDING','UNKNOWN')",
    "CREATE INDEX refund_attempt_next ON refund_attempt (next_at, id)"
    " WHERE state IN ('OPEN','PENDING','UNKNOWN')",
    "CREATE TRIGGER refund_attempt_key BEFORE UPDATE OF id, refund_id, attempt_no, key"
    " ON refund_attempt BEGIN SELECT RAISE(ABORT, 'refund_attempt is append-only'); END",
    "CREATE TRIGGER refund_attempt_kept BEFORE DELETE ON refund_attempt"
    " BEGIN SELECT RAISE(ABORT, 'refund_attempt is append-only'); END",
)
_BOTH = (
    "CREATE UNIQUE INDEX refund_attempt_paid ON refund_attempt (refund_id)"
    " WHERE state = 'SUCCEEDED' AND overpaid_entry_id IS NULL",
    "CREATE INDEX refund_attempt_contradicted ON refund_attempt (refund_id)"
    " WHERE contradicted_as IS NOT NULL",
    "CREATE INDEX refund_attempt_overpaid_entry ON refund_attempt (overpaid_entry_id)",
    # Contradictions of earlier versions: an alert is open although the last attempt has ended.
    """UPDATE refund_attempt SET contradicted_at = settled_at,
  contradicted_as = CASE state WHEN 'FAILED' THEN 'SUCCEEDED' ELSE 'FAILED' END
WHERE settled_at IS NOT NULL AND attempt_no = (
    SELECT MAX(a.attempt_no) FROM refund_attempt a WHERE a.refund_id = refund_attempt.refund_id)
  AND EXISTS (SELECT 1 FROM operational_exception e WHERE e.kind = 'REFUND_UNKNOWN'
    AND e.subject_key = 'Refund:' || CAST(refund_attempt.refund_id AS text)
    AND e.status NOT IN ('RESOLVED', 'AUTO_RESOLVED'))""",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in (*(_POSTGRES if engine == "postgres" else _SQLITE), *_BOTH):
        yield render(engine, statement)
