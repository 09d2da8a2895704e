"""Tables of stock: a level with one column per state, and append-only movements."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from tortoise import fields

from models.database.model import Model


class StockLevel(Model):
    """Units of an item at a location, by state; no column is ever negative.

    `picked` is a part of `allocated`, `missing` of `quarantine`. The shelf has available + held +
    allocated − picked units, and `binned` of them are in bins.
    """

    id = fields.BigIntField(primary_key=True)
    item_id = fields.BigIntField()
    location_id = fields.BigIntField()
    available = fields.BigIntField(default=0)
    held = fields.BigIntField(default=0)
    allocated = fields.BigIntField(default=0)
    quality_control = fields.BigIntField(default=0)
    quarantine = fields.BigIntField(default=0)
    refurbishing = fields.BigIntField(default=0)
    damaged = fields.BigIntField(default=0)
    safety_stock = fields.BigIntField(default=0)
    incoming = fields.BigIntField(default=0)
    picked = fields.BigIntField(default=0)
    missing = fields.BigIntField(default=0)
    binned = fields.BigIntField(default=0)
    shelf_changes = fields.BigIntField(default=0)
    version = fields.BigIntField(default=0)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "stock_level"


class StockLevelRow(TypedDict):
    """A row of stock_level."""

    id: int
    item_id: int
    location_id: int
    available: int
    held: int
    allocated: int
    quality_control: int
    quarantine: int
    refurbishing: int
    damaged: int
    safety_stock: int
    incoming: int
    picked: int
    missing: int
    binned: int
    shelf_changes: int
    version: int
    updated_at: datetime


class StockMovement(Model):
    """Units moved between two states, or into or out of the location. Never changed."""

    id = fields.UUIDField(primary_key=True)
    kind = fields.TextField()
    item_id = fields.BigIntField()
    location_id = fields.BigIntField()
    from_state = fields.TextField(null=True)
    to_state = fields.TextField(null=True)
    quantity = fields.BigIntField()
    reason_id = fields.BigIntField(null=True)
    channel_id = fields.BigIntField(null=True)
    reference = fields.TextField(null=True)
    note = fields.TextField(null=True)
    actor = fields.TextField()
    occurred_at = fields.DatetimeField()
    value_minor = fields.BigIntField(null=True)
    value_currency = fields.TextField(null=True)
    transaction_id = fields.UUIDField()
    digest = fields.TextField()

    class Meta:
        table = "stock_movement"


class MissingChange(Model):
    """Units of a level that became missing or, below 0, are no longer. Never changed.

    `movement_id`: the movement by which it happened; None: units that were missing before version
    49 of the schema.
    """

    id = fields.BigIntField(primary_key=True)
    level_id = fields.BigIntField()
    movement_id = fields.UUIDField(null=True)
    units = fields.BigIntField()

    class Meta:
        table = "missing_change"


class StockMovementRow(TypedDict):
    """A row of stock_movement."""

    id: UUID
    kind: str
    item_id: int
    location_id: int
    from_state: str | None
    to_state: str | None
    quantity: int
    reason_id: int | None
    channel_id: int | None
    reference: str | None
    note: str | None
    actor: str
    occurred_at: datetime
    value_minor: int | None
    value_currency: str | None
    transaction_id: UUID
    digest: str
