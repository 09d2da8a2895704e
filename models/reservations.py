"""Tables of holds: units reserved for a limited time before an order."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model


class Reservation(Model):
    """A hold. It ends at `expires_at`, also while `status` is still HELD."""

    id = fields.UUIDField(primary_key=True)
    status = fields.TextField()
    channel_id = fields.BigIntField()
    external_reference = fields.TextField(null=True)
    external_reference_key = KeyField("external_reference")
    actor = fields.TextField()
    address = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    first_ttl_seconds = fields.IntField()
    order_id = fields.UUIDField(null=True)
    version = fields.BigIntField(default=1)
    routing: Any = fields.JSONField()

    class Meta:
        table = "reservation"


class NewReservationRow(TypedDict):
    """A reservation that is being made; `routing` is JSON."""

    id: UUID
    status: str
    channel_id: int
    external_reference: str | None
    actor: str
    address: str | None
    created_at: datetime
    expires_at: datetime
    first_ttl_seconds: int
    routing: str


class ReservationRow(NewReservationRow):
    """A row of reservation."""

    order_id: UUID | None
    version: int


class ReservationLine(Model):
    """Units of one item held at one location.

    `held_until_at`: the end of the hold while its status is HELD; NULL once it has ended.
    """

    id = fields.UUIDField(primary_key=True)
    reservation_id = fields.UUIDField()
    line_no = fields.IntField()
    item_id = fields.BigIntField()
    location_id = fields.BigIntField()
    quantity = fields.BigIntField()
    held_until_at = fields.DatetimeField(null=True)

    class Meta:
        table = "reservation_line"
