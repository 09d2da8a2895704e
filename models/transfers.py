"""Tables of transfers of stock between two locations."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model


class Transfer(Model):
    """Units that one location sends to another. `expected_by_at`: at the destination."""

    id = fields.UUIDField(primary_key=True)
    number = fields.TextField()
    reference = fields.TextField(null=True)
    reference_key = KeyField("reference")
    status = fields.TextField()
    origin_id = fields.BigIntField()
    destination_id = fields.BigIntField()
    carrier = fields.TextField(null=True)
    tracking_number = fields.TextField(null=True)
    tracking_number_key = KeyField("tracking_number")
    requested_by = fields.TextField()
    requested_at = fields.DatetimeField()
    shipped_at = fields.DatetimeField(null=True)
    expected_by_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)
    version = fields.BigIntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "transfer"


class TransferRow(TypedDict):
    """A row of transfer."""

    id: UUID
    number: str
    reference: str | None
    status: str
    origin_id: int
    destination_id: int
    carrier: str | None
    tracking_number: str | None
    requested_by: str
    requested_at: datetime
    shipped_at: datetime | None
    expected_by_at: datetime | None
    closed_at: datetime | None
    version: int
    updated_at: datetime


class TransferLine(Model):
    """Units of an item in a transfer: each shipped unit is in one of the columns after it.

    `value_minor`: the cost of the units in transit, `lost_minor`: of the lost ones, in `currency`.
    """

    id = fields.UUIDField(primary_key=True)
    transfer_id = fields.UUIDField()
    line_no = fields.IntField()
    item_id = fields.BigIntField()
    requested = fields.BigIntField()
    shipped = fields.BigIntField(default=0)
    in_transit = fields.BigIntField(default=0)
    received = fields.BigIntField(default=0)
    damaged = fields.BigIntField(default=0)
    came_back = fields.BigIntField(default=0)
    lost = fields.BigIntField(default=0)
    extra = fields.BigIntField(default=0)
    value_minor = fields.BigIntField(default=0)
    lost_minor = fields.BigIntField(default=0)
    currency = fields.TextField()

    class Meta:
        table = "transfer_line"


class TransferLineUnits(TypedDict):
    """The units of a transfer line."""

    requested: int
    shipped: int
    in_transit: int
    received: int
    damaged: int
    came_back: int
    lost: int
    extra: int
