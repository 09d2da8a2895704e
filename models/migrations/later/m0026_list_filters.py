"""Version 26: filters and sorts of other lists have an index in their order.

Returns and refunds are sorted by time of change, due time and amount. Items are found by category,
supplier and name, returns and fulfillments by item, tasks by worker, exceptions by due time, role,
location and subject.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

# Returns that are not expected are last.
_EXPECTED = "COALESCE(expected_by_at, '9999-12-31 00:00:00.000000+00:00')"
_STATEMENTS = (
    "DROP INDEX item_supplier",
    "CREATE INDEX item_supplier ON item (supplier_id, id)",
    "CREATE INDEX item_category ON item (category, id) WHERE category IS NOT NULL",
    "CREATE INDEX item_name ON item (name, id)",
    "CREATE INDEX item_inactive ON item (id) WHERE NOT active",
    "CREATE INDEX customer_return_updated ON customer_return (updated_at, id)",
    "CREATE INDEX customer_return_requested ON customer_return (requested_at, id)",
    f"CREATE INDEX customer_return_expected ON customer_return ({_EXPECTED}, id)",
    "DROP INDEX return_item_item",
    "CREATE INDEX return_item_item ON return_item (item_id, return_id)",
    "CREATE INDEX refund_updated ON refund (updated_at, id)",
    "CREATE INDEX refund_created ON refund (created_at, id)",
    "CREATE INDEX refund_amount ON refund (amount_minor, id)",
    "DROP INDEX fulfillment_line_item",
    "CREATE INDEX fulfillment_line_item ON fulfillment_line (item_id, fulfillment_id, id)",
    "CREATE INDEX task_worker ON task (claimed_by, priority, seniority, id)"
    " WHERE claimed_by IS NOT NULL",
    "CREATE INDEX operational_exception_by_due ON operational_exception (due_at, id)",
    "CREATE INDEX operational_exception_role ON operational_exception (owner_role, id)",
    "CREATE INDEX operational_exception_subject ON operational_exception (subject_key, id)",
)


def statements(_: Engine) -> Iterator[str]:
    """All statements of this version in order; the same on both engines."""
    yield from _STATEMENTS
