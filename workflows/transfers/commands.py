"""Commands about transfers between two locations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.values.codes import store_codes


@dataclass(frozen=True, slots=True)
class TransferUnitsOf:
    """Units of an item. `sku` may be a code of the item; then `quantity` counts scans."""

    sku: str
    quantity: int

    def __post_init__(self) -> None:
        store_codes(self, "sku")


@dataclass(frozen=True, slots=True)
class CreateTransfer:
    """Send units from one location to another. `expected_by` None: set when it is shipped."""

    origin_code: str
    destination_code: str
    lines: tuple[TransferUnitsOf, ...]
    reference: str | None = None
    expected_by: datetime | None = None

    def __post_init__(self) -> None:
        store_codes(self, "origin_code", "destination_code", "reference")


@dataclass(frozen=True, slots=True)
class CancelTransfer:
    """Cancel a transfer that was not shipped."""

    transfer_id: UUID


@dataclass(frozen=True, slots=True)
class ShipTransfer:
    """Record that a transfer left its origin, except for these shortages."""

    transfer_id: UUID
    carrier: str | None = None
    tracking_number: str | None = None
    shortages: tuple[TransferUnitsOf, ...] = ()

    def __post_init__(self) -> None:
        store_codes(self, "carrier", "tracking_number")


@dataclass(frozen=True, slots=True)
class TransferArrival:
    """Units of an item that arrived: `quantity` good and `damaged` damaged ones.

    `sku` may be a code of the item; then both count scans.
    `bin_code`: the bin that the good ones are put into; None: they wait to be put away.
    """

    sku: str
    quantity: int
    damaged: int = 0
    bin_code: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "sku", "bin_code")


@dataclass(frozen=True, slots=True)
class ReceiveTransfer:
    """Record units that arrived at the destination, or came back to the origin.

    `is_complete`: nothing more is coming.
    """

    transfer_id: UUID
    location_code: str
    lines: tuple[TransferArrival, ...]
    is_complete: bool = False

    def __post_init__(self) -> None:
        store_codes(self, "location_code")


@dataclass(frozen=True, slots=True)
class WriteOffTransfer:
    """Write off units in transit that will not arrive. `note` explains it."""

    transfer_id: UUID
    lines: tuple[TransferUnitsOf, ...]
    reason_code: str
    note: str

    def __post_init__(self) -> None:
        store_codes(self, "reason_code")
