"""Tables of stock counts: counts, their lines, the attempts of a line, and the places of each."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from tortoise import fields

from models.database.model import Model
from models.database.rows import Flag


class StockCount(Model):
    """Levels of one location that are to be counted; `lines_done` are posted or cancelled."""

    id = fields.UUIDField(primary_key=True)
    number = fields.TextField()
    cause = fields.TextField()
    status = fields.TextField()
    location_id = fields.BigIntField()
    blind = fields.BooleanField()
    created_by = fields.TextField()
    created_at = fields.DatetimeField()
    due_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)
    line_count = fields.BigIntField()
    lines_done = fields.BigIntField(default=0)
    version = fields.BigIntField(default=1)

    class Meta:
        table = "stock_count"


class StockCountRow(TypedDict):
    """A row of stock_count."""

    id: UUID
    number: str
    cause: str
    status: str
    location_id: int
    blind: Flag
    created_by: str
    created_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    line_count: int
    lines_done: int
    version: int


class StockCountLine(Model):
    """The count of one level; a level has at most one live line. `item_id` and `location_id` are
    those of the level.

    `unposted`: units that POSTING still has to take. `started_changes`: the level's number of
    changes when the task of the line was claimed or renewed; `counted_changes`: when the last
    attempt was recorded. `counted_missing`: the level's missing units then; NULL before version 43.
    """

    id = fields.UUIDField(primary_key=True)
    count_id = fields.UUIDField()
    level_id = fields.BigIntField()
    item_id = fields.BigIntField()
    location_id = fields.BigIntField()
    status = fields.TextField()
    variance = fields.BigIntField(null=True)
    value_minor = fields.BigIntField(null=True)
    value_currency = fields.TextField(null=True)
    asked_again_because = fields.TextField(null=True)
    decided_by = fields.TextField(null=True)
    posted_at = fields.DatetimeField(null=True)
    unposted = fields.BigIntField(default=0)
    started_changes = fields.BigIntField(null=True)
    counted_changes = fields.BigIntField(null=True)
    counted_missing = fields.BigIntField(null=True)
    version = fields.BigIntField(default=1)

    class Meta:
        table = "stock_count_line"


class StockCountLineRow(TypedDict):
    """A row of stock_count_line."""

    id: UUID
    count_id: UUID
    level_id: int
    item_id: int
    location_id: int
    status: str
    variance: int | None
    value_minor: int | None
    value_currency: str | None
    asked_again_because: str | None
    decided_by: str | None
    posted_at: datetime | None
    unposted: int
    started_changes: int | None
    counted_changes: int | None
    counted_missing: int | None
    version: int


class CountAttempt(Model):
    """One count of a line, numbered from 1.

    `counts`: it is compared with later ones; false: units moved, or the line was begun anew.
    """

    id = fields.UUIDField(primary_key=True)
    line_id = fields.UUIDField()
    number = fields.BigIntField()
    counted_by = fields.TextField()
    counted_at = fields.DatetimeField()
    counted = fields.BigIntField()
    expected = fields.BigIntField()
    counts = fields.BooleanField()

    class Meta:
        table = "count_attempt"


class CountAttemptRow(TypedDict):
    """A row of count_attempt."""

    id: UUID
    line_id: UUID
    number: int
    counted_by: str
    counted_at: datetime
    counted: int
    expected: int
    counts: Flag


class CountPlace(Model):
    """Units that an attempt found in a bin; `bin_id` NULL: outside the bins."""

    id = fields.UUIDField(primary_key=True)
    attempt_id = fields.UUIDField()
    bin_id = fields.BigIntField(null=True)
    counted = fields.BigIntField()

    class Meta:
        table = "count_place"


class CountPlaceRow(TypedDict):
    """A row of count_place."""

    id: UUID
    attempt_id: UUID
    bin_id: int | None
    counted: int


class CountedLevel(Model):
    """Class of a level, and the time of its last posted count. A level may have no row yet."""

    level_id = fields.BigIntField(primary_key=True)
    location_id = fields.BigIntField()
    abc_class = fields.TextField(null=True)
    counted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "counted_level"


class CountedLevelRow(TypedDict):
    """A row of counted_level."""

    level_id: int
    location_id: int
    abc_class: str | None
    counted_at: datetime | None
