"""Tables of master data: suppliers, items, locations, channels, reason codes."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model
from models.database.rows import Flag


class Supplier(Model):
    """A vendor that goods are received from and returned to."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    code_key = KeyField("code")
    name = fields.TextField()
    version = fields.BigIntField(default=1)

    class Meta:
        table = "supplier"


class SupplierRow(TypedDict):
    """A supplier as it is read."""

    id: int
    code: str
    name: str


class Item(Model):
    """A stock-keeping unit; `unit_cost_minor` is in the base currency and never revalues stock.

    `attributes` is a JSON object as text, in one form for equal objects.
    """

    id = fields.BigIntField(primary_key=True)
    sku = fields.TextField()
    sku_key = KeyField("sku")
    name = fields.TextField()
    barcode = fields.TextField(null=True)
    category = fields.TextField(null=True)
    price_minor = fields.BigIntField(null=True)
    price_currency = fields.TextField(null=True)
    unit_cost_minor = fields.BigIntField(null=True)
    unit_cost_currency = fields.TextField(null=True)
    returnable = fields.BooleanField(default=True)
    supplier_id = fields.BigIntField(null=True)
    active = fields.BooleanField(default=True)
    image_url = fields.TextField(null=True)
    attributes = fields.TextField(null=True)
    country_of_origin = fields.TextField(null=True)
    customs_code = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    version = fields.BigIntField(default=1)

    class Meta:
        table = "item"


class ItemCode(Model):
    """A code that a scanner reads for an item; one scan means `units` of it.

    `is_listed`: named in the item's list of codes; other codes are its barcode alone. `is_shared`:
    several items had this barcode before codes were unique, so it names none of them.
    """

    id = fields.BigIntField(primary_key=True)
    item_id = fields.BigIntField()
    code = fields.TextField()
    scan_key = fields.TextField()
    units = fields.BigIntField(default=1)
    is_listed = fields.BooleanField(default=False)
    is_shared = fields.BooleanField(default=False)

    class Meta:
        table = "item_code"


class ItemCodeRow(TypedDict):
    """A code of an item, as it is read."""

    item_id: int
    code: str
    scan_key: str
    units: int
    is_listed: Flag
    is_shared: Flag


class ItemText(Model):
    """An item's SKU, name and barcode as searches compare them.

    In a table of its own: a change of a price does not write the search index.
    """

    item_id = fields.BigIntField(primary_key=True, generated=False)
    search_text = fields.TextField()

    class Meta:
        table = "item_text"


class ItemRow(TypedDict):
    """An item as lists show it."""

    id: int
    sku: str
    name: str
    barcode: str | None
    category: str | None
    price_minor: int | None
    price_currency: str | None
    unit_cost_minor: int | None
    unit_cost_currency: str | None
    returnable: Flag
    supplier_id: int | None
    active: Flag
    image_url: str | None
    attributes: str | None
    country_of_origin: str | None
    customs_code: str | None
    updated_at: datetime


class VersionedItemRow(ItemRow):
    """An item as upserts read and write it."""

    version: int


class Location(Model):
    """A place. WAREHOUSE, STORE and FULFILLMENT_PARTNER keep stock; ZONE and BIN are addresses."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    code_key = KeyField("code")
    name = fields.TextField()
    kind = fields.TextField()
    parent_id = fields.BigIntField(null=True)
    country_code = fields.TextField(null=True)
    daily_order_capacity = fields.IntField(null=True)
    time_zone = fields.TextField(default="UTC")
    pack_required = fields.BooleanField(default=False)
    scan_required = fields.BooleanField(default=False)
    walk_order = fields.IntField(null=True)
    active = fields.BooleanField(default=True)
    version = fields.BigIntField(default=1)

    class Meta:
        table = "location"


class LocationRow(TypedDict):
    """A row of location."""

    id: int
    code: str
    name: str
    kind: str
    parent_id: int | None
    country_code: str | None
    daily_order_capacity: int | None
    time_zone: str
    pack_required: Flag
    scan_required: Flag
    walk_order: int | None
    active: Flag
    version: int


class Channel(Model):
    """A sales channel; priority 1 is served first when stock is scarce."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    code_key = KeyField("code")
    name = fields.TextField()
    kind = fields.TextField()
    currency = fields.TextField()
    priority = fields.IntField(default=100)
    safety_buffer = fields.IntField(default=0)
    active = fields.BooleanField(default=True)
    version = fields.BigIntField(default=1)

    class Meta:
        table = "channel"


class ChannelRow(TypedDict):
    """A row of channel."""

    id: int
    code: str
    name: str
    kind: str
    currency: str
    priority: int
    safety_buffer: int
    active: Flag
    version: int


class ChannelLocation(Model):
    """A location that a channel may sell from."""

    id = fields.BigIntField(primary_key=True)
    channel_id = fields.BigIntField()
    location_id = fields.BigIntField()

    class Meta:
        table = "channel_location"


class ReasonCode(Model):
    """A reason of one kind; an inactive one stays readable on the rows that use it."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    code_key = KeyField("code")
    kind = fields.TextField()
    label = fields.TextField()
    active = fields.BooleanField(default=True)
    version = fields.BigIntField(default=1)

    class Meta:
        table = "reason_code"


class ReasonCodeRow(TypedDict):
    """A reason code as it is read."""

    id: int
    code: str
    kind: str
    label: str
    active: bool
