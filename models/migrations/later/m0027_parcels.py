"""Version 27: a fulfillment is one parcel: it has a number, and the weight and sizes of the parcel.

The fulfillments of each order that exists are numbered from 1 in the order of their creation.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, render

_COLUMNS = (
    # SQLite adds a NOT NULL column only with a constant default. The unique index and a proof find
    # a row that kept it.
    "ALTER TABLE fulfillment ADD COLUMN number {text} NOT NULL DEFAULT ''",
    "ALTER TABLE fulfillment ADD COLUMN weight_grams {int} CHECK (weight_grams > 0)",
    "ALTER TABLE fulfillment ADD COLUMN length_mm {int} CHECK (length_mm > 0)",
    "ALTER TABLE fulfillment ADD COLUMN width_mm {int} CHECK (width_mm > 0)",
    "ALTER TABLE fulfillment ADD COLUMN height_mm {int} CHECK (height_mm > 0)",
)
_FILL = (
    "UPDATE fulfillment SET number = n.number FROM (SELECT f.id, o.number || '-' || CAST("
    "ROW_NUMBER() OVER (PARTITION BY f.order_id ORDER BY f.created_at, f.id) AS text) AS number"
    " FROM fulfillment f JOIN sales_order o ON o.id = f.order_id) AS n"
    " WHERE n.id = fulfillment.id"
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _COLUMNS:
        yield render(engine, statement)
    yield _FILL
    yield "CREATE UNIQUE INDEX fulfillment_number ON fulfillment (number)"
