"""The schema that migrations must have made, written out: what a live database is held against."""

# table(columns) WHERE predicate
UNIQUES = """
api_key(prefix)
api_key(secret_hash)
channel(code)
channel_location(channel_id, location_id)
event_position(event_id)
fulfillment_line(fulfillment_id, order_line_id)
idempotency_key(actor, key)
item(sku)
item_cost(item_id)
journal_entry(reverses_id)
journal_line(entry_id, line_no)
location(code)
operational_exception(kind, subject_key) WHERE status NOT IN ('RESOLVED', 'AUTO_RESOLVED')
order_address(order_id)
order_line(order_id, line_no)
order_payment(order_id, reference)
policy(kind, scope, version)
reason_code(kind, code)
reservation(channel_id, external_reference) WHERE status = 'HELD' AND external_reference IS NOT
    NULL
reservation_line(reservation_id, line_no)
sales_order(channel_id, external_reference)
sales_order(number)
stock_level(item_id, location_id)
supplier(code)
"""

INDEXES = """
audit_entry(action, id)
audit_entry(actor, id)
audit_entry(subject, id)
channel_location(location_id)
event(subject_type, subject_key, id)
fulfillment(location_id, status, id)
fulfillment(order_id)
fulfillment(status, id)
fulfillment(tracking_number, carrier)
fulfillment_line(item_id)
fulfillment_line(order_line_id)
idempotency_key(created_at)
idempotency_key(key)
item(barcode)
item(supplier_id)
journal_entry(effective_at, id)
journal_entry(reference, id)
journal_line(account, currency, entry_id)
location(parent_id)
operational_exception(due_at, id) WHERE status NOT IN ('RESOLVED', 'AUTO_RESOLVED')
operational_exception(status, id)
order_cancellation(order_id)
order_cancellation(reason_id)
order_line(item_id)
order_line(item_id, order_id) WHERE backordered > 0
reservation(address) WHERE status = 'HELD' AND address IS NOT NULL
reservation(channel_id, created_at, id)
reservation(created_at, id)
reservation(expires_at, id) WHERE status = 'HELD'
reservation(external_reference, channel_id)
reservation_line(item_id, location_id)
reservation_line(location_id)
sales_order(channel_id, id)
sales_order(reservation_id)
sales_order(status, id)
stock_level(location_id)
stock_movement(item_id, location_id, id)
stock_movement(location_id, id)
stock_movement(reason_id)
stock_movement(reference, id)
"""

# Each with the table it stands in, then what must hold of a row.
CHECKS = """
api_key: (refund_limit_minor IS NULL) = (refund_limit_currency IS NULL)
api_key: actor <> ''
api_key: name <> ''
api_key: refund_limit_minor >= 0
api_key: role IN ('STOREFRONT', 'PARTNER', 'WAREHOUSE', 'SUPPORT', 'SUPERVISOR', 'SUPPLY_CHAIN',
    'FINANCE', 'ADMIN')
channel: code <> ''
channel: kind IN ('STOREFRONT', 'MARKETPLACE', 'WHOLESALE')
channel: priority >= 1
channel: safety_buffer >= 0
channel: version >= 1
event_position: position >= 1
fulfillment: status IN ('ON_HOLD', 'OPEN', 'PICKED', 'PACKED', 'SHIPPED', 'DELIVERED', 'LOST',
    'CANCELLED')
fulfillment: status NOT IN ('SHIPPED', 'DELIVERED', 'LOST') OR shipped_at IS NOT NULL
fulfillment_line: cost_minor >= 0
fulfillment_line: quantity >= 0
idempotency_key: key <> ''
item: (price_minor IS NULL) = (price_currency IS NULL)
item: (unit_cost_minor IS NULL) = (unit_cost_currency IS NULL)
item: price_minor >= 0
item: sku <> ''
item: unit_cost_minor >= 0
item: version >= 1
item_cost: quality_quantity > 0 OR quality_value_minor = 0
item_cost: quality_quantity >= 0
item_cost: quality_value_minor >= 0
item_cost: quantity > 0 OR value_minor = 0
item_cost: quantity >= 0
item_cost: value_minor >= 0
journal_line: (debit_minor = 0) <> (credit_minor = 0)
journal_line: credit_minor >= 0
journal_line: debit_minor >= 0
location: code <> ''
location: daily_order_capacity >= 0
location: kind IN ('WAREHOUSE', 'STORE', 'FULFILMENT_PARTNER', 'ZONE', 'BIN')
location: parent_id <> id
location: version >= 1
operational_exception: (status IN ('RESOLVED', 'AUTO_RESOLVED')) = (resolved_at IS NOT NULL)
operational_exception: occurrences >= 1
operational_exception: severity IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')
operational_exception: status IN ('OPEN', 'ASSIGNED', 'IN_PROGRESS', 'WAITING', 'ESCALATED',
    'RESOLVED', 'AUTO_RESOLVED')
order_cancellation: items_minor >= 0
order_cancellation: refund_minor <= items_minor + tax_minor + shipping_minor
order_cancellation: refund_minor >= 0
order_cancellation: shipping_minor >= 0
order_cancellation: tax_minor >= 0
order_line: allocated >= 0
order_line: backordered + allocated + picked + packed + shipped + delivered + lost + cancelled =
    quantity
order_line: backordered >= 0
order_line: cancelled >= 0
order_line: delivered >= 0
order_line: discount_minor <= unit_price_minor * quantity
order_line: discount_minor >= 0
order_line: lost >= 0
order_line: packed >= 0
order_line: picked >= 0
order_line: quantity > 0
order_line: shipped >= 0
order_line: tax_minor >= 0
order_line: unit_price_minor >= 0
order_payment: amount_minor > 0
order_payment: reference <> ''
policy: kind IN ('ROUTING', 'RETURN', 'DISPOSITION', 'REFUND', 'ADJUSTMENT', 'EXCEPTION')
policy: version >= 1
reason_code: code <> ''
reason_code: kind IN ('RETURN', 'ADJUSTMENT', 'DECLINE', 'WRITE_OFF', 'CANCELLATION')
reason_code: version >= 1
reservation: (status = 'COMMITTED') = (order_id IS NOT NULL)
reservation: expires_at > created_at
reservation: first_ttl_seconds > 0
reservation: status IN ('HELD', 'COMMITTED', 'RELEASED', 'EXPIRED')
reservation_line: quantity > 0
sales_order: deposit_minor >= 0
sales_order: external_reference <> ''
sales_order: shipping_minor >= 0
sales_order: shipping_tax_minor >= 0
sales_order: status IN ('OPEN', 'ALLOCATED', 'PARTIALLY_SHIPPED', 'SHIPPED', 'DELIVERED',
    'BACKORDERED', 'CANCELLED')
sales_order: total_minor >= 0
stock_level: allocated >= 0
stock_level: available >= 0
stock_level: damaged >= 0
stock_level: held >= 0
stock_level: incoming >= 0
stock_level: quality_control >= 0
stock_level: quarantine >= 0
stock_level: refurbishing >= 0
stock_level: safety_stock >= 0
stock_movement: (value_minor IS NULL) = (value_currency IS NULL)
stock_movement: from_state <> to_state
stock_movement: from_state IN ('AVAILABLE', 'HELD', 'ALLOCATED', 'QUALITY_CONTROL', 'QUARANTINE',
    'REFURBISHING', 'DAMAGED')
stock_movement: from_state IS NOT NULL OR to_state IS NOT NULL
stock_movement: kind IN ('RECEIVED', 'ADJUSTED', 'HELD', 'RELEASED', 'ALLOCATED', 'DEALLOCATED',
    'SHIPPED', 'RETURNED', 'DISPOSED', 'MOVED', 'TRANSFERRED', 'COUNTED', 'SCRAPPED')
stock_movement: quantity > 0
stock_movement: to_state IN ('AVAILABLE', 'HELD', 'ALLOCATED', 'QUALITY_CONTROL', 'QUARANTINE',
    'REFURBISHING', 'DAMAGED')
stock_movement: value_minor >= 0
supplier: code <> ''
supplier: version >= 1
"""

# table.column → parent.column; every one of them refuses to let the parent go
FOREIGN_KEYS = """
channel_location.channel_id → channel.id
channel_location.location_id → location.id
event.channel_id → channel.id
event.location_id → location.id
event_pending.event_id → event.id
event_position.event_id → event.id
fulfillment.location_id → location.id
fulfillment.order_id → sales_order.id
fulfillment_line.fulfillment_id → fulfillment.id
fulfillment_line.item_id → item.id
fulfillment_line.order_line_id → order_line.id
item.supplier_id → supplier.id
item_cost.item_id → item.id
journal_entry.channel_id → channel.id
journal_entry.location_id → location.id
journal_entry.reverses_id → journal_entry.id
journal_line.entry_id → journal_entry.id
location.parent_id → location.id
operational_exception.channel_id → channel.id
operational_exception.location_id → location.id
order_address.order_id → sales_order.id
order_cancellation.order_id → sales_order.id
order_cancellation.reason_id → reason_code.id
order_line.item_id → item.id
order_line.order_id → sales_order.id
order_payment.order_id → sales_order.id
reservation.channel_id → channel.id
reservation_line.item_id → item.id
reservation_line.location_id → location.id
reservation_line.reservation_id → reservation.id
sales_order.channel_id → channel.id
sales_order.reservation_id → reservation.id
stock_level.item_id → item.id
stock_level.location_id → location.id
stock_movement.item_id → item.id
stock_movement.location_id → location.id
stock_movement.reason_id → reason_code.id
"""

# The database itself refuses to change, remove or truncate rows of these.
APPEND_ONLY = """
audit_entry
event
event_position
journal_entry
journal_line
order_cancellation
policy
stock_movement
"""


def lines(block: str) -> set[str]:
    """The entries of a block: a line that is indented goes on with the one before."""
    return set(block.replace("\n    ", " ").strip().splitlines())
