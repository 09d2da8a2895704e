"""Data that the file lacks, made up by stated rules: items, stock, deliveries, reasons.

RULES is printed with every summary, so that made-up data is not taken for real data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from statistics import median_low
from typing import Final

from domain.values.money import share
from scripts.replay.event_file import LONDON, Correction, Events, Order
from scripts.replay.return_plan import CreditNote, notes_of

WAREHOUSE: Final = "MAIN"
CASE: Final = 12
RULES: Final = (
    f"One warehouse, {WAREHOUSE} (Europe/London); each channel of the file sells from it.",
    "An item has the most common name of its rows and the median price of its sales (if it was"
    " never sold, the price credited). It costs half of that, at least a penny.",
    "Before each week a delivery brings the units that its orders and write-offs need beyond the"
    f" stock on hand, in cases of {CASE}. The first delivery is the opening stock.",
    "An order is placed and its parcel shipped at the time of the invoice. Deliveries and"
    " corrections have the time of the replay, because the API takes no time for them.",
    "Within a week orders and corrections run concurrently: their sequence changes no total. The"
    " week's credit notes follow; those of one customer run one by one.",
    "The fees of an invoice with goods are its shipping. Prices exclude tax.",
)

# reason codes and the hints in a correction's text; the first hint found decides
REASONS: Final = (
    ("DAMAGED", ("damag", "smash", "crush", "broken", "wet", "rust", "crack", "mould", "dirty")),
    ("FOUND", ("found",)),
    ("LOST", ("missing", "lost", "mia", "can't find", "not rcvd")),
    ("DAMAGED", ("thrown", "throw", "destroy", "unsale", "dispos")),
    ("COUNT", ("check", "count", "stock")),
)
NOTE_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """An item derived from the file's rows; money in minor units."""

    sku: str
    name: str
    price_minor: int | None
    cost_minor: int


@dataclass
class Week:
    """Events of one week after its delivery; credit notes come last."""

    starts_on: date
    orders: list[Order] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    notes: list[CreditNote] = field(default_factory=list)
    delivery: dict[str, int] = field(default_factory=dict)

    @property
    def notes_by_customer(self) -> list[list[CreditNote]]:
        """Credit notes of each customer in order. A note without a customer forms its own group."""
        found: dict[str, list[CreditNote]] = {}
        for note in self.notes:
            found.setdefault(note.customer or note.reference, []).append(note)
        return list(found.values())


def items_of(events: Events) -> list[PlannedItem]:
    """One item for every SKU that is sold, corrected or returned."""
    skus = {line.sku for order in events.orders.values() for line in order.lines}
    skus |= {correction.sku for correction in events.corrections}
    for row in events.returns:
        skus.add(row.sku)
        # An item that was never sold is priced as it was credited.
        if row.sku not in events.prices and row.price > 0:
            events.prices[row.sku] = Counter({round(row.price * 100): 1})
    return [_item(events, sku) for sku in sorted(skus)]


def _item(events: Events, sku: str) -> PlannedItem:
    names = events.names.get(sku)
    # Among equally common names take the first in the alphabet, so that two runs agree.
    name = min(names, key=lambda each: (-names[each], each)) if names else sku
    prices = events.prices.get(sku)
    price = median_low(prices.elements()) if prices else None
    cost = max(1, share(price, 1, 2)) if price is not None else 1
    return PlannedItem(sku, name, price, cost)


def weeks_of(events: Events) -> list[Week]:
    """The weeks of the file in order, each with the delivery that it needs."""
    weeks: dict[date, Week] = {}
    for order in events.orders.values():
        _week(weeks, order.placed_at.astimezone(LONDON).date()).orders.append(order)
    for correction in events.corrections:
        _week(weeks, correction.at.astimezone(LONDON).date()).corrections.append(correction)
    for note in notes_of(events):
        _week(weeks, note.at.astimezone(LONDON).date()).notes.append(note)
    planned = [weeks[start] for start in sorted(weeks)]
    on_hand: Counter[str] = Counter()
    for week in planned:
        _supply(week, on_hand)
    return planned


def _week(weeks: dict[date, Week], day: date) -> Week:
    monday = day - timedelta(days=day.weekday())
    return weeks.setdefault(monday, Week(monday))


def _supply(week: Week, on_hand: Counter[str]) -> None:
    """Plan the delivery of a week, and count the stock left after the week.

    Finds and cancellations do not reduce the need: they may come after the orders that need the
    units.
    """
    need: Counter[str] = Counter()
    for sku, units in _taken(week):
        need[sku] += units
    for sku, units in sorted(need.items()):
        missing = units - on_hand[sku]
        if missing > 0:
            week.delivery[sku] = -(-missing // CASE) * CASE
        on_hand[sku] += week.delivery.get(sku, 0) - units
    for correction in week.corrections:
        on_hand[correction.sku] += max(0, correction.delta)
    for order in week.orders:
        for line in order.lines:
            on_hand[line.sku] += line.cancelled


def _taken(week: Week) -> Iterator[tuple[str, int]]:
    for order in week.orders:
        for line in order.lines:
            yield line.sku, line.quantity
    for correction in week.corrections:
        if correction.delta < 0:
            yield correction.sku, -correction.delta


def reason_of(words: str) -> str:
    """The reason code that a correction's text suggests; COUNT or CORRECTION if it is unclear."""
    text = words.casefold()
    for code, hints in REASONS:
        if any(hint in text for hint in hints):
            return code
    return "CORRECTION" if any(map(str.isalpha, text)) else "COUNT"


def decimals(minor: int) -> str:
    """Minor units as a decimal string, the form of the API."""
    return str(Decimal(minor) / 100)
