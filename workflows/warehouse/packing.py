"""Packing of fulfillments that were picked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import models.queries.orders.fulfillments as fulfillment_queries
import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.errors import IllegalTransition
from domain.events.fulfillments import FulfillmentPacked
from domain.events.orders import OrderPacked
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

FIELD = ("fulfillmentId",)


@dataclass(frozen=True, slots=True)
class PackFulfillment:
    """Record that all units of the fulfillment were packed."""

    fulfillment_id: UUID


@one_by_one("fulfillmentPack")
async def pack(tx: Transaction, command: PackFulfillment, caller: Caller) -> Mapping[str, Any]:
    """Record that a picked fulfillment was packed.

    Locks the order, then the tasks. Raises IllegalTransition unless the fulfillment is PICKED,
    TaskNotClaimed, or NotFound. Records `fulfillment.packed` and `order.packed`.
    """
    order, row, location = await fulfillments.lock_with_order(
        tx, command.fulfillment_id, caller, FIELD
    )
    status = FulfillmentStatus(row["status"])
    if status is not FulfillmentStatus.PICKED:
        allowed = fulfillments.next_steps(status, location)
        raise IllegalTransition("fulfillment", status, "PACKED", allowed, field=FIELD)
    await tasks.admit(tx, ("Fulfillment", row["id"]), caller, FIELD)
    for each in await fulfillment_queries.lines_of(tx.session, [row["id"]]):
        line = order.line(each["order_line_id"])
        assert line is not None
        line.shift(OrderLineState.PICKED, OrderLineState.PACKED, each["quantity"])
    version = row["version"] + 1
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
        after={"status": str(event.status)},
    )
    packed = OrderPacked(**await locked_orders.write(tx, order), fulfillment=row["id"])
    locked_orders.record(tx, order, packed, caller.actor)
    return {"fulfillment": str(row["id"])}
