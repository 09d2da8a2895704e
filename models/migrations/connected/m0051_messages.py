"""Version 51: messages of integrations, their attempts, and the state of delivery of each webhook.

`message.payload` is the text that was signed, so every attempt sends the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_UNSETTLED = "status IN ('PENDING','RETRYING')"
_STATEMENTS = (
    f"""CREATE TABLE message (
  id {{uuid}} NOT NULL PRIMARY KEY,
  integration_id {{uuid}} NOT NULL REFERENCES integration (id) ON DELETE RESTRICT,
  direction {{text}} NOT NULL CHECK (direction IN ('OUT','IN')),
  status {{text}} NOT NULL CHECK ({_UNSETTLED} OR status IN ('DONE','PARKED','SKIPPED')),
  type {{text}} NOT NULL CHECK (type <> ''),
  reference {{text}} NOT NULL CHECK (reference <> ''),
  event_id {{int}} CHECK (event_id > 0),
  position {{int}} CHECK (position > 0),
  subject {{text}} CHECK (subject <> ''),
  payload {{text}} CHECK (payload <> ''),
  reason {{text}} CHECK (reason <> ''),
  attempts {{int}} NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  calls {{int}} NOT NULL DEFAULT 0 CHECK (calls >= attempts),
  is_repeat {{bool}} NOT NULL,
  next_attempt_at {{instant}},
  created_at {{instant}} NOT NULL,
  settled_at {{instant}},
  UNIQUE (integration_id, event_id),
  CHECK ((event_id IS NULL) = (position IS NULL)),
  CHECK ((next_attempt_at IS NOT NULL) = ({_UNSETTLED})),
  CHECK ((settled_at IS NULL) = ({_UNSETTLED})),
  CHECK (reason IS NOT NULL OR status IN ('PENDING','DONE'))
) {{strict}}""",
    f"CREATE INDEX message_unsettled ON message (integration_id, position) WHERE {_UNSETTLED}",
    "CREATE INDEX message_parked ON message (integration_id, position) WHERE status = 'PARKED'",
    "CREATE INDEX message_list ON message (created_at, id)",
    "CREATE INDEX message_integration ON message (integration_id, created_at, id)",
    "CREATE INDEX message_status ON message (status, created_at, id) WHERE status <> 'DONE'",
    "CREATE INDEX message_reference ON message (reference, created_at, id)",
    "CREATE INDEX message_settled ON message (settled_at) WHERE status IN ('DONE','SKIPPED')",
    """CREATE TABLE message_attempt (
  id {uuid} NOT NULL PRIMARY KEY,
  message_id {uuid} NOT NULL REFERENCES message (id) ON DELETE RESTRICT,
  number {int} NOT NULL CHECK (number > 0),
  begun_at {instant} NOT NULL,
  duration_ms {int} NOT NULL CHECK (duration_ms >= 0),
  status_code {int} CHECK (status_code BETWEEN 100 AND 999),
  error {text} CHECK (error <> ''),
  response {text} CHECK (length(response) <= 1024),
  UNIQUE (message_id, number),
  CHECK (status_code IS NOT NULL OR error IS NOT NULL)
) {strict}""",
    """CREATE TABLE webhook_delivery (
  integration_id {uuid} NOT NULL PRIMARY KEY REFERENCES integration (id) ON DELETE RESTRICT,
  holder {text} NOT NULL DEFAULT '',
  lease_until_at {instant} NOT NULL,
  revision {int} NOT NULL DEFAULT 1 CHECK (revision > 0),
  rests_until_at {instant},
  failing_since_at {instant},
  failures {int} NOT NULL DEFAULT 0 CHECK (failures >= 0),
  replay_after {int} CHECK (replay_after >= 0),
  replay_until {int} CHECK (replay_until > replay_after),
  CHECK ((failures > 0) = (failing_since_at IS NOT NULL)),
  CHECK ((replay_after IS NULL) = (replay_until IS NULL))
) {strict}""",
    "INSERT INTO webhook_delivery (integration_id, lease_until_at)"
    " SELECT id, created_at FROM integration WHERE kind = 'WEBHOOK'",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
