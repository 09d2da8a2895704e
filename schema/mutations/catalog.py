"""Inputs and payloads of the mutations on master data."""

import strawberry
from strawberry import UNSET

from domain.catalog.commands import (
    Absent,
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
from schema.types.catalog import Channel, Item, Location, ReasonCode, Supplier


@strawberry.input
class ItemInput:
    """An item, named by its SKU.

    On a change an absent field stays as it is, and null empties it.
    """

    sku: str
    name: str
    barcode: str | None = UNSET
    category: str | None = UNSET
    """A code that policies go by."""
    price: MoneyInput | None = UNSET
    """What one unit usually sells for."""
    unit_cost: MoneyInput | None = UNSET
    """In the base currency: cost of later receipts that name none. It never revalues stock."""
    returnable: bool | None = UNSET
    """Of a new item, absent: true."""
    supplier_code: str | None = UNSET
    """Code of a supplier that exists."""

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
        )


def _money(given: MoneyInput | None) -> GivenMoney | Absent | None:
    money = named(given)
    return money.to_given() if isinstance(money, MoneyInput) else money


def upsert_items(items: list[ItemInput]) -> UpsertItems:
    """The command for many items."""
    return UpsertItems(tuple(item.to_row() for item in items))


@strawberry.input
class LocationInput:
    """A location, named by its code. On a change an absent field stays as it is."""

    code: str
    name: str
    kind: LocationKind
    parent_code: str | None = UNSET
    """Code of the location that it is a part of."""
    country_code: str | None = UNSET
    """ISO 3166-1 alpha-2."""
    daily_order_capacity: int | None = UNSET
    """How many parcels it sends a day; routing prefers not to exceed it."""
    time_zone: str | None = UNSET
    """IANA name; of a new location, absent: UTC."""
    pack_required: bool | None = UNSET
    """Whether parcels are picked and packed before they ship; of a new location, absent: false."""
    active: bool | None = UNSET
    """Of a new location, absent: true."""

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
            active=named(self.active),
        )


@strawberry.input
class ChannelInput:
    """A channel, named by its code. On a change an absent field stays as it is."""

    code: str
    name: str
    kind: ChannelKind
    currency_code: str
    """ISO 4217."""
    location_codes: list[str]
    """All locations that it sells from: they take the place of those of before."""
    priority: int | None = UNSET
    """1 is served first when stock is scarce; of a new channel, absent: 100."""
    safety_buffer: int | None = UNSET
    """Units per SKU that it never sells; of a new channel, absent: 0."""
    active: bool | None = UNSET
    """Of a new channel, absent: true."""

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
    """What became of each row."""

    items: list[Item | None]
    """In the input's order; null where a row was refused."""
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class LocationPayload(Payload):
    """The location as it is now; null where it was refused."""

    location: Location | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class ChannelPayload(Payload):
    """The channel as it is now; null where it was refused."""

    channel: Channel | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class ReasonCodePayload(Payload):
    """The reason code as it is now; null where it was refused."""

    reason_code: ReasonCode | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class SupplierPayload(Payload):
    """The supplier as it is now; null where it was refused."""

    supplier: Supplier | None
    replayed: bool
    user_errors: list[UserError]
