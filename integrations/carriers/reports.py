"""Reports of carriers about parcels, as they arrive at `/webhooks/carriers`.

A body is one report or `{"events": […]}` with at most 100.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain.orders.carriers import CarrierStatus
from domain.values.instants import YEARS, instant_in
from integrations.json_facts import json_object, required_text

REPORTS_MAX: Final = 100
TEXT_LENGTH_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class CarrierReport:
    """A carrier's report about a parcel; `event_id` is the carrier's id of the report."""

    carrier: str
    tracking_number: str
    event_id: str
    status: CarrierStatus
    occurred_at: datetime


def parse_reports(body: bytes) -> list[CarrierReport]:
    """The reports of a body, in its order. Raises ValueError with every faulty field."""
    facts = json_object(body)
    if "events" not in facts:
        return [_report(facts, "")]
    events = facts["events"]
    if not isinstance(events, list) or not 1 <= len(events) <= REPORTS_MAX:
        raise ValueError(f"events must be a list of 1 to {REPORTS_MAX} events")
    reports, faults = [], []
    for index, event in enumerate(events):
        try:
            if not isinstance(event, dict):
                raise ValueError(f"events[{index}] must be a JSON object")
            reports.append(_report(event, f"events[{index}]."))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError("; ".join(faults))
    return reports


def _report(facts: dict[str, Any], path: str) -> CarrierReport:
    texts: dict[str, str] = {}
    faults: list[str] = []
    for name in ("carrier", "trackingNumber", "eventId"):
        try:
            texts[name] = required_text(facts, name, TEXT_LENGTH_MAX)
        except ValueError as error:
            faults.append(f"{path}{error}")
    status, at = str(facts.get("status")), _instant(facts.get("occurredAt"))
    if status not in list(CarrierStatus):
        faults.append(f"{path}status must be one of {', '.join(CarrierStatus)}")
    if at is None:
        faults.append(f"{path}occurredAt must be an ISO 8601 instant with a time zone, {YEARS}")
    if faults or at is None:
        raise ValueError("; ".join(faults))
    return CarrierReport(
        texts["carrier"], texts["trackingNumber"], texts["eventId"], CarrierStatus(status), at
    )


def _instant(value: object) -> datetime | None:
    try:
        return instant_in(value) if isinstance(value, str) else None
    except ValueError:
        return None
