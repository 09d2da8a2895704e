"""Tables of bins: the units of a level by bin, and append-only movements."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from tortoise import fields

from models.database.model import Model


class BinStock(Model):
    """Units of a stock level in one of the location's bins; a row without units is deleted.

    `since_at`: the bin has had units of the item without a break since then.
    """

    id = fields.UUIDField(primary_key=True)
    level_id = fields.BigIntField()
    bin_id = fields.BigIntField()
    quantity = fields.BigIntField()
    since_at = fields.DatetimeField()

    class Meta:
        table = "bin_stock"


class BinStockRow(TypedDict):
    """A row of bin_stock."""

    id: UUID
    level_id: int
    bin_id: int
    quantity: int
    since_at: datetime


class BinMovement(Model):
    """Units that came into a bin, left one, or went from one to another. Never changed.

    None as a bin: the units were or are unbinned, or outside the shelf.
    """

    id = fields.UUIDField(primary_key=True)
    level_id = fields.BigIntField()
    from_bin_id = fields.BigIntField(null=True)
    to_bin_id = fields.BigIntField(null=True)
    quantity = fields.BigIntField()
    actor = fields.TextField()
    occurred_at = fields.DatetimeField()
    transaction_id = fields.UUIDField()
    digest = fields.TextField()

    class Meta:
        table = "bin_movement"


class PutawayRound(Model):
    """A location whose levels a job gives PUTAWAY tasks, in the order of items.

    It begins when the location gets its first active bin, or loses its last one.
    """

    location_id = fields.BigIntField(primary_key=True, generated=False)
    after_item_id = fields.BigIntField(default=0)

    class Meta:
        table = "putaway_round"
