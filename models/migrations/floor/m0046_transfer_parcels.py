"""Version 46: labels of transfers, and carrier events about them.

A label of a transfer has no order and no channel. SQLite cannot change a CHECK, so `shipping_label`
and `carrier_event` are made anew there and keep their rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from models.migrations.dialect import Engine, render

_ENTRY = "REFERENCES journal_entry (id) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED"
_TRANSFER = "REFERENCES transfer (id) ON DELETE RESTRICT"
_LIVE = "status IN ('REQUESTED','UNKNOWN','BOUGHT')"
_UNSETTLED = "status IN ('REQUESTED','UNKNOWN','VOIDING')"
_OF_ORDER = "(fulfillment_id IS NULL) <> (return_id IS NULL)"
_ONE_SUBJECT = (
    "CASE WHEN transfer_id IS NULL"
    f" THEN {_OF_ORDER} AND order_id IS NOT NULL AND channel_id IS NOT NULL"
    " ELSE fulfillment_id IS NULL AND return_id IS NULL AND order_id IS NULL"
    " AND channel_id IS NULL END"
)
_ONE_PARCEL = (
    "(fulfillment_id IS NULL OR return_id IS NULL)"
    " AND (transfer_id IS NULL OR (fulfillment_id IS NULL AND return_id IS NULL))"
)
_WAITS = "fulfillment_id IS NULL AND return_id IS NULL AND transfer_id IS NULL"
_HAS_PARCEL = (
    "WHEN (OLD.fulfillment_id IS NOT NULL OR OLD.return_id IS NOT NULL"
    " OR OLD.transfer_id IS NOT NULL) "
)

_POSTGRES = (
    "ALTER TABLE shipping_label DROP CONSTRAINT shipping_label_check",
    f"ALTER TABLE shipping_label ADD COLUMN transfer_id {{uuid}} {_TRANSFER}",
    "ALTER TABLE shipping_label ALTER COLUMN order_id DROP NOT NULL",
    "ALTER TABLE shipping_label ALTER COLUMN channel_id DROP NOT NULL",
    f"ALTER TABLE shipping_label ADD CHECK ({_ONE_SUBJECT})",
    "DROP TRIGGER shipping_label_key ON shipping_label",
    "ALTER TABLE carrier_event DROP CONSTRAINT carrier_event_check",
    f"ALTER TABLE carrier_event ADD COLUMN transfer_id {{uuid}} {_TRANSFER}",
    f"ALTER TABLE carrier_event ADD CHECK ({_ONE_PARCEL})",
    "DROP TRIGGER carrier_event_parcel ON carrier_event",
    "DROP TRIGGER carrier_event_kept ON carrier_event",
    "DROP INDEX carrier_event_waiting",
    "DROP INDEX carrier_event_waiting_since",
)

_LABEL_COLUMNS = (
    "id, fulfillment_id, return_id, order_id, channel_id, location_id, key, status, carrier,"
    " carrier_key, service, format, carrier_reference, tracking_number, tracking_number_key,"
    " cost_minor, currency, bought_at, entry_id, failure, created_by, created_at, first_sent_at,"
    " sent_at, claimed_until_at, tries, next_at, settled_at, version"
)
_EVENT_COLUMNS = (
    "id, carrier, event_reference, tracking_number, status, occurred_at, recorded_at, actor,"
    " fulfillment_id, return_id, carrier_key, tracking_number_key"
)
_SQLITE = (
    f"""CREATE TABLE shipping_label_new (
  id {{uuid}} NOT NULL PRIMARY KEY,
  fulfillment_id {{uuid}} REFERENCES fulfillment (id) ON DELETE RESTRICT,
  return_id {{uuid}} REFERENCES customer_return (id) ON DELETE RESTRICT,
  order_id {{uuid}} REFERENCES sales_order (id) ON DELETE RESTRICT,
  channel_id {{int}} REFERENCES channel (id) ON DELETE RESTRICT,
  location_id {{int}} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  key {{text}} NOT NULL UNIQUE CHECK (key <> ''),
  status {{text}} NOT NULL CHECK (status IN ('REQUESTED','BOUGHT','FAILED','UNKNOWN','VOIDING',
    'VOIDED')),
  carrier {{text}} NOT NULL CHECK (carrier <> ''),
  carrier_key {{text}} CHECK (carrier_key <> ''),
  service {{text}} NOT NULL CHECK (service <> ''),
  format {{text}} NOT NULL CHECK (format IN ('PDF','ZPL','PNG')),
  carrier_reference {{text}},
  tracking_number {{text}} CHECK (tracking_number <> ''),
  tracking_number_key {{text}} CHECK (tracking_number_key <> ''),
  cost_minor {{int}} CHECK (cost_minor >= 0),
  currency {{text}},
  bought_at {{instant}},
  entry_id {{uuid}} {_ENTRY},
  failure {{text}},
  created_by {{text}} NOT NULL,
  created_at {{instant}} NOT NULL,
  first_sent_at {{instant}},
  sent_at {{instant}},
  claimed_until_at {{instant}},
  tries {{int}} NOT NULL DEFAULT 0 CHECK (tries >= 0),
  next_at {{instant}} NOT NULL,
  settled_at {{instant}},
  version {{int}} NOT NULL DEFAULT 1,
  transfer_id {{uuid}} {_TRANSFER},
  CHECK ({_ONE_SUBJECT}),
  CHECK (({_UNSETTLED}) = (settled_at IS NULL)),
  CHECK (status <> 'BOUGHT' OR carrier_reference IS NOT NULL),
  CHECK ((carrier_reference IS NULL) = (tracking_number IS NULL)),
  CHECK ((carrier_reference IS NULL) = (cost_minor IS NULL)),
  CHECK ((carrier_reference IS NULL) = (bought_at IS NULL)),
  CHECK ((cost_minor IS NULL) = (currency IS NULL)),
  CHECK (carrier_reference IS NULL OR sent_at IS NOT NULL),
  CHECK ((sent_at IS NULL) = (first_sent_at IS NULL))
) {{strict}}""",
    f"INSERT INTO shipping_label_new ({_LABEL_COLUMNS})"
    f" SELECT {_LABEL_COLUMNS} FROM shipping_label",
    "DROP TRIGGER shipping_label_key",
    "DROP TRIGGER shipping_label_kept",
    "DROP TABLE shipping_label",
    "ALTER TABLE shipping_label_new RENAME TO shipping_label",
    f"CREATE UNIQUE INDEX shipping_label_fulfillment ON shipping_label (fulfillment_id)"
    f" WHERE {_LIVE}",
    f"CREATE UNIQUE INDEX shipping_label_return ON shipping_label (return_id) WHERE {_LIVE}",
    f"CREATE INDEX shipping_label_next ON shipping_label (next_at, id) WHERE {_UNSETTLED}",
    "CREATE INDEX shipping_label_of_fulfillment ON shipping_label (fulfillment_id)"
    " WHERE fulfillment_id IS NOT NULL",
    "CREATE INDEX shipping_label_of_return ON shipping_label (return_id)"
    " WHERE return_id IS NOT NULL",
    "CREATE INDEX shipping_label_order ON shipping_label (order_id)",
    "CREATE INDEX shipping_label_channel ON shipping_label (channel_id, id)",
    "CREATE INDEX shipping_label_location ON shipping_label (location_id, id)",
    "CREATE INDEX shipping_label_entry ON shipping_label (entry_id)",
    "CREATE INDEX shipping_label_uncertain ON shipping_label (first_sent_at, id)"
    " WHERE status = 'UNKNOWN'",
    "CREATE TRIGGER shipping_label_kept BEFORE DELETE ON shipping_label"
    " BEGIN SELECT RAISE(ABORT, 'shipping_label is append-only'); END",
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
  transfer_id {{uuid}} {_TRANSFER},
  UNIQUE (carrier, event_reference, tracking_number),
  CHECK ({_ONE_PARCEL})
) {{strict}}""",
    f"INSERT INTO carrier_event_new ({_EVENT_COLUMNS}) SELECT {_EVENT_COLUMNS} FROM carrier_event",
    "DROP TRIGGER carrier_event_facts",
    "DROP TRIGGER carrier_event_parcel",
    "DROP TRIGGER carrier_event_kept",
    "DROP TABLE carrier_event",
    "ALTER TABLE carrier_event_new RENAME TO carrier_event",
    "CREATE INDEX carrier_event_fulfillment ON carrier_event (fulfillment_id)",
    "CREATE INDEX carrier_event_return ON carrier_event (return_id)",
    "CREATE INDEX carrier_event_parcel ON carrier_event"
    " (tracking_number_key, carrier_key, occurred_at)",
    "CREATE UNIQUE INDEX carrier_event_key"
    " ON carrier_event (carrier_key, event_reference, tracking_number_key)",
    "CREATE INDEX carrier_event_number ON carrier_event (tracking_number_key, id)",
)
_INDEXES = (
    f"CREATE UNIQUE INDEX shipping_label_transfer ON shipping_label (transfer_id) WHERE {_LIVE}",
    "CREATE INDEX shipping_label_of_transfer ON shipping_label (transfer_id)"
    " WHERE transfer_id IS NOT NULL",
    "CREATE INDEX carrier_event_transfer ON carrier_event (transfer_id)"
    " WHERE transfer_id IS NOT NULL",
    f"CREATE INDEX carrier_event_waiting ON carrier_event (id) WHERE {_WAITS}",
    f"CREATE INDEX carrier_event_waiting_since ON carrier_event (recorded_at) WHERE {_WAITS}",
)
_EVENT_FACTS = (
    "id, carrier, carrier_key, event_reference, tracking_number, tracking_number_key, status,"
    " occurred_at, recorded_at, actor"
)
_KEY = "UPDATE OF id, fulfillment_id, return_id, transfer_id, order_id, key, carrier"
_PARCEL = "UPDATE OF fulfillment_id, return_id, transfer_id"
# Triggers that refuse a change: the table, the name, the change, and the condition.
_REFUSALS: Mapping[Engine, tuple[tuple[str, str, str, str], ...]] = {
    "postgres": (
        ("shipping_label", "key", _KEY, ""),
        ("carrier_event", "parcel", _PARCEL, _HAS_PARCEL),
        ("carrier_event", "kept", "DELETE", _HAS_PARCEL),
    ),
    "sqlite": (
        ("shipping_label", "key", _KEY, ""),
        ("carrier_event", "facts", f"UPDATE OF {_EVENT_FACTS}", ""),
        ("carrier_event", "parcel", _PARCEL, _HAS_PARCEL),
        ("carrier_event", "kept", "DELETE", _HAS_PARCEL),
    ),
}


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in (*(_POSTGRES if engine == "postgres" else _SQLITE), *_INDEXES):
        yield render(engine, statement)
    for table, name, change, when in _REFUSALS[engine]:
        refusal = f"FOR EACH ROW {when}EXECUTE FUNCTION refuse_change()"
        if engine == "sqlite":
            refusal = f"{when}BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        yield f"CREATE TRIGGER {table}_{name} BEFORE {change} ON {table} {refusal}"
