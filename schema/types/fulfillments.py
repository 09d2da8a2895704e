"""Fulfilments: the part of an order that leaves from one location in one parcel."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from strawberry import ID

from models.sessions import Row
from schema.context import Context, Info
from schema.types.catalog import Location, location_of
from schema.types.enums import FulfillmentStatus
from schema.types.node import Node, encode, found_by, load

if TYPE_CHECKING:
    from schema.types.orders import Order


@strawberry.type
class FulfillmentLine:
    """Units of one order line in a fulfilment."""

    order_line_id: ID
    sku: str
    quantity: int


@found_by(lambda loaders: loaders.fulfillments)
@strawberry.type
class Fulfillment(Node):
    """Allocated units of one order at one location on their way out."""

    status: FulfillmentStatus
    carrier: str | None
    tracking_number: str | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    key: strawberry.Private[UUID]
    order_id: strawberry.Private[UUID]
    location_id: strawberry.Private[int]

    @strawberry.field
    async def order(self, info: Info) -> Annotated["Order", strawberry.lazy("schema.types.orders")]:
        """The order that it is a part of."""
        found: Order = await load(info.context, "Order", self.order_id)
        return found

    @strawberry.field
    async def location(self, info: Info) -> Location:
        """Where it leaves from."""
        return await location_of(info.context, self.location_id)

    @strawberry.field
    async def lines(self, info: Info) -> list[FulfillmentLine]:
        """What is in it; lines that were cancelled or moved away in full are left out."""
        rows = await info.context.loaders.lines_of_fulfillment.load(self.key) or []
        return [
            FulfillmentLine(
                order_line_id=encode("OrderLine", row["order_line_id"]),
                sku=row["sku"],
                quantity=row["quantity"],
            )
            for row in rows
            if row["quantity"]
        ]

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Fulfillment":
        """A row of fulfillment."""
        return cls(
            id=encode("Fulfillment", row["id"]),
            status=FulfillmentStatus(row["status"]),
            carrier=row["carrier"],
            tracking_number=row["tracking_number"],
            shipped_at=row["shipped_at"],
            delivered_at=row["delivered_at"],
            key=row["id"],
            order_id=row["order_id"],
            location_id=row["location_id"],
        )
