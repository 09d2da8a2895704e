"""Master data: items, suppliers, locations, channels and reason codes."""

from typing import Any

import strawberry

from models.sessions import Row
from schema.context import Context, Info
from schema.types.enums import ChannelKind, LocationKind, ReasonKind
from schema.types.money import Money
from schema.types.node import Node, encode, found_by, load


@found_by(lambda loaders: loaders.suppliers)
@strawberry.type
class Supplier(Node):
    """A vendor that goods are received from and returned to."""

    code: str
    name: str

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Supplier":
        """A row of supplier."""
        return cls(id=encode("Supplier", row["id"]), code=row["code"], name=row["name"])


@found_by(lambda loaders: loaders.items)
@strawberry.type
class Item(Node):
    """A stock-keeping unit."""

    sku: str
    name: str
    barcode: str | None
    category: str | None
    price: Money | None
    unit_cost: Money | None
    returnable: bool
    supplier_id: strawberry.Private[int | None]

    @strawberry.field
    async def supplier(self, info: Info) -> Supplier | None:
        """Who it comes from."""
        found: Supplier | None = await load(info.context, "Supplier", self.supplier_id)
        return found

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Item":
        """A row of item; cost and supplier only for those who may see them."""
        caller = context.caller
        cost = Money.of_optional(row["unit_cost_minor"], row["unit_cost_currency"])
        return cls(
            id=encode("Item", row["id"]),
            sku=row["sku"],
            name=row["name"],
            barcode=row["barcode"],
            category=row["category"],
            price=Money.of_optional(row["price_minor"], row["price_currency"]),
            unit_cost=cost if caller.may_see_cost() else None,
            returnable=bool(row["returnable"]),
            supplier_id=row["supplier_id"] if caller.may_see_supplier() else None,
        )


@found_by(lambda loaders: loaders.visible_locations)
@strawberry.type
class Location(Node):
    """A place; stock lives at warehouses, stores and partners, zones and bins are addresses.

    Days, cut-off times and capacity are counted in `timeZone`.
    """

    code: str
    name: str
    kind: LocationKind
    country_code: str | None
    daily_order_capacity: int | None
    active: bool
    time_zone: str
    pack_required: bool
    parent_id: strawberry.Private[int | None]

    @strawberry.field
    async def parent(self, info: Info) -> "Location | None":
        """The location that this one lies in."""
        found: Location | None = await load(info.context, "Location", self.parent_id)
        return found

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Location":
        """A row of location."""
        return cls(
            id=encode("Location", row["id"]),
            code=row["code"],
            name=row["name"],
            kind=LocationKind(row["kind"]),
            country_code=row["country_code"],
            daily_order_capacity=row["daily_order_capacity"],
            active=bool(row["active"]),
            time_zone=row["time_zone"],
            pack_required=bool(row["pack_required"]),
            parent_id=row["parent_id"],
        )


@found_by(lambda loaders: loaders.visible_channels)
@strawberry.type
class Channel(Node):
    """A place of sale; priority 1 is served first when stock is scarce."""

    code: str
    name: str
    kind: ChannelKind
    currency_code: str
    priority: int
    safety_buffer: int | None
    active: bool
    key: strawberry.Private[int]

    @strawberry.field
    async def locations(self, info: Info) -> list[Location]:
        """The locations that it sells from, active or not."""
        _, scope = await info.context.opened()
        rows = await info.context.loaders.channel_locations.load(self.key) or []
        return [
            Location.from_row(row, info.context) for row in rows if scope.sees_location(row["id"])
        ]

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Channel":
        """A row of channel; the buffer only for those who may see it."""
        sees_buffer = context.caller.may_see_buffer_of(row["code"])
        return cls(
            id=encode("Channel", row["id"]),
            code=row["code"],
            name=row["name"],
            kind=ChannelKind(row["kind"]),
            currency_code=row["currency"],
            priority=row["priority"],
            safety_buffer=row["safety_buffer"] if sees_buffer else None,
            active=bool(row["active"]),
            key=row["id"],
        )


@found_by(lambda loaders: loaders.reasons)
@strawberry.type
class ReasonCode(Node):
    """A word for why, of one kind."""

    code: str
    kind: ReasonKind
    label: str
    active: bool

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "ReasonCode":
        """A row of reason_code."""
        return cls(
            id=encode("ReasonCode", row["id"]),
            code=row["code"],
            kind=ReasonKind(row["kind"]),
            label=row["label"],
            active=bool(row["active"]),
        )


async def item_of(context: Context, key: Any) -> Item:
    """The item that another row refers to: it exists."""
    row = await context.loaders.items.load(key)
    assert row is not None
    return Item.from_row(row, context)


async def location_of(context: Context, key: Any) -> Location:
    """The location that a visible row refers to."""
    row = await context.loaders.locations.load(key)
    assert row is not None
    return Location.from_row(row, context)


async def channel_of(context: Context, key: Any) -> Channel:
    """The channel that a visible row refers to."""
    row = await context.loaders.channels.load(key)
    assert row is not None
    return Channel.from_row(row, context)
