"""Tables of carriers: their reports about parcels, shipping labels, and the labels' documents."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model


class CarrierEvent(Model):
    """A carrier's report about a parcel, stored once per carrier, event id and tracking number."""

    id = fields.UUIDField(primary_key=True)
    carrier = fields.TextField()
    event_reference = fields.TextField()
    tracking_number = fields.TextField()
    carrier_key = KeyField("carrier")
    tracking_number_key = KeyField("tracking_number")
    status = fields.TextField()
    occurred_at = fields.DatetimeField()
    recorded_at = fields.DatetimeField()
    actor = fields.TextField()
    fulfillment_id = fields.UUIDField(null=True)
    return_id = fields.UUIDField(null=True)
    transfer_id = fields.UUIDField(null=True)

    class Meta:
        table = "carrier_event"


class ShippingLabel(Model):
    """A label for the parcel of a fulfillment, a return or a transfer, bought once under its `key`.

    A label of a transfer has no order and no channel.
    `carrier_reference`: the carrier's id of the label. `entry_id`: the journal entry of its cost;
    null while it is not bought, and for a cost of zero. `first_sent_at`, `sent_at`: before the
    first and the newest purchase call. The database refuses to change its key and its subject.
    """

    id = fields.UUIDField(primary_key=True)
    fulfillment_id = fields.UUIDField(null=True)
    return_id = fields.UUIDField(null=True)
    transfer_id = fields.UUIDField(null=True)
    order_id = fields.UUIDField(null=True)
    channel_id = fields.BigIntField(null=True)
    location_id = fields.BigIntField()
    key = fields.TextField()
    status = fields.TextField()
    carrier = fields.TextField()
    carrier_key = KeyField("carrier")
    service = fields.TextField()
    format = fields.TextField()
    carrier_reference = fields.TextField(null=True)
    tracking_number = fields.TextField(null=True)
    tracking_number_key = KeyField("tracking_number")
    cost_minor = fields.BigIntField(null=True)
    currency = fields.TextField(null=True)
    bought_at = fields.DatetimeField(null=True)
    entry_id = fields.UUIDField(null=True)
    failure = fields.TextField(null=True)
    created_by = fields.TextField()
    created_at = fields.DatetimeField()
    first_sent_at = fields.DatetimeField(null=True)
    sent_at = fields.DatetimeField(null=True)
    claimed_until_at = fields.DatetimeField(null=True)
    tries = fields.IntField(default=0)
    next_at = fields.DatetimeField()
    settled_at = fields.DatetimeField(null=True)
    version = fields.BigIntField(default=1)

    class Meta:
        table = "shipping_label"


# The columns for the parcel of a label; one of them has a value.
SubjectColumn = Literal["fulfillment_id", "return_id", "transfer_id"]


class ShippingLabelRow(TypedDict):
    """A row of shipping_label."""

    id: UUID
    fulfillment_id: UUID | None
    return_id: UUID | None
    transfer_id: UUID | None
    order_id: UUID | None
    channel_id: int | None
    location_id: int
    key: str
    status: str
    carrier: str
    service: str
    format: str
    carrier_reference: str | None
    tracking_number: str | None
    cost_minor: int | None
    currency: str | None
    bought_at: datetime | None
    entry_id: UUID | None
    failure: str | None
    created_by: str
    created_at: datetime
    first_sent_at: datetime | None
    sent_at: datetime | None
    claimed_until_at: datetime | None
    tries: int
    next_at: datetime
    settled_at: datetime | None
    version: int


class LabelDocument(Model):
    """The printable document of a label, in base64. It shows an address and is deleted in time."""

    label_id = fields.UUIDField(primary_key=True)
    content = fields.TextField()
    stored_at = fields.DatetimeField()

    class Meta:
        table = "label_document"
