"""Commands that place orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.orders.fulfillment_holds import NewHold
from domain.values.codes import store_codes
from domain.values.money import Money


@dataclass(frozen=True, slots=True)
class Address:
    """Delivery address of an order."""

    country_code: str
    postal_code: str | None = None
    region: str | None = None
    city: str | None = None
    lines: tuple[str, ...] | None = None
    name: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class NewLine:
    """Units of a SKU at a unit price. `discount` and `tax` are for the whole line.

    `location_code`: the units come from there and from nowhere else.
    """

    sku: str
    quantity: int
    unit_price: Money
    discount: Money | None = None
    tax: Money | None = None
    location_code: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "sku", "location_code")


@dataclass(frozen=True, slots=True)
class Payment:
    reference: str
    amount: Money

    def __post_init__(self) -> None:
        store_codes(self, "reference")


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """An order received from a channel. `payments` None: one payment of the total.

    `hold`: a hold of the whole order that is placed with it.
    """

    channel: str
    external_reference: str
    lines: tuple[NewLine, ...]
    reservation_id: UUID | None = None
    customer_reference: str | None = None
    ship_to: Address | None = None
    placed_at: datetime | None = None
    shipping: Money | None = None
    shipping_tax: Money | None = None
    service_level: str = "STANDARD"
    payments: tuple[Payment, ...] | None = None
    backorder: bool = False
    note: str | None = None
    tags: tuple[str, ...] = ()
    hold: NewHold | None = None

    def __post_init__(self) -> None:
        store_codes(self, "channel", "external_reference", "customer_reference")
