"""Scans of units while parcels are picked and packed: each unit counts for exactly one parcel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import workflows.orders.picks as picks
import workflows.tasks.holders as holders
import workflows.warehouse.scan_records as scan_records
import workflows.warehouse.scanned_parcels as scanned_parcels
from domain.access.callers import Caller
from domain.errors import (
    DomainError,
    IllegalTransition,
    Invalid,
    LimitExceeded,
    NotFound,
)
from domain.orders.fulfillment_holds import FulfillmentOnHold
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.scans import (
    SCANS_MAX,
    LineProgress,
    ScanMismatch,
    ScanStep,
    count_scan,
    remaining,
)
from domain.problems import Problems
from domain.stock.states import check_quantity
from domain.values.codes import check_stored, comparison_key, same_code
from models.queries.catalog.item_codes import ScannedItem
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.queries.stock.bins import BinFacts
from workflows.stock.goods_receipts import bin_at, open_bin
from workflows.stock.scanned_items import scanned_item
from workflows.transactions.actions import action
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction
from workflows.warehouse.scan_records import ScanRecord
from workflows.warehouse.scanned_parcels import (
    STEPS,
    Cart,
    Scan,
    ScanFloor,
    ScannedParcel,
    ScanUnits,
)

Path = tuple[str, ...]

# The status in which a step counts units, and the one that it leads to.
_READY: Mapping[ScanStep, FulfillmentStatus] = {
    ScanStep.PICK: FulfillmentStatus.OPEN,
    ScanStep.PACK: FulfillmentStatus.PICKED,
}
_NEXT: Mapping[ScanStep, FulfillmentStatus] = {
    ScanStep.PICK: FulfillmentStatus.PICKED,
    ScanStep.PACK: FulfillmentStatus.PACKED,
}


@dataclass(slots=True)
class _Call:
    """The scans of one request, as they are decided."""

    tx: Transaction
    floor: ScanFloor
    caller: Caller
    location: LocationFacts
    cart: Cart
    step: ScanStep
    records: dict[UUID, ScanRecord] = field(default_factory=dict)
    admitted: set[UUID] = field(default_factory=set)


@action("fulfillmentScan")
async def scan(tx: Transaction, requests: Sequence[Request[ScanUnits]]) -> list[Outcome]:
    """Count scanned units on parcels, each scan by itself and in order.

    A scan takes no lock on the stock (workflows/orders/picks.py). The last unit of an OPEN parcel
    makes it PICKED. Locks the orders, then the tasks. Refusals of a scan: ScanMismatch,
    IllegalTransition, TaskNotClaimed, Invalid, NotFound. Records `fulfillment.scanned`; for a
    parcel that is picked also `fulfillment.picked` and `order.picked`.
    """
    floor = await scanned_parcels.read(tx, requests)
    outcomes: list[Outcome] = []
    records: list[ScanRecord] = []
    rows: dict[str, object] = {}
    for request in requests:
        try:
            call = _call(tx, floor, request)
        except DomainError as error:
            outcomes.append(Outcome.refused(error))
            continue
        outcomes.append(replace(_scan_all(call, request.command.scans), created_rows=rows))
        records.extend(call.records.values())
    rows.update(await scan_records.write(tx, floor, records))
    return outcomes


def _call(tx: Transaction, floor: ScanFloor, request: Request[ScanUnits]) -> _Call:
    """The request with its location. Raises Invalid, LimitExceeded or NotFound."""
    command, caller, problems = request.command, request.caller, Problems()
    location, step = floor.locations.get(command.location_code), STEPS.get(command.queue)
    if len(command.scans) > SCANS_MAX:
        raise LimitExceeded("scans", SCANS_MAX, len(command.scans), field=("scans",))
    with problems.under("scans"):
        if not command.scans:
            raise Invalid("At least one scan is required.")
    with problems.under("queue"):
        if step is None:
            raise Invalid(
                f"The queues PICK and PACK are allowed; {command.queue} was sent.",
                details={"allowed": sorted(STEPS)},
            )
    with problems.under("locationCode"):
        if location is None or not caller.sees_location(location.code):
            raise NotFound("location", command.location_code)
    if problems.errors:
        for index, each in enumerate(command.scans):
            with problems.under("scans", str(index)):
                _read(floor, each, None)
    problems.refuse()
    assert location is not None
    assert step is not None
    cart = Cart(caller.actor, location.id, command.queue)
    return _Call(tx, floor, caller, location, cart, step)


def _scan_all(call: _Call, scans: Sequence[Scan]) -> Outcome:
    results: list[Mapping[str, Any] | None] = []
    refused: list[DomainError] = []
    for index, each in enumerate(scans):
        try:
            results.append(_scan(call, each, ("scans", str(index))))
        except DomainError as error:
            refused.append(error)
            results.append(None)
    scan_records.add_call(call.tx, call.cart, len(scans), len(refused))
    return Outcome.each({"results": results}, refused, is_any=any(results))


def _scan(call: _Call, scan: Scan, path: Path) -> Mapping[str, Any]:
    """Decide one scan. Raises a domain error, and then changes nothing."""
    problems, named = Problems(), None
    with problems.under(*path):
        scanned, place = _read(call.floor, scan, call.location)
    with problems.under():
        named = _named(call, scan, path)
    problems.refuse()
    item, units = scanned.item, scan.quantity * scanned.units
    parcel = _asking(call, scan, item, path) if named is None else named
    _check_status(call, parcel, units, path)
    _check_tote(call, parcel, scan, path)
    _admit(call, parcel, path)
    lines = parcel.lines_of(item.id)
    field = (*path, "code")
    count_scan(lines, item.sku, units, call.step, field=field)
    return _count(call, parcel, scan, scanned, lines, place)


def _read(
    floor: ScanFloor, scan: Scan, location: LocationFacts | None
) -> tuple[ScannedItem, BinFacts | None]:
    """The item and the bin of a scan. Raises all faults of its codes and of its quantity.

    Without a location the bin is not checked.
    """
    problems, place = Problems(), None
    with problems.under():
        check_quantity(abs(scan.quantity))
    with problems.under():
        check_stored(scan.tote, "tote")
    with problems.under():
        scanned = scanned_item(floor.items, scan.code, "code")
    if scan.bin_code is not None and location is not None:
        find = bin_at if scan.quantity > 0 else open_bin
        with problems.under():
            place = find(floor.bins, scan.bin_code, location, "binCode")
    problems.refuse()
    return scanned, place


def _named(call: _Call, scan: Scan, path: Path) -> ScannedParcel | None:
    """The parcel that a scan names, or that is in its tote; None: neither. Raises NotFound."""
    if scan.fulfillment_id is not None:
        return _visible(call, scan.fulfillment_id, (*path, "fulfillmentId"))
    if scan.tote is not None:
        bound = call.floor.totes.get((call.location.id, comparison_key(scan.tote)))
        if bound is not None:
            return _visible(call, bound, (*path, "tote"))
    return None


def _asking(call: _Call, scan: Scan, item: ItemFacts, path: Path) -> ScannedParcel:
    """The first parcel of the worker's tasks that asks for the item. Raises ScanMismatch."""
    for key in call.floor.carts.get(call.cart, ()):
        parcel = call.floor.parcels.get(key)
        if parcel is not None and _asks(call, parcel, scan, item):
            return parcel
    raise ScanMismatch(
        f"No claimed task asks for {item.sku}.",
        field=(*path, "code"),
        details={"sku": item.sku, "expected": 0},
    )


def _visible(call: _Call, key: UUID, field: Path) -> ScannedParcel:
    parcel = call.floor.parcels.get(key)
    if (
        parcel is None
        or parcel.row["location_id"] != call.location.id
        or not call.caller.sees_channel(parcel.channel)
    ):
        raise NotFound("fulfillment", str(key), field=field)
    return parcel


def _asks(call: _Call, parcel: ScannedParcel, scan: Scan, item: ItemFacts) -> bool:
    """True if a parcel of the worker's tasks takes this scan, and the tote that it names."""
    if parcel.status is not _READY[call.step] or not call.caller.sees_channel(parcel.channel):
        return False
    if scan.tote is not None and parcel.tote is not None:
        return False
    lines = parcel.lines_of(item.id)
    if scan.quantity < 0:
        return any(line.done(call.step) for line in lines)
    return remaining(lines, call.step) > 0


def _check_status(call: _Call, parcel: ScannedParcel, units: int, path: Path) -> None:
    """Raise IllegalTransition unless the step may count units of the parcel.

    A parcel that has passed the step asks for no unit: one unit more is a ScanMismatch.
    """
    if parcel.holds:
        raise FulfillmentOnHold(
            parcel.status,
            _NEXT[call.step],
            parcel.holds,
            shows_risk=call.caller.may_see_risk(),
            field=path,
        )
    step = call.step
    passed = {_NEXT[step], FulfillmentStatus.PACKED}
    if parcel.status is _READY[step] or (units > 0 and parcel.status in passed):
        return
    raise IllegalTransition("fulfillment", parcel.status, _NEXT[step], (), field=path)


def _check_tote(call: _Call, parcel: ScannedParcel, scan: Scan, path: Path) -> None:
    """Raise ScanMismatch if the tote holds another parcel, or the parcel is in another tote."""
    if scan.tote is None:
        return
    bound = call.floor.totes.get((call.location.id, comparison_key(scan.tote)))
    is_other = bound is not None and bound != parcel.row["id"]
    if is_other or (parcel.tote is not None and not same_code(parcel.tote, scan.tote)):
        reason = "holds another parcel" if is_other else f"is not {parcel.tote}, the parcel's tote"
        raise ScanMismatch(
            f"The tote {scan.tote} {reason}.",
            field=(*path, "tote"),
            details={"tote": scan.tote if parcel.tote is None else parcel.tote},
        )


def _admit(call: _Call, parcel: ScannedParcel, path: Path) -> None:
    """Raise TaskNotClaimed if another worker holds the parcel's task."""
    if parcel.row["id"] not in call.admitted:
        for row in parcel.tasks:
            holders.check_may_act(call.tx, row, call.caller, path)


def _count(
    call: _Call,
    parcel: ScannedParcel,
    scan: Scan,
    scanned: ScannedItem,
    lines: Sequence[LineProgress],
    place: BinFacts | None,
) -> Mapping[str, Any]:
    """Record a scan that was counted. Returns its result."""
    key, item, units = parcel.row["id"], scanned.item, scan.quantity * scanned.units
    if key not in call.admitted:
        holders.audit_overrides(call.tx, parcel.tasks, call.caller.actor)
        call.admitted.add(key)
    parcel.changed.update(line.id for line in lines)
    if scan.tote is not None and parcel.tote is None:
        parcel.tote = scan.tote
        call.floor.totes[call.location.id, comparison_key(scan.tote)] = key
    emptied = False
    if call.step is ScanStep.PICK:
        bin_id = None if place is None else place.id
        picks.record(call.tx, item.id, call.location.id, units, call.caller.actor, bin_id)
        if place is not None:
            left = call.floor.balances.get((item.id, place.id), 0) - units
            call.floor.balances[item.id, place.id] = left
            emptied = units > 0 and left <= 0
    is_complete = remaining(parcel.lines, call.step) == 0
    record = call.records.setdefault(key, ScanRecord(parcel, call.cart, Counter()))
    record.units[item.sku] += units
    if is_complete and call.step is ScanStep.PICK:
        parcel.status = FulfillmentStatus.PICKED
        record.is_picked = True
    return {
        "fulfillment": str(key),
        "sku": item.sku,
        "quantity": units,
        "remaining": remaining(lines, call.step),
        "complete": is_complete,
        "binEmptied": emptied,
    }
