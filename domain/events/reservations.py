"""Events of reservations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.events.payloads import EventPayload, OrderId, UnitsBySku


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationPayload(EventPayload):
    """The fields that every event of a reservation has."""

    subject_type: ClassVar[str] = "Reservation"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel",)

    expires_at: datetime
    """End of the hold; its units count as available from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationCreated(ReservationPayload):
    """Units were held for a buyer."""

    type: ClassVar[str] = "reservation.created"

    units: UnitsBySku
    """Held units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationExtended(ReservationPayload):
    """The end of a hold was moved."""

    type: ClassVar[str] = "reservation.extended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationCommitted(ReservationPayload):
    """An order was placed with the hold."""

    type: ClassVar[str] = "reservation.committed"

    order: OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationReleased(ReservationPayload):
    """A hold was given back before its end."""

    type: ClassVar[str] = "reservation.released"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationExpired(ReservationPayload):
    """The units of a hold that had reached its end were taken back."""

    type: ClassVar[str] = "reservation.expired"
