"""Tables of the journal (never changed), item costs, and closed periods."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from tortoise import fields

from models.database.model import Model


class JournalEntry(Model):
    """One fact in the journal; per currency, its debits equal its credits."""

    id = fields.UUIDField(primary_key=True)
    posted_at = fields.DatetimeField()
    effective_at = fields.DatetimeField()
    memo = fields.TextField()
    reference = fields.TextField()
    reverses_id = fields.UUIDField(null=True)
    channel_id = fields.BigIntField(null=True)
    location_id = fields.BigIntField(null=True)
    actor = fields.TextField()
    transaction_id = fields.UUIDField()
    digest = fields.TextField()

    class Meta:
        table = "journal_entry"


class JournalEntryRow(TypedDict):
    """A row of journal_entry."""

    id: UUID
    posted_at: datetime
    effective_at: datetime
    memo: str
    reference: str
    reverses_id: UUID | None
    channel_id: int | None
    location_id: int | None
    actor: str
    transaction_id: UUID
    digest: str


class JournalLine(Model):
    """A debit or a credit of one account in one currency."""

    id = fields.UUIDField(primary_key=True)
    entry_id = fields.UUIDField()
    line_no = fields.IntField()
    account = fields.TextField()
    currency = fields.TextField()
    debit_minor = fields.BigIntField(default=0)
    credit_minor = fields.BigIntField(default=0)

    class Meta:
        table = "journal_line"


class JournalLineRow(TypedDict):
    """A row of journal_line, as it is read."""

    entry_id: UUID
    account: str
    currency: str
    debit_minor: int
    credit_minor: int


class ItemCost(Model):
    """Units and value of an item, in the base currency: in inventory, and in quality control.

    `returned_…`: the part of quality control that belongs to returns and parcels, at its own cost.
    """

    id = fields.BigIntField(primary_key=True)
    item_id = fields.BigIntField()
    currency = fields.TextField()
    quantity = fields.BigIntField(default=0)
    value_minor = fields.BigIntField(default=0)
    quality_quantity = fields.BigIntField(default=0)
    quality_value_minor = fields.BigIntField(default=0)
    returned_quantity = fields.BigIntField(default=0)
    returned_value_minor = fields.BigIntField(default=0)

    class Meta:
        table = "item_cost"


class PeriodClose(Model):
    """The books are closed up to and including `through_at`. Never changed or reversed."""

    id = fields.UUIDField(primary_key=True)
    through_at = fields.DatetimeField()
    closed_at = fields.DatetimeField()
    closed_by = fields.TextField()

    class Meta:
        table = "period_close"


class PeriodCloseRow(TypedDict):
    """A row of period_close."""

    id: UUID
    through_at: datetime
    closed_at: datetime
    closed_by: str
