"""Orders: what was sold, what was paid, and where each unit of it stands."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from models.sessions import Row
from schema.context import Context, Info
from schema.types.addresses import Address
from schema.types.catalog import Channel, channel_of
from schema.types.enums import OrderLineState, OrderStatus
from schema.types.money import Money
from schema.types.node import Node, encode, found_by, load_all
from schema.types.refunds import Refund, refundable_of, refunded_of, refunds_of_order
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
    unit_price: Money
    discount: Money | None
    tax: Money | None
    quantities: list[OrderLineQuantity]
    key: strawberry.Private[UUID]
    sent: strawberry.Private[int]

    @strawberry.field
    async def returnable_quantity(self, info: Info) -> int:
        """Units that were sent and that no return takes up."""
        return max(0, self.sent - (await info.context.loaders.claimed.load(self.key) or 0))

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "OrderLine":
        """A row of order_line with its SKU and its order's currency."""
        currency = row["currency"]
        return cls(
            id=encode("OrderLine", row["id"]),
            sku=row["sku"],
            quantity=row["quantity"],
            unit_price=Money.of(row["unit_price_minor"], currency),
            discount=Money.of(row["discount_minor"], currency),
            tax=Money.of(row["tax_minor"], currency),
            quantities=[
                OrderLineQuantity(state=state, quantity=row[state.lower()])
                for state in OrderLineState
                if row[state.lower()]
            ],
            key=row["id"],
            sent=row["shipped"] + row["delivered"],
        )


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
    total: Money
    service_level: str
    ship_by: datetime | None
    deliver_by: datetime | None
    routing: RoutingDecision | None
    key: strawberry.Private[UUID]
    channel_id: strawberry.Private[int]
    currency: strawberry.Private[str]

    @strawberry.field
    async def channel(self, info: Info) -> Channel:
        """Where it was sold."""
        return await channel_of(info.context, self.channel_id)

    @strawberry.field
    async def lines(self, info: Info) -> list[OrderLine]:
        """What was ordered, line by line as it was sent."""
        rows = await info.context.loaders.lines_of_order.load(self.key) or []
        return [OrderLine.from_row(row, info.context) for row in rows]

    @strawberry.field
    async def fulfillments(
        self, info: Info
    ) -> list[Annotated["Fulfillment", strawberry.lazy("schema.types.fulfillments")]]:
        """The parts that leave from one location each."""
        rows = await info.context.loaders.fulfillments_of_order.load(self.key) or []
        return await load_all(info.context, "Fulfillment", [row["id"] for row in rows])

    @strawberry.field
    async def returns(
        self, info: Info
    ) -> list[Annotated["Return", strawberry.lazy("schema.types.returns")]]:
        """What comes back of it, oldest first."""
        rows = await info.context.loaders.returns_of_order.load(self.key) or []
        return await load_all(info.context, "Return", [row["id"] for row in rows])

    @strawberry.field
    async def paid(self, info: Info) -> Money:
        """What was captured."""
        minor = await info.context.loaders.paid.load(self.key)
        return Money.of(minor or 0, self.currency)

    @strawberry.field
    async def refunded(self, info: Info) -> Money:
        """What has gone back."""
        return await refunded_of(info.context, self.key, self.currency)

    @strawberry.field
    async def refundable(self, info: Info) -> Money:
        """The most that may still go back now."""
        return await refundable_of(info.context, self.key, self.currency)

    @strawberry.field
    async def refunds(self, info: Info) -> list[Refund]:
        """Refunds of its payments, for roles that may see refunds."""
        if not info.context.caller.may("refunds.read"):
            return []
        return await refunds_of_order(info.context, self.key)

    @strawberry.field
    async def ship_to(self, info: Info) -> Address | None:
        """Where it is sent; null once it was erased."""
        row = await info.context.loaders.addresses.load(self.key)
        return None if row is None else Address.from_row(row)

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Order":
        """A row of sales_order."""
        return cls(
            id=encode("Order", row["id"]),
            number=row["number"],
            external_reference=row["external_reference"],
            status=OrderStatus(row["status"]),
            placed_at=row["placed_at"],
            customer_reference=row["customer_reference"],
            total=Money.of(row["total_minor"], row["currency"]),
            service_level=row["service_level"],
            ship_by=row["ship_by_at"],
            deliver_by=row["deliver_by_at"],
            routing=RoutingDecision.from_json(row["routing"], context),
            key=row["id"],
            channel_id=row["channel_id"],
            currency=row["currency"],
        )
