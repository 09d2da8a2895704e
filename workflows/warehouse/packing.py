"""Packing of fulfillments that were picked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import models.queries.orders.fulfillments as fulfillment_queries
import workflows.orders.fulfillments as fulfillments
import workflows.orders.held_steps as held_steps
import workflows.orders.locked_orders as locked_orders
import workflows.orders.scanned_steps as scanned_steps
import workflows.tasks.claims as tasks
import workflows.warehouse.parcels as parcels
from domain.access.callers import Caller
from domain.errors import DomainError, IllegalTransition
from domain.events.fulfillments import FulfillmentPacked
from domain.events.orders import OrderPacked
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState
from domain.orders.parcels import PackedParcel, check_parcels
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

FIELD = ("fulfillmentId",)


@dataclass(frozen=True, slots=True)
class PackFulfillment:
    """Record that all units of the fulfillment were packed, in these parcels; None: in one."""

    fulfillment_id: UUID
    parcels: tuple[PackedParcel, ...] | None = None


@one_by_one("fulfillmentPack")
async def pack(tx: Transaction, command: PackFulfillment, caller: Caller) -> Mapping[str, Any]:
    """Record that a picked fulfillment was packed.

    The first parcel keeps the fulfillment. Each other one becomes a PACKED fulfillment of the same
    order and location. Locks the order, then the tasks. Raises IllegalTransition unless the
    fulfillment is PICKED, UnitsNotScanned, TaskNotClaimed, NotFound, or Invalid unless the parcels
    have its units.
    Records `fulfillment.packed` and `order.packed`; for several parcels also `fulfillment.split`,
    and `fulfillment.created` for each other parcel.
    """
    order, row, location = await fulfillments.lock_with_order(
        tx, command.fulfillment_id, caller, FIELD
    )
    await held_steps.refuse_held(tx, row, FulfillmentStatus.PACKED, caller, FIELD)
    status = FulfillmentStatus(row["status"])
    if status is not FulfillmentStatus.PICKED:
        allowed = fulfillments.next_steps(status, location)
        raise IllegalTransition("fulfillment", status, "PACKED", allowed, field=FIELD)
    await tasks.admit(tx, ("Fulfillment", row["id"]), caller, FIELD)
    lines = await parcels.lines_with_units(tx, row["id"])
    scanned_steps.refuse_unscanned(order, row, lines, location, FulfillmentStatus.PACKED, FIELD)
    siblings = await _divide(tx, order, row, lines, command, caller.actor)
    version = row["version"] + (2 if siblings else 1)
    await fulfillment_queries.write_status(
        tx.session, [(row["id"], str(FulfillmentStatus.PACKED), version)], tx.now
    )
    event = FulfillmentPacked(**fulfillments.work_step(order.row, FulfillmentStatus.PACKED, status))
    fulfillments.record(tx, event, row, version, order.row, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "fulfillmentPack",
        ("Fulfillment", row["id"]),
        before={"status": str(status)},
        after={"status": str(event.status), "parcels": [row["id"], *siblings]},
    )
    packed = OrderPacked(**await locked_orders.write(tx, order), fulfillment=row["id"])
    locked_orders.record(tx, order, packed, caller.actor)
    return {"fulfillment": str(row["id"]), "fulfillments": [str(row["id"]), *siblings]}


async def _divide(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    command: PackFulfillment,
    actor: str,
) -> list[str]:
    """Pack the units of a fulfillment in its parcels. Returns the ids of all but the first."""
    units: list[dict[UUID, int]] = []
    if command.parcels is not None:
        try:
            expected = parcels.expected_units(order, lines)
            units = check_parcels(expected, command.parcels, tx.terms.parcel_grams_max)
        except DomainError as error:
            raise error.under("parcels") from None
    for each in lines:
        line = order.line(each["order_line_id"])
        assert line is not None
        line.shift(OrderLineState.PICKED, OrderLineState.PACKED, each["quantity"])
    packed: list[FulfillmentLineRow] = [{**line, "packed": line["quantity"]} for line in lines]
    siblings: list[str] = []
    if len(units) > 1:
        event = await parcels.divide(
            tx, order, row, packed, units[1:], FulfillmentStatus.PACKED, actor
        )
        siblings = [*event.siblings]
    else:
        await parcels.write_units(tx, packed)
    await tx.flush()
    ids = [row["id"], *map(UUID, siblings)]
    sizes = [each.size for each in command.parcels or ()]
    await fulfillment_queries.write_sizes(tx.session, list(zip(ids, sizes, strict=False)))
    return siblings
