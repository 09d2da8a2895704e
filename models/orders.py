"""Tables of orders, payments, cancellations, and addresses (in a table that can be erased)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from domain.orders.orders import OrderLineState
from models.database.keys import KeyField
from models.database.model import Model


class Order(Model):
    """A placed order; `status` is derived from its lines, in the transaction that changes them.

    `deposit_minor`: money for units that have not shipped. `receivable_minor`: owed for shipped
    units, overpaid refunds aside. At most one of them is not 0.
    """

    id = fields.UUIDField(primary_key=True)
    number = fields.TextField()
    channel_id = fields.BigIntField()
    external_reference = fields.TextField()
    external_reference_key = KeyField("external_reference")
    status = fields.TextField()
    customer_reference = fields.TextField(null=True)
    customer_reference_key = KeyField("customer_reference")
    service_level = fields.TextField()
    currency = fields.TextField()
    shipping_minor = fields.BigIntField(default=0)
    shipping_tax_minor = fields.BigIntField(default=0)
    total_minor = fields.BigIntField()
    deposit_minor = fields.BigIntField(default=0)
    receivable_minor = fields.BigIntField(default=0)
    placed_at = fields.DatetimeField()
    created_at = fields.DatetimeField()
    ship_by_at = fields.DatetimeField(null=True)
    deliver_by_at = fields.DatetimeField(null=True)
    reservation_id = fields.UUIDField(null=True)
    actor = fields.TextField()
    version = fields.BigIntField(default=1)
    routing: Any = fields.JSONField(null=True)
    note = fields.TextField(null=True)
    tags: Any = fields.JSONField(null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "sales_order"


class NewOrderRow(TypedDict):
    """An order that is being placed; `routing` is JSON."""

    id: UUID
    number: str
    channel_id: int
    external_reference: str
    status: str
    customer_reference: str | None
    service_level: str
    currency: str
    shipping_minor: int
    shipping_tax_minor: int
    total_minor: int
    deposit_minor: int
    placed_at: datetime
    created_at: datetime
    ship_by_at: datetime | None
    deliver_by_at: datetime | None
    reservation_id: UUID | None
    actor: str
    routing: str
    note: str | None
    tags: str | None
    updated_at: datetime


class OrderAddress(Model):
    """Delivery address of an order. Personal data: can be erased without changing the order."""

    id = fields.UUIDField(primary_key=True)
    order_id = fields.UUIDField()
    country_code = fields.TextField()
    postal_code = fields.TextField(null=True)
    region = fields.TextField(null=True)
    city = fields.TextField(null=True)
    lines: Any = fields.JSONField(null=True)
    name = fields.TextField(null=True)
    phone = fields.TextField(null=True)
    email = fields.TextField(null=True)

    class Meta:
        table = "order_address"


class OrderAddressRow(TypedDict):
    """A row of order_address; `lines` is JSON."""

    id: UUID
    order_id: UUID
    country_code: str
    postal_code: str | None
    region: str | None
    city: str | None
    lines: str | None
    name: str | None
    phone: str | None
    email: str | None


class OrderLine(Model):
    """An ordered item. Units by state add up to `quantity`; discount and tax are of the line.

    `location_id`: the location that the line names; its units come from nowhere else.
    """

    id = fields.UUIDField(primary_key=True)
    order_id = fields.UUIDField()
    line_no = fields.IntField()
    item_id = fields.BigIntField()
    quantity = fields.BigIntField()
    unit_price_minor = fields.BigIntField()
    discount_minor = fields.BigIntField(default=0)
    tax_minor = fields.BigIntField(default=0)
    backordered = fields.BigIntField(default=0)
    allocated = fields.BigIntField(default=0)
    picked = fields.BigIntField(default=0)
    packed = fields.BigIntField(default=0)
    shipped = fields.BigIntField(default=0)
    delivered = fields.BigIntField(default=0)
    lost = fields.BigIntField(default=0)
    cancelled = fields.BigIntField(default=0)
    location_id = fields.BigIntField(null=True)

    class Meta:
        table = "order_line"


class OrderLineUnits(TypedDict):
    """The units of an order line by state."""

    backordered: int
    allocated: int
    picked: int
    packed: int
    shipped: int
    delivered: int
    lost: int
    cancelled: int


def units_by_state(row: OrderLineUnits) -> dict[OrderLineState, int]:
    """The units of an order line, in the order of the states."""
    return {
        OrderLineState.BACKORDERED: row["backordered"],
        OrderLineState.ALLOCATED: row["allocated"],
        OrderLineState.PICKED: row["picked"],
        OrderLineState.PACKED: row["packed"],
        OrderLineState.SHIPPED: row["shipped"],
        OrderLineState.DELIVERED: row["delivered"],
        OrderLineState.LOST: row["lost"],
        OrderLineState.CANCELLED: row["cancelled"],
    }


class OrderLocation(Model):
    """A location of an order's fulfillments, with the order's status. Triggers keep the rows."""

    id = fields.BigIntField(primary_key=True)
    order_id = fields.UUIDField()
    location_id = fields.BigIntField()
    status = fields.TextField()

    class Meta:
        table = "order_location"


class OrderCancellation(Model):
    """Units of an order that will not ship, and the amount paid for them. Never changed.

    `tax_minor` includes `shipping_tax_minor`.
    """

    id = fields.UUIDField(primary_key=True)
    order_id = fields.UUIDField()
    reason_id = fields.BigIntField()
    items_minor = fields.BigIntField()
    tax_minor = fields.BigIntField()
    shipping_minor = fields.BigIntField()
    shipping_tax_minor = fields.BigIntField(default=0)
    refund_minor = fields.BigIntField()
    currency = fields.TextField()
    actor = fields.TextField()
    created_at = fields.DatetimeField()
    entry_id = fields.UUIDField(null=True)

    class Meta:
        table = "order_cancellation"


class OrderCancellationLine(Model):
    """Cancelled units of one order line, and their part of its amounts. Never changed."""

    id = fields.UUIDField(primary_key=True)
    cancellation_id = fields.UUIDField()
    order_line_id = fields.UUIDField()
    quantity = fields.BigIntField()
    net_minor = fields.BigIntField()
    tax_minor = fields.BigIntField()

    class Meta:
        table = "order_cancellation_line"


class OrderPayment(Model):
    """A captured payment of an order; `drawn_minor`: the amount that refunds draw on it."""

    id = fields.UUIDField(primary_key=True)
    order_id = fields.UUIDField()
    reference = fields.TextField()
    reference_key = KeyField("reference")
    amount_minor = fields.BigIntField()
    drawn_minor = fields.BigIntField(default=0)
    currency = fields.TextField()
    captured_at = fields.DatetimeField()

    class Meta:
        table = "order_payment"
