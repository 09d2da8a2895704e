"""Version 44: integrations and the generations of their secrets.

A secret is derived from RESTOW_SECRETS_KEY, the id and the generation, so no secret is stored.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_STATEMENTS = (
    """CREATE TABLE integration (
  id {uuid} NOT NULL PRIMARY KEY,
  code {text} NOT NULL CHECK (code <> ''),
  code_key {text} UNIQUE CHECK (code_key <> ''),
  kind {text} NOT NULL CHECK (kind IN ('PAYMENTS','CARRIER','CHANNEL','WEBHOOK')),
  name {text} NOT NULL CHECK (name <> ''),
  url {text} CHECK (url <> ''),
  status {text} NOT NULL
    CHECK (status IN ('HEALTHY','DEGRADED','DOWN','RECOVERING','PAUSED','OFF')),
  status_since_at {instant} NOT NULL,
  status_reasons {json} NOT NULL,
  actor {text} NOT NULL CHECK (actor <> ''),
  actor_key {text} CHECK (actor_key <> ''),
  api_key_id {uuid} REFERENCES api_key (id) ON DELETE RESTRICT,
  channel_id {int} UNIQUE REFERENCES channel (id) ON DELETE RESTRICT,
  events {json},
  ordering {text} CHECK (ordering IN ('STRICT','SUBJECT','NONE')),
  position {int} CHECK (position >= 0),
  fed_position {int} CHECK (fed_position >= position),
  pushes_per_minute {int} CHECK (pushes_per_minute > 0),
  batch_max {int} CHECK (batch_max > 0),
  pull_every {text} CHECK (pull_every <> ''),
  compare_every {text} CHECK (compare_every <> ''),
  refunds {bool},
  created_by {text} NOT NULL,
  created_at {instant} NOT NULL,
  updated_at {instant} NOT NULL,
  version {int} NOT NULL DEFAULT 1,
  CHECK (url IS NOT NULL OR kind IN ('PAYMENTS','CARRIER')),
  CHECK (events IS NULL OR kind = 'WEBHOOK'),
  CHECK ((kind = 'WEBHOOK') = (api_key_id IS NOT NULL)),
  CHECK ((kind = 'WEBHOOK') = (ordering IS NOT NULL)),
  CHECK ((kind = 'WEBHOOK') = (position IS NOT NULL)),
  CHECK ((kind = 'WEBHOOK') = (fed_position IS NOT NULL)),
  CHECK ((kind = 'CHANNEL') = (channel_id IS NOT NULL)),
  CHECK ((kind = 'CHANNEL') = (pushes_per_minute IS NOT NULL)),
  CHECK ((kind = 'CHANNEL') = (batch_max IS NOT NULL)),
  CHECK ((kind = 'CHANNEL') = (pull_every IS NOT NULL)),
  CHECK ((kind = 'CHANNEL') = (compare_every IS NOT NULL)),
  CHECK ((kind = 'CHANNEL') = (refunds IS NOT NULL))
) {strict}""",
    "CREATE INDEX integration_api_key ON integration (api_key_id) WHERE api_key_id IS NOT NULL",
    """CREATE TABLE integration_secret (
  id {uuid} NOT NULL PRIMARY KEY,
  integration_id {uuid} NOT NULL REFERENCES integration (id) ON DELETE RESTRICT,
  generation {int} NOT NULL CHECK (generation > 0),
  hint {text} NOT NULL CHECK (length(hint) = 4),
  created_at {instant} NOT NULL,
  expires_at {instant},
  UNIQUE (integration_id, generation)
) {strict}""",
    "CREATE UNIQUE INDEX integration_secret_current ON integration_secret (integration_id)"
    " WHERE expires_at IS NULL",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
