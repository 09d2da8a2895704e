"""Commands that change master data: items, locations, channels, reason codes, suppliers.

An upsert leaves every field unchanged that the client did not send: such a field is ABSENT. None
empties a field that can be empty; for the other fields None means the same as ABSENT.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final

from domain.stock.states import LocationKind
from domain.values.codes import store_codes


class Absent(Enum):
    """Marks a command field that the client did not send."""

    ABSENT = "ABSENT"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT


class ChannelKind(StrEnum):
    """Kind of a sales channel."""

    STOREFRONT = "STOREFRONT"
    """A shop of the retailer."""
    MARKETPLACE = "MARKETPLACE"
    """A platform on which other retailers sell too."""
    WHOLESALE = "WHOLESALE"
    """A contract with a business that resells."""


class ReasonKind(StrEnum):
    """Purpose of a reason code; each operation accepts reasons of one kind."""

    RETURN = "RETURN"
    """Reason of a customer for returning units."""
    ADJUSTMENT = "ADJUSTMENT"
    """Reason why stock is corrected or moved by hand."""
    DECLINE = "DECLINE"
    """Reason why a return is declined."""
    WRITE_OFF = "WRITE_OFF"
    """Reason why goods are written off."""
    CANCELLATION = "CANCELLATION"
    """Reason why an order, or a part of it, is cancelled."""


@dataclass(frozen=True, slots=True)
class GivenMoney:
    """An amount as the client sent it, not validated yet: it is validated with its row."""

    amount: Decimal
    currency_code: str


@dataclass(frozen=True, slots=True)
class GivenCode:
    """A code of an item, and the units that one scan of it means."""

    code: str
    units: int = 1

    def __post_init__(self) -> None:
        store_codes(self, "code")


@dataclass(frozen=True, slots=True)
class UpsertItem:
    """Create or update the item with this SKU."""

    sku: str
    name: str
    barcode: str | Absent | None = ABSENT
    category: str | Absent | None = ABSENT
    price: GivenMoney | Absent | None = ABSENT
    unit_cost: GivenMoney | Absent | None = ABSENT
    returnable: bool | Absent | None = ABSENT
    supplier_code: str | Absent | None = ABSENT
    active: bool | Absent | None = ABSENT
    image_url: str | Absent | None = ABSENT
    attributes: object = ABSENT
    country_of_origin: str | Absent | None = ABSENT
    customs_code: str | Absent | None = ABSENT
    codes: tuple[GivenCode, ...] | Absent | None = ABSENT

    def __post_init__(self) -> None:
        store_codes(self, "sku", "barcode", "category", "supplier_code", "customs_code")


@dataclass(frozen=True, slots=True)
class UpsertItems:
    """Create or update many items, each independently of the others."""

    items: tuple[UpsertItem, ...]


@dataclass(frozen=True, slots=True)
class UpsertLocation:
    """Create or update the location with this code."""

    code: str
    name: str
    kind: LocationKind
    parent_code: str | Absent | None = ABSENT
    country_code: str | Absent | None = ABSENT
    daily_order_capacity: int | Absent | None = ABSENT
    time_zone: str | Absent | None = ABSENT
    pack_required: bool | Absent | None = ABSENT
    scan_required: bool | Absent | None = ABSENT
    walk_order: int | Absent | None = ABSENT
    active: bool | Absent | None = ABSENT

    def __post_init__(self) -> None:
        store_codes(self, "code", "parent_code")


@dataclass(frozen=True, slots=True)
class UpsertChannel:
    """Create or update the channel with this code; its list of locations is replaced."""

    code: str
    name: str
    kind: ChannelKind
    currency_code: str
    location_codes: tuple[str, ...]
    priority: int | Absent | None = ABSENT
    safety_buffer: int | Absent | None = ABSENT
    active: bool | Absent | None = ABSENT

    def __post_init__(self) -> None:
        store_codes(self, "code", "location_codes")


@dataclass(frozen=True, slots=True)
class UpsertReasonCode:
    """Create or update the reason code with this kind and code."""

    code: str
    kind: ReasonKind
    label: str
    active: bool | Absent | None = ABSENT

    def __post_init__(self) -> None:
        store_codes(self, "code")


@dataclass(frozen=True, slots=True)
class UpsertSupplier:
    """Create or update the supplier with this code."""

    code: str
    name: str

    def __post_init__(self) -> None:
        store_codes(self, "code")
