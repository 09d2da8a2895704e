"""Master data: items, suppliers, locations, channels and reason codes."""

from typing import Any

import strawberry

from models.queries.reads.catalog import CHANNEL_COLUMNS, ITEM_COLUMNS, LOCATION_COLUMNS
from models.queries.selections import Join
from schema.context import Info
from schema.types.enums import ChannelKind, LocationKind, ReasonKind
from schema.types.money import Money, money
from schema.types.node import Node, found_by, node_edge
from schema.types.records import column, derived, edge, one


@found_by(lambda loaders: loaders.suppliers)
@strawberry.type
class Supplier(Node):
    """A vendor that goods are received from and returned to."""

    code: str
    name: str


@found_by(lambda loaders: loaders.items)
@strawberry.type
class Item(Node):
    """A stock-keeping unit."""

    sku: str
    name: str
    barcode: str | None
    category: str | None
    price: Money | None = money("price_minor", "price_currency")
    unit_cost: Money | None = derived(lambda item: _cost(item))
    returnable: bool
    supplier: Supplier | None = edge(
        lambda loaders: loaders.suppliers,
        "supplier_id",
        one(Supplier),
        seen_by=lambda caller: caller.may_see_supplier(),
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
    parent: "Location | None" = node_edge("Location", "parent_id")


@found_by(lambda loaders: loaders.visible_channels)
@strawberry.type
class Channel(Node):
    """A place of sale; priority 1 is served first when stock is scarce."""

    code: str
    name: str
    kind: ChannelKind
    currency_code: str = column("currency")
    priority: int
    safety_buffer: int | None = derived(lambda channel: _buffer(channel))
    active: bool

    @strawberry.field
    async def locations(self, info: Info) -> list[Location]:
        """The locations that it sells from, active or not."""
        _, scope = await info.context.opened()
        rows = await info.context.loaders.channel_locations.load(self.row["id"]) or []
        return [
            Location.from_row(row, info.context) for row in rows if scope.sees_location(row["id"])
        ]


@found_by(lambda loaders: loaders.reasons)
@strawberry.type
class ReasonCode(Node):
    """A word for why, of one kind."""

    code: str
    kind: ReasonKind
    label: str
    active: bool


def item_edge(key: str) -> Any:
    """The item that a row refers to."""
    return edge(lambda loaders: loaders.items, key, one(Item), join=Join(key, "item", ITEM_COLUMNS))


def location_edge(key: str) -> Any:
    """The location that a visible row refers to."""
    join = Join(key, "location", LOCATION_COLUMNS)
    return edge(lambda loaders: loaders.locations, key, one(Location), join=join)


def channel_edge(key: str) -> Any:
    """The channel that a visible row refers to."""
    join = Join(key, "channel", CHANNEL_COLUMNS)
    return edge(lambda loaders: loaders.channels, key, one(Channel), join=join)


def _cost(item: Item) -> Money | None:
    """For those who may see it."""
    if not item.context.caller.may_see_cost():
        return None
    return Money.of_optional(item.row["unit_cost_minor"], item.row["unit_cost_currency"])


def _buffer(channel: Channel) -> int | None:
    """For those who may see it."""
    sees_buffer = channel.context.caller.may_see_buffer_of(channel.row["code"])
    return channel.row["safety_buffer"] if sees_buffer else None
