"""Tables of fulfillments, each one parcel of an order from one location, and of their holds."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model


class Fulfillment(Model):
    """Allocated units of one order at one location, on their way to the customer in one parcel.

    `number`: the order's number, a dash, and the place among its fulfillments, from 1. No row is
    ever deleted, so the next place follows from the number of rows. `tote` holds the units until
    they ship.
    """

    id = fields.UUIDField(primary_key=True)
    order_id = fields.UUIDField()
    number = fields.TextField()
    location_id = fields.BigIntField()
    status = fields.TextField()
    carrier = fields.TextField(null=True)
    tracking_number = fields.TextField(null=True)
    carrier_key = KeyField("carrier")
    tracking_number_key = KeyField("tracking_number")
    tote = fields.TextField(null=True)
    tote_key = KeyField("tote")
    created_at = fields.DatetimeField()
    shipped_at = fields.DatetimeField(null=True)
    delivered_at = fields.DatetimeField(null=True)
    lost_at = fields.DatetimeField(null=True)
    weight_grams = fields.BigIntField(null=True)
    length_mm = fields.BigIntField(null=True)
    width_mm = fields.BigIntField(null=True)
    height_mm = fields.BigIntField(null=True)
    version = fields.BigIntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "fulfillment"


class FulfillmentRow(TypedDict):
    """A row of fulfillment."""

    id: UUID
    order_id: UUID
    number: str
    location_id: int
    status: str
    carrier: str | None
    tracking_number: str | None
    tote: str | None
    created_at: datetime
    shipped_at: datetime | None
    delivered_at: datetime | None
    lost_at: datetime | None
    weight_grams: int | None
    length_mm: int | None
    width_mm: int | None
    height_mm: int | None
    version: int
    updated_at: datetime


class FulfillmentLine(Model):
    """Units of one order line in a fulfillment; `cost_minor`: their cost when they shipped.

    `picked` of them are off the shelf, and `packed` of these are in the parcel.
    """

    id = fields.UUIDField(primary_key=True)
    fulfillment_id = fields.UUIDField()
    order_line_id = fields.UUIDField()
    item_id = fields.BigIntField()
    quantity = fields.BigIntField()
    picked = fields.BigIntField(default=0)
    packed = fields.BigIntField(default=0)
    cost_minor = fields.BigIntField(null=True)

    class Meta:
        table = "fulfillment_line"


class FulfillmentLineRow(TypedDict):
    """A row of fulfillment_line."""

    id: UUID
    fulfillment_id: UUID
    order_line_id: UUID
    item_id: int
    quantity: int
    picked: int
    packed: int
    cost_minor: int | None


class FulfillmentHold(Model):
    """A hold of an order, or of one of its fulfillments; live until it is released.

    `fulfillment_id` None: the whole order, later fulfillments included. `until_at`: the clock
    releases it. `run_id`: the run of a playbook that placed it, which alone releases it.
    """

    id = fields.UUIDField(primary_key=True)
    order_id = fields.UUIDField()
    fulfillment_id = fields.UUIDField(null=True)
    reason = fields.TextField()
    note = fields.TextField(null=True)
    placed_by = fields.TextField()
    placed_at = fields.DatetimeField()
    until_at = fields.DatetimeField(null=True)
    released_by = fields.TextField(null=True)
    released_at = fields.DatetimeField(null=True)
    release_note = fields.TextField(null=True)
    run_id = fields.UUIDField(null=True)

    class Meta:
        table = "fulfillment_hold"


class FulfillmentHoldRow(TypedDict):
    """A row of fulfillment_hold."""

    id: UUID
    order_id: UUID
    fulfillment_id: UUID | None
    reason: str
    note: str | None
    placed_by: str
    placed_at: datetime
    until_at: datetime | None
    released_by: str | None
    released_at: datetime | None
    release_note: str | None
    run_id: UUID | None
