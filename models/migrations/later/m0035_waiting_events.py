"""Version 35: carrier events that no parcel has the number of yet.

Such an event waits without a parcel, gets one once, and may be deleted until then. Everything else
of an event stays as its carrier sent it. SQLite cannot change a CHECK, so `carrier_event` is made
anew there and keeps its rows. The index on numbers as they were typed served no statement any more.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_ONE_PARCEL = "fulfillment_id IS NULL OR return_id IS NULL"
_COLUMNS = (
    "id, carrier, event_reference, tracking_number, status, occurred_at, recorded_at, actor,"
    " fulfillment_id, return_id, carrier_key, tracking_number_key"
)
_POSTGRES = (
    "ALTER TABLE carrier_event DROP CONSTRAINT carrier_event_check",
    f"ALTER TABLE carrier_event ADD CHECK ({_ONE_PARCEL})",
    "DROP INDEX carrier_event_tracking",
    "DROP TRIGGER carrier_event_append_only ON carrier_event",
)
_SQLITE = (
    f"""CREATE TABLE carrier_event_new (
  id {{uuid}} NOT NULL PRIMARY KEY,
  carrier {{text}} NOT NULL CHECK (carrier <> ''),
  event_reference {{text}} NOT NULL CHECK (event_reference <> ''),
  tracking_number {{text}} NOT NULL CHECK (tracking_number <> ''),
  status {{text}} NOT NULL CHECK (status IN ('ACCEPTED','IN_TRANSIT','OUT_FOR_DELIVERY',
    'DELIVERY_FAILED','DELIVERED','RETURNED_TO_SENDER','LOST')),
  occurred_at {{instant}} NOT NULL,
  recorded_at {{instant}} NOT NULL,
  actor {{text}} NOT NULL,
  fulfillment_id {{uuid}} REFERENCES fulfillment (id) ON DELETE RESTRICT,
  return_id {{uuid}} REFERENCES customer_return (id) ON DELETE RESTRICT,
  carrier_key {{text}} CHECK (carrier_key <> ''),
  tracking_number_key {{text}} CHECK (tracking_number_key <> ''),
  UNIQUE (carrier, event_reference, tracking_number),
  CHECK ({_ONE_PARCEL})
) {{strict}}""",
    f"INSERT INTO carrier_event_new ({_COLUMNS}) SELECT {_COLUMNS} FROM carrier_event",
    "DROP TRIGGER carrier_event_no_update",
    "DROP TRIGGER carrier_event_no_delete",
    "DROP TABLE carrier_event",
    "ALTER TABLE carrier_event_new RENAME TO carrier_event",
    "CREATE INDEX carrier_event_fulfillment ON carrier_event (fulfillment_id)",
    "CREATE INDEX carrier_event_return ON carrier_event (return_id)",
    "CREATE INDEX carrier_event_parcel ON carrier_event"
    " (tracking_number_key, carrier_key, occurred_at)",
    "CREATE UNIQUE INDEX carrier_event_key"
    " ON carrier_event (carrier_key, event_reference, tracking_number_key)",
)
_WAITS = "fulfillment_id IS NULL AND return_id IS NULL"
_INDEXES = (
    "CREATE INDEX carrier_event_number ON carrier_event (tracking_number_key, id)",
    f"CREATE INDEX carrier_event_waiting ON carrier_event (id) WHERE {_WAITS}",
    f"CREATE INDEX carrier_event_waiting_since ON carrier_event (recorded_at) WHERE {_WAITS}",
)
_FACTS = (
    "id, carrier, carrier_key, event_reference, tracking_number, tracking_number_key, status,"
    " occurred_at, recorded_at, actor"
)
_HAS_PARCEL = "WHEN (OLD.fulfillment_id IS NOT NULL OR OLD.return_id IS NOT NULL)"
# Each refuses a change: its name, the change, and the condition.
_TRIGGERS = (
    ("facts", f"UPDATE OF {_FACTS}", ""),
    ("parcel", "UPDATE OF fulfillment_id, return_id", f"{_HAS_PARCEL} "),
    ("kept", "DELETE", f"{_HAS_PARCEL} "),
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in (*(_POSTGRES if engine == "postgres" else _SQLITE), *_INDEXES):
        yield render(engine, statement)
    refusal = "FOR EACH ROW {}EXECUTE FUNCTION refuse_change()"
    if engine == "sqlite":
        refusal = "{}BEGIN SELECT RAISE(ABORT, 'carrier_event is append-only'); END"
    for name, change, when in _TRIGGERS:
        yield (
            f"CREATE TRIGGER carrier_event_{name} BEFORE {change} ON carrier_event"
            f" {refusal.format(when)}"
        )
