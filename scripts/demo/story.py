"""The demo's content as data: Fellside, a maker of outdoor clothes.

The navy storm coat is about to sell out. Of eight coats four are sold, one is reserved by a
shopper, and the last ones are protected for the web shop. The winter scarf is sold out to a
wholesaler, whose order waits for the missing units, and is on hold until it is paid. One order is
shipped, one is shipped in part, one is cancelled.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from domain.access.callers import Role
from domain.catalog.commands import ChannelKind
from domain.orders.fulfillment_holds import HoldReason
from domain.stock.states import LocationKind

STOREFRONT: Final = "web"
KEY_NAME: Final = "demo"


@dataclass(frozen=True, slots=True)
class DemoItem:
    """A garment; price in pence, cost in hundredths of the base currency, units by location."""

    sku: str
    name: str
    category: str
    price: int
    cost: int
    units: dict[str, int]


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """An order: (sku, units) lines, how long ago it was placed, and its outcome.

    `fate` is open, cancelled or shipped. Shipped means that all parcels without a separate packing
    step have left.
    """

    channel: str
    reference: str
    lines: tuple[tuple[str, int], ...]
    ago: timedelta
    country: str = "GB"
    city: str | None = None
    service_level: str = "STANDARD"
    shipping: int = 0
    fate: str = "open"
    backorder: bool = False
    hold: HoldReason | None = None
    has_label: bool = False


SUPPLIERS: Final = (("KESWICK", "Keswick Mills"), ("PORTO", "Porto Footwear"))
SUPPLIER_OF: Final = {"shoes": "PORTO"}

# code, name, kind, orders per day, whether packing is a separate step
LOCATIONS: Final = (
    ("LONDON", "London warehouse", LocationKind.WAREHOUSE, 400, False),
    ("LEEDS", "Leeds warehouse", LocationKind.WAREHOUSE, 250, True),
    ("SOHO", "Soho store", LocationKind.STORE, 20, False),
)

# code, name, kind, the place that it is in; bins are walked in this order
BINS: Final = (
    ("LONDON-A", "London, aisle A", LocationKind.ZONE, "LONDON"),
    ("LONDON-A-1", "London, shelf A-1", LocationKind.BIN, "LONDON-A"),
    ("LONDON-A-2", "London, shelf A-2", LocationKind.BIN, "LONDON-A"),
    ("LONDON-A-10", "London, shelf A-10", LocationKind.BIN, "LONDON-A"),
    ("LONDON-B", "London, aisle B", LocationKind.ZONE, "LONDON"),
    ("LONDON-B-1", "London, shelf B-1", LocationKind.BIN, "LONDON-B"),
)
# sku, units, bin: a part of LONDON's delivery is put away, the rest waits
PUT_AWAY: Final = (
    ("COAT-STORM-NAVY-M", 6, "LONDON-A-1"),
    ("COAT-STORM-NAVY-L", 14, "LONDON-A-1"),
    ("FLEECE-GREY-S", 40, "LONDON-A-2"),
    ("FLEECE-GREY-S", 10, "LONDON-B-1"),
    ("TEE-WHITE-M", 200, "LONDON-A-10"),
    ("TEE-WHITE-M", 50, "LONDON-B-1"),
)

# code, name, kind, currency, priority, safety buffer, locations
CHANNELS: Final = (
    ("web", "Fellside web shop", ChannelKind.STOREFRONT, "GBP", 1, 0, ("LONDON", "LEEDS", "SOHO")),
    ("eu", "Fellside Europe", ChannelKind.STOREFRONT, "EUR", 2, 0, ("LONDON", "LEEDS")),
    ("market", "Marketplace", ChannelKind.MARKETPLACE, "GBP", 3, 1, ("LONDON", "LEEDS")),
    ("wholesale", "Wholesale", ChannelKind.WHOLESALE, "GBP", 4, 0, ("LEEDS",)),
)

_L, _E, _S = "LONDON", "LEEDS", "SOHO"
ITEMS: Final = (
    DemoItem("COAT-STORM-NAVY-M", "Storm coat, navy, M", "coats", 14900, 6100, {_L: 6, _E: 2}),
    DemoItem("COAT-STORM-NAVY-L", "Storm coat, navy, L", "coats", 14900, 6100, {_L: 14, _E: 9}),
    DemoItem("COAT-WAX-OLIVE-M", "Waxed coat, olive, M", "coats", 18900, 8200, {_L: 11, _E: 6}),
    DemoItem("FLEECE-GREY-S", "Fleece, grey, S", "tops", 5900, 1900, {_L: 60, _E: 45, _S: 4}),
    DemoItem("FLEECE-GREY-M", "Fleece, grey, M", "tops", 5900, 1900, {_L: 80, _E: 70, _S: 6}),
    DemoItem("TEE-WHITE-S", "T-shirt, white, S", "tops", 1800, 450, {_L: 220, _E: 140, _S: 12}),
    DemoItem("TEE-WHITE-M", "T-shirt, white, M", "tops", 1800, 450, {_L: 260, _E: 180, _S: 15}),
    DemoItem("TEE-WHITE-L", "T-shirt, white, L", "tops", 1800, 450, {_L: 240, _E: 160, _S: 12}),
    DemoItem("JEANS-BLUE-32", "Jeans, blue, 32", "trousers", 7900, 2600, {_L: 55, _E: 30, _S: 3}),
    DemoItem("JEANS-BLUE-34", "Jeans, blue, 34", "trousers", 7900, 2600, {_L: 50, _E: 35, _S: 3}),
    DemoItem("BOOT-FELL-42", "Fell boot, 42", "shoes", 16500, 7000, {_L: 18, _E: 12}),
    DemoItem("BOOT-FELL-43", "Fell boot, 43", "shoes", 16500, 7000, {_L: 16, _E: 10}),
    DemoItem("SCARF-WOOL-RED", "Wool scarf, red", "accessories", 3500, 1100, {_E: 24}),
    DemoItem("BEANIE-WOOL-RED", "Wool beanie, red", "accessories", 2500, 700, {_L: 90, _S: 10}),
)

ROUTING: Final[dict[str, Any]] = {
    "order": ["lead_time", "capacity", "one_parcel", "depth", "preference"],
    "preference": ["LONDON", "LEEDS", "SOHO"],
    "maxParcels": 2,
    "protected": [{"channel": "web", "category": "coats", "units": 2}],
    "locations": {
        "LONDON": {"cutOff": "17:00", "workingDays": ["MON", "TUE", "WED", "THU", "FRI", "SAT"]},
        "LEEDS": {"cutOff": "15:00", "workingDays": ["MON", "TUE", "WED", "THU", "FRI"]},
        "SOHO": {"cutOff": "12:00", "workingDays": ["MON", "TUE", "WED", "THU", "FRI", "SAT"]},
    },
    "leadTimes": [
        {"serviceLevel": "STANDARD", "from": "*", "to": "GB", "days": 2},
        {"serviceLevel": "EXPRESS", "from": "*", "to": "GB", "days": 1},
        {"serviceLevel": "STANDARD", "from": "*", "to": "*", "days": 5},
        {"serviceLevel": "EXPRESS", "from": "*", "to": "*", "days": 3},
    ],
}

_COAT = "COAT-STORM-NAVY-M"
ORDERS: Final = (
    DemoOrder(
        "web",
        "WEB-1001",
        ((_COAT, 1), ("BEANIE-WOOL-RED", 1)),
        timedelta(days=3),
        city="Bristol",
        shipping=495,
        fate="shipped",
    ),
    DemoOrder("market", "M-77310", ((_COAT, 2),), timedelta(days=2), city="Leeds", fate="shipped"),
    DemoOrder(
        "web",
        "WEB-1002",
        (("BEANIE-WOOL-RED", 2), ("SCARF-WOOL-RED", 1)),
        timedelta(days=1),
        city="York",
        shipping=495,
        fate="shipped",
    ),
    DemoOrder(
        "eu",
        "EU-204",
        (("BOOT-FELL-42", 1), ("FLEECE-GREY-M", 1)),
        timedelta(hours=20),
        country="DE",
        city="Hamburg",
        service_level="EXPRESS",
        shipping=1250,
    ),
    DemoOrder(
        "web",
        "WEB-1003",
        (("JEANS-BLUE-32", 1), ("JEANS-BLUE-34", 1)),
        timedelta(hours=9),
        city="Cardiff",
        fate="cancelled",
    ),
    DemoOrder(
        "wholesale",
        "PO-5521",
        (("SCARF-WOOL-RED", 60), ("TEE-WHITE-M", 40)),
        timedelta(hours=6),
        city="Edinburgh",
        backorder=True,
        hold=HoldReason.AWAITING_PAYMENT,
    ),
    DemoOrder(
        "web",
        "WEB-1004",
        ((_COAT, 1),),
        timedelta(minutes=40),
        city="Oxford",
        shipping=495,
        has_label=True,
    ),
)

# units that a shopper reserves for a day: (sku, units)
HOLD: Final = ((_COAT, 1), ("TEE-WHITE-S", 2))
HOLD_SECONDS: Final = 86_400

# units on their way to the store: origin, destination, (sku, units)
TRANSFER: Final = ("LONDON", "SOHO", (("FLEECE-GREY-S", 6), ("JEANS-BLUE-34", 4)))

# units kept for the shop window: (location, sku, units)
SAFETY_STOCK: Final = (("SOHO", "FLEECE-GREY-M", 1), ("SOHO", "TEE-WHITE-M", 2))

# location and SKUs of a count; the first one has been counted
COUNT: Final = ("LEEDS", ("JEANS-BLUE-32", "BOOT-FELL-42"))

# role → (channels, locations) of its demo key; None means all of them
SCOPES: Final[dict[Role, tuple[tuple[str, ...] | None, tuple[str, ...] | None]]] = {
    **dict.fromkeys(Role, (None, None)),
    Role.STOREFRONT: ((STOREFRONT,), None),
    Role.PARTNER: (("market",), ("LEEDS",)),
}
