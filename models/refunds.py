"""Tables of refunds: units, approvals, payout attempts, and accepted webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.model import Model
from models.database.rows import Flag


class Refund(Model):
    """An amount refunded on one payment; refunds split from one amount share a `family_id`.

    `owed_minor`: the part that a cancellation already owed before this refund was decided.
    `items_minor` to `shipping_tax_minor`: the parts of the order's value that it takes back.
    `fee_minor` stays with the retailer; `unpaid_minor` was never paid, so it lowers what the order
    owes. The amount is the parts less the fee and the unpaid part, plus the owed part.
    """

    id = fields.UUIDField(primary_key=True)
    order_id = fields.UUIDField()
    return_id = fields.UUIDField(null=True)
    cancellation_id = fields.UUIDField(null=True)
    payment_id = fields.UUIDField(null=True)
    family_id = fields.UUIDField()
    kind = fields.TextField()
    status = fields.TextField()
    amount_minor = fields.BigIntField()
    owed_minor = fields.BigIntField(default=0)
    currency = fields.TextField()
    tender = fields.TextField()
    reason_id = fields.BigIntField(null=True)
    note = fields.TextField(null=True)
    breakdown: Any = fields.JSONField()
    decision: Any = fields.JSONField()
    required_evidence = fields.TextField()
    evidence = fields.TextField()
    approvals_required = fields.IntField()
    requested_by = fields.TextField()
    decided_entry_id = fields.UUIDField(null=True)
    paid_entry_id = fields.UUIDField(null=True)
    gateway_reference = fields.TextField(null=True)
    closing_note = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    decided_at = fields.DatetimeField(null=True)
    settled_at = fields.DatetimeField(null=True)
    version = fields.BigIntField(default=1)
    items_minor = fields.BigIntField(default=0)
    tax_minor = fields.BigIntField(default=0)
    shipping_minor = fields.BigIntField(default=0)
    shipping_tax_minor = fields.BigIntField(default=0)
    fee_minor = fields.BigIntField(default=0)
    unpaid_minor = fields.BigIntField(null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "refund"


class RefundValueColumns(TypedDict):
    """The parts of the order's value that a refund takes back, and what becomes of them.

    `unpaid_minor` is None for refunds opened before version 15 of the database: debts were not
    taken into account, and the CHECK of the sum leaves them out.
    """

    owed_minor: int
    items_minor: int
    tax_minor: int
    shipping_minor: int
    shipping_tax_minor: int
    fee_minor: int
    unpaid_minor: int | None


class RefundRow(RefundValueColumns):
    """A row of refund."""

    id: UUID
    order_id: UUID
    return_id: UUID | None
    cancellation_id: UUID | None
    payment_id: UUID | None
    family_id: UUID
    kind: str
    status: str
    amount_minor: int
    currency: str
    tender: str
    reason_id: int | None
    note: str | None
    breakdown: str
    decision: str
    required_evidence: str
    evidence: str
    approvals_required: int
    requested_by: str
    decided_entry_id: UUID | None
    paid_entry_id: UUID | None
    gateway_reference: str | None
    closing_note: str | None
    created_at: datetime
    decided_at: datetime | None
    settled_at: datetime | None
    version: int
    updated_at: datetime


class RefundUnit(Model):
    """Refunded units of an order line: their gross share, and the amount deducted from it."""

    id = fields.UUIDField(primary_key=True)
    refund_id = fields.UUIDField()
    order_line_id = fields.UUIDField()
    quantity = fields.BigIntField()
    condition = fields.TextField(null=True)
    net_minor = fields.BigIntField()
    tax_minor = fields.BigIntField()
    net_kept_minor = fields.BigIntField()
    tax_kept_minor = fields.BigIntField()

    class Meta:
        table = "refund_unit"


class RefundUnitRow(TypedDict):
    """A row of refund_unit."""

    id: UUID
    refund_id: UUID
    order_line_id: UUID
    quantity: int
    condition: str | None
    net_minor: int
    tax_minor: int
    net_kept_minor: int
    tax_kept_minor: int


class RefundApproval(Model):
    """One actor's decision on a refund. Never changed."""

    id = fields.UUIDField(primary_key=True)
    refund_id = fields.UUIDField()
    actor = fields.TextField()
    decision = fields.TextField()
    note = fields.TextField(null=True)
    decided_at = fields.DatetimeField()

    class Meta:
        table = "refund_approval"


class RefundApprovalRow(TypedDict):
    """A row of refund_approval, as it is read."""

    refund_id: UUID
    actor: str
    decision: str
    note: str | None
    decided_at: datetime


class RefundAttempt(Model):
    """One payout attempt. Its key never changes and is stored before the first call.

    `claimed_until_at`: a worker owns it until then. `is_sending`: it is to be sent, not looked up.
    `contradicted_as`: a later report that contradicts `state` and that no person has settled.
    `overpaid_entry_id`: the entry of a payment that the refund does not account for.
    """

    id = fields.UUIDField(primary_key=True)
    refund_id = fields.UUIDField()
    attempt_no = fields.IntField()
    key = fields.TextField()
    state = fields.TextField()
    created_at = fields.DatetimeField()
    created_by = fields.TextField()
    sent_at = fields.DatetimeField(null=True)
    claimed_until_at = fields.DatetimeField(null=True)
    is_sending = fields.BooleanField(default=False)
    tries = fields.IntField(default=0)
    next_at = fields.DatetimeField()
    person_asked_at = fields.DatetimeField(null=True)
    gateway_reference = fields.TextField(null=True)
    reason = fields.TextField(null=True)
    settled_by = fields.TextField(null=True)
    settled_at = fields.DatetimeField(null=True)
    contradicted_as = fields.TextField(null=True)
    contradicted_at = fields.DatetimeField(null=True)
    overpaid_entry_id = fields.UUIDField(null=True)

    class Meta:
        table = "refund_attempt"


class RefundAttemptRow(TypedDict):
    """A row of refund_attempt."""

    id: UUID
    refund_id: UUID
    attempt_no: int
    key: str
    state: str
    created_at: datetime
    created_by: str
    sent_at: datetime | None
    claimed_until_at: datetime | None
    is_sending: Flag
    tries: int
    next_at: datetime
    person_asked_at: datetime | None
    gateway_reference: str | None
    reason: str | None
    settled_by: str | None
    settled_at: datetime | None
    contradicted_as: str | None
    contradicted_at: datetime | None
    overpaid_entry_id: UUID | None


class WebhookMessage(Model):
    """An accepted signed message; its unique key prevents accepting it twice."""

    id = fields.UUIDField(primary_key=True)
    source = fields.TextField()
    message_key = fields.TextField()
    received_at = fields.DatetimeField()

    class Meta:
        table = "webhook_message"


class PaymentChargeback(Model):
    """Money of a captured payment that the customer's bank took back; never changed or deleted."""

    id = fields.UUIDField(primary_key=True)
    payment_id = fields.UUIDField()
    refund_id = fields.UUIDField(null=True)
    amount_minor = fields.BigIntField()
    currency = fields.TextField()
    reason = fields.TextField(null=True)
    gateway_reference = fields.TextField(null=True)
    entry_id = fields.UUIDField()
    received_at = fields.DatetimeField()

    class Meta:
        table = "payment_chargeback"
