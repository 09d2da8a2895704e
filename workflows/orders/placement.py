"""Placement of orders: units, money and promised dates in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

import orjson

import domain.ledger.entries as ledger_entries
import models.queries.catalog.lookups as lookups
import models.queries.orders.orders as order_queries
import workflows.orders.allocations as allocations
import workflows.orders.paid_holds as paid_holds
import workflows.orders.placement_holds as placement_holds
import workflows.orders.totals as order_totals
import workflows.policies.publishing as policies
from domain.access.callers import Caller
from domain.errors import AlreadyExists, DomainError, InsufficientStock
from domain.events.orders import OrderPlaced
from domain.events.payloads import encode
from domain.ledger.entries import Occasion
from domain.orders.orders import (
    OrderLineState,
    OrderStatus,
    check_address_lines,
    check_client_time,
    check_tags,
    number_of,
    status_of,
)
from domain.policies.fulfillments import FulfillmentRules
from domain.policies.policies import PolicyKind
from domain.problems import Problems
from domain.stock.states import check_quantity
from domain.values.codes import ByCode, check_stored, comparison_key
from domain.values.countries import check_country
from domain.values.money import Money
from domain.values.texts import NOTE_MAX, check_longest, check_text
from domain.values.totals import totals
from models.orders import NewOrderRow, Order, OrderAddress, OrderLine, OrderPayment
from models.queries.catalog.lookups import ChannelFacts, ItemFacts
from workflows.availability.demands import Demand
from workflows.orders.allocations import OrderAllocation, Supply
from workflows.orders.commands import Address, NewLine, PlaceOrder
from workflows.orders.totals import OrderTotals
from workflows.policies.publishing import Found
from workflows.reservations.line_checks import (
    LINES_MAX,
    check_lines,
    named_location,
    open_channel,
    sold_item,
)
from workflows.transactions.actions import action
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class _OrderDraft:
    """A request whose names were resolved and whose amounts are consistent."""

    command: PlaceOrder
    caller: Caller
    channel: ChannelFacts
    items: ByCode[ItemFacts]
    money: OrderTotals
    placed_at: datetime
    demands: Sequence[Demand]


@action("orderPlace")
async def place(tx: Transaction, requests: Sequence[Request[PlaceOrder]]) -> list[Outcome]:
    """Place orders, each with all of its units or, unless `backorder`, not at all.

    Locks the stock of all items, then the holds. Each order is decided before it is written, so a
    refused one does not affect the others. Refusals: AlreadyExists (with the existing order),
    InsufficientStock, Invalid, NotFound, LimitExceeded, IllegalTransition (for a hold that did not
    end by expiry). Records `order.placed`, `fulfillment.created` and `reservation.committed`; for
    holds, also `fulfillment.held` and `order.held`.
    """
    drafts = await _find(tx, requests)
    valid = [draft for draft in drafts if isinstance(draft, _OrderDraft)]
    placed = await order_queries.orders_by_reference(
        tx.session,
        sorted({draft.channel.id for draft in valid}),
        sorted({draft.command.external_reference for draft in valid}),
    )
    known = frozenset(placed)
    supply = await allocations.lock(
        tx,
        {demand.item.id for draft in valid for demand in draft.demands},
        {hold for draft in valid if (hold := draft.command.reservation_id) is not None},
    )
    rules = await policies.in_force(tx.session, PolicyKind.FULFILLMENT, tx.now)
    outcomes = []
    for draft in drafts:
        if isinstance(draft, Outcome):
            outcomes.append(draft)
            continue
        try:
            outcomes.append(await _place(tx, draft, supply, placed, rules))
        except AlreadyExists as error:
            outcomes.append(Outcome.refused(error, refs={"order": error.existing}))
        except InsufficientStock as error:
            await paid_holds.report(tx, draft.command, draft.channel, supply, draft.caller.actor)
            outcomes.append(Outcome.refused(error))
        except DomainError as error:
            outcomes.append(Outcome.refused(error))
    await allocations.commit_holds(tx, supply)
    await paid_holds.settle(tx, [reference for reference in placed if reference not in known])
    return outcomes


async def _place(
    tx: Transaction,
    draft: _OrderDraft,
    supply: Supply,
    placed: dict[tuple[int, str], UUID],
    rules: Found[FulfillmentRules],
) -> Outcome:
    command, caller, channel = draft.command, draft.caller, draft.channel
    reference = (channel.id, comparison_key(command.external_reference))
    if reference in placed:
        field = ("input", "externalReference")
        raise AlreadyExists(
            "order", command.external_reference, str(placed[reference]), field=field
        )
    order_id = tx.new_id()
    allocation = await allocations.allocate(
        tx, supply, channel, draft.demands, order_id, command, caller=caller
    )
    # No refusal is possible from here on.
    order = _order_row(
        tx, command, caller, channel, draft.money, allocation, order_id, draft.placed_at
    )
    lines = _add_order(tx, draft, allocation, order)
    places = allocation.location_ids
    holds = placement_holds.plan(tx, rules, command, channel, places, draft.money, caller.actor)
    held_at = placement_holds.held_at(holds, places)
    parcels = allocations.add_fulfillments(
        tx, order, lines, allocation, actor=caller.actor, held_at=held_at
    )
    _add_payments(tx, draft.money, order, actor=caller.actor)
    _record(tx, draft, order, allocation)
    placement_holds.add(tx, holds, order, parcels)
    placed[reference] = order_id
    return Outcome(refs={"order": str(order_id)})


async def _find(
    tx: Transaction, requests: Sequence[Request[PlaceOrder]]
) -> list[_OrderDraft | Outcome]:
    commands = [request.command for request in requests]
    channels = await lookups.channels_by_code(tx.session, {c.channel for c in commands})
    skus = {line.sku for command in commands for line in command.lines[:LINES_MAX]}
    items = await lookups.items_by_sku(tx.session, skus)
    drafts: list[_OrderDraft | Outcome] = []
    for request in requests:
        try:
            draft = _draft(tx, request, channels, items)
        except DomainError as error:
            drafts.append(Outcome.refused(error.under("input")))
        else:
            unread = (each.error for each in request.unread)
            drafts.append(Outcome.refused(*unread) if draft is None else draft)
    return drafts


def _draft(
    tx: Transaction,
    request: Request[PlaceOrder],
    channels: ByCode[ChannelFacts],
    items: ByCode[ItemFacts],
) -> _OrderDraft | None:
    """The draft; None if all faults are of arguments that could not be read. Raises the others."""
    command, caller = request.command, request.caller
    problems = Problems()
    with problems.under():
        check_lines(len(command.lines))
    problems.each(_checks_of(command, tx.now))
    channel = problems.attempt(lambda: open_channel(channels, caller, command.channel))
    demands = problems.each(
        partial(_demand, line, index, items, channel)
        for index, line in enumerate(command.lines[:LINES_MAX])
    )
    may_backdate = caller.may("backdate")
    placed_at = problems.attempt(
        lambda: check_client_time(
            command.placed_at, tx.now, may_backdate=may_backdate, field="placedAt"
        )
    )
    money = None
    if channel is not None:
        with problems.under():
            if request.unread:
                # The sums of stand-ins mean nothing.
                order_totals.check_amounts(command, channel.currency)
            else:
                money = order_totals.of_order(command, channel.currency)
    problems.refuse()
    if request.unread:
        return None
    assert channel is not None
    assert placed_at is not None
    assert money is not None
    return _OrderDraft(command, caller, channel, items, money, placed_at, demands)


def _checks_of(command: PlaceOrder, now: datetime) -> Iterator[Callable[[], object]]:
    """Checks of the texts of an order, and of its hold."""
    yield partial(check_stored, command.external_reference, "externalReference")
    yield partial(check_stored, command.customer_reference, "customerReference")
    yield partial(check_text, command.service_level, "serviceLevel")
    yield partial(check_text, command.note, "note", longest=NOTE_MAX)
    yield partial(check_tags, command.tags)
    if command.hold is not None:
        yield partial(command.hold.check, now, "hold")
    if (to := command.ship_to) is not None:
        yield from _checks_of_address(to)


def _checks_of_address(to: Address) -> Iterator[Callable[[], object]]:
    """Checks of the address of an order. Its texts may be empty, except those for the carrier."""
    yield partial(check_country, to.country_code, "shipTo", "countryCode")
    yield partial(check_longest, to.postal_code, "shipTo", "postalCode")
    yield partial(check_longest, to.region, "shipTo", "region")
    yield partial(check_longest, to.city, "shipTo", "city")
    yield partial(check_longest, to.name, "shipTo", "name")
    yield partial(check_text, to.phone, "shipTo", "phone")
    yield partial(check_text, to.email, "shipTo", "email")
    yield partial(check_address_lines, to.lines or (), "shipTo", "lines")


def _demand(
    line: NewLine, index: int, items: ByCode[ItemFacts], channel: ChannelFacts | None
) -> Demand:
    """The demand of a line. Raises its faults: the quantity, the SKU, and the location.

    Without a channel, its location is not checked.
    """
    problems = Problems()
    with problems.under("lines", str(index)):
        check_quantity(line.quantity)
    with problems.under("lines", str(index)):
        item = sold_item(items, line.sku)
    place = None
    with problems.under("lines", str(index)):
        place = named_location(channel, line.location_code)
    problems.refuse()
    return Demand(item, line.quantity, place, ("input", "lines", str(index)))


def _order_row(
    tx: Transaction,
    command: PlaceOrder,
    caller: Caller,
    channel: ChannelFacts,
    money: OrderTotals,
    allocation: OrderAllocation,
    order_id: UUID,
    placed_at: datetime,
) -> NewOrderRow:
    return {
        "id": order_id,
        "number": number_of(order_id),
        "channel_id": channel.id,
        "external_reference": command.external_reference,
        "status": str(status_of(units for units in allocation.units_by_line)),
        "customer_reference": command.customer_reference,
        "service_level": command.service_level,
        "currency": channel.currency,
        "shipping_minor": money.shipping_minor,
        "shipping_tax_minor": money.shipping_tax_minor,
        "total_minor": money.total_minor,
        "deposit_minor": money.paid_minor,
        "placed_at": placed_at,
        "created_at": tx.now,
        "ship_by_at": allocation.ship_by,
        "deliver_by_at": allocation.deliver_by,
        "reservation_id": command.reservation_id,
        "actor": caller.actor,
        "routing": orjson.dumps(allocation.decision).decode(),
        "note": command.note,
        "tags": orjson.dumps(command.tags).decode() if command.tags else None,
        "updated_at": tx.now,
    }


def _add_order(
    tx: Transaction, draft: _OrderDraft, allocation: OrderAllocation, order: NewOrderRow
) -> list[tuple[UUID, int]]:
    """Add the order, its address and its lines. Returns (line id, item id) in line order."""
    command, money = draft.command, draft.money
    places = {place.code: place.id for place in draft.channel.locations}
    tx.add(Order, order)
    if command.ship_to is not None:
        to = command.ship_to
        address = {
            "id": tx.new_id(),
            "order_id": order["id"],
            "country_code": to.country_code,
            "postal_code": to.postal_code,
            "region": to.region,
            "city": to.city,
            "lines": None if to.lines is None else orjson.dumps(to.lines).decode(),
            "name": to.name,
            "phone": to.phone,
            "email": to.email,
        }
        tx.add(OrderAddress, address)
    lines = []
    for index, (line, demand) in enumerate(zip(command.lines, draft.demands, strict=True)):
        lines.append((tx.new_id(), demand.item.id))
        units = allocation.units_by_line[index]
        row = {
            "id": lines[-1][0],
            "order_id": order["id"],
            "line_no": index,
            "item_id": lines[-1][1],
            "quantity": line.quantity,
            "unit_price_minor": line.unit_price.minor,
            "discount_minor": money.lines[index].discount_minor,
            "tax_minor": money.lines[index].tax_minor,
            "backordered": units[OrderLineState.BACKORDERED],
            "allocated": units[OrderLineState.ALLOCATED],
            "location_id": None if demand.location is None else places[demand.location],
        }
        tx.add(OrderLine, row)
    return lines


def _add_payments(tx: Transaction, money: OrderTotals, order: NewOrderRow, *, actor: str) -> None:
    for reference, amount_minor in money.payments:
        row = {
            "id": tx.new_id(),
            "order_id": order["id"],
            "reference": reference if reference is not None else order["number"],
            "amount_minor": amount_minor,
            "currency": order["currency"],
            "captured_at": order["placed_at"],
        }
        tx.add(OrderPayment, row)
    entry = ledger_entries.payment_captured(
        Money(money.paid_minor, order["currency"]), Occasion(order["number"], order["placed_at"])
    )
    tx.journal.post(entry, actor=actor, channel_id=order["channel_id"])


def _record(
    tx: Transaction, draft: _OrderDraft, order: NewOrderRow, allocation: OrderAllocation
) -> None:
    caller, channel = draft.caller, draft.channel
    units = totals((demand.item.sku, demand.quantity) for demand in draft.demands)
    event = OrderPlaced(
        number=order["number"],
        status=OrderStatus(order["status"]),
        channel=channel.code,
        units=units,
        backordered=allocation.backordered_units,
    )
    tx.outbox.record(event, order["id"], actor=caller.actor, channel_id=channel.id)
    tx.outbox.audit(caller.actor, "orderPlace", ("Order", order["id"]), after=encode(event))
