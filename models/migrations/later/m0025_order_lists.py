"""Version 25: lists of orders are sorted and filtered by indexes.

`order_location` has each location of an order once, with the order's status: a page of the orders
of a location in a status is one range of its index. Triggers keep it. A customer's reference is
found by its key.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.backfills.code_keys import CodeColumn, CodeKeys
from models.migrations.dialect import Engine, render

# Orders without a promised time are last.
_SHIP_BY = "COALESCE(ship_by_at, '9999-12-31 00:00:00.000000+00:00')"
_TABLE = """CREATE TABLE order_location (
  id {identity},
  order_id {uuid} NOT NULL REFERENCES sales_order (id) ON DELETE RESTRICT,
  location_id {int} NOT NULL REFERENCES location (id) ON DELETE RESTRICT,
  status {text} NOT NULL,
  UNIQUE (order_id, location_id)
) {strict}"""
_FILL = (
    "INSERT INTO order_location (order_id, location_id, status)"
    " SELECT DISTINCT f.order_id, f.location_id, o.status"
    " FROM fulfillment f JOIN sales_order o ON o.id = f.order_id"
)
_ADD = (
    "INSERT INTO order_location (order_id, location_id, status)"
    " SELECT NEW.order_id, NEW.location_id, o.status FROM sales_order o WHERE o.id = NEW.order_id"
    " ON CONFLICT (order_id, location_id) DO NOTHING"
)
_FOLLOW = "UPDATE order_location SET status = NEW.status WHERE order_id = NEW.id"
_IF_CHANGED = "WHEN (OLD.status <> NEW.status)"

_INDEXES = (
    "CREATE INDEX order_location_orders ON order_location (location_id, order_id)",
    "CREATE INDEX order_location_status ON order_location (location_id, status, order_id)",
    "DROP INDEX order_line_item",
    "CREATE INDEX order_line_item ON order_line (item_id, order_id, line_no)",
    "CREATE INDEX sales_order_placed ON sales_order (placed_at, id)",
    "CREATE INDEX sales_order_channel_placed ON sales_order (channel_id, placed_at, id)",
    "CREATE INDEX sales_order_channel_status ON sales_order (channel_id, status, id)",
    "CREATE INDEX sales_order_updated ON sales_order (updated_at, id)",
    f"CREATE INDEX sales_order_ship_by ON sales_order ({_SHIP_BY}, id)",
    "CREATE INDEX sales_order_customer_key ON sales_order (customer_reference_key, id)"
    " WHERE customer_reference_key IS NOT NULL",
)


def statements(engine: Engine) -> Iterator[str]:
    """Statements that add and fill the table, and add the key's column."""
    yield render(engine, _TABLE)
    yield _FILL
    yield render(
        engine,
        "ALTER TABLE sales_order ADD COLUMN customer_reference_key {text}"
        " CHECK (customer_reference_key <> '')",
    )


def _finish(engine: Engine) -> Iterator[str]:
    """Statements that follow when the keys are filled."""
    yield from _INDEXES
    if engine == "sqlite":
        yield (f"CREATE TRIGGER order_location_add AFTER INSERT ON fulfillment BEGIN {_ADD}; END")
        yield (
            "CREATE TRIGGER order_location_follow AFTER UPDATE OF status ON sales_order"
            f" {_IF_CHANGED} BEGIN {_FOLLOW}; END"
        )
        return
    for name, action in (("add_order_location", _ADD), ("follow_order_status", _FOLLOW)):
        yield (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN {action}; RETURN NULL; END $$"
        )
    yield (
        "CREATE TRIGGER order_location_add AFTER INSERT ON fulfillment"
        " FOR EACH ROW EXECUTE FUNCTION add_order_location()"
    )
    yield (
        "CREATE TRIGGER order_location_follow AFTER UPDATE OF status ON sales_order"
        f" FOR EACH ROW {_IF_CHANGED} EXECUTE FUNCTION follow_order_status()"
    )


KEYS = CodeKeys((CodeColumn("sales_order", "customer_reference"),), (), _finish)
