"""Orders: lines, states of units, and payments."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.orders import OrderLineUnits, units_by_state
from models.queries.listing.collected import collected
from models.queries.reads.orders import LINES_OF_ORDER, OrderLineRow, OrderRow
from schema.context import Context
from schema.fields.addresses import Address
from schema.fields.edges import TypeNamed, edge, node_edges
from schema.fields.enums import OrderLineState, OrderStatus
from schema.fields.money import Money, money
from schema.fields.node import Node, found_by
from schema.fields.scalars import json_of
from schema.types.catalog import Channel, Item, channel_edge, item_edge
from schema.types.decisions import RoutingDecision
from schema.types.refunds import Refund, may_see_refunds, refundable_of, refunded_of
from server.projection.records import column, derived, made, many


@strawberry.type
class OrderLineQuantity:
    """Units of an order line in one state."""

    state: OrderLineState
    quantity: int


@found_by(lambda loaders: loaders.order_lines)
@strawberry.type
class OrderLine(Node):
    """A line of an order: units of a SKU at a price. Several lines may have the same SKU."""

    sku: str
    quantity: int
    unit_price: Money = money("unit_price_minor", "currency")
    """Price of one unit, before tax."""
    discount: Money | None = money("discount_minor", "currency")
    """Discount of the whole line; null: none."""
    tax: Money | None = money("tax_minor", "currency")
    """Tax of the whole line, in addition to the price; null: none."""
    quantities: list[OrderLineQuantity] = derived(
        lambda line: _quantities(line.row), of=tuple(OrderLineUnits.__annotations__), rows=8
    )
    """Units by state. Their sum is `quantity`."""
    returnable_quantity: int = edge(
        lambda loaders: loaders.claimed,
        "id",
        made(lambda line, units: _returnable(line.row, units)),
    )
    """Shipped or delivered units that are not part of a return."""
    item: Item = item_edge("item_id")


def _quantities(row: OrderLineUnits) -> list[OrderLineQuantity]:
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
    """Order number given by Restow."""
    external_reference: str | None
    """Reference of the order in the shop, unique on its channel."""
    status: OrderStatus
    """Status derived from the states of the units."""
    placed_at: datetime
    """Time of the customer's order."""
    customer_reference: str | None
    """Opaque reference of the customer in the shop; null: none was sent."""
    total: Money = money("total_minor", "currency")
    """Lines minus discounts, plus tax and shipping."""
    service_level: str
    """Service level that selects the lead times: STANDARD, EXPRESS, …"""
    ship_by: datetime | None = column("ship_by_at")
    """Promised shipping time; null: none was promised."""
    deliver_by: datetime | None = column("deliver_by_at")
    """Promised delivery time; null: none was promised."""
    routing: RoutingDecision | None = derived(lambda order: _routing(order.row, order.context))
    """Chosen locations and reasons; null if not visible to the role."""
    note: str | None
    """Free text for the staff of the shop; null: none was sent."""
    tags: list[str] = derived(lambda order: json_of(order.row["tags"]) or [], of=("tags",))
    """The shop's own marks, as they were sent."""
    updated_at: datetime
    """Time of the last change of the order, or of its fulfillments, returns and refunds."""
    channel: Channel = channel_edge("channel_id")
    lines: list[OrderLine] = edge(
        lambda loaders: loaders.lines_of_order,
        "id",
        many(OrderLine),
        join=collected(LINES_OF_ORDER),
    )
    fulfillments: list[Annotated["Node", TypeNamed("Fulfillment")]] = node_edges(
        lambda loaders: loaders.fulfillments_of_order, "id", "Fulfillment", rows=10
    )
    """Fulfillments at locations outside the scope of the caller's key are omitted."""
    returns: list[Annotated["Node", TypeNamed("Return")]] = node_edges(
        lambda loaders: loaders.returns_of_order, "id", "Return"
    )
    paid: Money = edge(
        lambda loaders: loaders.paid,
        "id",
        made(lambda order, minor: _paid(order.row, minor)),
    )
    """Sum of the captured payments."""
    refunded: Money = edge(lambda loaders: loaders.order_money, "id", made(refunded_of))
    """Sum of the money that was refunded."""
    refundable: Money = edge(lambda loaders: loaders.order_money, "id", made(refundable_of))
    """Largest amount that can still be refunded now."""
    refunds: list[Refund] = edge(
        lambda loaders: loaders.refunds_of_order,
        "id",
        many(Refund),
        seen_by=may_see_refunds,
        rows=20,
    )
    """Empty if not visible to the role."""
    ship_to: Address | None = edge(
        lambda loaders: loaders.addresses,
        "id",
        made(lambda _, row: None if row is None else Address.from_row(row)),
    )
    """Null: none was sent, or it was erased."""
