"""Fulfillment holds: find, and release; protected by the lock of their order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session
from models.fulfillments import FulfillmentHoldRow

_HOLD = (
    "SELECT id, order_id, fulfillment_id, reason, note, placed_by, placed_at, until_at,"
    " released_by, released_at, release_note, run_id FROM fulfillment_hold"
)


async def hold(session: Session, hold_id: UUID) -> FulfillmentHoldRow | None:
    """A hold; read it again after locking its order."""
    return await session.row(FulfillmentHoldRow, f"{_HOLD} WHERE id = $1", hold_id)


async def live_of_order(session: Session, order_id: UUID) -> Sequence[FulfillmentHoldRow]:
    """The live holds of an order and of its fulfillments, oldest first."""
    sql = f"{_HOLD} WHERE order_id = $1 AND released_at IS NULL ORDER BY placed_at, id"
    return await session.rows(FulfillmentHoldRow, sql, order_id)


async def live_of_orders(
    session: Session, order_ids: Sequence[UUID]
) -> Sequence[FulfillmentHoldRow]:
    """The live holds of these orders and of their fulfillments, oldest first."""
    sql = f"{_HOLD} WHERE order_id = ANY($1::uuid[]) AND released_at IS NULL ORDER BY placed_at, id"
    return await session.rows(FulfillmentHoldRow, sql, list(order_ids))


class _OrderIdRow(TypedDict):
    order_id: UUID


async def held_orders(session: Session, order_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these orders that have a live hold of the whole order."""
    rows = await session.rows(
        _OrderIdRow,
        "SELECT DISTINCT order_id FROM fulfillment_hold WHERE order_id = ANY($1::uuid[])"
        " AND released_at IS NULL AND fulfillment_id IS NULL",
        list(order_ids),
    )
    return frozenset(row["order_id"] for row in rows)


async def hold_whole_order(session: Session, hold_id: UUID) -> None:
    """Let a hold of a fulfillment hold its whole order."""
    sql = "UPDATE fulfillment_hold SET fulfillment_id = NULL WHERE id = $1"
    await session.execute(sql, hold_id)


async def due(session: Session, now: datetime, limit: int) -> Sequence[FulfillmentHoldRow]:
    """Live holds whose `until` has come, the first ones first; not locked."""
    sql = f"{_HOLD} WHERE released_at IS NULL AND until_at <= $1 ORDER BY until_at, id LIMIT $2"
    return await session.rows(FulfillmentHoldRow, sql, now, limit)


async def release(
    session: Session, hold_id: UUID, released_by: str, now: datetime, note: str | None
) -> bool:
    """Release a live hold. False if it was released before."""
    changed = await session.execute(
        "UPDATE fulfillment_hold SET released_by = $2, released_at = $3, release_note = $4"
        " WHERE id = $1 AND released_at IS NULL",
        hold_id,
        released_by,
        now,
        note,
    )
    return changed > 0
