"""Orders: placed, looked up, cancelled."""

from strawberry import ID, UNSET

import models.queries.reads.orders as reads
import workflows.cancellations
import workflows.orders
from schema.context import Info
from schema.errors import change
from schema.types.arguments import given
from schema.types.changes.orders import (
    OrderCancelLineInput,
    OrderPayload,
    OrderPlaceInput,
    cancel,
)
from schema.types.enums import OrderStatus
from schema.types.lookups import ByReference, chosen
from schema.types.node import load
from schema.types.orders import Order
from schema.types.paging import CountedConnection, selection_of, window


async def order(
    info: Info,
    id: ID | None = UNSET,
    channel: str | None = UNSET,
    external_reference: str | None = UNSET,
) -> Order | None:
    """One order, by id or by the shop's own reference."""
    named = chosen("Order", id, channel, external_reference)
    if not isinstance(named, ByReference):
        found: Order | None = await load(info.context, "Order", named)
        return found
    row = await reads.order_by_reference(
        *await info.context.opened(), named.channel, named.reference
    )
    return None if row is None else Order.from_row(row, info.context)


async def orders(
    info: Info,
    status: OrderStatus | None = UNSET,
    channel: str | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> CountedConnection[Order]:
    """Orders in a status, of a channel."""
    page = await reads.orders(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
        channel=given(channel),
    )
    return CountedConnection(page, Order.from_row, info.context)


async def order_place(info: Info, input: OrderPlaceInput) -> OrderPayload | None:
    """Place an order: all of it or, unless `backorder`, nothing."""
    return await change(info, workflows.orders.place, input.to_command, OrderPayload, order="Order")


async def order_cancel(
    info: Info,
    id: ID,
    reason_code: str,
    lines: list[OrderCancelLineInput] | None = UNSET,
) -> OrderPayload | None:
    """Cancel what is not shipped, or these lines of it."""
    return await change(
        info,
        workflows.cancellations.cancel,
        lambda: cancel(id, reason_code, lines),
        OrderPayload,
        order="Order",
    )
