"""Units that a count did not find although they are promised: taken from holds, then from orders.

1. Live holds lose them, youngest first; a hold is released whole.
2. Unpicked fulfillments lose them: of the channel that is served last, then with the latest
   promise, then the youngest. Other locations replace the units; the rest is backordered, and
   OVERSOLD is opened about the order.

The stock is locked before the orders, so orders are locked without waiting. The first order that
another transaction has locked ends the step; the posting job goes on from there. A step takes units
of at most HOLDS_MAX holds and ORDERS_MAX orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import models.queries.counts.claims as claims
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.orders.reservations as reservation_queries
import workflows.exceptions.opening as exceptions
import workflows.orders.fulfillment_holds as fulfillment_holds
import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
import workflows.reservations.expiry as reservation_expiry
import workflows.warehouse.shortages as shortages
from domain.events.fulfillments import FulfillmentCancelled, FulfillmentReduced
from domain.events.orders import OrderUncovered
from domain.events.payloads import encode
from domain.exceptions import ExceptionKind
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.scans import ScannedUnits
from domain.stock.reservations import ReservationStatus
from domain.stock.states import MovementKind, StockState
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from models.queries.catalog.lookups import LocationFacts
from models.queries.orders.reservations import EndingHoldRow, HeldLineRow
from workflows.orders.locked_orders import Line, LockedOrder
from workflows.reservations.expired_units import ExpiredUnits
from workflows.transactions.levels import Level, StockMove
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction
from workflows.warehouse.shortages import Replacement

HOLDS_MAX: Final = 200
ORDERS_MAX: Final = 50
_UNPICKED: Final = frozenset({FulfillmentStatus.OPEN, FulfillmentStatus.ON_HOLD})


@dataclass(frozen=True, slots=True)
class LockedHolds:
    """Holds that lose their units, locked with the stock of all their items."""

    rows: Mapping[UUID, EndingHoldRow]
    lines: Sequence[HeldLineRow]


async def holds_to_release(
    tx: Transaction, item_id: int, location_id: int, units: int
) -> list[UUID]:
    """The youngest live holds that have these units of a level together; not locked."""
    chosen: list[UUID] = []
    for row in await claims.holds_of(tx.session, item_id, location_id, HOLDS_MAX):
        if units <= 0:
            break
        chosen.append(row["reservation_id"])
        units -= row["units"]
    return chosen


async def lock_holds(tx: Transaction, ids: Sequence[UUID]) -> LockedHolds:
    """Lock holds and the stock of their items, some of which is locked already."""
    if not ids:
        return LockedHolds({}, ())
    await tx.stock.try_lock(await claims.items_of_holds(tx.session, ids))
    tx.locking(LockClass.HOLDS)
    rows = {row["id"]: row for row in await claims.lock_held(tx.session, ids)}
    lines = await reservation_queries.lines_of(tx.session, sorted(rows))
    return LockedHolds(rows, lines)


async def release(tx: Transaction, holds: LockedHolds, ids: Sequence[UUID], actor: str) -> None:
    """Release those of these holds that are locked. Records `reservation.released`."""
    chosen = [holds.rows[each] for each in ids if each in holds.rows]
    wanted = {row["id"] for row in chosen}
    lines = [line for line in holds.lines if line["reservation_id"] in wanted]
    await reservation_expiry.end(tx, chosen, lines, ReservationStatus.RELEASED, actor)


class OrderUnits:
    """Takes units of a level from unpicked fulfillments, until a step has met ORDERS_MAX orders."""

    def __init__(self, tx: Transaction, expired: ExpiredUnits, actor: str) -> None:
        self._tx = tx
        self._expired = expired
        self._actor = actor
        self._orders: dict[UUID, LockedOrder] = {}

    async def take(self, level: Level, location: LocationFacts, units: int, reference: str) -> int:
        """Take at most `units` of a locked level out of the stock. Returns the units taken."""
        tx, taken = self._tx, 0
        await tx.flush()
        rows = await claims.unpicked_of(tx.session, level.item_id, level.location_id, ORDERS_MAX)
        await self._lock([row["order_id"] for row in rows])
        for row in rows:
            order = self._orders.get(row["order_id"])
            if order is None or taken == units:
                break
            parcel = await fulfillment_queries.fulfillment(tx.session, row["fulfillment_id"])
            assert parcel is not None
            if FulfillmentStatus(parcel["status"]) in _UNPICKED:
                taken += await self._take(order, parcel, level, location, units - taken, reference)
        return taken

    async def _lock(self, order_ids: Sequence[UUID]) -> None:
        """Lock the first of these orders that no other transaction has locked."""
        free = ORDERS_MAX - len(self._orders)
        wanted = [each for each in dict.fromkeys(order_ids) if each not in self._orders][:free]
        for order in await locked_orders.try_lock(self._tx, wanted) if wanted else ():
            self._orders[order.id] = order

    async def _take(
        self,
        order: LockedOrder,
        parcel: FulfillmentRow,
        level: Level,
        location: LocationFacts,
        units: int,
        reference: str,
    ) -> int:
        tx = self._tx
        contents = await fulfillment_queries.lines_of(tx.session, [parcel["id"]])
        missing, left = _shares(order, contents, level.item_id, units)
        taken = sum(part for _, part in missing)
        if not taken:
            return 0
        tx.stock.move(
            StockMove(
                item_id=level.item_id,
                location_id=level.location_id,
                from_state=StockState.ALLOCATED,
                to_state=None,
                quantity=taken,
                actor=self._actor,
                channel_id=order.channel_id,
                reference=reference,
                value_minor=tx.costs.issue(level.item_id, taken),
                value_currency=tx.terms.base_currency,
                kind=MovementKind.COUNTED,
                spares_bins=True,
            )
        )
        found = await shortages.replace_elsewhere(
            tx, order, missing, location, self._expired, parcel["id"], self._actor
        )
        await self._write(order, parcel, contents, left, found, {level.sku: taken})
        if found.backordered:
            await fulfillment_holds.follow_backorders(tx, order, parcel["id"], self._actor)
            await self._oversold(order, level, location, found.backordered)
        return taken

    async def _write(
        self,
        order: LockedOrder,
        parcel: FulfillmentRow,
        contents: Sequence[FulfillmentLineRow],
        left: Mapping[UUID, int],
        found: Replacement,
        units: Mapping[str, int],
    ) -> None:
        """Write the fulfillment, which is cancelled without any unit, and the order."""
        tx, actor = self._tx, self._actor
        is_empty = not any(left.values())
        status = FulfillmentStatus.CANCELLED if is_empty else FulfillmentStatus(parcel["status"])
        version = parcel["version"] + 1
        changed = [
            (each["id"], ScannedUnits(left[each["id"]], each["picked"], each["packed"]))
            for each in contents
            if left[each["id"]] != each["quantity"]
        ]
        await tx.flush()
        await fulfillment_queries.write_units(tx.session, changed)
        await fulfillment_queries.write_status(
            tx.session, [(parcel["id"], str(status), version)], tx.now
        )
        step = fulfillments.step(order.row, status, parcel["status"])
        event = (
            FulfillmentCancelled(
                **step,
                shortages=None,
                rerouted=tuple(found.fulfillment_ids),
                backordered=found.backordered,
            )
            if is_empty
            else FulfillmentReduced(**step)
        )
        fulfillments.record(tx, event, parcel, version, order.row, actor)
        uncovered = OrderUncovered(
            **await locked_orders.write(tx, order),
            fulfillment=parcel["id"],
            units=units,
            rerouted=tuple(found.fulfillment_ids),
            backordered=found.backordered,
        )
        locked_orders.record(tx, order, uncovered, actor)
        tx.outbox.audit(
            actor,
            "order.uncovered",
            ("Order", order.id),
            before={"status": str(uncovered.before)},
            after={**encode(uncovered), "routing": found.decision},
        )

    async def _oversold(
        self, order: LockedOrder, level: Level, location: LocationFacts, units: int
    ) -> None:
        await exceptions.open_exception(
            self._tx,
            ExceptionKind.OVERSOLD,
            ("Order", order.id),
            f"A count at {location.code} did not find {units} units of {level.sku} that order"
            f" {order.number} was promised.",
            location_id=location.id,
            channel_id=order.channel_id,
            actor=self._actor,
        )


def _shares(
    order: LockedOrder, contents: Sequence[FulfillmentLineRow], item_id: int, units: int
) -> tuple[list[tuple[Line, int]], dict[UUID, int]]:
    """The units that each line of an order loses, and those left in each line of its parcel."""
    missing: list[tuple[Line, int]] = []
    left = {each["id"]: each["quantity"] for each in contents}
    for each in contents:
        part = min(units, each["quantity"] - each["picked"]) if each["item_id"] == item_id else 0
        if part:
            line = order.line(each["order_line_id"])
            assert line is not None
            missing.append((line, part))
            left[each["id"]] -= part
            units -= part
    return missing, left
