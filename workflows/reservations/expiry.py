"""End of holds, by expiry or release: their units become available again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypedDict
from uuid import UUID

import models.queries.orders.reservations as reservation_queries
from domain.events.reservations import ReservationExpired, ReservationPayload, ReservationReleased
from domain.stock.reservations import ReservationStatus
from domain.stock.states import StockState
from models.reservations import ReservationRow
from workflows.transactions.lock_order import LockClass
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

SYSTEM = "system"
SWEPT_MAX = 200
_EVENTS: Final[Mapping[ReservationStatus, type[ReservationReleased] | type[ReservationExpired]]] = {
    ReservationStatus.RELEASED: ReservationReleased,
    ReservationStatus.EXPIRED: ReservationExpired,
}


async def lock_stock_and_expire_holds(
    tx: Transaction, item_ids: Iterable[int], also_expired: Sequence[UUID] = ()
) -> None:
    """Lock all stock of these items and end their expired holds.

    An expired hold may contain other items; these are locked together, in lock order.
    `also_expired`: further holds to end if they have expired.
    """
    wanted = set(item_ids)
    expired = {
        *await reservation_queries.holds_over(tx.session, sorted(wanted), tx.now),
        *also_expired,
    }
    lines = await reservation_queries.lines_of(tx.session, sorted(expired)) if expired else []
    await tx.stock.lock(wanted | {line["item_id"] for line in lines})
    if expired:
        await expire(tx, sorted(expired))


async def expire(tx: Transaction, ids: Sequence[UUID]) -> int:
    """End those of these holds that have expired; returns their number.

    The stock of their items must be locked. Locks the holds. Records `reservation.expired`.
    """
    tx.locking(LockClass.HOLDS)
    rows = await reservation_queries.lock_holds_over(tx.session, ids, tx.now)
    await end(tx, rows, ReservationStatus.EXPIRED, SYSTEM)
    return len(rows)


async def sweep(tx: Transaction) -> int:
    """End expired holds, at most SWEPT_MAX; returns their number.

    Locks the stock of their items, then the holds. Records `reservation.expired`.
    """
    expired = await reservation_queries.any_holds_over(tx.session, tx.now, SWEPT_MAX)
    if not expired:
        return 0
    lines = await reservation_queries.lines_of(tx.session, expired)
    await tx.stock.lock({line["item_id"] for line in lines})
    return await expire(tx, sorted(expired))


async def end(
    tx: Transaction, rows: Sequence[ReservationRow], status: ReservationStatus, actor: str
) -> None:
    """Return the units of locked holds to AVAILABLE and store the status, RELEASED or EXPIRED.

    Records `reservation.released` or `reservation.expired`.
    """
    if not rows:
        return
    holds = {row["id"]: row for row in rows}
    for line in await reservation_queries.lines_of(tx.session, sorted(holds)):
        tx.stock.move(
            StockMove(
                item_id=line["item_id"],
                location_id=line["location_id"],
                from_state=StockState.HELD,
                to_state=StockState.AVAILABLE,
                quantity=line["quantity"],
                actor=actor,
                channel_id=holds[line["reservation_id"]]["channel_id"],
                reference=f"Reservation:{line['reservation_id']}",
            ),
        )
    ended = [(row["id"], str(status), None, row["version"] + 1) for row in rows]
    await reservation_queries.end_holds(tx.session, ended)
    event = _EVENTS[status]
    for row in rows:
        record(tx, row, event(expires_at=row["expires_at"]), actor, row["version"] + 1)
        tx.outbox.audit(
            actor,
            event.type,
            ("Reservation", row["id"]),
            before={"status": "HELD"},
            after={"status": str(status)},
        )


class RecordedReservation(TypedDict):
    """Facts of a reservation that its events need."""

    id: UUID
    channel_id: int


def record(
    tx: Transaction, row: RecordedReservation, event: ReservationPayload, actor: str, version: int
) -> None:
    """Record an event of a reservation."""
    tx.outbox.record(event, row["id"], actor=actor, version=version, channel_id=row["channel_id"])
