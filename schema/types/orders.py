"""Orders: what was sold, what was paid, and where each unit of it stands."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.orders import units_by_state
from models.queries.reads.orders import OrderLineRow, OrderRow
from schema.context import Context
from schema.fields.addresses import Address
from schema.fields.edges import TypeNamed, edge, node_edges
from schema.fields.enums import OrderLineState, OrderStatus
from schema.fields.money import Money, money
from schema.fields.node import Node, found_by
from schema.types.catalog import Channel, channel_edge
from schema.types.refunds import Refund, may_see_refunds, refundable_of, refunded_of
from schema.types.routing import RoutingDecision
from server.projection.records import column, derived, made, many


@strawberry.type
class OrderLineQuantity:
    """Units of an order line in one state."""

    state: OrderLineState
    quantity: int


@found_by(lambda loaders: loaders.order_lines)
@strawberry.type
class OrderLine(Node):
    """A SKU in an order, at a price. An order may name a SKU twice."""

    sku: str
    quantity: int
    unit_price: Money = money("unit_price_minor", "currency")
    """Of one unit, before tax."""
    discount: Money | None = money("discount_minor", "currency")
    """Of the whole line; null: none."""
    tax: Money | None = money("tax_minor", "currency")
    """Of the whole line, on top of the price; null: none."""
    quantities: list[OrderLineQuantity] = derived(lambda line: _quantities(line.row))
    """Units by state; they add up to `quantity`."""
    returnable_quantity: int = edge(
        lambda loaders: loaders.claimed,
        "id",
        made(lambda line, units: _returnable(line.row, units)),
    )
    """Units that were sent and that no return takes up."""


def _quantities(row: OrderLineRow) -> list[OrderLineQuantity]:
    return [
        OrderLineQuantity(state=state, quantity=quantity)
        for state, quantity in units_by_state(row).items()
        if quantity
    ]


def _returnable(row: OrderLineRow, claimed: int | None) -> int:
    return max(0, row["shipped"] + row["delivered"] - (claimed or 0))


def _routing(row: OrderRow, context: Context) -> RoutingDecision | None:
    return RoutingDecision.from_json(row["routing"], context)


def _paid(row: OrderRow, minor: int | None) -> Money:
    return Money.of(minor or 0, row["currency"])


@found_by(lambda loaders: loaders.orders)
@strawberry.type
class Order(Node):
    """A placed order."""

    number: str
    """Restow's own number, for people."""
    external_reference: str | None
    """The shop's own reference, one of a kind on its channel."""
    status: OrderStatus
    """What its units say together."""
    placed_at: datetime
    """When the customer ordered."""
    customer_reference: str | None
    """The shop's opaque name for its customer; null: none was given."""
    total: Money = money("total_minor", "currency")
    """Lines less discounts, with tax and shipping."""
    service_level: str
    """STANDARD, EXPRESS, …: the lead times that were asked for."""
    ship_by: datetime | None = column("ship_by_at")
    """When it was promised to leave; null: nothing was promised."""
    deliver_by: datetime | None = column("deliver_by_at")
    """When it was promised to arrive; null: nothing was promised."""
    routing: RoutingDecision | None = derived(lambda order: _routing(order.row, order.context))
    """Where the units come from, and why; null for roles that may not see it."""
    channel: Channel = channel_edge("channel_id")
    lines: list[OrderLine] = edge(lambda loaders: loaders.lines_of_order, "id", many(OrderLine))
    fulfillments: list[Annotated["Node", TypeNamed("Fulfillment")]] = node_edges(
        lambda loaders: loaders.fulfillments_of_order, "id", "Fulfillment"
    )
    """Those at locations that the key does not reach are left out."""
    returns: list[Annotated["Node", TypeNamed("Return")]] = node_edges(
        lambda loaders: loaders.returns_of_order, "id", "Return"
    )
    paid: Money = edge(
        lambda loaders: loaders.paid,
        "id",
        made(lambda order, minor: _paid(order.row, minor)),
    )
    """What was captured."""
    refunded: Money = edge(lambda loaders: loaders.order_money, "id", made(refunded_of))
    """What has gone back."""
    refundable: Money = edge(lambda loaders: loaders.order_money, "id", made(refundable_of))
    """The most that may still go back now."""
    refunds: list[Refund] = edge(
        lambda loaders: loaders.refunds_of_order, "id", many(Refund), seen_by=may_see_refunds
    )
    """Empty for roles that may not see refunds."""
    ship_to: Address | None = edge(
        lambda loaders: loaders.addresses,
        "id",
        made(lambda _, row: None if row is None else Address.from_row(row)),
    )
    """Null: none was given, or it was erased."""
