"""The books: what each item's units cost, under lock, and what was posted."""

from __future__ import annotations

from collections.abc import Sequence

from models.sessions import Row, Session


async def ensure_costs(session: Session, item_ids: Sequence[int], currency: str) -> None:
    """Make empty cost rows for the items that have none; ids come sorted."""
    await session.execute_many(
        "INSERT INTO item_cost (item_id, currency) VALUES ($1, $2)"
        " ON CONFLICT (item_id) DO NOTHING",
        [(item_id, currency) for item_id in item_ids],
    )


async def lock_costs(session: Session, item_ids: Sequence[int]) -> Sequence[Row]:
    """Lock the cost rows of these items in item order and read them."""
    return await session.fetch(
        "SELECT id, item_id, currency, quantity, value_minor, quality_quantity,"
        " quality_value_minor FROM item_cost WHERE item_id = ANY($1::bigint[])"
        " ORDER BY item_id FOR NO KEY UPDATE",
        list(item_ids),
    )


async def write_costs(session: Session, rows: Sequence[tuple[int, int, int, int, int]]) -> None:
    """Set (id, quantity, value, quality quantity, quality value) of locked cost rows."""
    await session.execute_many(
        "UPDATE item_cost SET quantity = $2, value_minor = $3, quality_quantity = $4,"
        " quality_value_minor = $5 WHERE id = $1",
        rows,
    )
