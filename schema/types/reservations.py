"""Reservations: units held for a while for somebody who has not ordered yet."""

from datetime import datetime

import strawberry

from domain.stock.reservations import status_at
from models.reservations import ReservationRow
from schema.context import Context
from schema.fields.edges import edge
from schema.fields.enums import ReservationStatus
from schema.fields.node import Node, found_by
from schema.types.catalog import Channel, Location, channel_edge, location_edge
from schema.types.routing import RoutingDecision
from server.projection.records import Record, derived, many


@strawberry.type
class ReservationLine(Record):
    """Units of one SKU held at one location."""

    sku: str
    quantity: int
    location: Location = location_edge("location_id")


def _status(row: ReservationRow, context: Context) -> ReservationStatus:
    """The status at the time of the operation."""
    return status_at(ReservationStatus(row["status"]), row["expires_at"], context.now)


def _routing(row: ReservationRow, context: Context) -> RoutingDecision | None:
    return RoutingDecision.from_json(row["routing"], context)


@found_by(lambda loaders: loaders.reservations)
@strawberry.type
class Reservation(Node):
    """A hold: units claimed for a while by somebody who has not ordered."""

    status: ReservationStatus = derived(lambda held: _status(held.row, held.context))
    """As of now: EXPIRED from `expiresAt`, swept or not."""
    external_reference: str | None
    """The shop's own reference; null: none was given."""
    expires_at: datetime
    """The hold is over at this instant, by the clock."""
    created_at: datetime
    routing: RoutingDecision | None = derived(lambda held: _routing(held.row, held.context))
    """Where the units come from, and why; null for roles that may not see it."""
    channel: Channel = channel_edge("channel_id")
    lines: list[ReservationLine] = edge(
        lambda loaders: loaders.reservation_lines, "id", many(ReservationLine)
    )
    """Those at locations that the key does not reach are left out."""
