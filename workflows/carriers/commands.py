"""Commands of carriers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.orders.carriers import CarrierStatus
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
