"""Tables of fulfillments: the part of an order that ships from one location in one parcel."""

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
    ever deleted, so the next place follows from the number of rows.
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
    """Units of one order line in a fulfillment; `cost_minor`: their cost when they shipped."""

    id = fields.UUIDField(primary_key=True)
    fulfillment_id = fields.UUIDField()
    order_line_id = fields.UUIDField()
    item_id = fields.BigIntField()
    quantity = fields.BigIntField()
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
    cost_minor: int | None
