"""Orders: what was sold, what was paid, and where each unit of it stands."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from models.sessions import Row
from schema.types.addresses import Address
from schema.types.catalog import Channel, channel_edge
from schema.types.enums import OrderLineState, OrderStatus
from schema.types.money import Money, money
from schema.types.node import Node, found_by, node_edges
from schema.types.records import column, derived, edge, made, many
from schema.types.refunds import Refund, may_see_refunds, refundable_of, refunded_of
from schema.types.routing import RoutingDecision

if TYPE_CHECKING:
    from schema.types.fulfillments import Fulfillment
    from schema.types.returns import Return


@strawberry.type
class OrderLineQuantity:
    """Units of a line in one state."""

    state: OrderLineState
    quantity: int


@found_by(lambda loaders: loaders.order_lines)
@strawberry.type
class OrderLine(Node):
    """An ordered SKU; discount and tax are of the whole line, tax on top of `unitPrice`."""

    sku: str
    quantity: int
    unit_price: Money = money("unit_price_minor", "currency")
    discount: Money | None = money("discount_minor", "currency")
    tax: Money | None = money("tax_minor", "currency")
    quantities: list[OrderLineQuantity] = derived(lambda line: _quantities(line.row))
    # units that were sent and that no return takes up
    returnable_quantity: int = edge(
        lambda loaders: loaders.claimed, "id", made(lambda line, units: _returnable(line, units))
    )


def _quantities(row: Row) -> list[OrderLineQuantity]:
    return [
        OrderLineQuantity(state=state, quantity=row[state.lower()])
        for state in OrderLineState
        if row[state.lower()]
    ]


def _returnable(line: OrderLine, claimed: int | None) -> int:
    sent: int = line.row["shipped"] + line.row["delivered"]
    return max(0, sent - (claimed or 0))


@found_by(lambda loaders: loaders.orders)
@strawberry.type
class Order(Node):
    """A placed order; its status is what its units say together.

    shipBy and deliverBy are what was promised.
    """

    number: str
    external_reference: str | None
    status: OrderStatus
    placed_at: datetime
    customer_reference: str | None
    total: Money = money("total_minor", "currency")
    service_level: str
    ship_by: datetime | None = column("ship_by_at")
    deliver_by: datetime | None = column("deliver_by_at")
    routing: RoutingDecision | None = derived(
        lambda order: RoutingDecision.from_json(order.row["routing"], order.context)
    )
    channel: Channel = channel_edge("channel_id")
    lines: list[OrderLine] = edge(lambda loaders: loaders.lines_of_order, "id", many(OrderLine))
    fulfillments: list[Annotated["Fulfillment", strawberry.lazy("schema.types.fulfillments")]] = (
        node_edges(lambda loaders: loaders.fulfillments_of_order, "id", "Fulfillment")
    )
    returns: list[Annotated["Return", strawberry.lazy("schema.types.returns")]] = node_edges(
        lambda loaders: loaders.returns_of_order, "id", "Return"
    )
    paid: Money = edge(
        lambda loaders: loaders.paid,
        "id",
        made(lambda order, minor: Money.of(minor or 0, order.row["currency"])),
    )
    refunded: Money = edge(lambda loaders: loaders.order_money, "id", made(refunded_of))
    # the most that may still go back now
    refundable: Money = edge(lambda loaders: loaders.order_money, "id", made(refundable_of))
    refunds: list[Refund] = edge(
        lambda loaders: loaders.refunds_of_order, "id", many(Refund), seen_by=may_see_refunds
    )
    # null once it was erased
    ship_to: Address | None = edge(
        lambda loaders: loaders.addresses,
        "id",
        made(lambda _, row: None if row is None else Address.from_row(row)),
    )
