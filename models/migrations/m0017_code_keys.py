"""Version 17: comparison keys of codes. Uniqueness and look-ups no longer depend on case or width.

The former unique keys of codes stay where SQLite cannot drop them: the new ones imply them.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.backfills.code_keys import CodeColumn, CodeKeys, UniqueCode
from models.migrations.dialect import Engine, append_only, render

_SKU = CodeColumn("item", "sku")
_SUPPLIER = CodeColumn("supplier", "code")
_LOCATION = CodeColumn("location", "code")
_CHANNEL = CodeColumn("channel", "code")
_REASON = CodeColumn("reason_code", "code")
_ORDER = CodeColumn("sales_order", "external_reference")
_HOLD = CodeColumn("reservation", "external_reference")
_PAYMENT = CodeColumn("order_payment", "reference")
_PARCEL = CodeColumn("unidentified_parcel", "tracking_number")
_COLUMNS = (
    *(_SKU, _SUPPLIER, _LOCATION, _CHANNEL, _REASON, _ORDER, _HOLD, _PAYMENT, _PARCEL),
    CodeColumn("fulfillment", "carrier"),
    CodeColumn("fulfillment", "tracking_number"),
    CodeColumn("customer_return", "tracking_number"),
    CodeColumn("carrier_event", "carrier"),
    CodeColumn("carrier_event", "tracking_number"),
    CodeColumn("api_key", "actor"),
)
_LIVE = "status = 'HELD' AND external_reference_key IS NOT NULL"
_OPEN = "emptied_at IS NULL AND tracking_number_key IS NOT NULL"
_UNIQUE = (
    *(UniqueCode(each) for each in (_SKU, _SUPPLIER, _LOCATION, _CHANNEL)),
    UniqueCode(_REASON, ("kind",)),
    UniqueCode(_ORDER, ("channel_id",)),
    UniqueCode(_HOLD, ("channel_id",), _LIVE),
    UniqueCode(_PAYMENT, ("order_id",)),
    UniqueCode(_PARCEL, (), _OPEN),
)

_INDEXES = (
    "DROP INDEX reservation_reference",
    "DROP INDEX reservation_by_reference",
    "DROP INDEX order_payment_reference",
    "DROP INDEX fulfillment_tracking",
    "DROP INDEX customer_return_tracking",
    "DROP INDEX unidentified_parcel_tracking",
    "CREATE UNIQUE INDEX item_sku ON item (sku_key)",
    "CREATE UNIQUE INDEX supplier_code ON supplier (code_key)",
    "CREATE UNIQUE INDEX location_code ON location (code_key)",
    "CREATE UNIQUE INDEX channel_code ON channel (code_key)",
    "CREATE UNIQUE INDEX reason_code_code ON reason_code (kind, code_key)",
    "CREATE UNIQUE INDEX sales_order_reference ON sales_order (channel_id, external_reference_key)",
    "CREATE UNIQUE INDEX reservation_reference ON reservation (channel_id, external_reference_key)"
    f" WHERE {_LIVE}",
    "CREATE INDEX reservation_by_reference ON reservation (external_reference_key, channel_id)"
    " WHERE external_reference_key IS NOT NULL",
    "CREATE UNIQUE INDEX order_payment_key ON order_payment (order_id, reference_key)",
    "CREATE INDEX order_payment_reference ON order_payment (reference_key)",
    "CREATE INDEX fulfillment_tracking ON fulfillment (tracking_number_key, carrier_key)",
    "CREATE INDEX customer_return_tracking ON customer_return (tracking_number_key)",
    "CREATE UNIQUE INDEX unidentified_parcel_tracking ON unidentified_parcel (tracking_number_key)"
    f" WHERE {_OPEN}",
    "CREATE UNIQUE INDEX carrier_event_key"
    " ON carrier_event (carrier_key, event_reference, tracking_number_key)",
    "CREATE INDEX api_key_actor ON api_key (actor_key)",
)
# An event that was recorded several times, with the carrier in different cases: the rows stay, the
# first has keys. Events are never changed, so no person could rename the others.
_REPEATED_EVENTS = """UPDATE carrier_event SET tracking_number_key = NULL WHERE EXISTS (
  SELECT 1 FROM carrier_event first WHERE first.id < carrier_event.id
    AND first.carrier_key = carrier_event.carrier_key
    AND first.event_reference = carrier_event.event_reference
    AND first.tracking_number_key = carrier_event.tracking_number_key)"""


def statements(engine: Engine) -> Iterator[str]:
    """Statements that add the columns."""
    for table, code in _COLUMNS:
        yield render(
            engine, f"ALTER TABLE {table} ADD COLUMN {code}_key {{text}} CHECK ({code}_key <> '')"
        )
    names = ("append_only", "no_truncate") if engine == "postgres" else ("no_update", "no_delete")
    for name in names:
        table = " ON carrier_event" if engine == "postgres" else ""
        yield f"DROP TRIGGER carrier_event_{name}{table}"


def _finish(engine: Engine) -> Iterator[str]:
    """Statements that follow when the keys are filled."""
    yield _REPEATED_EVENTS
    yield from _INDEXES
    yield from append_only(engine, "carrier_event")


KEYS = CodeKeys(_COLUMNS, _UNIQUE, _finish)
