"""Picking: found units proceed; missing units are quarantined and replaced from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import domain.ledger.entries as ledger_entries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.exceptions.opening as exceptions
import workflows.orders.fulfillments as fulfillments
import workflows.orders.held_steps as held_steps
import workflows.orders.locked_orders as locked_orders
import workflows.orders.picks as picks
import workflows.orders.scanned_steps as scanned_steps
import workflows.reservations.expired_units as expired_units
import workflows.tasks.claims as tasks
import workflows.warehouse.shortages as shortages
from domain.access.callers import Caller
from domain.errors import IllegalTransition, Invalid, NotFound
from domain.events.fulfillments import FulfillmentCancelled, FulfillmentPicked, ShortPick
from domain.events.orders import OrderPicked
from domain.events.payloads import encode
from domain.exceptions import ExceptionKind
from domain.ledger.entries import Occasion
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState
from domain.orders.scans import ScannedUnits
from domain.problems import Problems
from domain.stock.states import StockState, check_quantity
from domain.values.money import Money
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from models.queries.catalog.lookups import LocationFacts
from workflows.orders.locked_orders import Line, LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction
from workflows.warehouse.shortages import Replacement

FIELD = ("fulfillmentId",)


@dataclass(frozen=True, slots=True)
class Shortage:
    """Units of an order line that were not found."""

    order_line_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class PickFulfillment:
    """Record that all units of the fulfillment were picked, except these shortages."""

    fulfillment_id: UUID
    shortages: tuple[Shortage, ...] = ()


@one_by_one("fulfillmentPick")
async def pick(tx: Transaction, command: PickFulfillment, caller: Caller) -> Mapping[str, Any]:
    """Record the picked units of a fulfillment.

    Units that were not scanned count as picked, unless they are missing. Missing units move to
    QUARANTINE until they are counted. The order gets other units if there are
    any; else the units are backordered and SHORT_PICK is opened. Locks the order, the tasks, the
    items' stock, then their costs. Raises IllegalTransition unless the fulfillment is OPEN,
    TaskNotClaimed, NotFound, or Invalid for more units than the fulfillment has. Records
    `fulfillment.picked`, or `fulfillment.cancelled` if no unit was found, and `order.picked`.
    """
    order, row, location = await fulfillments.lock_with_order(
        tx, command.fulfillment_id, caller, FIELD
    )
    await held_steps.refuse_held(tx, row, FulfillmentStatus.PICKED, caller, FIELD)
    status = FulfillmentStatus(row["status"])
    if status is not FulfillmentStatus.OPEN:
        allowed = fulfillments.next_steps(status, location)
        raise IllegalTransition("fulfillment", status, "PICKED", allowed, field=FIELD)
    lines = [
        line
        for line in await fulfillment_queries.lines_of(tx.session, [row["id"]])
        if line["quantity"]
    ]
    short = _short(command.shortages, lines)
    scanned_steps.refuse_unscanned(
        order, row, lines, location, FulfillmentStatus.PICKED, FIELD, short
    )
    live_tasks = await tasks.admit(tx, ("Fulfillment", row["id"]), caller, FIELD)
    missing = [(line, short[line.id]) for line in order.lines if line.id in short]
    found = Replacement((), 0, None)
    if missing:
        expired = await expired_units.lock_stock(tx, [line.item_id for line, _ in missing])
        await picks.book(tx, {line.item_id for line, _ in missing})
        await _quarantine(tx, order, location, missing, caller.actor)
        found = await shortages.replace_units(
            tx, order, missing, location, expired, row["id"], caller.actor
        )
    _record_picks(tx, row, lines, short, caller.actor)
    await _write(tx, order, row, lines, short, found, caller.actor)
    if missing:
        # The worker looked for the missing units: the task is done, not cancelled.
        await tasks.finish(tx, live_tasks, caller.actor)
    new = [str(each) for each in found.fulfillment_ids]
    return {"fulfillment": str(row["id"]), "fulfillments": [str(row["id"]), *new]}


def _short(reported: Sequence[Shortage], lines: Sequence[FulfillmentLineRow]) -> dict[UUID, int]:
    """Missing units by order line. Raises Invalid or NotFound; scanned units are not missing."""
    expected = {line["order_line_id"]: line["quantity"] - line["picked"] for line in lines}
    short: dict[UUID, int] = {}
    problems = Problems()
    for index, each in enumerate(reported):
        with problems.under("shortages", str(index)):
            check_quantity(each.quantity)
            if each.order_line_id not in expected:
                raise NotFound("order line", str(each.order_line_id), field=("orderLineId",))
            short[each.order_line_id] = short.get(each.order_line_id, 0) + each.quantity
            if short[each.order_line_id] > expected[each.order_line_id]:
                raise Invalid(
                    f"At most {expected[each.order_line_id]} unscanned units can be missing;"
                    f" {short[each.order_line_id]} were reported.",
                    field=("quantity",),
                    details={"maximum": expected[each.order_line_id]},
                )
    problems.refuse()
    return short


async def _quarantine(
    tx: Transaction,
    order: LockedOrder,
    location: LocationFacts,
    missing: Sequence[tuple[Line, int]],
    actor: str,
) -> None:
    """Move missing units to QUARANTINE at cost, in doubt, and open COUNT_VARIANCE for their levels.

    The stock of the items must be locked.
    """
    await tx.costs.lock([line.item_id for line, _ in missing])
    total = 0
    by_item: dict[int, int] = {}
    for line, units in missing:
        by_item[line.item_id] = by_item.get(line.item_id, 0) + units
        value_minor = tx.costs.to_quality(line.item_id, units)
        total += value_minor
        change = StockMove(
            item_id=line.item_id,
            location_id=location.id,
            from_state=StockState.ALLOCATED,
            to_state=StockState.QUARANTINE,
            quantity=units,
            missing=units,
            actor=actor,
            channel_id=order.channel_id,
            reference=f"Order:{order.id}",
            value_minor=value_minor,
            value_currency=tx.terms.base_currency,
        )
        tx.stock.move(change)
    entry = ledger_entries.moved(
        sum(by_item.values()),
        StockState.ALLOCATED,
        StockState.QUARANTINE,
        Money(total, tx.terms.base_currency),
        Occasion(order.number, order.time_of(tx.now)),
    )
    tx.journal.post(entry, actor=actor, channel_id=order.channel_id, location_id=location.id)
    for item_id in sorted(by_item):
        level = tx.stock.levels[item_id, location.id]
        await exceptions.open_exception(
            tx,
            ExceptionKind.COUNT_VARIANCE,
            ("StockLevel", level.id),
            f"{by_item[item_id]} units of {level.sku} were not found at {location.code}.",
            location_id=location.id,
            actor=actor,
        )


def _record_picks(
    tx: Transaction,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    short: Mapping[UUID, int],
    actor: str,
) -> None:
    """Record the units that were picked without a scan."""
    for line in lines:
        units = line["quantity"] - line["picked"] - short.get(line["order_line_id"], 0)
        if units:
            picks.record(tx, line["item_id"], row["location_id"], units, actor)


async def _write(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    short: Mapping[UUID, int],
    found: Replacement,
    actor: str,
) -> None:
    """Write the picked units. A fulfillment without any is cancelled."""
    units = {each["order_line_id"]: each["quantity"] for each in lines}
    for line_id, expected in units.items():
        line = order.line(line_id)
        assert line is not None
        picked = expected - short.get(line_id, 0)
        line.shift(OrderLineState.ALLOCATED, OrderLineState.PICKED, picked)
    is_empty = sum(units.values()) == sum(short.values())
    status = FulfillmentStatus.CANCELLED if is_empty else FulfillmentStatus.PICKED
    found_units = {
        each["id"]: each["quantity"] - short.get(each["order_line_id"], 0) for each in lines
    }
    version = row["version"] + 1
    await fulfillment_queries.write_units(
        tx.session,
        [
            (
                each["id"],
                ScannedUnits(found_units[each["id"]], found_units[each["id"]], each["packed"]),
            )
            for each in lines
        ],
    )
    await fulfillment_queries.write_status(tx.session, [(row["id"], str(status), version)], tx.now)
    short_pick: ShortPick = {
        "shortages": {str(line_id): units for line_id, units in short.items()},
        "rerouted": tuple(found.fulfillment_ids),
        "backordered": found.backordered,
    }
    event = (
        FulfillmentCancelled(**fulfillments.step(order.row, status, row["status"]), **short_pick)
        if is_empty
        else FulfillmentPicked(
            **fulfillments.work_step(order.row, status, row["status"]), **short_pick
        )
    )
    fulfillments.record(tx, event, row, version, order.row, actor)
    tx.outbox.audit(
        actor,
        "fulfillmentPick",
        ("Fulfillment", row["id"]),
        before={"status": row["status"]},
        after={**encode(event), "routing": found.decision},
    )
    await tx.flush()
    picked_order = OrderPicked(**await locked_orders.write(tx, order), fulfillment=row["id"])
    locked_orders.record(tx, order, picked_order, actor)
