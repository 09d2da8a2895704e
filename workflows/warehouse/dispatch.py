"""Dispatch: the parcels that a carrier collects are scanned at the dock and shipped together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.tasks as task_queries
import workflows.orders.held_steps as held_steps
import workflows.orders.locked_orders as locked_orders
import workflows.orders.parcel_numbers as parcel_numbers
import workflows.orders.picks as picks
import workflows.orders.scanned_steps as scanned_steps
import workflows.orders.shipments as shipments
import workflows.tasks.holders as holders
from domain.access.callers import Caller
from domain.errors import (
    AlreadyExists,
    DomainError,
    IllegalTransition,
    Invalid,
    LimitExceeded,
    NotFound,
)
from domain.orders.fulfillment_holds import FulfillmentOnHold
from domain.orders.fulfillments import FulfillmentStatus
from domain.values.codes import store_codes
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from models.queries.catalog.lookups import LocationFacts
from models.queries.listing.scopes import Scope, scope_of
from models.tasks import TaskRow
from workflows.orders.locked_orders import LockedOrder
from workflows.orders.shipments import Handover
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome, Refusal
from workflows.transactions.transaction import Transaction

CODES_MAX = 200


@dataclass(frozen=True, slots=True)
class DispatchParcels:
    """Ship the parcels with these codes: numbers of labels or fulfillments, or totes."""

    location_code: str
    codes: tuple[str, ...]
    shipped_at: datetime | None = None

    def __post_init__(self) -> None:
        store_codes(self, "location_code", "codes")


@dataclass(slots=True)
class _Dock:
    """The locked parcels of a dispatch, with all that their shipment needs."""

    location: LocationFacts
    rows: dict[UUID, FulfillmentRow]
    orders: Mapping[UUID, LockedOrder]
    lines: Mapping[UUID, Sequence[FulfillmentLineRow]]
    tasks: Mapping[str, Sequence[TaskRow]]
    holds: Mapping[UUID, Mapping[UUID, str]]
    scope: Scope


@one_by_one("fulfillmentDispatch")
async def dispatch(tx: Transaction, command: DispatchParcels, caller: Caller) -> Outcome:
    """Ship several parcels, each as `fulfillmentShip` does and each by itself.

    A parcel needs a carrier and a tracking number, as its label gives them. Locks the orders, the
    tasks, the items' stock, then their costs. Raises Invalid, LimitExceeded or NotFound for the
    whole call. Records what `fulfillmentShip` records.
    """
    location = await lookups.location_by_code(tx.session, command.location_code)
    if location is None or not caller.sees_location(location.code):
        raise NotFound("location", command.location_code, field=("locationCode",))
    if not command.codes:
        raise Invalid("At least one code is required.", field=("codes",))
    if len(command.codes) > CODES_MAX:
        raise LimitExceeded("codes", CODES_MAX, len(command.codes), field=("codes",))
    shipped_at = shipments.time_of(tx, command.shipped_at, caller)
    named = await fulfillment_queries.named_at(tx.session, location.id, command.codes)
    dock = await _lock(tx, location, named, caller)
    shipped: list[UUID] = []
    refused: list[DomainError] = []
    for index, code in enumerate(command.codes):
        field = ("codes", str(index))
        try:
            row = _parcel(dock, named, code, field)
            await _check(tx, dock, row, caller, field)
            time = shipments.not_before_order(
                command.shipped_at, shipped_at, dock.orders[row["order_id"]]
            )
        except DomainError as error:
            refused.append(error)
            continue
        await _hand_over(tx, dock, row, time, caller.actor)
        shipped.append(row["id"])
    return Outcome(
        refs={"fulfillments": [str(each) for each in shipped]},
        refusals=tuple(Refusal.of(error) for error in refused),
        is_stored=bool(shipped) or all(error.is_stored for error in refused),
    )


async def _lock(
    tx: Transaction, location: LocationFacts, named: Mapping[str, UUID], caller: Caller
) -> _Dock:
    """Lock the orders of these fulfillments, their tasks, and the stock and costs of the items."""
    ids = sorted(set(named.values()))
    found = await fulfillment_queries.by_ids(tx.session, ids)
    orders = await locked_orders.lock_all(tx, (row["order_id"] for row in found))
    rows = {row["id"]: row for row in await fulfillment_queries.by_ids(tx.session, ids)}
    holds = await held_steps.holds_of(tx, list(rows.values()))
    lines: dict[UUID, list[FulfillmentLineRow]] = {key: [] for key in rows}
    for line in await fulfillment_queries.lines_of(tx.session, ids):
        if line["quantity"]:
            lines[line["fulfillment_id"]].append(line)
    by_subject: dict[str, list[TaskRow]] = {}
    for task in await task_queries.lock_live(tx.session, "Fulfillment", [str(key) for key in ids]):
        by_subject.setdefault(task["subject_key"], []).append(task)
    item_ids = {line["item_id"] for of_parcel in lines.values() for line in of_parcel}
    await tx.stock.lock(item_ids)
    await tx.costs.lock(item_ids)
    await picks.book(tx, item_ids)
    scope = await scope_of(tx.session, caller)
    return _Dock(location, rows, orders, lines, by_subject, holds, scope)


def _parcel(
    dock: _Dock, named: Mapping[str, UUID], code: str, field: tuple[str, ...]
) -> FulfillmentRow:
    """The parcel with a code. Raises NotFound."""
    key = named.get(code)
    row = None if key is None else dock.rows.get(key)
    if row is None or not dock.scope.sees_channel(dock.orders[row["order_id"]].channel_id):
        raise NotFound("parcel", code, field=field)
    return row


async def _check(
    tx: Transaction, dock: _Dock, row: FulfillmentRow, caller: Caller, field: tuple[str, ...]
) -> None:
    """Raise IllegalTransition unless the parcel may leave now, AlreadyExists or TaskNotClaimed."""
    shipped = FulfillmentStatus.SHIPPED
    if holds := dock.holds.get(row["id"]):
        raise FulfillmentOnHold(
            row["status"], shipped, holds, shows_risk=caller.may_see_risk(), field=field
        )
    shipments.check_may_ship(row, dock.location, field)
    if row["carrier"] is None or row["tracking_number"] is None:
        raise IllegalTransition(
            "parcel without a carrier and a tracking number",
            row["status"],
            shipped,
            (FulfillmentStatus.CANCELLED,),
            field=field,
        )
    lines = dock.lines[row["id"]]
    order = dock.orders[row["order_id"]]
    scanned_steps.refuse_unscanned(order, row, lines, dock.location, shipped, field)
    try:
        await parcel_numbers.choose(tx, row, None, None, caller)
    except AlreadyExists as error:
        error.field = field
        raise
    for task in dock.tasks.get(str(row["id"]), ()):
        holders.check_may_act(tx, task, caller, field)


async def _hand_over(
    tx: Transaction, dock: _Dock, row: FulfillmentRow, shipped_at: datetime, actor: str
) -> None:
    assert row["carrier"] is not None
    assert row["tracking_number"] is not None
    handover = Handover(row["carrier"], row["tracking_number"], shipped_at)
    order, lines = dock.orders[row["order_id"]], dock.lines[row["id"]]
    holders.audit_overrides(tx, dock.tasks.get(str(row["id"]), ()), actor)
    await shipments.hand_over(tx, order, row, lines, handover, actor, action="fulfillmentDispatch")
    status = str(FulfillmentStatus.SHIPPED)
    dock.rows[row["id"]] = {**row, "status": status, "version": row["version"] + 1}
