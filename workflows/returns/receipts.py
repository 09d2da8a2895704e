"""Receipt of parcels: units of a return enter quality control at their shipped cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.returns.returns as return_queries
import models.queries.returns.unidentified_parcels as parcel_queries
import models.queries.stock.bins as bin_queries
import workflows.exceptions.opening as exceptions
import workflows.orders.locked_orders as locked_orders
import workflows.returns.discrepancies as discrepancies
import workflows.returns.locked_returns as locked_returns
import workflows.returns.order_parcels as order_parcels
import workflows.returns.receipt_units as receipt_units
import workflows.returns.records as return_records
import workflows.returns.unannounced_units as unannounced_units
import workflows.returns.unidentified_parcels as unidentified_parcels
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.errors import DomainError, Invalid, LimitExceeded, NotFound
from domain.events.returns import ReturnDisposed, ReturnInspected, ReturnReceived
from domain.problems import Problems
from domain.returns.receipts import ArrivedUnits, Parcel
from domain.returns.states import RETURN_ACTIONS, ReturnAction, ReturnStatus
from domain.stock.states import StockState
from domain.values.codes import ByCode, check_stored, store_codes
from domain.values.totals import totals
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.queries.listing.scopes import scope_of
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.requests import POLICY
from workflows.returns.unidentified_parcels import IdentifiedUnits, QuarantinedParcel
from workflows.stock.goods_receipts import check_open, open_bin, stock_location
from workflows.stock.scanned_items import in_skus
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

ITEMS_MAX = 500


@dataclass(frozen=True, slots=True)
class ReceivedItem:
    """Units found in a parcel. `return_item_id` names the group that they belong to.

    `sku` may be a code of the item; then `quantity` counts scans.
    """

    sku: str
    quantity: int
    return_item_id: UUID | None = None

    def __post_init__(self) -> None:
        store_codes(self, "sku")


@dataclass(frozen=True, slots=True)
class ReceiveReturn:
    """Receive a parcel. `complete`: no other parcel is expected.

    With `exception_id` the units are those of a parcel that is in quarantine already.
    `bin_code`: the bin where the units wait for their inspection. `order_number` stands for the
    order's returns that wait; if none does, a return is opened.
    """

    location_code: str
    items: tuple[ReceivedItem, ...]
    return_id: UUID | None = None
    rma_number: str | None = None
    tracking_number: str | None = None
    complete: bool = False
    exception_id: UUID | None = None
    bin_code: str | None = None
    order_number: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "location_code", "rma_number", "tracking_number", "bin_code")
        store_codes(self, "order_number")


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A checked receipt: the command with its location and its items."""

    command: ReceiveReturn
    location: LocationFacts
    items: ByCode[ItemFacts]
    caller: Caller
    bin_id: int | None


@one_by_one("returnReceive")
async def receive(tx: Transaction, command: ReceiveReturn, caller: Caller) -> Mapping[str, Any]:
    """Receive a parcel of a return. An unmatched parcel goes to quarantine with an exception.

    Units beyond the request join the return if the RETURN policy accepts them. A late unit reopens
    a closed return.
    Locks the order, the return, the tasks, the stock, then the item costs. Raises IllegalTransition
    (the parcel was received before), AlreadyExists (an unmatched parcel was received before),
    TaskNotClaimed, Invalid, NotFound or LimitExceeded. Records `return.received` or
    `return.unidentified`; for units of the fast lane also `return.inspected` and `return.disposed`.
    """
    _check_items(command)
    problems, location = Problems(), None
    received = await in_skus(tx, command.items, problems, "input", "items")
    command = replace(command, items=received)
    with problems.under():
        location = await stock_location(tx, caller, command.location_code)
        check_open(location)
    with problems.under():
        bin_id = await _bin(tx, command, location)
    with problems.under("input"):
        _check(command)
    named, order_id = None, None
    with problems.under("input"):
        if command.order_number is None:
            named = await _named(tx, command, caller)
        else:
            _check_alone(command)
            order_id = await order_parcels.order_named(tx, command.order_number, caller)
    problems.refuse()
    assert location is not None
    items = await lookups.items_by_sku(tx.session, [item.sku for item in command.items])
    if command.exception_id is not None:
        kept = await unidentified_parcels.items_of(tx, command.exception_id, location)
        items = ByCode((*items.values(), *kept), lambda item: item.sku)
    arrival = _Arrival(command, location, items, caller, bin_id)
    if order_id is not None:
        return await _receive_of_order(tx, arrival, order_id)
    if named is None:
        return await _quarantine(tx, arrival, None)
    path = ("input", "returnId")
    locked = await locked_returns.lock(tx, named, caller, path)
    is_ended = locked.status in RETURN_ACTIONS[ReturnAction.QUARANTINE]
    if is_ended and command.exception_id is None:
        return await _quarantine(tx, arrival, locked)
    return await _receive(tx, arrival, locked)


async def _quarantine(
    tx: Transaction, arrival: _Arrival, ended_return: LockedReturn | None
) -> Mapping[str, Any]:
    command = arrival.command
    if ended_return is None and command.exception_id is not None:
        reference = command.rma_number or command.tracking_number or command.return_id
        if reference is None:
            raise Invalid(
                "The return is required: send returnId, rmaNumber or trackingNumber.",
                field=("input", "returnId"),
            )
        raise NotFound("return", str(reference), field=("input", "returnId"))
    if not command.items:
        raise Invalid("At least one item is required; none was sent.", field=("input", "items"))
    contents = [(arrival.items[item.sku], item.quantity) for item in command.items]
    parcel = QuarantinedParcel(
        arrival.location, contents, command.tracking_number, command.rma_number
    )
    return await unidentified_parcels.quarantine(tx, parcel, ended_return, arrival.caller)


async def _receive_of_order(
    tx: Transaction, arrival: _Arrival, order_id: UUID
) -> Mapping[str, Any]:
    """Receive a parcel for the returns of an order that wait, or for a new one.

    If the policy does not authorize the new return, the units go to quarantine.
    """
    items, caller, path = arrival.items, arrival.caller, ("input", "orderNumber")
    order = await locked_orders.lock(tx, order_id, path)
    contents = [ArrivedUnits(items[item.sku].sku, item.quantity) for item in arrival.command.items]
    waiting = await order_parcels.lock_waiting(tx, order, caller)
    if not waiting:
        opened = await order_parcels.open_return(tx, order, contents, caller)
        if opened.status is not ReturnStatus.AUTHORIZED:
            return await _quarantine(tx, arrival, opened)
        waiting = [opened]
    shares = order_parcels.share_out(waiting, contents)
    for locked, _ in shares:
        await tasks.admit(tx, ("Return", locked.id), caller, path)
    await receipt_units.lock(tx, [item.id for item in items.values()], arrival.location.id)
    refs: dict[str, Any] = {}
    for locked, part in shares:
        refs = {**await _apply(tx, arrival, locked, part, None), **refs}
        await tx.flush()
    return refs


async def _receive(tx: Transaction, arrival: _Arrival, locked: LockedReturn) -> Mapping[str, Any]:
    locked.check(ReturnAction.RECEIVE, "input", "returnId")
    await tasks.admit(tx, ("Return", locked.id), arrival.caller, ("input", "returnId"))
    contents, found = await _lock_contents(tx, arrival, locked)
    return await _apply(tx, arrival, locked, contents, found)


async def _apply(
    tx: Transaction,
    arrival: _Arrival,
    locked: LockedReturn,
    contents: Sequence[ArrivedUnits],
    found: IdentifiedUnits | None,
) -> Mapping[str, Any]:
    command, actor, before = arrival.command, arrival.caller.actor, locked.status
    parcel = Parcel(tuple(contents), command.complete)
    try:
        receipt, joining = await unannounced_units.match(tx, locked, parcel)
    except DomainError as error:
        raise error.under("input") from None
    moved = await receipt_units.apply_receipt(
        tx, locked, receipt, arrival.items, arrival.location.id, found, actor, joining
    )
    for group in moved:
        group.bin_id = arrival.bin_id if group.stock_state is StockState.QUALITY_CONTROL else None
    locked.set_status(receipt.status)
    moved_facts = [group.facts for group in moved]
    passed = await receipt_units.restock_fast_lane(tx, locked, moved)
    await return_records.write(tx, locked)
    place_id = arrival.location.id
    received = ReturnReceived(**return_records.step(locked, moved_facts, before))
    return_records.record(tx, received, locked, actor, location_id=place_id)
    for event in (ReturnInspected, ReturnDisposed) if passed else ():
        passing = event(**return_records.step(locked, passed))
        return_records.record(tx, passing, locked, POLICY, location_id=place_id)
    facts = {"location": arrival.location.code, "moved": moved_facts}
    return_records.audit(tx, actor, "returnReceive", locked, before=before, facts=facts)
    exception_id = await discrepancies.open_exception(
        tx, locked, receipt.discrepancies, actor, location_id=place_id
    )
    if exception_id is None:
        await discrepancies.clear_when_settled(tx, locked, actor)
        return {"return": str(locked.id)}
    return {"return": str(locked.id), "exception": str(exception_id)}


async def _lock_contents(
    tx: Transaction, arrival: _Arrival, locked: LockedReturn
) -> tuple[Sequence[ArrivedUnits], IdentifiedUnits | None]:
    """Lock the stock and cost of the received units; take them out of quarantine, if there.

    Then the exceptions of the quarantined parcel and of the return are locked, in id order.
    """
    command, location = arrival.command, arrival.location
    await receipt_units.lock(tx, [item.id for item in arrival.items.values()], location.id)
    contents = [
        ArrivedUnits(arrival.items[item.sku].sku, item.quantity, item.return_item_id)
        for item in command.items
    ]
    if command.exception_id is None:
        return contents, None
    subject = exceptions.subject_key(("Return", locked.id))
    await parcel_queries.lock_exceptions(tx.session, command.exception_id, subject)
    left = await unidentified_parcels.remaining_units(tx, command.exception_id, location)
    contents = contents or [ArrivedUnits(sku, units) for sku, units in left]
    wanted = totals((arrival.items[each.sku].id, each.quantity) for each in contents)
    actor = arrival.caller.actor
    return contents, await unidentified_parcels.remove_units(
        tx, command.exception_id, location, wanted, actor
    )


async def _bin(
    tx: Transaction, command: ReceiveReturn, location: LocationFacts | None
) -> int | None:
    """The bin that a receipt names at its location, or None. Raises NotFound or Invalid."""
    if command.bin_code is None or location is None:
        return None
    bins = await bin_queries.hold_bins(tx.session, [command.bin_code])
    return open_bin(bins, command.bin_code, location, "input", "binCode").id


def _check_items(command: ReceiveReturn) -> None:
    if len(command.items) > ITEMS_MAX:
        field = ("input", "items")
        raise LimitExceeded("items", ITEMS_MAX, len(command.items), field=field)


def _check(command: ReceiveReturn) -> None:
    """Raise the faults of the numbers."""
    problems = Problems()
    with problems.under():
        check_stored(command.rma_number, "rmaNumber")
    with problems.under():
        check_stored(command.tracking_number, "trackingNumber")
    with problems.under():
        check_stored(command.order_number, "orderNumber")
    problems.refuse()


def _check_alone(command: ReceiveReturn) -> None:
    """Raise the faults of a receipt by order number that names a return in another way, too."""
    problems = Problems()
    others = (command.return_id, command.rma_number, command.tracking_number, command.exception_id)
    with problems.under():
        if any(each is not None for each in others):
            raise Invalid(
                "Send either orderNumber, or returnId, rmaNumber, trackingNumber and exceptionId,"
                " not both.",
                field=("orderNumber",),
            )
    with problems.under():
        if not command.items:
            raise Invalid("At least one item is required; none was sent.", field=("items",))
    for position, item in enumerate(command.items):
        with problems.under("items", str(position)):
            if item.return_item_id is not None:
                raise Invalid(
                    "A return item belongs to one return. Send its returnId, not orderNumber.",
                    field=("returnItemId",),
                )
    problems.refuse()


async def _named(tx: Transaction, command: ReceiveReturn, caller: Caller) -> UUID | None:
    """The return that a receipt names: by id, else by RMA number, else by tracking number.

    A tracking number may stand for returns of several orders in one parcel; the return that still
    expects units is taken. Raises Invalid if several do, or if id and number differ.
    """
    scope = await scope_of(tx.session, caller)
    seen = await return_queries.returns_named(
        tx.session, scope, command.return_id, command.rma_number, command.tracking_number
    )
    exact = {row["id"] for row in seen if row["named_by"] < 3}
    if len(exact) > 1:
        raise Invalid("returnId and rmaNumber name different returns.", field=("rmaNumber",))
    if exact:
        return_id: UUID = exact.pop()
        return return_id
    waiting = [row for row in seen if row["status"] in _WAITING] or seen
    if len(waiting) > 1:
        raise Invalid(
            "Several returns have this tracking number. Send the returnId or rmaNumber of one.",
            field=("trackingNumber",),
            details={"rmaNumbers": [row["rma_number"] for row in waiting]},
        )
    return waiting[0]["id"] if waiting else None


_WAITING = frozenset(
    {
        ReturnStatus.AUTHORIZED,
        ReturnStatus.IN_TRANSIT,
        ReturnStatus.PARTIALLY_RECEIVED,
        ReturnStatus.EXPIRED,
    }
)
