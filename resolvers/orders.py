"""Orders: look-up, list, placement, cancellation, and a subscription to one order."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.reads.order_lists as order_lists
import models.queries.reads.orders as order_reads
import workflows.orders.cancellations
import workflows.orders.placement
from models.queries.reads.order_lists import OrderFilters
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, Resume, given, several
from schema.fields.enums import OrderSort, OrderStatus
from schema.fields.lookups import ByReference, check_alone, chosen, search_text
from schema.fields.node import load
from schema.fields.paging import CountedConnection, selection_of, window
from schema.fields.time_ranges import TimeRange, ranged
from schema.mutations.orders import (
    OrderCancelLineInput,
    OrderPayload,
    OrderPlaceInput,
    cancel,
)
from schema.mutations.perform import perform_mutation
from schema.streams import object_changes
from schema.types.events import OrderEvent
from schema.types.orders import Order


async def order(
    info: Info,
    id: ID | None = UNSET,
    number: Annotated[str | None, argument(description="Order number, as typed.")] = UNSET,
    channel: Annotated[str | None, argument(description="Code of the channel.")] = UNSET,
    external_reference: Annotated[
        str | None, argument(description="Reference of the order in the shop.")
    ] = UNSET,
) -> Order | None:
    """One order, by `id`, by `number`, or by `channel` and `externalReference`.

    Null if there is none. More than one of these, or none, is BAD_REQUEST.
    """
    typed = given(number)
    if typed is not None:
        check_alone("number", id, channel, external_reference)
        by_number = await order_reads.order_by_number(*await info.context.opened(), typed)
        return None if by_number is None else Order.from_row(by_number, info.context)
    named = chosen("Order", id, channel, external_reference)
    if not isinstance(named, ByReference):
        found: Order | None = await load(info.context, "Order", named)
        return found
    row = await order_reads.order_by_reference(
        *await info.context.opened(), named.channel, named.reference
    )
    return None if row is None else Order.from_row(row, info.context)


async def orders(
    info: Info,
    status: OrderStatus | None = UNSET,
    statuses: Annotated[
        list[OrderStatus] | None, argument(description="Several, instead of `status`.")
    ] = UNSET,
    channel: Annotated[
        str | None, argument(description="Only of the channel with this code.")
    ] = UNSET,
    search: Annotated[
        str | None,
        argument(
            description="Exact order number, external reference, customer reference, RMA number "
            "or tracking number, in any case and width; at most 255 characters."
        ),
    ] = UNSET,
    placed: Annotated[
        TimeRange | None, argument(description="Only with `placedAt` in this range.")
    ] = UNSET,
    ship_by: Annotated[
        TimeRange | None, argument(description="Only with `shipBy` in this range.")
    ] = UNSET,
    sku: Annotated[str | None, argument(description="Only with a line of this SKU.")] = UNSET,
    location: Annotated[
        str | None,
        argument(description="Only with a fulfillment at the location with this code."),
    ] = UNSET,
    customer_reference: Annotated[
        str | None, argument(description="Only of this customer of the shop.")
    ] = UNSET,
    sort: Annotated[
        OrderSort | None, argument(description="Order of the list.")
    ] = OrderSort.NEWEST,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[Order]:
    """Orders, newest first unless `sort` states another order. Null arguments do not filter."""
    filters = OrderFilters(
        statuses=several(status, statuses),
        channel=given(channel),
        search=search_text(given(search)),
        placed=ranged(placed, "placed"),
        ship_by=ranged(ship_by, "shipBy"),
        sku=given(sku),
        location=given(location),
        customer_reference=given(customer_reference),
    )
    page = await order_lists.orders(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        filters,
        sort or OrderSort.NEWEST,
    )
    return CountedConnection(page, Order.from_row, info.context)


async def order_place(info: Info, input: OrderPlaceInput) -> OrderPayload | None:
    """Place an order. Its allocation, payments and events are written in one transaction.

    Refused: INSUFFICIENT_STOCK unless `backorder` is true, ALREADY_EXISTS for a reference that is
    used on the channel (the payload has that order), NOT_FOUND for a hold of another channel,
    INVALID, LIMIT_EXCEEDED.
    """
    return await perform_mutation(
        info, workflows.orders.placement.place, input.to_command, OrderPayload
    )


async def order_cancel(
    info: Info,
    id: ID,
    reason_code: Annotated[str, argument(description="An active reason of kind CANCELLATION.")],
    lines: Annotated[
        list[OrderCancelLineInput] | None,
        argument(description="Units to cancel; absent: all units that were not shipped."),
    ] = UNSET,
) -> OrderPayload | None:
    """Cancel units that were not shipped, and refund the payments for them.

    Refused: ILLEGAL_TRANSITION if no unit, or fewer units than requested, can be cancelled;
    INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.orders.cancellations.cancel,
        lambda: cancel(id, reason_code, lines),
        OrderPayload,
    )


async def order_changed(
    info: Info, id: ID, after: Resume = UNSET
) -> AsyncGenerator[OrderEvent, None]:
    """The present state of an order, sent after each change.

    Changes of its fulfillments, returns and refunds count, too.
    """
    async with aclosing(object_changes(info.context, "Order", id, given(after))) as changes:
        async for cursor, order in changes:
            yield OrderEvent(cursor=cursor, order=order, replaces=id)
