"""End of holds, by expiry or release: their units become available again.

A hold is over at its end by the clock. The sweep stores that, in four steps:
1. one look, without a lock, finds the oldest expired holds with their lines;
2. they are sorted by item, so that a batch moves the stock of an item once for many holds;
3. each batch, of a limited number of lines or one hold, is a transaction of its own;
4. a batch that fails delays no other: the sweep goes on, and raises the error at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, TypedDict
from uuid import UUID

import models.queries.orders.reservations as reservation_queries
from domain.errors import IllegalTransition
from domain.events.reservations import ReservationExpired, ReservationPayload, ReservationReleased
from domain.stock.reservations import RESERVATION_TRANSITIONS, ReservationStatus
from domain.stock.states import StockState
from models.queries.orders.reservations import EndingHoldRow, HeldLineRow
from models.reservations import ReservationRow
from workflows.transactions.lock_order import LockClass
from workflows.transactions.runner import Transactions
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction

SYSTEM = "system"
# Lines of expired holds that one look finds; more than a single hold can have.
LOOK_MAX = 4_000
# A batch locks its stock for a few milliseconds: a hold of the same stock waits that long.
SWEPT_LINES_MAX = 64
# On SQLite every hold waits for a batch. Small batches cost more: with a backlog they are large.
BRIEF_LINES_MAX = 16
BACKLOG_MIN = 1_000
_EVENTS: Final[Mapping[ReservationStatus, type[ReservationReleased] | type[ReservationExpired]]] = {
    ReservationStatus.RELEASED: ReservationReleased,
    ReservationStatus.EXPIRED: ReservationExpired,
}


async def expire(tx: Transaction, lines: Sequence[HeldLineRow]) -> int:
    """End those of the holds with these lines that have expired; returns their number.

    `lines`: all lines of each hold; the stock of their items must be locked. Skips holds that
    another transaction has locked, so it never waits. Records `reservation.expired`.
    """
    tx.unit.trying(LockClass.HOLDS)
    ids = sorted({line["reservation_id"] for line in lines})
    rows = await reservation_queries.lock_holds_over(tx.session, ids, tx.now)
    over = {row["id"] for row in rows}
    ended = [line for line in lines if line["reservation_id"] in over]
    await end(tx, rows, ended, ReservationStatus.EXPIRED, SYSTEM)
    return len(rows)


Batch = Mapping[UUID, Sequence[HeldLineRow]]


async def sweep(transactions: Transactions) -> int:
    """End expired holds, at most LOOK_MAX lines; returns the number of holds.

    Each batch locks the stock of its items, then its holds. Records `reservation.expired`. Raises
    the error of the first batch that failed, after the others.
    """
    async with transactions.database.reading() as session:
        lines = await reservation_queries.lines_over(session, transactions.clock(), LOOK_MAX)
    ended, failures = 0, list[Exception]()
    is_brief = transactions.database.engine == "sqlite" and len(lines) < BACKLOG_MIN
    for batch in _batches(lines, BRIEF_LINES_MAX if is_brief else SWEPT_LINES_MAX):
        try:
            ended += await transactions.run(partial(_expire_batch, batch))
        except Exception as error:  # noqa: BLE001  raised below
            failures.append(error)
    if failures:
        raise failures[0]
    return ended


def _batches(lines: Sequence[HeldLineRow], lines_max: int) -> Iterator[Batch]:
    """Whole holds by their lowest item, in batches of at most `lines_max` lines or one hold."""
    by_hold: dict[UUID, list[HeldLineRow]] = {}
    for line in lines:
        by_hold.setdefault(line["reservation_id"], []).append(line)
    if len(lines) == LOOK_MAX and len(by_hold) > 1:
        by_hold.popitem()  # the last hold may lack lines
    batch: dict[UUID, list[HeldLineRow]] = {}
    count = 0
    for hold_id, of_hold in sorted(
        by_hold.items(), key=lambda hold: min(line["item_id"] for line in hold[1])
    ):
        if batch and count + len(of_hold) > lines_max:
            yield batch
            batch, count = {}, 0
        batch[hold_id] = of_hold
        count += len(of_hold)
    if batch:
        yield batch


async def _expire_batch(batch: Batch, tx: Transaction) -> int:
    lines = [line for of_hold in batch.values() for line in of_hold]
    await tx.stock.lock({line["item_id"] for line in lines})
    return await expire(tx, lines)


async def end(
    tx: Transaction,
    rows: Sequence[EndingHoldRow],
    lines: Iterable[HeldLineRow],
    status: ReservationStatus,
    actor: str,
) -> None:
    """Return the units of locked holds to AVAILABLE and store the status, RELEASED or EXPIRED.

    `lines`: all lines of these holds. Records `reservation.released` or `reservation.expired`.
    """
    if not rows:
        return
    channels = {row["id"]: row["channel_id"] for row in rows}
    for line in lines:
        tx.stock.move(
            StockMove(
                item_id=line["item_id"],
                location_id=line["location_id"],
                from_state=StockState.HELD,
                to_state=StockState.AVAILABLE,
                quantity=line["quantity"],
                actor=actor,
                channel_id=channels[line["reservation_id"]],
                reference=f"Reservation:{line['reservation_id']}",
            ),
        )
    await reservation_queries.end_holds(tx.session, sorted(channels), str(status))
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


def check_is_held(row: ReservationRow, requested: ReservationStatus) -> None:
    """Raise IllegalTransition unless the hold may become `requested`."""
    status = ReservationStatus(row["status"])
    if requested not in RESERVATION_TRANSITIONS[status]:
        allowed = RESERVATION_TRANSITIONS[status]
        raise IllegalTransition("reservation", status, requested, allowed, field=("id",))


class RecordedReservation(TypedDict):
    """Facts of a reservation that its events need."""

    id: UUID
    channel_id: int


def record(
    tx: Transaction, row: RecordedReservation, event: ReservationPayload, actor: str, version: int
) -> None:
    """Record an event of a reservation."""
    tx.outbox.record(event, row["id"], actor=actor, version=version, channel_id=row["channel_id"])
