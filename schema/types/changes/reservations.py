"""Inputs and payload of the mutations on reservations."""

import strawberry
from strawberry import ID, UNSET

from schema.types.addresses import AddressInput
from schema.types.arguments import given
from schema.types.errors import UserError
from schema.types.node import required_uuid
from schema.types.reservations import Reservation
from workflows.reservations import (
    CreateReservation,
    ExtendReservation,
    HoldLine,
    ReleaseReservation,
)

TTL_SECONDS_DEFAULT = 900


@strawberry.input
class ReservationLineInput:
    """Units of a SKU; with `locationCode` at that location only."""

    sku: str
    quantity: int
    location_code: str | None = UNSET


@strawberry.input
class ReservationCreateInput:
    """Units to hold for a channel: all lines or none; `shipTo` tells lead times apart."""

    channel: str
    lines: list[ReservationLineInput]
    ttl_seconds: int | None = TTL_SECONDS_DEFAULT
    external_reference: str | None = UNSET
    ship_to: AddressInput | None = UNSET

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
    """The command. Raises NotFound."""
    return ExtendReservation(required_uuid("Reservation", reservation_id, "id"), ttl_seconds)


def release(reservation_id: ID) -> ReleaseReservation:
    """The command. Raises NotFound."""
    return ReleaseReservation(required_uuid("Reservation", reservation_id, "id"))


@strawberry.type
class ReservationPayload:
    """The reservation as it is now."""

    reservation: Reservation | None
    replayed: bool
    user_errors: list[UserError]
