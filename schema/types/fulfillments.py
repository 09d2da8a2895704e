"""Fulfillments: the parcels of orders, one location each."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from models.queries.listing.collected import collected
from models.queries.reads.fulfillments import LINES_OF_FULFILLMENT, SlipFacts
from schema.fields.addresses import Address
from schema.fields.edges import TypeNamed, edge, node_edge
from schema.fields.enums import FulfillmentStatus
from schema.fields.node import Node, encode, found_by
from schema.types.catalog import Item, Location, item_edge, location_edge
from server.projection.records import Record, derived, made, many


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


@strawberry.type
class SlipLine:
    """Units of an item on a packing slip."""

    sku: str
    name: str
    quantity: int


@strawberry.type
class PackingSlip:
    """The paper in a parcel. It states neither prices nor notes."""

    number: str
    """Number of the fulfillment."""
    order_number: str
    """Number of the order."""
    channel: str
    """Code of the channel."""
    ship_to: Address | None
    """Null: none was sent, or it was erased."""
    parcel: int
    """Place among the parcels of the order, from 1; 0 if the fulfillment is cancelled."""
    parcels: int
    """Number of parcels of the order so far, without cancelled ones."""
    lines: list[SlipLine]
    others: list[SlipLine]
    """Units of the order that are in other parcels or not allocated yet; not cancelled ones."""

    @staticmethod
    def from_facts(facts: SlipFacts) -> "PackingSlip":
        """The slip of a fulfillment."""
        return PackingSlip(
            number=facts.number,
            order_number=facts.order_number,
            channel=facts.channel,
            ship_to=None if facts.ship_to is None else Address.from_row(facts.ship_to),
            parcel=facts.parcel,
            parcels=facts.parcels,
            lines=[SlipLine(**row) for row in facts.lines],
            others=[SlipLine(**row) for row in facts.others],
        )


@found_by(lambda loaders: loaders.fulfillments)
@strawberry.type
class Fulfillment(Node):
    """The units of an order that one location ships in one parcel."""

    number: str
    """Order number, a dash, and the place among the order's fulfillments, from 1. It stands on the
    packing slip.
    """
    status: FulfillmentStatus
    carrier: str | None
    """Null until shipped."""
    tracking_number: str | None
    """Null until shipped."""
    shipped_at: datetime | None
    """Null until shipped."""
    delivered_at: datetime | None
    """Time of delivery, as reported by the carrier; null until then."""
    weight_grams: int | None
    """Weight of the packed parcel; null until it is stated."""
    length_mm: int | None
    """Length of the packed parcel; null until it is stated."""
    width_mm: int | None
    """Null until it is stated."""
    height_mm: int | None
    """Null until it is stated."""
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
    packing_slip: PackingSlip = edge(
        lambda loaders: loaders.packing_slips,
        "id",
        made(lambda _, facts: PackingSlip.from_facts(facts)),
    )
    """Content of the paper that is put into the parcel."""
