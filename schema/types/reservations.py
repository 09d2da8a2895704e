"""Reservations: units held for a limited time before an order."""

from datetime import datetime

import strawberry

from domain.stock.reservations import status_at
from models.reservations import ReservationRow
from schema.context import Context
from schema.fields.edges import edge
from schema.fields.enums import ReservationStatus
from schema.fields.node import Node, found_by
from schema.types.catalog import Channel, Item, Location, channel_edge, item_edge, location_edge
from schema.types.decisions import RoutingDecision
from server.projection.records import Record, derived, many


@strawberry.type
class ReservationLine(Record):
    """Units of one SKU held at one location."""

    sku: str
    quantity: int
    location: Location = location_edge("location_id")
    item: Item = item_edge("item_id")


def _status(row: ReservationRow, context: Context) -> ReservationStatus:
    """The status at the time of the operation."""
    return status_at(ReservationStatus(row["status"]), row["expires_at"], context.now)


def _routing(row: ReservationRow, context: Context) -> RoutingDecision | None:
    return RoutingDecision.from_json(row["routing"], context)


@found_by(lambda loaders: loaders.reservations)
@strawberry.type
class Reservation(Node):
    """A hold: units claimed for a limited time, before an order is placed."""

    status: ReservationStatus = derived(lambda held: _status(held.row, held.context))
    """Present status. It is EXPIRED from `expiresAt` on."""
    external_reference: str | None
    """Reference of the hold in the shop; null: none was sent."""
    expires_at: datetime
    """Instant at which the hold ends."""
    created_at: datetime
    routing: RoutingDecision | None = derived(lambda held: _routing(held.row, held.context))
    """Chosen locations and reasons; null if not visible to the role."""
    channel: Channel = channel_edge("channel_id")
    lines: list[ReservationLine] = edge(
        lambda loaders: loaders.reservation_lines, "id", many(ReservationLine)
    )
    """Lines at locations outside the scope of the caller's key are omitted."""
