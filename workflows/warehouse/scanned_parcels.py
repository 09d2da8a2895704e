"""Parcels that scans of one transaction concern: found by their codes, locked, and read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import models.queries.catalog.item_codes as code_queries
import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.orders.orders as order_queries
import models.queries.stock.bins as bin_queries
import models.queries.stock.picks as pick_queries
import models.queries.tasks as task_queries
import workflows.orders.held_steps as held_steps
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.scans import LineProgress, ScanStep
from domain.tasks import QueueKind
from domain.values.codes import ByCode, comparison_key, store_codes
from models.fulfillments import FulfillmentRow
from models.queries.catalog.item_codes import ScannedItem
from models.queries.catalog.lookups import LocationFacts
from models.queries.orders.orders import LockedOrderRow
from models.queries.stock.bins import BinFacts
from models.tasks import TaskRow
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outcomes import Request
from workflows.transactions.transaction import Transaction

STEPS: Mapping[QueueKind, ScanStep] = {
    QueueKind.PICK: ScanStep.PICK,
    QueueKind.PACK: ScanStep.PACK,
}


@dataclass(frozen=True, slots=True)
class Scan:
    """Scanned units of an item; below 0: put back.

    Without a fulfillment and a bound tote they are for the first claimed task that asks for them.
    """

    code: str
    quantity: int = 1
    fulfillment_id: UUID | None = None
    tote: str | None = None
    bin_code: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "code", "tote", "bin_code")


@dataclass(frozen=True, slots=True)
class ScanUnits:
    """Scans of a worker at a location, in the order in which they were made."""

    location_code: str
    queue: QueueKind
    scans: tuple[Scan, ...]

    def __post_init__(self) -> None:
        store_codes(self, "location_code")


class Cart(NamedTuple):
    """The claimed tasks of a worker in a queue of a location."""

    actor: str
    location_id: int
    queue: QueueKind


@dataclass(slots=True)
class ScannedParcel:
    """A locked fulfillment, with its progress in memory.

    `channel`: the code of its channel. `holds`: the reasons of its live holds, by id.
    """

    row: FulfillmentRow
    order: LockedOrderRow
    channel: str
    status: FulfillmentStatus
    tote: str | None
    lines: list[LineProgress]
    tasks: list[TaskRow]
    holds: Mapping[UUID, str]
    changed: set[UUID] = field(default_factory=set)

    def lines_of(self, item_id: int) -> list[LineProgress]:
        """The lines of an item, in the order of the order's lines."""
        return [line for line in self.lines if line.item_id == item_id]


@dataclass(slots=True)
class ScanFloor:
    """All that the scans of a transaction name. `totes`: bound ones by location and key.

    `balances`: units by (item, bin) that the named bins have by the books.
    """

    locations: ByCode[LocationFacts]
    items: Mapping[str, Sequence[ScannedItem]]
    bins: ByCode[BinFacts]
    parcels: dict[UUID, ScannedParcel] = field(default_factory=dict)
    totes: dict[tuple[int, str], UUID] = field(default_factory=dict)
    carts: dict[Cart, list[UUID]] = field(default_factory=dict)
    balances: dict[tuple[int, int], int] = field(default_factory=dict)


async def read(tx: Transaction, requests: Sequence[Request[ScanUnits]]) -> ScanFloor:
    """Find, lock and read what these scans name. Locks the orders, then the tasks."""
    commands = [request.command for request in requests]
    scans = [scan for command in commands for scan in command.scans]
    codes = {command.location_code for command in commands}
    floor = ScanFloor(
        await lookups.locations_by_code(tx.session, codes),
        await code_queries.scanned(tx.session, [scan.code for scan in scans]),
        await _bins(tx, scans),
    )
    named = {scan.fulfillment_id for scan in scans if scan.fulfillment_id is not None}
    named |= await _bound(tx, floor, scans)
    named |= await _claimed(tx, floor, requests)
    await _lock(tx, floor, sorted(named))
    if floor.bins:
        item_ids = sorted({each.item.id for named in floor.items.values() for each in named})
        bin_ids = sorted({each.id for each in floor.bins.values()})
        found = await pick_queries.bin_balances(tx.session, bin_ids, item_ids)
        floor.balances.update(found)
    return floor


async def _bins(tx: Transaction, scans: Sequence[Scan]) -> ByCode[BinFacts]:
    codes = {scan.bin_code for scan in scans if scan.bin_code is not None}
    if not codes:
        return ByCode((), lambda each: each.code)
    return await bin_queries.hold_bins(tx.session, codes)


async def _bound(tx: Transaction, floor: ScanFloor, scans: Sequence[Scan]) -> set[UUID]:
    """The fulfillments that the named totes are bound to."""
    keys = sorted({comparison_key(scan.tote) for scan in scans if scan.tote is not None})
    location_ids = sorted({location.id for location in floor.locations.values()})
    if not keys or not location_ids:
        return set()
    for row in await fulfillment_queries.in_totes(tx.session, location_ids, keys):
        floor.totes[row["location_id"], row["tote_key"]] = row["id"]
    return set(floor.totes.values())


async def _claimed(
    tx: Transaction, floor: ScanFloor, requests: Sequence[Request[ScanUnits]]
) -> set[UUID]:
    """Fulfillments of the callers' claimed tasks with items that are scanned for none by name."""
    carts: dict[Cart, set[int]] = {}
    for request in requests:
        command = request.command
        location = floor.locations.get(command.location_code)
        item_ids = {
            each.item.id
            for scan in command.scans
            if scan.fulfillment_id is None
            for each in floor.items.get(scan.code, ())
        }
        if location is not None and item_ids:
            cart = Cart(request.caller.actor, location.id, command.queue)
            carts.setdefault(cart, set()).update(item_ids)
    if not carts:
        return set()
    rows = await task_queries.claimed_fulfillments(
        tx.session,
        sorted({cart.actor for cart in carts}),
        sorted({cart.location_id for cart in carts}),
        tx.now,
    )
    ids = [UUID(row["subject_key"]) for row in rows]
    items: dict[UUID, set[int]] = {}
    for line in await fulfillment_queries.lines_of(tx.session, ids):
        items.setdefault(line["fulfillment_id"], set()).add(line["item_id"])
    for key, row in zip(ids, rows, strict=True):
        cart = Cart(row["claimed_by"], row["location_id"], QueueKind(row["queue"]))
        if carts.get(cart, set()) & items.get(key, set()):
            floor.carts.setdefault(cart, []).append(key)
    return {key for keys in floor.carts.values() for key in keys}


async def _lock(tx: Transaction, floor: ScanFloor, ids: Sequence[UUID]) -> None:
    """Lock the orders of these fulfillments, then their tasks, and read both."""
    if not ids:
        return
    found = await fulfillment_queries.by_ids(tx.session, ids)
    tx.locking(LockClass.ORDER)
    order_ids = sorted({row["order_id"] for row in found})
    orders = {row["id"]: row for row in await order_queries.lock_orders(tx.session, order_ids)}
    channels = await lookups.channels_by_id(
        tx.session, {order["channel_id"] for order in orders.values()}
    )
    lines = await _lines(tx, ids)
    tasks: dict[str, list[TaskRow]] = {}
    for task in await task_queries.lock_live(tx.session, "Fulfillment", [str(key) for key in ids]):
        tasks.setdefault(task["subject_key"], []).append(task)
    rows = await fulfillment_queries.by_ids(tx.session, ids)
    holds = await held_steps.holds_of(tx, rows)
    for row in rows:
        order = orders[row["order_id"]]
        floor.parcels[row["id"]] = ScannedParcel(
            row=row,
            order=order,
            channel=channels[order["channel_id"]].code,
            status=FulfillmentStatus(row["status"]),
            tote=row["tote"],
            lines=lines.get(row["id"], []),
            tasks=tasks.get(str(row["id"]), []),
            holds=holds.get(row["id"], {}),
        )


async def _lines(tx: Transaction, ids: Collection[UUID]) -> dict[UUID, list[LineProgress]]:
    lines: dict[UUID, list[LineProgress]] = {}
    for row in await fulfillment_queries.lines_of(tx.session, list(ids)):
        if row["quantity"]:
            progress = LineProgress(
                row["id"],
                row["order_line_id"],
                row["item_id"],
                row["quantity"],
                row["picked"],
                row["packed"],
            )
            lines.setdefault(row["fulfillment_id"], []).append(progress)
    return lines
