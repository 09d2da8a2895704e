"""Fulfillments: the parcels of orders, one location each."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from models.queries.listing.collected import collected
from models.queries.reads.fulfillments import LINES_OF_FULFILLMENT
from schema.fields.edges import TypeNamed, edge, node_edge
from schema.fields.enums import FulfillmentStatus
from schema.fields.node import Node, encode, found_by
from schema.types.catalog import Item, Location, item_edge, location_edge
from server.projection.records import Record, derived, many


@strawberry.type
class FulfillmentLine(Record):
    """Units of one order line in a fulfillment."""

    order_line_id: ID = derived(
        lambda line: encode("OrderLine", line.row["order_line_id"]), of=("order_line_id",)
    )
    sku: str
    quantity: int
    item: Item = item_edge("item_id")
    order_line: Annotated["Node", TypeNamed("OrderLine")] = node_edge("OrderLine", "order_line_id")
    """Order line of the units."""


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
    created_at: datetime
    updated_at: datetime
    """Time of the last change."""
    order: Annotated["Node", TypeNamed("Order")] = node_edge("Order", "order_id")
    location: Location = location_edge("location_id")
    lines: list[FulfillmentLine] = edge(
        lambda loaders: loaders.lines_of_fulfillment,
        "id",
        many(FulfillmentLine),
        join=collected(LINES_OF_FULFILLMENT),
    )
    """Lines without units left, cancelled or moved to another location, are omitted."""
