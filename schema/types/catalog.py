"""Master data: items, suppliers, locations, channels and reason codes."""

from datetime import datetime
from typing import Any

import strawberry

from models.catalog import ChannelRow, ItemCodeRow, ItemRow
from models.queries.listing.selections import Join
from models.queries.reads.catalog import CHANNEL_COLUMNS, ITEM_COLUMNS, LOCATION_COLUMNS
from schema.context import Context, Info
from schema.fields.edges import edge, node_edge
from schema.fields.enums import ChannelKind, LocationKind, ReasonKind
from schema.fields.money import Money, money
from schema.fields.node import Node, found_by
from schema.fields.scalars import JSON, json_of
from server.projection.records import Of, Record, column, derived, made, one


@found_by(lambda loaders: loaders.suppliers)
@strawberry.type
class Supplier(Node):
    """A vendor that delivers goods and takes returned goods back."""

    code: str
    name: str


@strawberry.type
class ItemCode:
    """A code that a scanner reads for an item."""

    code: str
    units: int
    """Units that one scan means."""

    @staticmethod
    def from_row(row: ItemCodeRow) -> "ItemCode":
        """A row of item_code."""
        return ItemCode(code=row["code"], units=row["units"])


@found_by(lambda loaders: loaders.items)
@strawberry.type
class Item(Node):
    """A product, identified by its stock-keeping unit (SKU)."""

    sku: str
    name: str
    barcode: str | None
    category: str | None
    """Category code, used by policies."""
    price: Money | None = money("price_minor", "price_currency")
    """Usual sales price of one unit; null: unknown."""
    unit_cost: Money | None = derived(lambda item: _cost(item.row, item.context))
    """Cost of one unit, for receipts that name no cost; null: unknown, or not visible to the role.
    """
    returnable: bool
    """False: returns of this item are declined."""
    active: bool
    """False: not promised, not held, not sold. Open orders are still fulfilled."""
    image_url: str | None
    """Address of a picture; null: none."""
    attributes: JSON | None = derived(
        lambda item: json_of(item.row["attributes"]), of=("attributes",)
    )
    """Facts of the shop, as it sent them; null: none."""
    country_of_origin: str | None
    """ISO 3166-1 alpha-2; null: unknown."""
    customs_code: str | None
    """Code of the goods for customs; null: unknown."""
    updated_at: datetime
    """Time of the last change."""
    codes: list[ItemCode] = edge(
        lambda loaders: loaders.codes_of_item,
        "id",
        made(lambda _, rows: [ItemCode.from_row(row) for row in rows or ()]),
        rows=3,
    )
    """All codes that a scanner may read for the item, `barcode` included."""
    supplier: Supplier | None = edge(
        lambda loaders: loaders.suppliers,
        "supplier_id",
        one(Supplier),
        seen_by=lambda caller: caller.may_see_supplier(),
    )
    """Null: none, or not visible to the role."""


@found_by(lambda loaders: loaders.visible_locations)
@strawberry.type
class Location(Node):
    """A place.

    Warehouses, stores and partners keep stock; zones and bins are places inside them.
    """

    code: str
    name: str
    kind: LocationKind
    country_code: str | None
    """ISO 3166-1 alpha-2; null: unknown."""
    daily_order_capacity: int | None
    """Parcels that the location ships per day; null: no limit. Routing prefers locations below it.
    """
    active: bool
    """False: no units of this location are promised."""
    time_zone: str
    """IANA name. Days, cut-off times and capacity use this time zone."""
    pack_required: bool
    """False: shipping an OPEN or PICKED fulfillment also picks and packs it in full."""
    scan_required: bool
    """True: nothing is picked, packed or shipped before each unit is scanned."""
    walk_order: int | None
    """Rank of a bin on the walk through its location; the lowest is visited first. Null: after the
    bins with a rank, in the order of the codes (A-2 before A-10).
    """
    parent: "Location | None" = node_edge("Location", "parent_id")
    """The location that contains this one; null: none, or outside the scope of the caller's key."""
    contents: list["BinStock"] = edge(
        lambda loaders: loaders.contents_of_bin,
        "id",
        Of(lambda rows, _, context: [BinStock.from_row(row, context) for row in rows or ()], True),
        rows=20,
    )
    """Units in this bin, by item; empty for a location of another kind."""


@strawberry.type
class BinStock(Record):
    """Units of an item in a bin."""

    bin: Location = edge(lambda loaders: loaders.locations, "bin_id", one(Location))
    """Location of kind BIN."""
    item: Item = edge(lambda loaders: loaders.items, "item_id", one(Item))
    quantity: int
    since: datetime = column("since_at")
    """The bin has had units of the item without a break since then."""


@found_by(lambda loaders: loaders.visible_channels)
@strawberry.type
class Channel(Node):
    """A sales channel: a shop, a marketplace or a wholesale contract."""

    code: str
    name: str
    kind: ChannelKind
    currency_code: str = column("currency")
    """ISO 4217 code; currency of the channel's orders."""
    priority: int
    """Rank when stock is scarce; 1 is served first."""
    safety_buffer: int | None = derived(lambda channel: _buffer(channel.row, channel.context))
    """Units per SKU that this channel never sells; null if not visible to the role."""
    active: bool
    """False: nothing is sold on this channel."""

    @strawberry.field
    async def locations(self, info: Info) -> list[Location]:
        """Locations that supply the channel, active or not, in the scope of the caller's key."""
        _, scope = await info.context.opened()
        rows = await info.context.loaders.channel_locations.load(self.row["id"]) or []
        return [
            Location.from_row(row, info.context) for row in rows if scope.sees_location(row["id"])
        ]


@found_by(lambda loaders: loaders.reasons)
@strawberry.type
class ReasonCode(Node):
    """A reason code of one kind."""

    code: str
    kind: ReasonKind
    label: str
    """Text for people."""
    active: bool
    """False: accepted in old records only, refused in new ones."""


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


def _cost(row: ItemRow, context: Context) -> Money | None:
    """The unit cost, for callers who may see it."""
    if not context.caller.may_see_cost():
        return None
    return Money.of_optional(row["unit_cost_minor"], row["unit_cost_currency"])


def _buffer(row: ChannelRow, context: Context) -> int | None:
    """The safety buffer, for callers who may see it."""
    return row["safety_buffer"] if context.caller.may_see_buffer_of(row["code"]) else None
