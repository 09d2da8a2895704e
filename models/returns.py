"""Tables of returns: groups of units, inspections, dispositions, and unidentified parcels."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model
from models.database.rows import Flag


class Return(Model):
    """The agreement to take back units of one order, identified by its RMA number.

    `verdict`: the policy's decision at the request. `decision`: the decision in force now.
    """

    id = fields.UUIDField(primary_key=True)
    rma_number = fields.TextField()
    order_id = fields.UUIDField()
    status = fields.TextField()
    requested_at = fields.DatetimeField()
    requested_by = fields.TextField()
    created_at = fields.DatetimeField()
    authorized_at = fields.DatetimeField(null=True)
    authorized_by = fields.TextField(null=True)
    expected_by_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)
    carrier = fields.TextField(null=True)
    tracking_number = fields.TextField(null=True)
    tracking_number_key = KeyField("tracking_number")
    scanned_at = fields.DatetimeField(null=True)
    destination_id = fields.BigIntField()
    customer_note = fields.TextField(null=True)
    decline_reason_id = fields.BigIntField(null=True)
    verdict: Any = fields.JSONField()
    decision: Any = fields.JSONField()
    risk_points = fields.IntField()
    risk: Any = fields.JSONField()
    version = fields.BigIntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "customer_return"


class ReturnRow(TypedDict):
    """A row of customer_return."""

    id: UUID
    rma_number: str
    order_id: UUID
    status: str
    requested_at: datetime
    requested_by: str
    created_at: datetime
    authorized_at: datetime | None
    authorized_by: str | None
    expected_by_at: datetime | None
    closed_at: datetime | None
    carrier: str | None
    tracking_number: str | None
    scanned_at: datetime | None
    destination_id: int
    customer_note: str | None
    decline_reason_id: int | None
    verdict: str
    decision: str
    risk_points: int
    risk: str
    version: int
    updated_at: datetime


class ReturnItem(Model):
    """A group of units with one state and grade; a part that moves on becomes a new group.

    `cost_minor`: cost of the units when they shipped. `stock_state`: their stock state while in
    stock. `bin_id`: the bin where they wait in quality control; no bin counts them.
    """

    id = fields.UUIDField(primary_key=True)
    return_id = fields.UUIDField()
    position = fields.IntField()
    parent_id = fields.UUIDField(null=True)
    since_version = fields.BigIntField()
    order_line_id = fields.UUIDField(null=True)
    item_id = fields.BigIntField()
    quantity = fields.BigIntField()
    state = fields.TextField()
    reason_id = fields.BigIntField(null=True)
    note = fields.TextField(null=True)
    evidence: Any = fields.JSONField()
    fast_lane = fields.BooleanField(default=False)
    condition = fields.TextField(null=True)
    inspected_by = fields.TextField(null=True)
    first_inspector = fields.TextField(null=True)
    first_condition = fields.TextField(null=True)
    disposition = fields.TextField(null=True)
    location_id = fields.BigIntField(null=True)
    stock_state = fields.TextField(null=True)
    cost_minor = fields.BigIntField(null=True)
    received_at = fields.DatetimeField(null=True)
    bin_id = fields.BigIntField(null=True)

    class Meta:
        table = "return_item"


class ReturnItemRow(TypedDict):
    """A row of return_item."""

    id: UUID
    return_id: UUID
    position: int
    parent_id: UUID | None
    since_version: int
    order_line_id: UUID | None
    item_id: int
    quantity: int
    state: str
    reason_id: int | None
    note: str | None
    evidence: str
    fast_lane: Flag
    condition: str | None
    inspected_by: str | None
    first_inspector: str | None
    first_condition: str | None
    disposition: str | None
    location_id: int | None
    stock_state: str | None
    cost_minor: int | None
    received_at: datetime | None
    bin_id: int | None


class Inspection(Model):
    """One inspector's result for units of a group. Never changed."""

    id = fields.UUIDField(primary_key=True)
    return_id = fields.UUIDField()
    return_item_id = fields.UUIDField()
    return_version = fields.BigIntField()
    quantity = fields.BigIntField()
    condition = fields.TextField()
    inspector = fields.TextField()
    note = fields.TextField(null=True)
    evidence: Any = fields.JSONField()
    inspected_at = fields.DatetimeField()

    class Meta:
        table = "inspection"


class InspectionRow(TypedDict):
    """A row of inspection."""

    id: UUID
    return_id: UUID
    return_item_id: UUID
    return_version: int
    quantity: int
    condition: str
    inspector: str
    note: str | None
    evidence: str
    inspected_at: datetime


class DispositionStep(Model):
    """One executed disposition of units of a group, with one stock movement. Never changed."""

    id = fields.UUIDField(primary_key=True)
    return_id = fields.UUIDField()
    return_item_id = fields.UUIDField()
    return_version = fields.BigIntField()
    movement_id = fields.UUIDField()
    disposition = fields.TextField()
    quantity = fields.BigIntField()
    decided_by = fields.TextField()
    decision: Any = fields.JSONField()
    policy_version = fields.IntField(null=True)
    note = fields.TextField(null=True)
    executed_at = fields.DatetimeField()

    class Meta:
        table = "disposition_step"


class DispositionStepRow(TypedDict):
    """A row of disposition_step."""

    id: UUID
    return_id: UUID
    return_item_id: UUID
    return_version: int
    movement_id: UUID
    disposition: str
    quantity: int
    decided_by: str
    decision: str
    policy_version: int | None
    note: str | None
    executed_at: datetime


class UnidentifiedParcel(Model):
    """A parcel without a matching return; its units stay in quarantine until it is identified."""

    id = fields.UUIDField(primary_key=True)
    exception_id = fields.UUIDField()
    return_id = fields.UUIDField(null=True)
    location_id = fields.BigIntField()
    tracking_number = fields.TextField(null=True)
    tracking_number_key = KeyField("tracking_number")
    rma_number = fields.TextField(null=True)
    received_at = fields.DatetimeField()
    received_by = fields.TextField()
    emptied_at = fields.DatetimeField(null=True)

    class Meta:
        table = "unidentified_parcel"


class UnidentifiedParcelRow(TypedDict):
    """A row of unidentified_parcel."""

    id: UUID
    exception_id: UUID
    return_id: UUID | None
    location_id: int
    tracking_number: str | None
    rma_number: str | None
    received_at: datetime
    received_by: str
    emptied_at: datetime | None


class UnidentifiedUnit(Model):
    """Units of an item that are still in such a parcel, and their book value."""

    id = fields.UUIDField(primary_key=True)
    parcel_id = fields.UUIDField()
    item_id = fields.BigIntField()
    quantity = fields.BigIntField()
    value_minor = fields.BigIntField()

    class Meta:
        table = "unidentified_unit"
