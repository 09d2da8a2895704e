"""Commands of carriers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.orders.carriers import CarrierStatus
from domain.orders.labels import LabelFormat
from domain.values.codes import store_codes


@dataclass(frozen=True, slots=True)
class RecordCarrierEvent:
    """A carrier's report about a parcel. `event_reference` is the carrier's id of the report."""

    carrier: str
    tracking_number: str
    event_reference: str
    status: CarrierStatus
    occurred_at: datetime

    def __post_init__(self) -> None:
        store_codes(self, "carrier", "tracking_number", "event_reference")


@dataclass(frozen=True, slots=True)
class BuyLabel:
    """Buy a label for a parcel, (`Fulfillment` or `Return`, its id).

    `carrier` and `service` None: as the order asks.
    """

    subject: tuple[str, UUID]
    carrier: str | None = None
    service: str | None = None
    format: LabelFormat = LabelFormat.PDF

    def __post_init__(self) -> None:
        store_codes(self, "carrier", "service")


@dataclass(frozen=True, slots=True)
class VoidLabel:
    """Give a label back to its carrier. `note` gives the reason."""

    label_id: UUID
    note: str | None = None
