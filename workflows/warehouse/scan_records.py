"""Writes of scans: units of lines, totes, leases, events, and parcels whose last unit is picked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import models.queries.orders.fulfillments as fulfillment_queries
import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
import workflows.tasks.claims as tasks
from domain.events.fulfillments import FulfillmentPicked, FulfillmentScanned
from domain.events.orders import OrderPicked, OrderStep
from domain.events.payloads import encode
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import OrderLineState
from domain.orders.scans import ScannedUnits, remaining
from domain.tasks import LEASE
from domain.values.codes import same_code
from models.fulfillments import FulfillmentRow
from models.picks import ScanCall
from models.tasks import TaskRow
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.transaction import Transaction
from workflows.warehouse.scanned_parcels import STEPS, Cart, ScanFloor, ScannedParcel

# A lease that was renewed less than this ago is not written again.
RENEWED: Final = timedelta(seconds=15)


@dataclass(slots=True)
class ScanRecord:
    """Units by SKU that one call has counted on one parcel; `is_picked`: the last one was among
    them.
    """

    parcel: ScannedParcel
    cart: Cart
    units: Counter[str]
    is_picked: bool = False


def add_call(tx: Transaction, cart: Cart, scans: int, refused: int) -> None:
    """Record the number of scans of a call, and of those that were refused."""
    row = {
        "id": tx.new_id(),
        "location_id": cart.location_id,
        "queue": str(cart.queue),
        "actor": cart.actor,
        "scanned_at": tx.now,
        "scans": scans,
        "refused": refused,
    }
    tx.add(ScanCall, row)


async def write(
    tx: Transaction, floor: ScanFloor, records: Sequence[ScanRecord]
) -> dict[str, FulfillmentRow]:
    """Write what these calls have changed in memory. Returns the new rows of the parcels."""
    if not records:
        return {}
    versions = {key: parcel.row["version"] for key, parcel in floor.parcels.items()}
    for record in records:
        key = record.parcel.row["id"]
        versions[key] += 1
        _record(tx, record, versions[key])
    await _write_parcels(tx, records)
    await _renew(tx, records)
    picked = [record for record in records if record.is_picked]
    if picked:
        await _pick(tx, picked, versions)
    changed = {record.parcel.row["id"]: record.parcel for record in records}
    await fulfillment_queries.write_status(
        tx.session,
        [(key, str(parcel.status), versions[key]) for key, parcel in changed.items()],
        tx.now,
    )
    return {
        str(key): {
            **parcel.row,
            "status": str(parcel.status),
            "version": versions[key],
            "tote": parcel.tote,
            "updated_at": max(parcel.row["updated_at"], tx.now),
        }
        for key, parcel in changed.items()
    }


def _record(tx: Transaction, record: ScanRecord, version: int) -> None:
    """Record `fulfillment.scanned` and an audit row for the scans of one call on one parcel."""
    parcel, cart = record.parcel, record.cart
    status = FulfillmentStatus(parcel.row["status"])
    event = FulfillmentScanned(
        **fulfillments.step(parcel.order, status, status),
        queue=cart.queue,
        units=dict(record.units),
        remaining=remaining(parcel.lines, STEPS[cart.queue]),
        tote=parcel.tote,
    )
    fulfillments.record(tx, event, parcel.row, version, parcel.order, cart.actor)
    subject = ("Fulfillment", parcel.row["id"])
    tx.outbox.audit(cart.actor, "fulfillmentScan", subject, after=encode(event))


async def _write_parcels(tx: Transaction, records: Sequence[ScanRecord]) -> None:
    """Write the units of the lines that changed, and the totes that were bound."""
    parcels = {record.parcel.row["id"]: record.parcel for record in records}
    units = [
        (line.id, ScannedUnits(line.quantity, line.picked, line.packed))
        for parcel in parcels.values()
        for line in parcel.lines
        if line.id in parcel.changed
    ]
    await fulfillment_queries.write_units(tx.session, sorted(units))
    totes = [
        (key, parcel.tote)
        for key, parcel in sorted(parcels.items())
        if parcel.tote is not None and parcel.row["tote"] is None
    ]
    await fulfillment_queries.write_totes(tx.session, totes)


async def _renew(tx: Transaction, records: Sequence[ScanRecord]) -> None:
    """Renew the leases of the workers on parcels that are not finished; claim unclaimed tasks."""
    rows: dict[str, dict[UUID, TaskRow]] = {}
    for record in records:
        for row in record.parcel.tasks:
            is_over = record.parcel.status is not FulfillmentStatus(record.parcel.row["status"])
            if not is_over and row["queue"] == record.cart.queue and _is_due(tx, row, record.cart):
                rows.setdefault(record.cart.actor, {})[row["id"]] = row
    for actor, due in sorted(rows.items()):
        await tasks.progress(tx, due.values(), actor)


def _is_due(tx: Transaction, row: TaskRow, cart: Cart) -> bool:
    until = row["lease_until_at"]
    is_own = row["claimed_by"] is not None and same_code(row["claimed_by"], cart.actor)
    return until is None or not is_own or until < tx.now + LEASE - RENEWED


async def _pick(tx: Transaction, records: Sequence[ScanRecord], versions: dict[UUID, int]) -> None:
    """Record the parcels whose last unit was scanned as picked, under the lock of their orders.

    All orders are written at once. An order with several such parcels has a version for each.
    """
    rows = {record.parcel.order["id"]: record.parcel.order for record in records}
    orders = {order.id: order for order in await locked_orders.load(tx, rows.values())}
    waiting = list(records)
    while waiting:
        first = {record.parcel.order["id"]: record for record in reversed(waiting)}
        waiting = [each for each in waiting if first[each.parcel.order["id"]] is not each]
        picked = [(record, orders[key]) for key, record in first.items()]
        for record, order in picked:
            _shift(record, order)
        steps = await locked_orders.write_all(tx, [order for _, order in picked])
        for (record, order), step in zip(picked, steps, strict=True):
            key = record.parcel.row["id"]
            versions[key] += 1
            _record_pick(tx, record, order, versions[key], step)


def _shift(record: ScanRecord, order: LockedOrder) -> None:
    for progress in record.parcel.lines:
        line = order.line(progress.order_line_id)
        assert line is not None
        line.shift(OrderLineState.ALLOCATED, OrderLineState.PICKED, progress.quantity)


def _record_pick(
    tx: Transaction, record: ScanRecord, order: LockedOrder, version: int, step: OrderStep
) -> None:
    parcel, actor = record.parcel, record.cart.actor
    event = FulfillmentPicked(
        **fulfillments.work_step(order.row, FulfillmentStatus.PICKED, parcel.row["status"]),
        shortages={},
        rerouted=(),
        backordered=0,
    )
    fulfillments.record(tx, event, parcel.row, version, order.row, actor)
    picked = OrderPicked(**step, fulfillment=parcel.row["id"])
    locked_orders.record(tx, order, picked, actor)
