"""Cancellation of units that have not shipped: they become available and are refunded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import domain.ledger.entries as ledger_entries
import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.refunds.chargebacks as chargeback_queries
import models.queries.refunds.refunds as refund_queries
import workflows.orders.fulfillments as fulfillments
import workflows.orders.locked_orders as locked_orders
import workflows.orders.picks as picks
import workflows.policies.publishing as policies
from domain.access.callers import Caller
from domain.errors import IllegalTransition, Invalid, NotFound
from domain.events.fulfillments import FulfillmentCancelled, FulfillmentReduced
from domain.events.orders import OrderCancelled
from domain.events.payloads import encode
from domain.ledger.entries import Occasion
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.orders import CANCELLABLE, OrderLineState, OrderStatus
from domain.orders.scans import ScannedUnits
from domain.policies.policies import Facts, PolicyKind, choose, shared_category
from domain.problems import Problems
from domain.refunds.breakdowns import ShippingAccount
from domain.refunds.parts import NOTHING, Parts
from domain.refunds.states import shipping_to_refund
from domain.stock.states import StockState, check_quantity
from domain.values.codes import store_codes
from domain.values.money import Money
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from models.orders import OrderCancellation, OrderCancellationLine
from workflows.access.visibility import sees_order
from workflows.catalog.reason_codes import active_reason
from workflows.orders.fulfillments import LINE_STATE
from workflows.orders.locked_orders import Line, LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class CancelLine:
    order_line_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel these lines; None: all units that have not shipped."""

    order_id: UUID
    reason_code: str
    lines: tuple[CancelLine, ...] | None = None

    def __post_init__(self) -> None:
        store_codes(self, "reason_code")


@dataclass(slots=True)
class _CancelledValue:
    """Value of cancelled units in minor units; `lines`: (line, units, net, tax) of each.

    `charged_back`: the part of the order's payments that chargebacks took. It is owed again.
    """

    items: int = 0
    tax: int = 0
    shipping: Parts = NOTHING
    charged_back: int = 0
    lines: list[tuple[UUID, int, int, int]] = field(default_factory=list)


@one_by_one("orderCancel")
async def cancel(tx: Transaction, command: CancelOrder, caller: Caller) -> Mapping[str, Any]:
    """Cancel all or some units that have not shipped, and record the refund owed for them.

    Locks the order, then the items' stock. Raises IllegalTransition if fewer units are left to
    cancel than requested, NotFound, or Invalid. Records `order.cancelled` and, for each
    fulfillment, `fulfillment.cancelled` or `fulfillment.reduced`.
    """
    order = await locked_orders.lock(tx, command.order_id, ("id",))
    if not await sees_order(tx.session, caller, order.id):
        raise NotFound("order", str(command.order_id), field=("id",))
    problems = Problems()
    with problems.under():
        reason = await active_reason(tx, command.reason_code, "CANCELLATION")
    with problems.under():
        wanted = _wanted(order, command)
    problems.refuse()
    item_ids = {line.item_id for line, _ in wanted}
    await tx.stock.lock(item_ids)
    await picks.book(tx, item_ids)
    value = _value(wanted)
    await _release_units(tx, order, wanted, caller.actor)
    value.shipping = await _shipping(tx, order, [line.item_id for line, _ in wanted])
    value.charged_back = await chargeback_queries.charged_back_of_order(tx.session, order.id)
    refund = _release_deposit(tx, order, wanted, value, reason.id, caller.actor)
    units: Counter[str] = Counter()
    for line, quantity in wanted:
        units[line.sku] += quantity
    event = OrderCancelled(
        **await locked_orders.write(tx, order),
        reason=command.reason_code,
        lines={str(line.id): quantity for line, quantity in wanted},
        units=dict(units),  # units that were backordered may be promised to others
        refund_minor=refund,
        currency=order.currency,
    )
    locked_orders.record(tx, order, event, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "orderCancel",
        ("Order", order.id),
        before={"status": str(event.before)},
        after=encode(event),
    )
    return {"order": str(order.id)}


def _cancellable(line: Line) -> int:
    return sum(line.units[state] for state in CANCELLABLE)


def _wanted(order: LockedOrder, command: CancelOrder) -> list[tuple[Line, int]]:
    if command.lines is None:
        wanted = [(line, _cancellable(line)) for line in order.lines if _cancellable(line)]
        if not wanted:
            raise IllegalTransition("order", order.recorded_status, "CANCELLED", (), field=("id",))
        return wanted
    if not command.lines:
        raise Invalid(
            "At least one line is required. Omit `lines` to cancel all unshipped units.",
            field=("lines",),
        )
    chosen: dict[UUID, int] = {}
    problems = Problems()
    for index, each in enumerate(command.lines):
        with problems.under("lines", str(index)):
            check_quantity(each.quantity)
            line = order.line(each.order_line_id)
            if line is None:
                raise NotFound("order line", str(each.order_line_id), field=("orderLineId",))
            chosen[line.id] = chosen.get(line.id, 0) + each.quantity
            if chosen[line.id] > _cancellable(line):
                raise IllegalTransition(
                    f"order line with {_cancellable(line)} units left to cancel",
                    order.recorded_status,
                    "CANCELLED",
                    (),
                    field=("quantity",),
                )
    problems.refuse()
    return [(line, chosen[line.id]) for line in order.lines if line.id in chosen]


def _value(wanted: Sequence[tuple[Line, int]]) -> _CancelledValue:
    value = _CancelledValue()
    for line, quantity in wanted:
        first = line.money.quantity - line.cancelled - quantity
        net, tax = line.money.part(first, quantity)
        value.items += net
        value.tax += tax
        value.lines.append((line.id, quantity, net, tax))
    return value


async def _shipping(tx: Transaction, order: LockedOrder, cancelled: Sequence[int]) -> Parts:
    """The shipping that is refunded with these units: what is left, if the order is now undone.

    If nothing was ever shipped, it is the whole fee. If parcels were sent and the rest was refunded
    before, the REFUND policy of the `cancelled` items decides, as for the last returned unit.
    """
    if order.status is OrderStatus.CANCELLED:
        return Parts(0, 0, order.shipping_minor, order.shipping_tax_minor)
    undone = await refund_queries.undone_units(tx.session, order.id)
    if any(
        line.units[OrderLineState.CANCELLED] + undone.get(line.id, 0) < line.money.quantity
        for line in order.lines
    ):
        return NOTHING
    channels = await lookups.channels_by_id(tx.session, [order.channel_id])
    in_force = await policies.in_force(tx.session, PolicyKind.REFUND, tx.now)
    items = await lookups.items_by_id(tx.session, cancelled)
    category = shared_category(item.category for item in items.values())
    facts = Facts(channels[order.channel_id].code, category)
    given = await refund_queries.shipping_given(tx.session, order.id)
    left = ShippingAccount(
        order.shipping_minor - int(given["shipping_minor"]),
        order.shipping_tax_minor - int(given["shipping_tax_minor"]),
    )
    rules = choose(in_force, facts, tx.now).rules
    shipping = shipping_to_refund(rules, left, is_whole_order=True)
    return Parts(0, 0, shipping.shipping_minor, shipping.tax_minor)


async def _release_units(
    tx: Transaction, order: LockedOrder, wanted: Sequence[tuple[Line, int]], actor: str
) -> None:
    """Move the units back to AVAILABLE and out of their fulfillments; cancel empty fulfillments."""
    parcels = {
        row["id"]: row
        for row in await fulfillment_queries.of_order(tx.session, order.id)
        if FulfillmentStatus(row["status"]) in LINE_STATE
    }
    contents = await fulfillment_queries.lines_of(tx.session, sorted(parcels))
    left = {
        row["id"]: ScannedUnits(row["quantity"], row["picked"], row["packed"]) for row in contents
    }
    for line, quantity in wanted:
        waiting = min(quantity, line.units[OrderLineState.BACKORDERED])
        line.shift(OrderLineState.BACKORDERED, OrderLineState.CANCELLED, waiting)
        rest = quantity - waiting
        for row in _least_work_first(
            parcels, [c for c in contents if c["order_line_id"] == line.id]
        ):
            taken = min(rest, left[row["id"]].quantity)
            if taken:
                rest -= taken
                left[row["id"]], units = left[row["id"]].take(taken)
                parcel = parcels[row["fulfillment_id"]]
                state = LINE_STATE[FulfillmentStatus(parcel["status"])]
                line.shift(state, OrderLineState.CANCELLED, taken)
                _return_units(tx, order, line, parcel["location_id"], units, actor)
    await _write_parcels(tx, order, parcels, contents, left, actor)


def _least_work_first(
    parcels: Mapping[UUID, FulfillmentRow], rows: Sequence[FulfillmentLineRow]
) -> list[FulfillmentLineRow]:
    order = list(LINE_STATE)
    return sorted(
        rows,
        key=lambda row: order.index(FulfillmentStatus(parcels[row["fulfillment_id"]]["status"])),
    )


def _return_units(
    tx: Transaction,
    order: LockedOrder,
    line: Line,
    location_id: int,
    units: ScannedUnits,
    actor: str,
) -> None:
    """Move units of a parcel to AVAILABLE; picked ones come back onto the shelf, unbinned."""
    tx.stock.move(
        StockMove(
            item_id=line.item_id,
            location_id=location_id,
            from_state=StockState.ALLOCATED,
            to_state=StockState.AVAILABLE,
            quantity=units.quantity,
            picked=units.picked,
            actor=actor,
            channel_id=order.channel_id,
            reference=f"Order:{order.id}",
        ),
    )


async def _write_parcels(
    tx: Transaction,
    order: LockedOrder,
    parcels: Mapping[UUID, FulfillmentRow],
    contents: Sequence[FulfillmentLineRow],
    left: Mapping[UUID, ScannedUnits],
    actor: str,
) -> None:
    lines = [row for row in contents if left[row["id"]].quantity != row["quantity"]]
    changed = {row["fulfillment_id"] for row in lines}
    statuses = []
    for fulfillment_id in sorted(changed):
        parcel = parcels[fulfillment_id]
        of_fulfillment = [row for row in contents if row["fulfillment_id"] == fulfillment_id]
        is_empty = not any(left[row["id"]].quantity for row in of_fulfillment)
        status = str(FulfillmentStatus.CANCELLED) if is_empty else parcel["status"]
        version = parcel["version"] + 1
        statuses.append((fulfillment_id, status, version))
        step = fulfillments.step(order.row, FulfillmentStatus(status), parcel["status"])
        fulfillments.record(
            tx,
            FulfillmentCancelled(**step, shortages=None, rerouted=None, backordered=None)
            if is_empty
            else FulfillmentReduced(**step),
            parcel,
            version,
            order.row,
            actor,
        )
    units = [(row["id"], left[row["id"]]) for row in lines]
    await fulfillment_queries.write_units(tx.session, units)
    await fulfillment_queries.write_status(tx.session, statuses, tx.now)


def _release_deposit(
    tx: Transaction,
    order: LockedOrder,
    wanted: Sequence[tuple[Line, int]],
    value: _CancelledValue,
    reason_id: int,
    actor: str,
) -> int:
    """Post the deposit that the remaining units do not need as owed to the customer.

    Returns its amount in minor units.
    """
    # Shipping was booked with the first parcel, if there was one.
    unearned = value.shipping if order.has_shipped else NOTHING
    before = order.account
    credited = before.credited(unearned.total_minor)
    owed = _amount_due(order) + value.charged_back
    refund = ledger_entries.left_over(credited.deposit_minor, 0, owed)
    refund = min(refund, value.items + value.tax + value.shipping.total_minor)
    order.account = credited.credited(-refund)
    units = sum(quantity for _, quantity in wanted)
    entry = ledger_entries.order_cancelled(
        units,
        Money(refund, order.currency),
        Occasion(order.number, order.time_of(tx.now)),
        unearned=unearned,
        before=before,
        after=order.account,
    )
    entry_id = tx.journal.post(entry, actor=actor, channel_id=order.channel_id)
    row = {
        "id": tx.new_id(),
        "order_id": order.id,
        "reason_id": reason_id,
        "items_minor": value.items,
        "tax_minor": value.tax + value.shipping.shipping_tax_minor,
        "shipping_minor": value.shipping.shipping_minor,
        "shipping_tax_minor": value.shipping.shipping_tax_minor,
        "refund_minor": refund,
        "currency": order.currency,
        "actor": actor,
        "created_at": tx.now,
        "entry_id": entry_id,
    }
    tx.add(OrderCancellation, row)
    for line_id, quantity, net, tax in value.lines:
        part = {
            "id": tx.new_id(),
            "cancellation_id": row["id"],
            "order_line_id": line_id,
            "quantity": quantity,
            "net_minor": net,
            "tax_minor": tax,
        }
        tx.add(OrderCancellationLine, part)
    return refund


def _amount_due(order: LockedOrder) -> int:
    """Amount due for units that will still ship, with the shipping fee if none has shipped."""
    due = 0
    for line in order.lines:
        waiting = line.money.quantity - line.cancelled - line.left
        net, tax = line.money.part(line.left, waiting)
        due += net + tax
    if order.status is OrderStatus.CANCELLED or order.has_shipped:
        return due
    fee = order.shipping_minor + order.shipping_tax_minor
    return due + fee
