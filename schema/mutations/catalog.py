"""Inputs and payloads of the mutations on master data."""

import strawberry
from strawberry import UNSET

from domain.catalog.commands import (
    Absent,
    GivenCode,
    GivenMoney,
    UpsertChannel,
    UpsertItem,
    UpsertItems,
    UpsertLocation,
)
from schema.fields.arguments import named
from schema.fields.enums import ChannelKind, LocationKind
from schema.fields.errors import Payload, UserError
from schema.fields.money import MoneyInput
from schema.fields.scalars import JSON
from schema.types.catalog import Channel, Item, Location, ReasonCode, Supplier


@strawberry.input
class ItemCodeInput:
    """A code that a scanner reads."""

    code: str
    units: int | None = 1
    """Units that one scan means: 6 on a box of six."""

    def to_code(self) -> GivenCode:
        """The code; null units are the default."""
        return GivenCode(self.code, 1 if self.units is None else self.units)


@strawberry.input
class ItemInput:
    """An item, identified by its SKU.

    In an update, absent fields stay unchanged and null clears a field.
    """

    sku: str
    name: str
    """At most 255 characters."""
    barcode: str | None = UNSET
    category: str | None = UNSET
    """Category code, used by policies."""
    price: MoneyInput | None = UNSET
    """Usual sales price of one unit."""
    unit_cost: MoneyInput | None = UNSET
    """Cost of one unit in the base currency, for later receipts that name no cost. It never
    revalues stock.
    """
    returnable: bool | None = UNSET
    """Default for a new item: true."""
    supplier_code: str | None = UNSET
    """Code of an existing supplier."""
    active: bool | None = UNSET
    """Default for a new item: true. False: not promised, not held, not sold. Units in stock can
    still be counted, moved and returned, and open orders are fulfilled.
    """
    image_url: str | None = UNSET
    """Address of a picture, with https:// or http://; at most 2,000 characters."""
    attributes: JSON | None = UNSET
    """Facts for the shop's own use, as an object with at most 50 keys and 8,192 bytes. No rule
    reads them.
    """
    country_of_origin: str | None = UNSET
    """ISO 3166-1 alpha-2."""
    customs_code: str | None = UNSET
    """Code of the goods for customs (HS code); at most 32 characters."""
    codes: list[ItemCodeInput] | None = UNSET
    """Codes that a scanner may read, beside `barcode`; at most 50. They replace the previous list.
    A code names one item. Codes of 8, 12, 13 and 14 digits are GTINs: their check digit must be
    right, and they are compared with 14 digits.
    """

    def to_row(self) -> UpsertItem:
        """One row of the command."""
        return UpsertItem(
            sku=self.sku,
            name=self.name,
            barcode=named(self.barcode),
            category=named(self.category),
            price=_money(self.price),
            unit_cost=_money(self.unit_cost),
            returnable=named(self.returnable),
            supplier_code=named(self.supplier_code),
            active=named(self.active),
            image_url=named(self.image_url),
            attributes=named(self.attributes),
            country_of_origin=named(self.country_of_origin),
            customs_code=named(self.customs_code),
            codes=_codes(self.codes),
        )


def _codes(given: list[ItemCodeInput] | None) -> tuple[GivenCode, ...] | Absent:
    """The codes; null empties the list."""
    codes = named(given)
    if isinstance(codes, Absent):
        return codes
    return tuple(each.to_code() for each in codes or ())


def _money(given: MoneyInput | None) -> GivenMoney | Absent | None:
    money = named(given)
    return money.to_given() if isinstance(money, MoneyInput) else money


def upsert_items(items: list[ItemInput]) -> UpsertItems:
    """The command for many items."""
    return UpsertItems(tuple(item.to_row() for item in items))


@strawberry.input
class LocationInput:
    """A location, identified by its code. In an update, absent fields stay unchanged."""

    code: str
    name: str
    """At most 255 characters."""
    kind: LocationKind
    parent_code: str | None = UNSET
    """Code of the location that contains this one."""
    country_code: str | None = UNSET
    """ISO 3166-1 alpha-2."""
    daily_order_capacity: int | None = UNSET
    """Parcels that the location ships per day; routing prefers locations below it."""
    time_zone: str | None = UNSET
    """IANA name. Default for a new location: UTC."""
    pack_required: bool | None = UNSET
    """True if parcels are picked and packed before they ship. Default for a new location: false."""
    scan_required: bool | None = UNSET
    """True if each unit is scanned before it is picked, packed or shipped. Default for a new
    location: false.
    """
    walk_order: int | None = UNSET
    """Rank of a bin on the walk through its location; the lowest is visited first. Bins without a
    rank come last, in the order of their codes (A-2 before A-10).
    """
    active: bool | None = UNSET
    """Default for a new location: true."""

    def to_command(self) -> UpsertLocation:
        """The command."""
        return UpsertLocation(
            code=self.code,
            name=self.name,
            kind=self.kind,
            parent_code=named(self.parent_code),
            country_code=named(self.country_code),
            daily_order_capacity=named(self.daily_order_capacity),
            time_zone=named(self.time_zone),
            pack_required=named(self.pack_required),
            scan_required=named(self.scan_required),
            walk_order=named(self.walk_order),
            active=named(self.active),
        )


@strawberry.input
class ChannelInput:
    """A channel, identified by its code. In an update, absent fields stay unchanged."""

    code: str
    name: str
    """At most 255 characters."""
    kind: ChannelKind
    currency_code: str
    """ISO 4217."""
    location_codes: list[str]
    """Codes of all locations that supply the channel. They replace the previous list."""
    priority: int | None = UNSET
    """Rank when stock is scarce; 1 is served first. Default for a new channel: 100."""
    safety_buffer: int | None = UNSET
    """Units per SKU that the channel never sells. Default for a new channel: 0."""
    active: bool | None = UNSET
    """Default for a new channel: true."""

    def to_command(self) -> UpsertChannel:
        """The command."""
        return UpsertChannel(
            code=self.code,
            name=self.name,
            kind=self.kind,
            currency_code=self.currency_code,
            location_codes=tuple(self.location_codes),
            priority=named(self.priority),
            safety_buffer=named(self.safety_buffer),
            active=named(self.active),
        )


@strawberry.type
class ItemsUpsertPayload(Payload):
    """Results of all rows."""

    items: list[Item | None]
    """Items in the order of the input; null if the row was refused."""
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class LocationPayload(Payload):
    """The location; null if the mutation was refused."""

    location: Location | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class ChannelPayload(Payload):
    """The channel; null if the mutation was refused."""

    channel: Channel | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class ReasonCodePayload(Payload):
    """The reason code; null if the mutation was refused."""

    reason_code: ReasonCode | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class SupplierPayload(Payload):
    """The supplier; null if the mutation was refused."""

    supplier: Supplier | None
    replayed: bool
    user_errors: list[UserError]
