"""Item costs under lock, closed periods, and posted entries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from models.database.sessions import Session
from models.database.sql import WriteStatement
from models.queries.events.lock_numbers import BOOKS


async def kept_currency(session: Session) -> str | None:
    """The currency of recorded costs; None before the first stock."""
    return await session.value(str, "SELECT currency FROM item_cost LIMIT 1")


async def ensure_costs(session: Session, item_ids: Sequence[int], currency: str) -> None:
    """Create empty cost rows for items that have none; ids must be sorted."""
    await session.execute_many(
        "INSERT INTO item_cost (item_id, currency) VALUES ($1, $2)"
        " ON CONFLICT (item_id) DO NOTHING",
        [(item_id, currency) for item_id in item_ids],
    )


class ItemCostRow(TypedDict):
    """A locked row of item_cost."""

    id: int
    item_id: int
    currency: str
    quantity: int
    value_minor: int
    quality_quantity: int
    quality_value_minor: int
    returned_quantity: int
    returned_value_minor: int


async def costs_of(session: Session, item_ids: Sequence[int]) -> Sequence[ItemCostRow]:
    """The cost rows of items whose stock is locked, which no other transaction changes."""
    return await session.rows(
        ItemCostRow,
        "SELECT id, item_id, currency, quantity, value_minor, quality_quantity,"
        " quality_value_minor, returned_quantity, returned_value_minor FROM item_cost"
        " WHERE item_id = ANY($1::bigint[])",
        list(item_ids),
    )


async def lock_costs(session: Session, item_ids: Sequence[int]) -> Sequence[ItemCostRow]:
    """Lock the cost rows of these items in item order and read them."""
    return await session.rows(
        ItemCostRow,
        "SELECT id, item_id, currency, quantity, value_minor, quality_quantity,"
        " quality_value_minor, returned_quantity, returned_value_minor FROM item_cost"
        " WHERE item_id = ANY($1::bigint[])"
        " ORDER BY item_id FOR NO KEY UPDATE",
        list(item_ids),
    )


_COSTS = (
    *("quantity", "value_minor", "quality_quantity", "quality_value_minor"),
    *("returned_quantity", "returned_value_minor"),
)
_COST_COLUMNS = tuple((column, "bigint") for column in ("id", *_COSTS))
_SET_COSTS = ", ".join(f"{column} = c.{column}" for column in _COSTS)


def changed_costs(rows: Sequence[tuple[int, ...]]) -> WriteStatement:
    """Set (id, quantity, value, quality quantity and value, returned quantity and value)."""
    return WriteStatement("item_cost", _COST_COLUMNS, _SET_COSTS, rows)


_CLOSED_THROUGH = "SELECT MAX(through_at) AS through_at FROM period_close"


async def hold_open(session: Session) -> datetime | None:
    """Prevent closing a period until this transaction ends; returns the last closed instant.

    The lock is advisory and shared, so it writes nothing and thousands of transactions may hold it.
    The closed instant is read by a separate statement after it. That statement sees a close that
    was committed while the lock was waited for.
    """
    if session.engine == "postgres":
        await session.execute("SELECT pg_advisory_xact_lock_shared($1)", BOOKS)
    return await closed_through(session)


async def hold_shut(session: Session) -> datetime | None:
    """Prevent posting until this transaction ends; returns the last closed instant.

    On SQLite nothing is needed, because there is one writer at a time.
    """
    if session.engine == "postgres":
        await session.execute("SELECT pg_advisory_xact_lock($1)", BOOKS)
    return await closed_through(session)


async def closed_through(session: Session) -> datetime | None:
    """The last closed instant; None if no period is closed."""
    return await session.value(datetime, _CLOSED_THROUGH)
