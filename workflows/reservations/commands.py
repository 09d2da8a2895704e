"""Commands on reservations."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.values.codes import store_codes


@dataclass(frozen=True, slots=True)
class HoldLine:
    """Units of a SKU, from the location `location_code` only if it is set."""

    sku: str
    quantity: int
    location_code: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "sku", "location_code")


@dataclass(frozen=True, slots=True)
class CreateReservation:
    """Hold these lines for `ttl_seconds`, all of them or none."""

    channel: str
    lines: tuple[HoldLine, ...]
    ttl_seconds: int = 900
    external_reference: str | None = None
    country_code: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "channel", "external_reference")


@dataclass(frozen=True, slots=True)
class ExtendReservation:
    """Set the end of a live hold to `ttl_seconds` from now."""

    reservation_id: UUID
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class ReleaseReservation:
    """Release a hold and its units."""

    reservation_id: UUID
