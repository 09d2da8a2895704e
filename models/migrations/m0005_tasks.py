"""Version 5: warehouse tasks and carrier events."""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_IS_LIVE = "status IN ('OPEN','CLAIMED')"

TASKS = (
    """CREATE TABLE task (
  id {uuid} NOT NULL PRIMARY KEY,
  queue {text} NOT NULL CHECK (queue IN ('PICK','PACK','SHIP','RECEIVE','INSPECT','DISPOSE',
    'COUNT')),
  status {text} NOT NULL CHECK (status IN ('OPEN','CLAIMED','DONE','CANCELLED')),
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  channel_id {int} REFERENCES channel (id) ON DELETE RESTRICT,
  subject_type {text} NOT NULL
    CHECK (subject_type IN ('Fulfillment','Return','ReturnItem','StockLevel')),
  subject_key {text} NOT NULL CHECK (subject_key <> ''),
  priority {int} NOT NULL CHECK (priority BETWEEN -2147483648 AND 2147483647),
  priority_reasons {json} NOT NULL,
  seniority {int} NOT NULL CHECK (seniority >= 0),
  due_at {instant},
  claimed_by {text} CHECK (claimed_by <> ''),
  lease_until_at {instant},
  created_at {instant} NOT NULL,
  ended_at {instant},
  version {int} NOT NULL DEFAULT 1 CHECK (version >= 1),
  CHECK ((status = 'CLAIMED') = (lease_until_at IS NOT NULL)),
  CHECK (status <> 'CLAIMED' OR claimed_by IS NOT NULL),
  CHECK (status <> 'OPEN' OR claimed_by IS NULL),
  CHECK ((status IN ('DONE','CANCELLED')) = (ended_at IS NOT NULL))
) {strict}""",
    f"CREATE UNIQUE INDEX task_live ON task (subject_type, subject_key, queue) WHERE {_IS_LIVE}",
    "CREATE INDEX task_queue ON task (location_id, queue, priority, seniority, id)"
    f" WHERE {_IS_LIVE}",
    "CREATE INDEX task_lease ON task (lease_until_at, id) WHERE status = 'CLAIMED'",
    "CREATE INDEX task_rank ON task (priority, seniority, id)",
    "CREATE INDEX task_location ON task (location_id, priority, seniority, id)",
    "CREATE INDEX task_channel ON task (channel_id)",
    "CREATE INDEX task_subject ON task (subject_type, subject_key)",
)

CARRIERS = (
    """CREATE TABLE carrier_event (
  id {uuid} NOT NULL PRIMARY KEY,
  carrier {text} NOT NULL CHECK (carrier <> ''),
  event_reference {text} NOT NULL CHECK (event_reference <> ''),
  tracking_number {text} NOT NULL CHECK (tracking_number <> ''),
  status {text} NOT NULL CHECK (status IN ('ACCEPTED','IN_TRANSIT','OUT_FOR_DELIVERY',
    'DELIVERY_FAILED','DELIVERED','RETURNED_TO_SENDER','LOST')),
  occurred_at {instant} NOT NULL,
  recorded_at {instant} NOT NULL,
  actor {text} NOT NULL,
  fulfillment_id {uuid} REFERENCES fulfillment (id) ON DELETE RESTRICT,
  return_id {uuid} REFERENCES customer_return (id) ON DELETE RESTRICT,
  UNIQUE (carrier, event_reference),
  CHECK ((fulfillment_id IS NULL) <> (return_id IS NULL))
) {strict}""",
    "CREATE INDEX carrier_event_tracking ON carrier_event (tracking_number, carrier, id)",
    "CREATE INDEX carrier_event_fulfillment ON carrier_event (fulfillment_id)",
    "CREATE INDEX carrier_event_return ON carrier_event (return_id)",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in (*TASKS, *CARRIERS):
        yield render(engine, statement)
    yield from append_only(engine, "carrier_event")
