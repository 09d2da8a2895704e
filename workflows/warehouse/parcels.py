"""Division of a fulfillment into several parcels: by hand, or when it is packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import models.queries.orders.fulfillment_holds as hold_queries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.orders.fulfillment_holds as fulfillment_holds
import workflows.orders.fulfillments as fulfillments
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.errors import DomainError, IllegalTransition
from domain.events.fulfillments import FulfillmentSplit
from domain.events.payloads import encode
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.parcels import (
    Expected,
    ExpectedUnits,
    ParcelUnits,
    check_named,
    check_split,
)
from domain.orders.scans import ScannedUnits
from domain.problems import Problems
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from workflows.orders.fulfillments import LocatedFulfillment, ParcelContents, ParcelLine
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

SPLITTABLE = frozenset({FulfillmentStatus.OPEN, FulfillmentStatus.PICKED})


@dataclass(frozen=True, slots=True)
class SplitFulfillment:
    """Move these units of a fulfillment to a new parcel."""

    fulfillment_id: UUID
    units: tuple[ParcelUnits, ...]


@one_by_one("fulfillmentSplit")
async def split(tx: Transaction, command: SplitFulfillment, caller: Caller) -> Mapping[str, Any]:
    """Divide an OPEN or PICKED fulfillment: some units move to a new one in the same status.

    Locks the order, then the tasks. Raises IllegalTransition, TaskNotClaimed, NotFound, or Invalid
    if no unit would stay. Records `fulfillment.split`, and `fulfillment.created` of the new one.
    """
    problems, line_ids = Problems(), None
    with problems.under():
        order, row, location = await fulfillments.lock_with_order(
            tx, command.fulfillment_id, caller, ("id",)
        )
        found = await fulfillment_queries.lines_of(tx.session, [row["id"]])
        line_ids = {line["order_line_id"] for line in found}
    with problems.under("units"):
        check_named(command.units, line_ids)
    problems.refuse()
    status = FulfillmentStatus(row["status"])
    if status not in SPLITTABLE:
        allowed = fulfillments.next_steps(status, location)
        raise IllegalTransition("fulfillment", status, "split", allowed, field=("id",))
    await tasks.admit(tx, ("Fulfillment", row["id"]), caller, ("id",))
    lines = [line for line in found if line["quantity"]]
    try:
        moved = check_split(expected_units(order, lines), command.units)
    except DomainError as error:
        raise error.under("units") from None
    event = await divide(tx, order, row, lines, [moved], status, caller.actor)
    version = row["version"] + 1
    await fulfillment_queries.write_status(tx.session, [(row["id"], str(status), version)], tx.now)
    tx.outbox.audit(
        caller.actor, "fulfillmentSplit", ("Fulfillment", row["id"]), after=encode(event)
    )
    return {"fulfillment": str(row["id"]), "fulfillments": [str(row["id"]), *event.siblings]}


async def lines_with_units(tx: Transaction, fulfillment_id: UUID) -> list[FulfillmentLineRow]:
    """The lines of a fulfillment that have units left."""
    found = await fulfillment_queries.lines_of(tx.session, [fulfillment_id])
    return [line for line in found if line["quantity"]]


async def write_units(tx: Transaction, lines: Sequence[FulfillmentLineRow]) -> None:
    """Write the units of these lines as they are in memory."""
    units = [
        (line["id"], ScannedUnits(line["quantity"], line["picked"], line["packed"]))
        for line in lines
    ]
    await fulfillment_queries.write_units(tx.session, units)


def expected_units(order: LockedOrder, lines: Sequence[FulfillmentLineRow]) -> Expected:
    """The units of these lines by order line, with their SKUs, in the order of the order's lines.

    The lines belong to one fulfillment, which has a line of the order once.
    """
    units = {line["order_line_id"]: line["quantity"] for line in lines}
    return {
        line.id: ExpectedUnits(line.sku, units[line.id]) for line in order.lines if line.id in units
    }


async def divide(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    parcels: Sequence[Mapping[UUID, int]],
    status: FulfillmentStatus,
    actor: str,
) -> FulfillmentSplit:
    """Move units of a fulfillment to new ones in this status, one for each of `parcels`.

    A parcel has units by order line. The caller writes the next version of the row. Records
    `fulfillment.split` and `fulfillment.created`.
    """
    left = {
        line["order_line_id"]: ScannedUnits(line["quantity"], line["picked"], line["packed"])
        for line in lines
    }
    contents = [
        ParcelContents(row["location_id"], _take(lines, left, parcel)) for parcel in parcels
    ]
    added = await fulfillments.add_to_order(tx, order, contents, actor=actor, status=status)
    siblings: list[LocatedFulfillment] = [
        {"id": each, "location_id": row["location_id"]} for each in added
    ]
    live = await hold_queries.live_of_order(tx.session, order.id)
    own = [each for each in live if each["fulfillment_id"] == row["id"]]
    await fulfillment_holds.follow_units(tx, order, own, siblings, status, actor)
    units = [(line["id"], left[line["order_line_id"]]) for line in lines]
    await fulfillment_queries.write_units(tx.session, units)
    event = FulfillmentSplit(
        **fulfillments.step(order.row, FulfillmentStatus(row["status"]), row["status"]),
        siblings={
            str(sibling): sum(parcel.values())
            for sibling, parcel in zip(added, parcels, strict=True)
        },
    )
    fulfillments.record(tx, event, row, row["version"] + 1, order.row, actor)
    return event


def _take(
    lines: Sequence[FulfillmentLineRow],
    left: dict[UUID, ScannedUnits],
    parcel: Mapping[UUID, int],
) -> list[ParcelLine]:
    """Take the units of a parcel out of what is left; those that were not scanned go first."""
    taken = []
    for line in lines:
        line_id = line["order_line_id"]
        if units := parcel.get(line_id, 0):
            left[line_id], moved = left[line_id].take(units)
            taken.append(ParcelLine(line_id, line["item_id"], *moved))
    return taken
