"""Version 3: returns, their units, inspections and dispositions, and unidentified parcels."""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

GRADES = "'NEW','LIKE_NEW','USED','DAMAGED','DEFECTIVE','COUNTERFEIT'"
DISPOSITIONS = (
    "'RESTOCK','REFURBISH','QUARANTINE','LIQUIDATE','SCRAP','RETURN_TO_VENDOR','RETURN_TO_CUSTOMER'"
)

RETURNS = (
    """CREATE TABLE customer_return (
  id {uuid} NOT NULL PRIMARY KEY,
  rma_number {text} NOT NULL UNIQUE,
  order_id {uuid} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  status {text} NOT NULL CHECK (status IN ('REQUESTED','AUTHORIZED','DECLINED','IN_TRANSIT',
    'PARTIALLY_RECEIVED','RECEIVED','CLOSED','CANCELLED','EXPIRED')),
  requested_at {instant} NOT NULL,
  requested_by {text} NOT NULL,
  created_at {instant} NOT NULL,
  authorized_at {instant},
  authorized_by {text},
  expected_by_at {instant},
  closed_at {instant},
  carrier {text},
  tracking_number {text},
  scanned_at {instant},
  destination_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  customer_note {text},
  decline_reason_id {int} REFERENCES reason_code (id) ON DELETE RESTRICT,
  verdict {json} NOT NULL,
  decision {json} NOT NULL,
  risk_points {int} NOT NULL CHECK (risk_points BETWEEN 0 AND 10000),
  risk {json} NOT NULL,
  version {int} NOT NULL DEFAULT 1 CHECK (version >= 1),
  CHECK (status IN ('REQUESTED','DECLINED','CANCELLED') OR authorized_by IS NOT NULL),
  CHECK ((authorized_at IS NULL) = (authorized_by IS NULL)),
  CHECK ((status = 'CLOSED') = (closed_at IS NOT NULL))
) {strict}""",
    "CREATE INDEX customer_return_order ON customer_return (order_id, id)",
    "CREATE INDEX customer_return_status ON customer_return (status, id)",
    "CREATE INDEX customer_return_tracking ON customer_return (tracking_number)",
    "CREATE INDEX customer_return_destination ON customer_return (destination_id, id)",
    "CREATE INDEX customer_return_decline ON customer_return (decline_reason_id)",
    "CREATE INDEX customer_return_overdue ON customer_return (expected_by_at, id)"
    " WHERE status IN ('AUTHORIZED','IN_TRANSIT','PARTIALLY_RECEIVED')",
    f"""CREATE TABLE return_item (
  id {{uuid}} NOT NULL PRIMARY KEY,
  return_id {{uuid}} NOT NULL REFERENCES customer_return (id) ON DELETE RESTRICT,
  position {{int}} NOT NULL CHECK (position >= 0),
  parent_id {{uuid}} REFERENCES return_item (id) ON DELETE RESTRICT,
  since_version {{int}} NOT NULL,
  order_line_id {{uuid}} REFERENCES order_line (id) ON DELETE RESTRICT,
  item_id {{int}} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  quantity {{int}} NOT NULL CHECK (quantity > 0),
  state {{text}} NOT NULL CHECK (state IN ('EXPECTED','RECEIVED','MISSING','WRONG_ITEM',
    'INSPECTED','DISPOSED')),
  reason_id {{int}} REFERENCES reason_code (id) ON DELETE RESTRICT,
  note {{text}},
  evidence {{json}} NOT NULL,
  fast_lane {{bool}} NOT NULL,
  condition {{text}} CHECK (condition IN ({GRADES})),
  inspected_by {{text}},
  first_inspector {{text}},
  first_condition {{text}} CHECK (first_condition IN ({GRADES})),
  disposition {{text}} CHECK (disposition IN ({DISPOSITIONS})),
  location_id {{int}} REFERENCES location (id) ON DELETE RESTRICT,
  stock_state {{text}} CHECK (stock_state IN ('QUALITY_CONTROL','QUARANTINE','REFURBISHING')),
  cost_minor {{int}} CHECK (cost_minor >= 0),
  received_at {{instant}},
  UNIQUE (return_id, position),
  CHECK ((parent_id IS NULL) OR (parent_id <> id)),
  CHECK ((order_line_id IS NULL) = (reason_id IS NULL)),
  CHECK (state <> 'WRONG_ITEM' OR order_line_id IS NULL),
  CHECK ((state IN ('EXPECTED','MISSING')) = (received_at IS NULL)),
  CHECK ((received_at IS NULL) = (location_id IS NULL)),
  CHECK ((received_at IS NULL) = (cost_minor IS NULL)),
  CHECK ((state IN ('RECEIVED','WRONG_ITEM','INSPECTED')) = (stock_state IS NOT NULL)),
  CHECK ((state IN ('INSPECTED','DISPOSED')) = (condition IS NOT NULL)),
  CHECK ((condition IS NULL) = (inspected_by IS NULL)),
  CHECK ((first_inspector IS NULL) = (first_condition IS NULL)),
  CHECK (state <> 'DISPOSED' OR disposition IS NOT NULL)
) {{strict}}""",
    "CREATE INDEX return_item_order_line ON return_item (order_line_id)",
    "CREATE INDEX return_item_parent ON return_item (parent_id)",
    "CREATE INDEX return_item_reason ON return_item (reason_id)",
    "CREATE INDEX return_item_location ON return_item (location_id, return_id)",
    "CREATE INDEX return_item_item ON return_item (item_id)",
    "CREATE INDEX return_item_here ON return_item (item_id, location_id)"
    " WHERE stock_state IS NOT NULL",
    f"""CREATE TABLE inspection_look (
  id {{uuid}} NOT NULL PRIMARY KEY,
  return_id {{uuid}} NOT NULL REFERENCES customer_return (id) ON DELETE RESTRICT,
  return_item_id {{uuid}} NOT NULL REFERENCES return_item (id) ON DELETE RESTRICT,
  return_version {{int}} NOT NULL,
  quantity {{int}} NOT NULL CHECK (quantity > 0),
  condition {{text}} NOT NULL CHECK (condition IN ({GRADES})),
  inspector {{text}} NOT NULL,
  note {{text}},
  evidence {{json}} NOT NULL,
  looked_at {{instant}} NOT NULL
) {{strict}}""",
    "CREATE INDEX inspection_look_return ON inspection_look (return_id, id)",
    "CREATE INDEX inspection_look_item ON inspection_look (return_item_id)",
    f"""CREATE TABLE disposition_step (
  id {{uuid}} NOT NULL PRIMARY KEY,
  return_id {{uuid}} NOT NULL REFERENCES customer_return (id) ON DELETE RESTRICT,
  return_item_id {{uuid}} NOT NULL REFERENCES return_item (id) ON DELETE RESTRICT,
  return_version {{int}} NOT NULL,
  movement_id {{uuid}} NOT NULL UNIQUE REFERENCES stock_movement (id) ON DELETE RESTRICT,
  disposition {{text}} NOT NULL CHECK (disposition IN ({DISPOSITIONS})),
  quantity {{int}} NOT NULL CHECK (quantity > 0),
  decided_by {{text}} NOT NULL,
  decision {{json}} NOT NULL,
  policy_version {{int}},
  note {{text}},
  executed_at {{instant}} NOT NULL
) {{strict}}""",
    "CREATE INDEX disposition_step_return ON disposition_step (return_id, id)",
    "CREATE INDEX disposition_step_item ON disposition_step (return_item_id)",
)

PARCELS = (
    """CREATE TABLE unidentified_parcel (
  id {uuid} NOT NULL PRIMARY KEY,
  exception_id {uuid} NOT NULL REFERENCES operational_exception (id) ON DELETE RESTRICT,
  return_id {uuid} REFERENCES customer_return (id) ON DELETE RESTRICT,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  tracking_number {text},
  rma_number {text},
  received_at {instant} NOT NULL,
  received_by {text} NOT NULL,
  emptied_at {instant}
) {strict}""",
    "CREATE INDEX unidentified_parcel_exception ON unidentified_parcel (exception_id, id)",
    "CREATE INDEX unidentified_parcel_return ON unidentified_parcel (return_id)",
    "CREATE INDEX unidentified_parcel_location ON unidentified_parcel (location_id)",
    # A tracking number belongs to one parcel, which is booked once, even if scanned twice.
    "CREATE UNIQUE INDEX unidentified_parcel_tracking ON unidentified_parcel (tracking_number)"
    " WHERE emptied_at IS NULL AND tracking_number IS NOT NULL",
    """CREATE TABLE unidentified_unit (
  id {uuid} NOT NULL PRIMARY KEY,
  parcel_id {uuid} NOT NULL REFERENCES unidentified_parcel (id) ON DELETE RESTRICT,
  item_id {int} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  quantity {int} NOT NULL CHECK (quantity >= 0),
  value_minor {int} NOT NULL CHECK (value_minor >= 0),
  UNIQUE (parcel_id, item_id),
  CHECK (quantity > 0 OR value_minor = 0)
) {strict}""",
    "CREATE INDEX unidentified_unit_here ON unidentified_unit (item_id, parcel_id)"
    " WHERE quantity > 0",
)

# The part of quality control that belongs to returns and parcels, at its own cost.
COSTS = (
    "ALTER TABLE item_cost ADD COLUMN returned_quantity {int} NOT NULL DEFAULT 0"
    " CHECK (returned_quantity >= 0 AND returned_quantity <= quality_quantity)",
    "ALTER TABLE item_cost ADD COLUMN returned_value_minor {int} NOT NULL DEFAULT 0"
    " CHECK (returned_value_minor >= 0 AND returned_value_minor <= quality_value_minor)",
)

CUSTOMERS = (
    "CREATE INDEX sales_order_customer ON sales_order (customer_reference, channel_id)"
    " WHERE customer_reference IS NOT NULL",
)

APPEND_ONLY = ("inspection_look", "disposition_step")


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for group in (RETURNS, PARCELS, COSTS, CUSTOMERS):
        for statement in group:
            yield render(engine, statement)
    for table in APPEND_ONLY:
        yield from append_only(engine, table)
