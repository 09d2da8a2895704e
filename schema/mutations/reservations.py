"""Inputs and payload of the mutations on reservations."""

import strawberry
from strawberry import ID, UNSET

from schema.fields.addresses import AddressInput
from schema.fields.arguments import given
from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.types.reservations import Reservation
from workflows.reservations.commands import (
    CreateReservation,
    ExtendReservation,
    HoldLine,
    ReleaseReservation,
)

TTL_SECONDS_DEFAULT = 900


@strawberry.input
class ReservationLineInput:
    """Units of a SKU."""

    sku: str
    quantity: int
    location_code: str | None = UNSET
    """Code of the only location to hold the units at; absent: routing decides."""


@strawberry.input
class ReservationCreateInput:
    """Units to hold for a channel: all lines or none."""

    channel: str
    """Code of the channel."""
    lines: list[ReservationLineInput]
    ttl_seconds: int | None = TTL_SECONDS_DEFAULT
    """Lifetime in seconds: 1 to 86,400, without an API key 1 to 3,600, unless the server is
    configured otherwise.
    """
    external_reference: str | None = UNSET
    """Reference of the hold in the shop. It is refused if a live hold of the channel has it."""
    ship_to: AddressInput | None = UNSET
    """Destination. Lead times, and so the choice of locations, depend on its country."""

    def to_command(self) -> CreateReservation:
        """The command."""
        address = given(self.ship_to)
        return CreateReservation(
            channel=self.channel,
            lines=tuple(
                HoldLine(line.sku, line.quantity, given(line.location_code)) for line in self.lines
            ),
            ttl_seconds=TTL_SECONDS_DEFAULT if self.ttl_seconds is None else self.ttl_seconds,
            external_reference=given(self.external_reference),
            country_code=None if address is None else address.country_code,
        )


def extend(reservation_id: ID, ttl_seconds: int) -> ExtendReservation:
    """The command."""
    return ExtendReservation(required_uuid("Reservation", reservation_id, "id"), ttl_seconds)


def release(reservation_id: ID) -> ReleaseReservation:
    """The command."""
    return ReleaseReservation(required_uuid("Reservation", reservation_id, "id"))


@strawberry.type
class ReservationPayload(Payload):
    """The hold; null if the mutation was refused.

    If the reference is used by a live hold, that hold.
    """

    reservation: Reservation | None
    replayed: bool
    user_errors: list[UserError]
