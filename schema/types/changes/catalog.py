"""Inputs and payloads of the mutations on master data."""

import strawberry
from strawberry import UNSET

from domain.catalog import (
    Absent,
    GivenMoney,
    UpsertChannel,
    UpsertItem,
    UpsertItems,
    UpsertLocation,
)
from schema.types.arguments import named
from schema.types.catalog import Channel, Item, Location, ReasonCode, Supplier
from schema.types.enums import ChannelKind, LocationKind
from schema.types.errors import UserError
from schema.types.money import MoneyInput


@strawberry.input
class ItemInput:
    """An item by its SKU: what is left out stays as it is, null empties it."""

    sku: str
    name: str
    barcode: str | None = UNSET
    category: str | None = UNSET
    price: MoneyInput | None = UNSET
    unit_cost: MoneyInput | None = UNSET
    returnable: bool | None = UNSET
    supplier_code: str | None = UNSET

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
    """A location by its code: what is left out stays as it is."""

    code: str
    name: str
    kind: LocationKind
    parent_code: str | None = UNSET
    country_code: str | None = UNSET
    daily_order_capacity: int | None = UNSET
    time_zone: str | None = UNSET
    pack_required: bool | None = UNSET
    active: bool | None = UNSET

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
    """A channel by its code: what is left out stays as it is; its locations become these."""

    code: str
    name: str
    kind: ChannelKind
    currency_code: str
    location_codes: list[str]
    priority: int | None = UNSET
    safety_buffer: int | None = UNSET
    active: bool | None = UNSET

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
class ItemsUpsertPayload:
    """The items in the input's order; null where a row was refused."""

    items: list[Item | None]
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class LocationPayload:
    """The location as it is now."""

    location: Location | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class ChannelPayload:
    """The channel as it is now."""

    channel: Channel | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class ReasonCodePayload:
    """The reason code as it is now."""

    reason_code: ReasonCode | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class SupplierPayload:
    """The supplier as it is now."""

    supplier: Supplier | None
    replayed: bool
    user_errors: list[UserError]
