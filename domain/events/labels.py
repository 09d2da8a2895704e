"""Events of shipping labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.events.payloads import EventPayload, FulfillmentId, OrderId, ReturnId, TransferId
from domain.orders.labels import LabelStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPayload(EventPayload):
    """The fields that every event of a label has."""

    subject_type: ClassVar[str] = "ShippingLabel"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel", "location")

    status: LabelStatus
    before: LabelStatus | None
    """Status before this event; null for a new label."""
    carrier: str
    order: OrderId | None
    """The order of the fulfillment or return; null for the label of a transfer."""
    fulfillment: FulfillmentId | None
    """The parcel that it is for; null for the label of a return or a transfer."""
    return_: ReturnId | None
    """The return that it is for; null for the label of a fulfillment or a transfer."""
    transfer: TransferId | None
    """The transfer that it is for; null for the label of a fulfillment or a return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequested(LabelPayload):
    """A label was asked for; it is bought next."""

    type: ClassVar[str] = "label.requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelBought(LabelPayload):
    """The carrier sold the label, or refused to take it back."""

    type: ClassVar[str] = "label.bought"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFailed(LabelPayload):
    """The label was certainly not bought."""

    type: ClassVar[str] = "label.failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelUnknown(LabelPayload):
    """The carrier did not answer: the label may be bought."""

    type: ClassVar[str] = "label.unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelVoiding(LabelPayload):
    """The label is to be given back to the carrier."""

    type: ClassVar[str] = "label.voiding"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelVoided(LabelPayload):
    """The label was given back, or had never been bought."""

    type: ClassVar[str] = "label.voided"
