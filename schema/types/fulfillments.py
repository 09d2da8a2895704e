"""Fulfillments: the parcels of orders, one location each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from models.queries.reads.fulfillments import ShownLineRow
from schema.fields.edges import TypeNamed, edge, node_edge
from schema.fields.enums import FulfillmentStatus
from schema.fields.node import Node, encode, found_by
from schema.types.catalog import Location, location_edge
from server.projection.records import made


@strawberry.type
class FulfillmentLine:
    """Units of one order line in a fulfillment."""

    order_line_id: ID
    sku: str
    quantity: int

    @staticmethod
    def of(row: ShownLineRow) -> "FulfillmentLine":
        """A row of fulfillment_line with its SKU."""
        return FulfillmentLine(
            order_line_id=encode("OrderLine", row["order_line_id"]),
            sku=row["sku"],
            quantity=row["quantity"],
        )


def _lines(rows: Sequence[ShownLineRow]) -> list[FulfillmentLine]:
    return [FulfillmentLine.of(row) for row in rows if row["quantity"]]


@found_by(lambda loaders: loaders.fulfillments)
@strawberry.type
class Fulfillment(Node):
    """The units of an order that one location ships in one parcel."""

    status: FulfillmentStatus
    carrier: str | None
    """Null until shipped."""
    tracking_number: str | None
    """Null until shipped."""
    shipped_at: datetime | None
    """Null until shipped."""
    delivered_at: datetime | None
    """Time of delivery, as reported by the carrier; null until then."""
    order: Annotated["Node", TypeNamed("Order")] = node_edge("Order", "order_id")
    location: Location = location_edge("location_id")
    lines: list[FulfillmentLine] = edge(
        lambda loaders: loaders.lines_of_fulfillment,
        "id",
        made(lambda _, rows: _lines(rows or ())),
    )
    """Lines without units left, cancelled or moved to another location, are omitted."""
