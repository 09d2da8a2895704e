"""Version 1: catalog, stock, holds, orders, books, policies, exceptions, access, audit, events."""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, enqueue_events, refusal, render

STATES = "'AVAILABLE','HELD','ALLOCATED','QUALITY_CONTROL','QUARANTINE','REFURBISHING','DAMAGED'"
_ORDER_STATES = (
    "backordered",
    "allocated",
    "picked",
    "packed",
    "shipped",
    "delivered",
    "lost",
    "cancelled",
)

CATALOG = (
    """CREATE TABLE supplier (
  id {identity},
  code {text} NOT NULL UNIQUE CHECK (code <> ''),
  name {text} NOT NULL,
  version {int} NOT NULL DEFAULT 1 CHECK (version >= 1)
) {strict}""",
    """CREATE TABLE item (
  id {identity},
  sku {text} NOT NULL UNIQUE CHECK (sku <> ''),
  name {text} NOT NULL,
  barcode {text},
  category {text},
  price_minor {int} CHECK (price_minor >= 0),
  price_currency {text},
  unit_cost_minor {int} CHECK (unit_cost_minor >= 0),
  unit_cost_currency {text},
  returnable {bool} NOT NULL,
  supplier_id {int} REFERENCES supplier (id) ON DELETE RESTRICT,
  created_at {instant} NOT NULL,
  updated_at {instant} NOT NULL,
  version {int} NOT NULL DEFAULT 1 CHECK (version >= 1),
  CHECK ((price_minor IS NULL) = (price_currency IS NULL)),
  CHECK ((unit_cost_minor IS NULL) = (unit_cost_currency IS NULL))
) {strict}""",
    "CREATE INDEX item_supplier ON item (supplier_id)",
    "CREATE INDEX item_barcode ON item (barcode)",
    """CREATE TABLE location (
  id {identity},
  code {text} NOT NULL UNIQUE CHECK (code <> ''),
  name {text} NOT NULL,
  kind {text} NOT NULL CHECK (kind IN ('WAREHOUSE','STORE','FULFILMENT_PARTNER','ZONE','BIN')),
  parent_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  country_code {text},
  daily_order_capacity {int} CHECK (daily_order_capacity >= 0),
  time_zone {text} NOT NULL,
  pack_required {bool} NOT NULL,
  active {bool} NOT NULL,
  version {int} NOT NULL DEFAULT 1 CHECK (version >= 1),
  CHECK (parent_id <> id)
) {strict}""",
    "CREATE INDEX location_parent ON location (parent_id)",
    """CREATE TABLE channel (
  id {identity},
  code {text} NOT NULL UNIQUE CHECK (code <> ''),
  name {text} NOT NULL,
  kind {text} NOT NULL CHECK (kind IN ('STOREFRONT','MARKETPLACE','WHOLESALE')),
  currency {text} NOT NULL,
  priority {int} NOT NULL CHECK (priority >= 1),
  safety_buffer {int} NOT NULL CHECK (safety_buffer >= 0),
  active {bool} NOT NULL,
  version {int} NOT NULL DEFAULT 1 CHECK (version >= 1)
) {strict}""",
    """CREATE TABLE channel_location (
  id {identity},
  channel_id {int} NOT NULL REFERENCES channel (id) ON DELETE RESTRICT,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  UNIQUE (channel_id, location_id)
) {strict}""",
    "CREATE INDEX channel_location_location ON channel_location (location_id)",
    """CREATE TABLE reason_code (
  id {identity},
  code {text} NOT NULL CHECK (code <> ''),
  kind {text} NOT NULL
    CHECK (kind IN ('RETURN','ADJUSTMENT','DECLINE','WRITE_OFF','CANCELLATION')),
  label {text} NOT NULL,
  active {bool} NOT NULL,
  version {int} NOT NULL DEFAULT 1 CHECK (version >= 1),
  UNIQUE (kind, code)
) {strict}""",
)

STOCK = (
    """CREATE TABLE stock_level (
  id {identity},
  item_id {int} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  available {int} NOT NULL DEFAULT 0 CHECK (available >= 0),
  held {int} NOT NULL DEFAULT 0 CHECK (held >= 0),
  allocated {int} NOT NULL DEFAULT 0 CHECK (allocated >= 0),
  quality_control {int} NOT NULL DEFAULT 0 CHECK (quality_control >= 0),
  quarantine {int} NOT NULL DEFAULT 0 CHECK (quarantine >= 0),
  refurbishing {int} NOT NULL DEFAULT 0 CHECK (refurbishing >= 0),
  damaged {int} NOT NULL DEFAULT 0 CHECK (damaged >= 0),
  safety_stock {int} NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
  incoming {int} NOT NULL DEFAULT 0 CHECK (incoming >= 0),
  version {int} NOT NULL DEFAULT 0,
  updated_at {instant} NOT NULL,
  UNIQUE (item_id, location_id)
) {strict}""",
    "CREATE INDEX stock_level_location ON stock_level (location_id)",
    f"""CREATE TABLE stock_movement (
  id {{uuid}} NOT NULL PRIMARY KEY,
  kind {{text}} NOT NULL CHECK (kind IN ('RECEIVED','ADJUSTED','HELD','RELEASED','ALLOCATED',
    'DEALLOCATED','SHIPPED','RETURNED','DISPOSED','MOVED','TRANSFERRED','COUNTED','SCRAPPED')),
  item_id {{int}} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  location_id {{int}} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  from_state {{text}} CHECK (from_state IN ({STATES})),
  to_state {{text}} CHECK (to_state IN ({STATES})),
  quantity {{int}} NOT NULL CHECK (quantity > 0),
  reason_id {{int}} REFERENCES reason_code (id) ON DELETE RESTRICT,
  channel_id {{int}} REFERENCES channel (id) ON DELETE RESTRICT,
  reference {{text}},
  note {{text}},
  actor {{text}} NOT NULL,
  occurred_at {{instant}} NOT NULL,
  value_minor {{int}} CHECK (value_minor >= 0),
  value_currency {{text}},
  transaction_id {{uuid}} NOT NULL,
  digest {{text}} NOT NULL,
  CHECK (from_state IS NOT NULL OR to_state IS NOT NULL),
  CHECK (from_state <> to_state),
  CHECK ((value_minor IS NULL) = (value_currency IS NULL))
) {{strict}}""",
    "CREATE INDEX stock_movement_item ON stock_movement (item_id, location_id, id)",
    "CREATE INDEX stock_movement_location ON stock_movement (location_id, id)",
    "CREATE INDEX stock_movement_reference ON stock_movement (reference, id)",
    "CREATE INDEX stock_movement_reason ON stock_movement (reason_id)",
    "CREATE INDEX stock_movement_channel ON stock_movement (channel_id, id)",
)

RESERVATIONS = (
    """CREATE TABLE reservation (
  id {uuid} NOT NULL PRIMARY KEY,
  status {text} NOT NULL CHECK (status IN ('HELD','COMMITTED','RELEASED','EXPIRED')),
  channel_id {int} NOT NULL REFERENCES channel (id) ON DELETE RESTRICT,
  external_reference {text},
  actor {text} NOT NULL,
  address {text},
  created_at {instant} NOT NULL,
  expires_at {instant} NOT NULL,
  first_ttl_seconds {int} NOT NULL CHECK (first_ttl_seconds > 0),
  order_id {uuid},
  version {int} NOT NULL DEFAULT 1,
  routing {json} NOT NULL,
  CHECK (expires_at > created_at),
  CHECK ((status = 'COMMITTED') = (order_id IS NOT NULL))
) {strict}""",
    "CREATE INDEX reservation_created ON reservation (created_at, id)",
    "CREATE INDEX reservation_live ON reservation (expires_at, id) WHERE status = 'HELD'",
    "CREATE INDEX reservation_channel ON reservation (channel_id, created_at, id)",
    "CREATE UNIQUE INDEX reservation_reference ON reservation (channel_id, external_reference)"
    " WHERE status = 'HELD' AND external_reference IS NOT NULL",
    "CREATE INDEX reservation_by_reference ON reservation (external_reference, channel_id)",
    "CREATE INDEX reservation_address ON reservation (address)"
    " WHERE status = 'HELD' AND address IS NOT NULL",
    """CREATE TABLE reservation_line (
  id {uuid} NOT NULL PRIMARY KEY,
  reservation_id {uuid} NOT NULL REFERENCES reservation (id) ON DELETE RESTRICT,
  line_no {int} NOT NULL,
  item_id {int} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  quantity {int} NOT NULL CHECK (quantity > 0),
  UNIQUE (reservation_id, line_no)
) {strict}""",
    "CREATE INDEX reservation_line_item ON reservation_line (item_id, location_id)",
    "CREATE INDEX reservation_line_location ON reservation_line (location_id)",
)

_STATE_COLUMNS = "\n".join(
    f"  {state} {{int}} NOT NULL DEFAULT 0 CHECK ({state} >= 0)," for state in _ORDER_STATES
)

ORDERS = (
    """CREATE TABLE sales_order (
  id {uuid} NOT NULL PRIMARY KEY,
  number {text} NOT NULL UNIQUE,
  channel_id {int} NOT NULL REFERENCES channel (id) ON DELETE RESTRICT,
  external_reference {text} NOT NULL CHECK (external_reference <> ''),
  status {text} NOT NULL CHECK (status IN ('OPEN','ALLOCATED','PARTIALLY_SHIPPED','SHIPPED',
    'DELIVERED','BACKORDERED','CANCELLED')),
  customer_reference {text},
  service_level {text} NOT NULL,
  currency {text} NOT NULL,
  shipping_minor {int} NOT NULL CHECK (shipping_minor >= 0),
  shipping_tax_minor {int} NOT NULL CHECK (shipping_tax_minor >= 0),
  total_minor {int} NOT NULL CHECK (total_minor >= 0),
  deposit_minor {int} NOT NULL CHECK (deposit_minor >= 0),
  placed_at {instant} NOT NULL,
  created_at {instant} NOT NULL,
  ship_by_at {instant},
  deliver_by_at {instant},
  reservation_id {uuid} REFERENCES reservation (id) ON DELETE RESTRICT,
  actor {text} NOT NULL,
  version {int} NOT NULL DEFAULT 1,
  routing {json},
  UNIQUE (channel_id, external_reference)
) {strict}""",
    "CREATE INDEX sales_order_status ON sales_order (status, id)",
    "CREATE INDEX sales_order_channel ON sales_order (channel_id, id)",
    "CREATE INDEX sales_order_reservation ON sales_order (reservation_id)",
    """CREATE TABLE order_address (
  id {uuid} NOT NULL PRIMARY KEY,
  order_id {uuid} NOT NULL UNIQUE REFERENCES sales_order (id) ON DELETE RESTRICT,
  country_code {text} NOT NULL,
  postal_code {text},
  region {text},
  city {text},
  lines {json},
  name {text}
) {strict}""",
    f"""CREATE TABLE order_line (
  id {{uuid}} NOT NULL PRIMARY KEY,
  order_id {{uuid}} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  line_no {{int}} NOT NULL,
  item_id {{int}} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  quantity {{int}} NOT NULL CHECK (quantity > 0),
  unit_price_minor {{int}} NOT NULL CHECK (unit_price_minor >= 0),
  discount_minor {{int}} NOT NULL CHECK (discount_minor >= 0),
  tax_minor {{int}} NOT NULL CHECK (tax_minor >= 0),
{_STATE_COLUMNS}
  UNIQUE (order_id, line_no),
  CHECK (discount_minor <= unit_price_minor * quantity),
  CHECK ({" + ".join(_ORDER_STATES)} = quantity)
) {{strict}}""",
    "CREATE INDEX order_line_item ON order_line (item_id)",
    "CREATE INDEX order_line_backordered ON order_line (item_id, order_id) WHERE backordered > 0",
    """CREATE TABLE order_payment (
  id {uuid} NOT NULL PRIMARY KEY,
  order_id {uuid} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  reference {text} NOT NULL CHECK (reference <> ''),
  amount_minor {int} NOT NULL CHECK (amount_minor > 0),
  currency {text} NOT NULL,
  captured_at {instant} NOT NULL,
  UNIQUE (order_id, reference)
) {strict}""",
    """CREATE TABLE order_cancellation (
  id {uuid} NOT NULL PRIMARY KEY,
  order_id {uuid} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  reason_id {int} NOT NULL REFERENCES reason_code (id) ON DELETE RESTRICT,
  items_minor {int} NOT NULL CHECK (items_minor >= 0),
  tax_minor {int} NOT NULL CHECK (tax_minor >= 0),
  shipping_minor {int} NOT NULL CHECK (shipping_minor >= 0),
  refund_minor {int} NOT NULL CHECK (refund_minor >= 0),
  currency {text} NOT NULL,
  actor {text} NOT NULL,
  created_at {instant} NOT NULL,
  CHECK (refund_minor <= items_minor + tax_minor + shipping_minor)
) {strict}""",
    "CREATE INDEX order_cancellation_order ON order_cancellation (order_id)",
    "CREATE INDEX order_cancellation_reason ON order_cancellation (reason_id)",
    """CREATE TABLE fulfillment (
  id {uuid} NOT NULL PRIMARY KEY,
  order_id {uuid} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  status {text} NOT NULL CHECK (status IN ('ON_HOLD','OPEN','PICKED','PACKED','SHIPPED',
    'DELIVERED','LOST','CANCELLED')),
  carrier {text},
  tracking_number {text},
  created_at {instant} NOT NULL,
  shipped_at {instant},
  delivered_at {instant},
  version {int} NOT NULL DEFAULT 1,
  CHECK (status NOT IN ('SHIPPED','DELIVERED','LOST') OR shipped_at IS NOT NULL)
) {strict}""",
    "CREATE INDEX fulfillment_order ON fulfillment (order_id)",
    "CREATE INDEX fulfillment_location ON fulfillment (location_id, status, id)",
    "CREATE INDEX fulfillment_status ON fulfillment (status, id)",
    "CREATE INDEX fulfillment_tracking ON fulfillment (tracking_number, carrier)",
    """CREATE TABLE fulfillment_line (
  id {uuid} NOT NULL PRIMARY KEY,
  fulfillment_id {uuid} NOT NULL REFERENCES fulfillment (id) ON DELETE RESTRICT,
  order_line_id {uuid} NOT NULL REFERENCES order_line (id) ON DELETE RESTRICT,
  item_id {int} NOT NULL REFERENCES item (id) ON DELETE RESTRICT,
  quantity {int} NOT NULL CHECK (quantity >= 0),
  cost_minor {int} CHECK (cost_minor >= 0),
  UNIQUE (fulfillment_id, order_line_id)
) {strict}""",
    "CREATE INDEX fulfillment_line_order_line ON fulfillment_line (order_line_id)",
    "CREATE INDEX fulfillment_line_item ON fulfillment_line (item_id)",
)

LEDGER = (
    """CREATE TABLE journal_entry (
  id {uuid} NOT NULL PRIMARY KEY,
  posted_at {instant} NOT NULL,
  effective_at {instant} NOT NULL,
  memo {text} NOT NULL,
  reference {text} NOT NULL,
  reverses_id {uuid} UNIQUE REFERENCES journal_entry (id) ON DELETE RESTRICT,
  channel_id {int} REFERENCES channel (id) ON DELETE RESTRICT,
  location_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  actor {text} NOT NULL,
  transaction_id {uuid} NOT NULL,
  digest {text} NOT NULL
) {strict}""",
    "CREATE INDEX journal_entry_reference ON journal_entry (reference, id)",
    "CREATE INDEX journal_entry_effective ON journal_entry (effective_at, id)",
    """CREATE TABLE journal_line (
  id {uuid} NOT NULL PRIMARY KEY,
  entry_id {uuid} NOT NULL REFERENCES journal_entry (id) ON DELETE RESTRICT,
  line_no {int} NOT NULL,
  account {text} NOT NULL,
  currency {text} NOT NULL,
  debit_minor {int} NOT NULL CHECK (debit_minor >= 0),
  credit_minor {int} NOT NULL CHECK (credit_minor >= 0),
  UNIQUE (entry_id, line_no),
  CHECK ((debit_minor = 0) <> (credit_minor = 0))
) {strict}""",
    "CREATE INDEX journal_line_account ON journal_line (account, currency, entry_id)",
    """CREATE TABLE item_cost (
  id {identity},
  item_id {int} NOT NULL UNIQUE REFERENCES item (id) ON DELETE RESTRICT,
  currency {text} NOT NULL,
  quantity {int} NOT NULL DEFAULT 0 CHECK (quantity >= 0),
  value_minor {int} NOT NULL DEFAULT 0 CHECK (value_minor >= 0),
  quality_quantity {int} NOT NULL DEFAULT 0 CHECK (quality_quantity >= 0),
  quality_value_minor {int} NOT NULL DEFAULT 0 CHECK (quality_value_minor >= 0),
  CHECK (quantity > 0 OR value_minor = 0),
  CHECK (quality_quantity > 0 OR quality_value_minor = 0)
) {strict}""",
)

RULES = (
    """CREATE TABLE policy (
  id {uuid} NOT NULL PRIMARY KEY,
  kind {text} NOT NULL CHECK (kind IN ('ROUTING','RETURN','DISPOSITION','REFUND','ADJUSTMENT',
    'EXCEPTION')),
  scope {text} NOT NULL,
  version {int} NOT NULL CHECK (version >= 1),
  rules {json} NOT NULL,
  effective_from_at {instant} NOT NULL,
  published_by {text} NOT NULL,
  published_at {instant} NOT NULL,
  UNIQUE (kind, scope, version)
) {strict}""",
    """CREATE TABLE operational_exception (
  id {uuid} NOT NULL PRIMARY KEY,
  kind {text} NOT NULL,
  subject_key {text} NOT NULL,
  status {text} NOT NULL CHECK (status IN ('OPEN','ASSIGNED','IN_PROGRESS','WAITING','ESCALATED',
    'RESOLVED','AUTO_RESOLVED')),
  severity {text} NOT NULL CHECK (severity IN ('LOW','MEDIUM','HIGH','CRITICAL')),
  message {text} NOT NULL,
  details {json},
  location_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  channel_id {int} REFERENCES channel (id) ON DELETE RESTRICT,
  owner {text},
  owner_role {text} NOT NULL,
  opened_at {instant} NOT NULL,
  due_at {instant} NOT NULL,
  waiting_since_at {instant},
  wait_until_at {instant},
  occurrences {int} NOT NULL DEFAULT 1 CHECK (occurrences >= 1),
  resolution {text},
  resolved_at {instant},
  version {int} NOT NULL DEFAULT 1,
  CHECK ((status IN ('RESOLVED','AUTO_RESOLVED')) = (resolved_at IS NOT NULL))
) {strict}""",
    "CREATE UNIQUE INDEX operational_exception_open ON operational_exception (kind, subject_key)"
    " WHERE status NOT IN ('RESOLVED','AUTO_RESOLVED')",
    "CREATE INDEX operational_exception_status ON operational_exception (status, id)",
    "CREATE INDEX operational_exception_due ON operational_exception (due_at, id)"
    " WHERE status NOT IN ('RESOLVED','AUTO_RESOLVED')",
)

ACCESS = (
    """CREATE TABLE api_key (
  id {uuid} NOT NULL PRIMARY KEY,
  name {text} NOT NULL CHECK (name <> ''),
  actor {text} NOT NULL CHECK (actor <> ''),
  role {text} NOT NULL CHECK (role IN ('STOREFRONT','PARTNER','WAREHOUSE','SUPPORT','SUPERVISOR',
    'SUPPLY_CHAIN','FINANCE','ADMIN')),
  prefix {text} NOT NULL UNIQUE,
  secret_hash {text} NOT NULL UNIQUE,
  channels {json},
  locations {json},
  refund_limit_minor {int} CHECK (refund_limit_minor >= 0),
  refund_limit_currency {text},
  created_at {instant} NOT NULL,
  created_by {text} NOT NULL,
  expires_at {instant},
  revoked_at {instant},
  last_used_at {instant},
  CHECK ((refund_limit_minor IS NULL) = (refund_limit_currency IS NULL))
) {strict}""",
    """CREATE TABLE idempotency_key (
  id {uuid} NOT NULL PRIMARY KEY,
  actor {text} NOT NULL,
  key {text} NOT NULL CHECK (key <> ''),
  action {text} NOT NULL,
  arguments_hash {text} NOT NULL,
  outcome {json},
  created_at {instant} NOT NULL,
  UNIQUE (actor, key)
) {strict}""",
    "CREATE INDEX idempotency_key_created ON idempotency_key (created_at)",
    "CREATE INDEX idempotency_key_key ON idempotency_key (key)",
    """CREATE TABLE audit_entry (
  id {uuid} NOT NULL PRIMARY KEY,
  recorded_at {instant} NOT NULL,
  actor {text} NOT NULL,
  action {text} NOT NULL,
  subject {text} NOT NULL,
  before {json},
  after {json},
  transaction_id {uuid} NOT NULL,
  digest {text} NOT NULL,
  content_digest {text} NOT NULL
) {strict}""",
    "CREATE INDEX audit_entry_subject ON audit_entry (subject, id)",
    "CREATE INDEX audit_entry_actor ON audit_entry (actor, id)",
    "CREATE INDEX audit_entry_action ON audit_entry (action, id)",
)

EVENTS = (
    """CREATE TABLE event (
  id {identity},
  type {text} NOT NULL,
  occurred_at {instant} NOT NULL,
  actor {text} NOT NULL,
  subject_type {text} NOT NULL,
  subject_key {text} NOT NULL,
  subject_version {int} NOT NULL,
  channel_id {int} REFERENCES channel (id) ON DELETE RESTRICT,
  location_id {int} REFERENCES location (id) ON DELETE RESTRICT,
  data {json} NOT NULL,
  transaction_id {uuid} NOT NULL,
  digest {text} NOT NULL
) {strict}""",
    "CREATE INDEX event_subject ON event (subject_type, subject_key, id)",
    """CREATE TABLE event_pending (
  event_id {int} NOT NULL PRIMARY KEY REFERENCES event (id) ON DELETE RESTRICT
) {strict}""",
    """CREATE TABLE event_position (
  position {int} NOT NULL PRIMARY KEY CHECK (position >= 1),
  event_id {int} NOT NULL UNIQUE REFERENCES event (id) ON DELETE RESTRICT
) {strict}""",
    """CREATE TABLE lease (
  name {text} NOT NULL PRIMARY KEY,
  holder {text} NOT NULL,
  lease_until_at {instant} NOT NULL,
  counter {int} NOT NULL DEFAULT 0
) {strict}""",
)

APPEND_ONLY = (
    "order_cancellation",
    "stock_movement",
    "journal_entry",
    "journal_line",
    "policy",
    "audit_entry",
    "event",
    "event_position",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for group in (CATALOG, STOCK, RESERVATIONS, ORDERS, LEDGER, RULES, ACCESS, EVENTS):
        for statement in group:
            yield render(engine, statement)
    yield from refusal(engine)
    for table in APPEND_ONLY:
        yield from append_only(engine, table)
    yield from enqueue_events(engine)
