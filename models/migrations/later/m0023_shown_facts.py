"""Version 23: facts that people see of items, orders and addresses, and the time of each change.

`updated_at` of fulfillments, returns, refunds, tasks and orders changes with every change that a
reader can see. An order also shows its fulfillments, returns and refunds, so triggers pass their
changes on to it, whoever writes them.

Rows that exist get the time of the last event about them, or of their creation if it is archived.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_COLUMNS = (
    "ALTER TABLE item ADD COLUMN active {bool} NOT NULL DEFAULT TRUE",
    "ALTER TABLE item ADD COLUMN image_url {text}",
    "ALTER TABLE item ADD COLUMN attributes {text}",
    "ALTER TABLE item ADD COLUMN country_of_origin {text}",
    "ALTER TABLE item ADD COLUMN customs_code {text}",
    "ALTER TABLE sales_order ADD COLUMN note {text}",
    "ALTER TABLE sales_order ADD COLUMN tags {json}",
    "ALTER TABLE order_address ADD COLUMN phone {text}",
    "ALTER TABLE order_address ADD COLUMN email {text}",
)
_EPOCH = "'1970-01-01 00:00:00.000000+00:00'"
_PARTS = ("fulfillment", "customer_return", "refund")
# (table, type of its events' subjects)
_TIMED = (
    ("sales_order", "Order"),
    ("fulfillment", "Fulfillment"),
    ("customer_return", "Return"),
    ("refund", "Refund"),
    ("task", "Task"),
)
_OF_PARTS = " UNION ALL ".join(f"SELECT order_id, updated_at FROM {name}" for name in _PARTS)
_PASS_ON = (
    "UPDATE sales_order SET updated_at = NEW.updated_at"
    " WHERE id = NEW.order_id AND updated_at < NEW.updated_at"
)
_FUNCTION = (
    "CREATE FUNCTION pass_change_on_to_order() RETURNS trigger LANGUAGE plpgsql AS $$ "
    f"BEGIN {_PASS_ON}; RETURN NULL; END $$"
)


def _times(engine: Engine, table: str, subject_type: str) -> Iterator[str]:
    # SQLite adds a NOT NULL column only with a constant default. A proof finds a row that kept it.
    column = f"updated_at {{instant}} NOT NULL DEFAULT {_EPOCH}"
    yield render(engine, f"ALTER TABLE {table} ADD COLUMN {column}")
    yield f"UPDATE {table} SET updated_at = created_at"
    yield (
        f"UPDATE {table} SET updated_at = e.last_at FROM"
        " (SELECT subject_key, MAX(occurred_at) AS last_at FROM event"
        f" WHERE subject_type = '{subject_type}' GROUP BY subject_key) AS e"
        f" WHERE e.subject_key = CAST({table}.id AS text) AND e.last_at > {table}.updated_at"
    )


def _triggers(engine: Engine) -> Iterator[str]:
    if engine == "postgres":
        yield _FUNCTION
    for table in _PARTS:
        for name, moment in (("added", "INSERT"), ("changed", "UPDATE OF updated_at")):
            trigger = f"CREATE TRIGGER {table}_{name} AFTER {moment} ON {table}"
            if engine == "postgres":
                yield f"{trigger} FOR EACH ROW EXECUTE FUNCTION pass_change_on_to_order()"
            else:
                yield f"{trigger} BEGIN {_PASS_ON}; END"


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _COLUMNS:
        yield render(engine, statement)
    for table, subject_type in _TIMED:
        yield from _times(engine, table, subject_type)
    yield (
        "UPDATE sales_order SET updated_at = p.last_at FROM"
        f" (SELECT order_id, MAX(updated_at) AS last_at FROM ({_OF_PARTS}) AS parts"
        " GROUP BY order_id) AS p"
        " WHERE p.order_id = sales_order.id AND p.last_at > sales_order.updated_at"
    )
    yield from _triggers(engine)
