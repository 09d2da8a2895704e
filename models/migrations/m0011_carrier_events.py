"""Version 11: the key of carrier events, and the time of a parcel's loss.

Carriers number their events per parcel, so an event's id is unique with the tracking number only.
SQLite cannot drop a unique key, so `carrier_event` is made anew there and takes over its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_POSTGRES_KEY = (
    "ALTER TABLE carrier_event DROP CONSTRAINT carrier_event_carrier_event_reference_key",
    "ALTER TABLE carrier_event ADD UNIQUE (carrier, event_reference, tracking_number)",
)
_SQLITE_KEY = (
    """CREATE TABLE carrier_event_new (
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
  UNIQUE (carrier, event_reference, tracking_number),
  CHECK ((fulfillment_id IS NULL) <> (return_id IS NULL))
) {strict}""",
    "INSERT INTO carrier_event_new SELECT id, carrier, event_reference, tracking_number, status,"
    " occurred_at, recorded_at, actor, fulfillment_id, return_id FROM carrier_event",
    "DROP TABLE carrier_event",
    "ALTER TABLE carrier_event_new RENAME TO carrier_event",
    "CREATE INDEX carrier_event_tracking ON carrier_event (tracking_number, carrier, id)",
    "CREATE INDEX carrier_event_fulfillment ON carrier_event (fulfillment_id)",
    "CREATE INDEX carrier_event_return ON carrier_event (return_id)",
)

# The last report of the loss, but not before the parcel was shipped.
_LOST_AT = """
(SELECT CASE WHEN MAX(e.occurred_at) > fulfillment.shipped_at THEN MAX(e.occurred_at)
   ELSE fulfillment.shipped_at END
 FROM carrier_event e WHERE e.status = 'LOST' AND e.carrier = fulfillment.carrier
   AND e.tracking_number = fulfillment.tracking_number)
"""
_LOSS = (
    "ALTER TABLE fulfillment ADD COLUMN lost_at {instant} CHECK (lost_at >= shipped_at)",
    f"UPDATE fulfillment SET lost_at = {_LOST_AT} WHERE status = 'LOST'",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in (*(_POSTGRES_KEY if engine == "postgres" else _SQLITE_KEY), *_LOSS):
        yield render(engine, statement)
    if engine == "sqlite":
        yield from append_only(engine, "carrier_event")
