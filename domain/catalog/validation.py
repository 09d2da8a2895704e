"""Validation of master data: items, locations, channels, reason codes, suppliers.

Every fault of a command is collected in `Problems`, so that a client sees them all at once. Fields
are named as in the mutation's arguments.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

import domain.catalog.item_codes as item_codes
import domain.catalog.shown_facts as shown_facts
import domain.values.money as money
from domain.catalog.commands import (
    Absent,
    GivenMoney,
    UpsertChannel,
    UpsertItem,
    UpsertLocation,
    UpsertReasonCode,
    UpsertSupplier,
)
from domain.errors import DomainError, Invalid, LimitExceeded, Path
from domain.problems import Problems
from domain.stock.states import STOCK_KEEPING, UNITS_MAX, LocationKind
from domain.values.codes import check_stored
from domain.values.countries import check_country
from domain.values.money import Money
from domain.values.texts import CODE_MAX, check_code, check_name

ITEMS_MAX: Final = 5_000
CHANNEL_LOCATIONS_MAX: Final = 1_000
DEPTH_MAX: Final = 16

T = TypeVar("T")


class LocationInUse(DomainError):
    """Stock, open holds, open fulfillments or channels depend on the location as it is."""

    code = "ILLEGAL_TRANSITION"

    def __init__(self, code: str, use: Mapping[str, object], *, field: Path = ()) -> None:
        self.location, self.use = code, dict(use)
        uses = ", ".join(f"{name}: {count}" for name, count in self.use.items() if count)
        super().__init__(f"The location {code} is in use ({uses}).", field=field, details=self.use)


Facts = dict[str, object]

ITEM_DEFAULTS: Final[Mapping[str, object]] = {
    "barcode": None,
    "category": None,
    "price_minor": None,
    "price_currency": None,
    "unit_cost_minor": None,
    "unit_cost_currency": None,
    "returnable": True,
    "supplier_id": None,
    **shown_facts.DEFAULTS,
}
LOCATION_DEFAULTS: Final[Mapping[str, object]] = {
    "parent_id": None,
    "country_code": None,
    "daily_order_capacity": None,
    "time_zone": "UTC",
    "pack_required": False,
    "scan_required": False,
    "walk_order": None,
    "active": True,
}
CHANNEL_DEFAULTS: Final[Mapping[str, object]] = {
    "priority": 100,
    "safety_buffer": 0,
    "active": True,
}


def check_items(count: int, name: str, most: int) -> None:
    """Raise LimitExceeded if the list called `name` has more than `most` entries."""
    if count > most:
        raise LimitExceeded(name, most, count)


def item_facts(given: UpsertItem, base_currency: str, problems: Problems) -> Facts:
    """Column values that the command sets on an item; ABSENT fields are left out.

    Faults are added to `problems`. The supplier is not included: the caller must look up its code.
    """
    facts: Facts = {"name": given.name}
    with problems.under():
        check_stored(given.sku, "sku", longest=CODE_MAX)
    with problems.under():
        check_name(given.name, "name")
    for column, label in (("barcode", given.barcode), ("category", given.category)):
        if not isinstance(label, Absent):
            facts[column] = label
            if label is not None:
                with problems.under():
                    check_stored(label, column, longest=CODE_MAX)
    with problems.under("price"):
        facts |= _money_facts("price", given.price)
    with problems.under("unitCost"):
        facts |= _money_facts("unit_cost", given.unit_cost, only=base_currency)
    if isinstance(given.codes, tuple):
        item_codes.check_codes(given.codes, problems)
    facts |= shown_facts.shown_facts(given, problems)
    return facts | _named(returnable=given.returnable)


def _money_facts(column: str, given: GivenMoney | Absent | None, only: str | None = None) -> Facts:
    if isinstance(given, Absent):
        return {}
    judged = None if given is None else _price(given, only)
    return {
        f"{column}_minor": None if judged is None else judged.minor,
        f"{column}_currency": None if judged is None else judged.currency,
    }


def _price(given: GivenMoney, only: str | None) -> Money:
    """The exact amount; Invalid (`amount`, `currencyCode`) if negative or in a wrong currency."""
    judged = money.parse(given.amount, given.currency_code)
    if only is not None and judged.currency != only:
        raise Invalid(
            f"Costs must be in {only}.", field=("currencyCode",), details={"allowed": [only]}
        )
    if judged.minor < 0:
        raise Invalid("An amount must not be negative.", field=("amount",))
    return judged


def location_facts(given: UpsertLocation, zones: frozenset[str], problems: Problems) -> Facts:
    """Column values that the command sets on a location; `zones` are the known time zones.

    The parent is not included: the caller must look up its code.
    """
    facts: Facts = {"name": given.name, "kind": given.kind.value}
    with problems.under():
        check_code(given.code, "code")
    with problems.under():
        check_name(given.name, "name")
    if not isinstance(given.country_code, Absent):
        facts["country_code"] = given.country_code
        with problems.under():
            check_country(given.country_code, "countryCode")
    if not isinstance(given.daily_order_capacity, Absent):
        facts["daily_order_capacity"] = given.daily_order_capacity
        with problems.under():
            check_count(given.daily_order_capacity, "dailyOrderCapacity")
    if not isinstance(given.walk_order, Absent):
        facts["walk_order"] = given.walk_order
        with problems.under():
            check_count(given.walk_order, "walkOrder")
    with problems.under():
        _check_zone(given.time_zone, zones)
    return facts | _named(
        time_zone=given.time_zone,
        pack_required=given.pack_required,
        scan_required=given.scan_required,
        active=given.active,
    )


def channel_facts(given: UpsertChannel, problems: Problems) -> Facts:
    """Column values that the command sets on a channel; the caller must look up its locations."""
    facts: Facts = {"name": given.name, "kind": given.kind.value, "currency": given.currency_code}
    with problems.under():
        check_code(given.code, "code")
    with problems.under():
        check_name(given.name, "name")
    with problems.under():
        money.decimals_of(given.currency_code)
    for name, least, number in (
        ("priority", 1, given.priority),
        ("safetyBuffer", 0, given.safety_buffer),
    ):
        if not isinstance(number, Absent):
            with problems.under():
                check_count(number, name, least=least)
    with problems.under("locationCodes"):
        check_items(len(given.location_codes), "locationCodes", CHANNEL_LOCATIONS_MAX)
    return facts | _named(
        priority=given.priority, safety_buffer=given.safety_buffer, active=given.active
    )


def reason_facts(given: UpsertReasonCode, problems: Problems) -> Facts:
    """Column values that the command sets on a reason code."""
    with problems.under():
        check_code(given.code, "code")
    with problems.under():
        check_name(given.label, "label")
    return {"label": given.label} | _named(active=given.active)


def supplier_facts(given: UpsertSupplier, problems: Problems) -> Facts:
    """Column values that the command sets on a supplier."""
    with problems.under():
        check_code(given.code, "code")
    with problems.under():
        check_name(given.name, "name")
    return {"name": given.name}


def check_currency_kept(current: str, requested: str) -> None:
    """Raise Invalid if the currency changes: the channel's prices, orders and books are in it."""
    if current != requested:
        raise Invalid(
            f"The channel's currency is {current} and cannot change; create a channel for "
            f"{requested}.",
            field=("currencyCode",),
            details={"from": current, "to": requested, "allowed": [current]},
        )


def check_count(number: int | None, field: str, *, least: int = 0) -> None:
    """Raise Invalid unless least ≤ number ≤ UNITS_MAX; None passes."""
    if number is not None and not least <= number <= UNITS_MAX:
        raise Invalid(
            f"{least} to {UNITS_MAX} is allowed; {number} was sent.",
            field=(field,),
            details={"minimum": least, "maximum": UNITS_MAX, "requested": number},
        )


PARENT_KINDS: Final[Mapping[LocationKind, frozenset[LocationKind]]] = {
    **dict.fromkeys(STOCK_KEEPING, STOCK_KEEPING),
    LocationKind.ZONE: STOCK_KEEPING | {LocationKind.ZONE},
    LocationKind.BIN: STOCK_KEEPING | {LocationKind.ZONE},
}


def check_place(
    code: str,
    kind: LocationKind,
    ancestors: Sequence[tuple[str, LocationKind]],
    children: Iterable[LocationKind],
) -> None:
    """Raise Invalid unless a location of this kind fits between its ancestors and its children.

    `ancestors`: (code, kind) from the parent upwards. Zones and bins need a parent. A bin has no
    children, and a zone has only zones and bins. No location is its own ancestor.
    """
    parent = ancestors[0][1] if ancestors else None
    if parent is None and kind not in STOCK_KEEPING:
        raise Invalid(f"A {kind} must have a parent location.", field=("parentCode",))
    if parent is not None and parent not in PARENT_KINDS[kind]:
        raise Invalid(f"A {kind} cannot be inside a {parent}.", field=("parentCode",))
    if code in (ancestor for ancestor, _ in ancestors):
        raise Invalid("A location cannot be inside itself.", field=("parentCode",))
    if len(ancestors) >= DEPTH_MAX:
        raise LimitExceeded("depth", DEPTH_MAX, len(ancestors) + 1, field=("parentCode",))
    for child in children:
        if kind not in PARENT_KINDS[child]:
            raise Invalid(
                f"The location contains a {child}, so it cannot be a {kind}.", field=("kind",)
            )


def changed(current: Mapping[str, object], wanted: Mapping[str, object]) -> Facts:
    """The columns of `wanted` whose value differs from the current one."""
    return {column: value for column, value in wanted.items() if current[column] != value}


def _named(**fields: T | Absent | None) -> Facts:
    """The fields that a command sets; they cannot be empty, so None counts as not set."""
    return {
        column: value
        for column, value in fields.items()
        if value is not None and not isinstance(value, Absent)
    }


def _check_zone(name: str | Absent | None, zones: frozenset[str]) -> None:
    if isinstance(name, str) and name not in zones:
        raise Invalid(
            "The time zone must be an IANA name, such as Europe/London.", field=("timeZone",)
        )
