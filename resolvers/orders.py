"""Orders: lookup, placement, cancellation, and a subscription to one order."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.reads.orders as order_reads
import workflows.orders.cancellations
import workflows.orders.placement
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, Resume, given
from schema.fields.enums import OrderStatus
from schema.fields.lookups import ByReference, chosen
from schema.fields.node import load
from schema.fields.paging import CountedConnection, selection_of, window
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
    channel: Annotated[str | None, argument(description="Its code.")] = UNSET,
    external_reference: Annotated[
        str | None, argument(description="The shop's own reference.")
    ] = UNSET,
) -> Order | None:
    """One order, by `id` or by `channel` and `externalReference`; null where there is none.

    BAD_REQUEST for both or neither.
    """
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
    channel: Annotated[str | None, argument(description="Only of this channel (code).")] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[Order]:
    """Orders, newest first. Null arguments choose all."""
    page = await order_reads.orders(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
        channel=given(channel),
    )
    return CountedConnection(page, Order.from_row, info.context)


async def order_place(info: Info, input: OrderPlaceInput) -> OrderPayload | None:
    """Place an order: its allocation, its money and its events are written together, or nothing is.

    Refused: INSUFFICIENT_STOCK unless `backorder`, ALREADY_EXISTS for the same reference on the
    channel (the order comes along), NOT_FOUND for a hold of another channel, INVALID,
    LIMIT_EXCEEDED.
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
        argument(description="Which units; absent: all that have not left."),
    ] = UNSET,
) -> OrderPayload | None:
    """Cancel units that have not left, and refund what was paid for them.

    Refused: ILLEGAL_TRANSITION where nothing, or less than asked for, is left to cancel; INVALID,
    NOT_FOUND.
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
    """An order as it is now, whenever it or a parcel, return or refund of it changes."""
    async with aclosing(object_changes(info.context, "Order", id, given(after))) as changes:
        async for cursor, order in changes:
            yield OrderEvent(cursor=cursor, order=order, replaces=id)
