"""Reservations: units held for a while for somebody who has not ordered yet."""

from datetime import datetime

import strawberry

from domain.reservations import status_at
from schema.types.catalog import Channel, Location, channel_edge, location_edge
from schema.types.enums import ReservationStatus
from schema.types.node import Node, found_by
from schema.types.records import Record, derived, edge, many
from schema.types.routing import RoutingDecision


@strawberry.type
class ReservationLine(Record):
    """Units of one SKU held at one location."""

    sku: str
    quantity: int
    location: Location = location_edge("location_id")


def _status(held: "Reservation") -> ReservationStatus:
    """The status that it has now."""
    stored = ReservationStatus(held.row["status"])
    return status_at(stored, held.row["expires_at"], held.context.now)


@found_by(lambda loaders: loaders.reservations)
@strawberry.type
class Reservation(Node):
    """A hold: over at `expiresAt`, by the clock."""

    status: ReservationStatus = derived(_status)
    external_reference: str | None
    expires_at: datetime
    created_at: datetime
    routing: RoutingDecision | None = derived(
        lambda held: RoutingDecision.from_json(held.row["routing"], held.context)
    )
    channel: Channel = channel_edge("channel_id")
    lines: list[ReservationLine] = edge(
        lambda loaders: loaders.reservation_lines, "id", many(ReservationLine)
    )
