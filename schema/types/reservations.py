"""Reservations: units held for a while for somebody who has not ordered yet."""

from datetime import datetime
from uuid import UUID

import strawberry

from domain.reservations import status_at
from models.sessions import Row
from schema.context import Context, Info
from schema.types.catalog import Channel, Location, channel_of, location_of
from schema.types.enums import ReservationStatus
from schema.types.node import Node, encode, found_by
from schema.types.routing import RoutingDecision


@strawberry.type
class ReservationLine:
    """Units of one SKU held at one location."""

    sku: str
    quantity: int
    location_id: strawberry.Private[int]

    @strawberry.field
    async def location(self, info: Info) -> Location:
        """Where they are held."""
        return await location_of(info.context, self.location_id)


@found_by(lambda loaders: loaders.reservations)
@strawberry.type
class Reservation(Node):
    """A hold: over at `expiresAt`, by the clock."""

    status: ReservationStatus
    external_reference: str | None
    expires_at: datetime
    created_at: datetime
    routing: RoutingDecision | None
    key: strawberry.Private[UUID]
    channel_id: strawberry.Private[int]

    @strawberry.field
    async def channel(self, info: Info) -> Channel:
        """For which place of sale."""
        return await channel_of(info.context, self.channel_id)

    @strawberry.field
    async def lines(self, info: Info) -> list[ReservationLine]:
        """What is held, and where."""
        rows = await info.context.loaders.reservation_lines.load(self.key) or []
        return [
            ReservationLine(
                sku=row["sku"], quantity=row["quantity"], location_id=row["location_id"]
            )
            for row in rows
        ]

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Reservation":
        """A row of reservation, with the status that it has now."""
        status = status_at(ReservationStatus(row["status"]), row["expires_at"], context.now)
        return cls(
            id=encode("Reservation", row["id"]),
            status=status,
            external_reference=row["external_reference"],
            expires_at=row["expires_at"],
            created_at=row["created_at"],
            routing=RoutingDecision.from_json(row["routing"], context),
            key=row["id"],
            channel_id=row["channel_id"],
        )
