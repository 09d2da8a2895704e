"""Manual reroute of a fulfillment to another location, with a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.availability.atp_context as atp_context
import workflows.availability.caps as caps
import workflows.orders.fulfillments as fulfillments
import workflows.orders.held_steps as held_steps
import workflows.orders.locked_orders as locked_orders
import workflows.orders.picks as picks
import workflows.reservations.expired_units as expired_units
import workflows.tasks.claims as tasks
import workflows.warehouse.shortages as shortages
from domain.access.callers import Caller
from domain.errors import (
    IllegalTransition,
    InsufficientStock,
    Invalid,
    NotFound,
    PolicyViolation,
)
from domain.events.fulfillments import FulfillmentCancelled
from domain.events.orders import OrderRerouted
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.scans import ScannedUnits
from domain.policies.policies import PolicyKind
from domain.problems import Problems
from domain.stock.states import StockState
from domain.values.codes import store_codes
from domain.values.texts import NOTE_MAX, check_text
from domain.values.totals import totals
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from models.queries.catalog.lookups import LocationFacts
from workflows.orders.fulfillments import ParcelContents, ParcelLine
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class RerouteFulfillment:
    """Supply this fulfillment from another location. `note` gives the reason."""

    fulfillment_id: UUID
    location_code: str
    note: str

    def __post_init__(self) -> None:
        store_codes(self, "location_code")


@one_by_one("fulfillmentReroute")
async def reroute(
    tx: Transaction, command: RerouteFulfillment, caller: Caller
) -> Mapping[str, Any]:
    """Supply a fulfillment from another of its channel's locations.

    The units allocated so far become available; picked ones come back unbinned. Locks the order,
    the tasks, then the stock. Raises IllegalTransition unless the fulfillment is OPEN,
    InsufficientStock, PolicyViolation (for a measure of a playbook), Invalid, TaskNotClaimed or
    NotFound. Records `fulfillment.cancelled`, `fulfillment.created` and `order.rerouted`.
    """
    problems = Problems()
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
    with problems.under():
        order, row, origin = await fulfillments.lock_with_order(
            tx, command.fulfillment_id, caller, ("id",)
        )
    problems.refuse()
    await held_steps.refuse_held(tx, row, "OPEN elsewhere", caller, ("id",))
    status = FulfillmentStatus(row["status"])
    if status is not FulfillmentStatus.OPEN:
        allowed = fulfillments.next_steps(status, origin)
        raise IllegalTransition("fulfillment", status, "OPEN elsewhere", allowed, field=("id",))
    target = await _target(tx, command, order, origin, caller)
    await tasks.admit(tx, ("Fulfillment", row["id"]), caller, ("id",))
    lines = [
        line
        for line in await fulfillment_queries.lines_of(tx.session, [row["id"]])
        if line["quantity"]
    ]
    wanted = totals((line["item_id"], line["quantity"]) for line in lines)
    expired = await expired_units.lock_stock(tx, wanted)
    await picks.book(tx, wanted)
    await expired.attempt(tx, partial(_check_units, tx, wanted, origin, target))
    await _check_open(tx, order, wanted, target)
    new_fulfillment_id = await _reallocate(tx, order, lines, origin, target, caller.actor)
    await _write(tx, command, order, row, lines, new_fulfillment_id, caller.actor)
    return {"order": str(order.id)}


async def _target(
    tx: Transaction,
    command: RerouteFulfillment,
    order: LockedOrder,
    origin: LocationFacts,
    caller: Caller,
) -> LocationFacts:
    field = ("locationCode",)
    found = await lookups.location_by_code(tx.session, command.location_code)
    if found is None or not caller.sees_location(found.code):
        raise NotFound("location", command.location_code, field=field)
    channel = (await lookups.channels_by_id(tx.session, [order.channel_id]))[order.channel_id]
    if found.id == origin.id:
        raise Invalid("The fulfillment already ships from this location.", field=field)
    if found.id not in {place.id for place in channel.locations}:
        raise Invalid(
            "The order's channel does not sell from this location.",
            field=field,
            details={"allowed": [place.code for place in channel.locations]},
        )
    return found


async def _check_units(
    tx: Transaction, wanted: Mapping[int, int], origin: LocationFacts, target: LocationFacts
) -> None:
    """Raise InsufficientStock unless the target has these units of the items."""
    for item_id, units in sorted(wanted.items()):
        level = tx.stock.level(item_id, target.id)
        promisable = 0 if level is None else level.promisable
        if promisable < units:
            sku = tx.stock.levels[item_id, origin.id].sku
            raise InsufficientStock(sku, units, promisable, field=("locationCode",))


async def _check_open(
    tx: Transaction, order: LockedOrder, wanted: Mapping[int, int], target: LocationFacts
) -> None:
    """Raise PolicyViolation if a measure forbids to send these items from the target."""
    found = await atp_context.read(tx.session, wanted, tx.now)
    context = await caps.lock(tx, found)
    channel = next(each for each in context.channels if each.id == order.channel_id)
    for item in (await lookups.items_by_id(tx.session, wanted)).values():
        if target.id not in context.unclosed_places(channel, item):
            raise PolicyViolation(
                f"A playbook that was started stops {item.sku} from leaving {target.code}. End it,"
                " or choose another location.",
                field=("locationCode",),
                details={"policy": str(PolicyKind.CONTINUITY), "location": target.code},
            )


async def _reallocate(
    tx: Transaction,
    order: LockedOrder,
    lines: Sequence[FulfillmentLineRow],
    origin: LocationFacts,
    target: LocationFacts,
    actor: str,
) -> UUID:
    """Release the units at the origin and allocate others at the target; new fulfillment's id."""
    wanted = totals((line["item_id"], line["quantity"]) for line in lines)
    picked = totals((line["item_id"], line["picked"]) for line in lines)
    for item_id in sorted(wanted):
        units = wanted[item_id]
        change = StockMove(
            item_id=item_id,
            location_id=origin.id,
            from_state=StockState.ALLOCATED,
            to_state=StockState.AVAILABLE,
            quantity=units,
            picked=picked[item_id],
            actor=actor,
            channel_id=order.channel_id,
            reference=f"Order:{order.id}",
        )
        tx.stock.move(change)
        shortages.allocate(tx, order, item_id, target.id, units, actor)
    moved = [ParcelLine(line["order_line_id"], line["item_id"], line["quantity"]) for line in lines]
    contents = ParcelContents(target.id, moved)
    return (await fulfillments.add_to_order(tx, order, [contents], actor=actor))[0]


async def _write(
    tx: Transaction,
    command: RerouteFulfillment,
    order: LockedOrder,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    new_fulfillment_id: UUID,
    actor: str,
) -> None:
    """Write the cancelled fulfillment, and audit the decision with the policy it overrides."""
    version = row["version"] + 1
    cancelled = str(FulfillmentStatus.CANCELLED)
    await tx.flush()
    nothing = ScannedUnits(0, 0, 0)
    await fulfillment_queries.write_units(tx.session, [(line["id"], nothing) for line in lines])
    await fulfillment_queries.write_status(tx.session, [(row["id"], cancelled, version)], tx.now)
    event = FulfillmentCancelled(
        **fulfillments.step(order.row, FulfillmentStatus.CANCELLED, row["status"]),
        shortages=None,
        rerouted=(new_fulfillment_id,),
        backordered=None,
    )
    fulfillments.record(tx, event, row, version, order.row, actor)
    item_ids = {line["item_id"] for line in lines}
    context = await atp_context.read(tx.session, item_ids, tx.now)
    channel = next(each for each in context.channels if each.id == order.channel_id)
    items = await lookups.items_by_id(tx.session, item_ids)
    tx.outbox.audit(
        actor,
        "fulfillmentReroute",
        ("Fulfillment", row["id"]),
        before={"status": row["status"], "location": row["location_id"]},
        after={
            "fulfillment": str(new_fulfillment_id),
            "order": str(order.id),
            "location": command.location_code,
            "note": command.note,
            "policy": str(PolicyKind.ROUTING),
            "policyVersion": context.rules_for(channel, items.values()).version,
        },
    )
    rerouted = OrderRerouted(
        **await locked_orders.write(tx, order), from_=row["id"], to=new_fulfillment_id
    )
    locked_orders.record(tx, order, rerouted, actor)
