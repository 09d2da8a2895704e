"""Version 32: shipping labels and their documents.

A parcel has at most one label that is requested, unknown or bought. The database refuses to delete
a label and to change its key: the carrier may know the key.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_ENTRY = "REFERENCES journal_entry (id) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED"
_LIVE = "status IN ('REQUESTED','UNKNOWN','BOUGHT')"
_UNSETTLED = "status IN ('REQUESTED','UNKNOWN','VOIDING')"
# A document of 512 KiB in base64.
_DOCUMENT_MAX = 699_052

_STATEMENTS = (
    f"""CREATE TABLE shipping_label (
  id {{uuid}} NOT NULL PRIMARY KEY,
  fulfillment_id {{uuid}} REFERENCES fulfillment (id) ON DELETE RESTRICT,
  return_id {{uuid}} REFERENCES customer_return (id) ON DELETE RESTRICT,
  order_id {{uuid}} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  channel_id {{int}} NOT NULL REFERENCES channel (id) ON DELETE RESTRICT,
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
  CHECK ((fulfillment_id IS NULL) <> (return_id IS NULL)),
  CHECK (({_UNSETTLED}) = (settled_at IS NULL)),
  CHECK (status <> 'BOUGHT' OR carrier_reference IS NOT NULL),
  CHECK ((carrier_reference IS NULL) = (tracking_number IS NULL)),
  CHECK ((carrier_reference IS NULL) = (cost_minor IS NULL)),
  CHECK ((carrier_reference IS NULL) = (bought_at IS NULL)),
  CHECK ((cost_minor IS NULL) = (currency IS NULL)),
  CHECK (carrier_reference IS NULL OR sent_at IS NOT NULL),
  CHECK ((sent_at IS NULL) = (first_sent_at IS NULL))
) {{strict}}""",
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
    f"""CREATE TABLE label_document (
  label_id {{uuid}} NOT NULL PRIMARY KEY REFERENCES shipping_label (id) ON DELETE RESTRICT,
  content {{text}} NOT NULL CHECK (content <> '' AND length(content) <= {_DOCUMENT_MAX}),
  stored_at {{instant}} NOT NULL
) {{strict}}""",
    "CREATE INDEX label_document_stored ON label_document (stored_at)",
)


def _kept_keys(engine: Engine) -> Iterator[str]:
    """Triggers that prevent deleting a label and changing its key and subject."""
    kept = "UPDATE OF id, fulfillment_id, return_id, order_id, key, carrier"
    if engine == "sqlite":
        refusal = "BEGIN SELECT RAISE(ABORT, 'shipping_label is append-only'); END"
        yield f"CREATE TRIGGER shipping_label_key BEFORE {kept} ON shipping_label {refusal}"
        yield f"CREATE TRIGGER shipping_label_kept BEFORE DELETE ON shipping_label {refusal}"
        return
    for name, when, each in (
        ("key", kept, "ROW"),
        ("kept", "DELETE", "ROW"),
        ("no_truncate", "TRUNCATE", "STATEMENT"),
    ):
        yield (
            f"CREATE TRIGGER shipping_label_{name} BEFORE {when} ON shipping_label"
            f" FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        )


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _STATEMENTS:
        yield render(engine, statement)
    yield from _kept_keys(engine)
