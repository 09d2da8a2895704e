"""Master data: the commands that change it.

An upsert leaves what it does not name unchanged: such a field is ABSENT. None empties a field that
can be empty; the others take None for ABSENT.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final

from domain.stock.states import LocationKind


class Absent(Enum):
    """What a field holds that a command does not name."""

    ABSENT = "ABSENT"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT


class ChannelKind(StrEnum):
    """What kind of place of sale."""

    STOREFRONT = "STOREFRONT"
    """A shop of the retailer's own."""
    MARKETPLACE = "MARKETPLACE"
    """A place where others sell too."""
    WHOLESALE = "WHOLESALE"
    """A contract with a business that sells on."""


class ReasonKind(StrEnum):
    """What a reason is given for; each operation takes reasons of its own kind."""

    RETURN = "RETURN"
    """Why a customer sends units back."""
    ADJUSTMENT = "ADJUSTMENT"
    """Why stock is corrected or moved by hand."""
    DECLINE = "DECLINE"
    """Why a return is not taken."""
    WRITE_OFF = "WRITE_OFF"
    """Why goods are given up."""
    CANCELLATION = "CANCELLATION"
    """Why an order, or a part of it, is cancelled."""


@dataclass(frozen=True, slots=True)
class GivenMoney:
    """An amount as a client wrote it, not judged yet: each item's is judged with its row."""

    amount: Decimal
    currency_code: str


@dataclass(frozen=True, slots=True)
class UpsertItem:
    """Make or change the item of a SKU."""

    sku: str
    name: str
    barcode: str | Absent | None = ABSENT
    category: str | Absent | None = ABSENT
    price: GivenMoney | Absent | None = ABSENT
    unit_cost: GivenMoney | Absent | None = ABSENT
    returnable: bool | Absent | None = ABSENT
    supplier_code: str | Absent | None = ABSENT


@dataclass(frozen=True, slots=True)
class UpsertItems:
    """Make or change many items; each stands on its own."""

    items: tuple[UpsertItem, ...]


@dataclass(frozen=True, slots=True)
class UpsertLocation:
    """Make or change the location of a code."""

    code: str
    name: str
    kind: LocationKind
    parent_code: str | Absent | None = ABSENT
    country_code: str | Absent | None = ABSENT
    daily_order_capacity: int | Absent | None = ABSENT
    time_zone: str | Absent | None = ABSENT
    pack_required: bool | Absent | None = ABSENT
    active: bool | Absent | None = ABSENT


@dataclass(frozen=True, slots=True)
class UpsertChannel:
    """Make or change the channel of a code; its locations become these."""

    code: str
    name: str
    kind: ChannelKind
    currency_code: str
    location_codes: tuple[str, ...]
    priority: int | Absent | None = ABSENT
    safety_buffer: int | Absent | None = ABSENT
    active: bool | Absent | None = ABSENT


@dataclass(frozen=True, slots=True)
class UpsertReasonCode:
    """Make or change the reason of a kind and code."""

    code: str
    kind: ReasonKind
    label: str
    active: bool | Absent | None = ABSENT


@dataclass(frozen=True, slots=True)
class UpsertSupplier:
    """Make or change the supplier of a code."""

    code: str
    name: str
