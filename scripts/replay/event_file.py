"""Reads a retail event file and sorts its rows into orders, corrections, returns and what is odd.

Nothing is dropped in silence: every row ends in an order, a correction, a return, a fee given back
or a finding, and the file's own totals are counted before any of that is decided. Times are naive
London time.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

LONDON: Final = ZoneInfo("Europe/London")
# A return that follows its purchase so soon was called off before the parcel left.
CALLED_OFF_WITHIN: Final = timedelta(minutes=60)
GIANT_UNITS: Final = 10_000
LINES_MAX: Final = 2_000
COLUMNS: Final = (
    *("seq", "ts", "channel", "country", "order_ref", "line_no", "sku", "description", "qty"),
    *("unit_price", "currency", "kind", "line_type", "orig_order_ref", "orig_line_no", "orig_ts"),
    *("customer_ref", "match"),
)
NOT_FOUND: Final = "no_such_line"


class FileUnreadable(Exception):
    """The file is not there, or is not a retail event file."""


@dataclass(slots=True)
class Line:
    """Units of a SKU at a price in minor units.

    `called_off` of them are cancelled soon after; `given_back` come back later.
    """

    line_no: str
    sku: str
    quantity: int
    price_minor: int
    called_off: int = 0
    given_back: int = 0

    @property
    def left(self) -> int:
        """Units that were sent and did not come back yet."""
        return self.quantity - self.called_off - self.given_back


@dataclass(slots=True)
class Order:
    """An invoice of the file, with what it charges for sending."""

    reference: str
    channel: str
    country: str
    customer: str
    placed_at: datetime
    lines: list[Line] = field(default_factory=list)
    fees: Decimal = Decimal(0)

    @property
    def shipping_minor(self) -> int:
        """The fees in minor units, rounded half-even."""
        return round(self.fees * 100)

    @property
    def worth(self) -> Decimal:
        """What is charged for it: goods and shipping."""
        goods = sum(line.quantity * line.price_minor for line in self.lines)
        return Decimal(goods + self.shipping_minor) / 100


@dataclass(frozen=True, slots=True)
class Correction:
    """A write-off or a find: signed units of a SKU, and why in the words of whoever noticed."""

    sku: str
    delta: int
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Units that came back after the hour, and what they were credited at, each.

    `order` and `line` are None where the file has no purchase that they could be of; then
    `why_unmatched` is the file's word for it, or NOT_FOUND for a line that was not read.
    """

    note: str
    sku: str
    description: str
    units: int
    price: Decimal
    customer: str
    at: datetime
    order: Order | None = None
    line: Line | None = None
    why_unmatched: str = ""

    @property
    def worth(self) -> Decimal:
        """What the file gave for them."""
        return self.units * self.price


@dataclass(frozen=True, slots=True)
class FeeBack:
    """Money that a credit note gave back for no goods; `kind` is the file's line type."""

    note: str
    kind: str
    worth: Decimal
    customer: str
    at: datetime


@dataclass
class Totals:
    """What the rows that were read come to, whatever became of them."""

    rows: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    money: dict[str, Decimal] = field(default_factory=dict)

    def add(self, kind: str, units: int, money: Decimal) -> None:
        """Count a row."""
        self.rows[kind] += 1
        self.units[kind] += units
        self.money[kind] = self.money.get(kind, Decimal(0)) + money


@dataclass
class Findings:
    """What was odd, by kind and with what was done about it: how often, and how much money."""

    counts: Counter[str] = field(default_factory=Counter)
    money: dict[str, Decimal] = field(default_factory=dict)

    def note(self, kind: str, money: Decimal = Decimal(0), times: int = 1) -> None:
        """Count a finding."""
        self.counts[kind] += times
        self.money[kind] = self.money.get(kind, Decimal(0)) + money


class Events:
    """The rows of a file, sorted; `currency` is the one that all of it is in."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.corrections: list[Correction] = []
        self.returns: list[GivenBack] = []
        self.fees_back: list[FeeBack] = []
        self.names: dict[str, Counter[str]] = {}
        self.prices: dict[str, Counter[int]] = {}
        self.totals = Totals()
        self.findings = Findings()
        self.currency = "GBP"
        self._loose_fees: dict[str, list[Decimal]] = {}
        self._seen: set[int] = set()

    def take(self, row: Mapping[str, str]) -> None:
        """Sort one row."""
        try:
            units, price = int(row["qty"]), Decimal(row["unit_price"])
            at = instant(row["ts"])
        except (ValueError, InvalidOperation) as error:
            raise FileUnreadable(f"row {row['seq']}: {error}") from error
        kind, money = row["kind"], units * price
        self.totals.add(kind, units, money)
        if row["currency"] != self.currency:
            self.findings.note(f"in {row['currency']}: left out", money)
        elif kind == "order":
            self._take_order(row, units, price, at)
        elif kind == "adjust":
            self._take_correction(row, units, at)
        elif kind == "fee":
            self._loose_fees.setdefault(row["order_ref"], []).append(money)
        elif kind == "return":
            self._take_return(row, units, price, at)
        elif kind == "fee_refund":
            note, kind = row["order_ref"], row["line_type"]
            self.fees_back.append(FeeBack(note, kind, -money, row["customer_ref"], at))
        else:
            self.findings.note(f"{row['line_type'] or kind} rows: no trade, left out", money)

    def _take_order(self, row: Mapping[str, str], units: int, price: Decimal, at: datetime) -> None:
        if units <= 0 or price < 0 or not row["sku"] or (price * 100) % 1:
            self.findings.note(
                "order lines without units or SKU, of negative price or of split pence: left out",
                units * price,
            )
            return
        order = self.orders.get(row["order_ref"])
        if order is None:
            order = Order(row["order_ref"], row["channel"], row["country"], row["customer_ref"], at)
            self.orders[order.reference] = order
        if at != order.placed_at:
            self.findings.note("order lines a minute or more after their first: placed with it")
        self._note_line(row, units, price)
        self._learn(row)
        minor = int(price * 100)
        order.lines.append(Line(row["line_no"], row["sku"], units, minor))
        if minor:
            self.prices.setdefault(row["sku"], Counter())[minor] += 1

    def _note_line(self, row: Mapping[str, str], units: int, price: Decimal) -> None:
        same = ("order_ref", "ts", "sku", "description", "qty", "unit_price", "customer_ref")
        content = hash(tuple(row[column] for column in same))
        if content in self._seen:
            self.findings.note("exact duplicate lines of an order: kept, as lines of their own")
        self._seen.add(content)
        if price == 0:
            self.findings.note("order lines at price 0: sold for nothing")
        if not row["description"]:
            self.findings.note("order lines without a description: named by their SKU's others")
        if units >= GIANT_UNITS:
            self.findings.note(f"lines of {GIANT_UNITS:,} units and more: placed as they are")

    def _learn(self, row: Mapping[str, str]) -> None:
        if row["description"]:
            self.names.setdefault(row["sku"], Counter())[row["description"]] += 1

    def _take_correction(self, row: Mapping[str, str], units: int, at: datetime) -> None:
        if units == 0 or not row["sku"]:
            self.findings.note("corrections of nothing: left out")
            return
        if not row["description"]:
            self.findings.note("corrections without a word of why: reason COUNT")
        self.corrections.append(Correction(row["sku"], units, row["description"], at))

    def _take_return(
        self, row: Mapping[str, str], units: int, price: Decimal, at: datetime
    ) -> None:
        if units <= 0 or not row["sku"]:
            self.findings.note("returns of no units or of no SKU: left out", units * price)
            return
        self._learn(row)
        order = self.orders.get(row["orig_order_ref"])
        left = units
        for line in order.lines if order is not None else ():
            if line.line_no != row["orig_line_no"] or line.sku != row["sku"]:
                continue
            taken = min(left, line.left)
            left -= taken
            if not taken:
                continue
            if at - instant(row["orig_ts"]) <= CALLED_OFF_WITHIN:
                line.called_off += taken
                self.findings.note(
                    "returns within an hour of the purchase: cancelled before the parcel leaves",
                    taken * price,
                )
            else:
                line.given_back += taken
                self.returns.append(_given_back(row, taken, price, at, order, line))
        if left:
            self.returns.append(_given_back(row, left, price, at))

    def settle(self) -> None:
        """Give the fees to their orders, and report what can only be seen at the end."""
        for reference, amounts in self._loose_fees.items():
            order = self.orders.get(reference)
            if order is None or sum(amounts) < 0:
                self.findings.note(
                    "fees without goods: left out", sum(amounts, Decimal(0)), len(amounts)
                )
                continue
            order.fees = sum(amounts, Decimal(0))
            if (order.fees * 100) % 1:
                self.findings.note("fees of split pence: rounded half-even")
        several = sum(1 for names in self.names.values() if len(names) > 1)
        if several:
            self.findings.note("SKUs under several names: the commonest is taken", times=several)
        for order in self.orders.values():
            if not order.customer:
                self.findings.note("orders without a customer: placed without a reference")
        too_long = [order for order in self.orders.values() if len(order.lines) > LINES_MAX]
        for order in too_long:
            worth = sum(line.quantity * line.price_minor for line in order.lines)
            self.findings.note(
                f"orders of over {LINES_MAX:,} lines: left out", Decimal(worth) / 100
            )
            del self.orders[order.reference]


def _given_back(
    row: Mapping[str, str],
    units: int,
    price: Decimal,
    at: datetime,
    order: Order | None = None,
    line: Line | None = None,
) -> GivenBack:
    """Units of a row that came back; those that no line can have are unmatched."""
    said = row["match"].removeprefix("none:") if row["match"].startswith("none:") else NOT_FOUND
    return GivenBack(
        note=row["order_ref"],
        sku=row["sku"],
        description=row["description"],
        units=units,
        price=price,
        customer=row["customer_ref"],
        at=at,
        order=order,
        line=line,
        why_unmatched="" if line is not None else said,
    )


def instant(naive: str) -> datetime:
    """A naive London time as an aware instant."""
    return datetime.fromisoformat(naive).replace(tzinfo=LONDON).astimezone(UTC)


def read(path: Path, limit: int | None) -> Events:
    """The events up to the last row before order number `limit` + 1. Raises FileUnreadable."""
    events = Events()
    with _opened(path) as text:
        reader = csv.DictReader(text)
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise FileUnreadable(f"{path} has no column {', '.join(sorted(missing))}")
        for row in _rows(reader, path):
            is_new = row["kind"] == "order" and row["order_ref"] not in events.orders
            if limit is not None and is_new and len(events.orders) >= limit:
                break
            events.take(row)
    events.settle()
    return events


def _rows(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from reader
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise FileUnreadable(f"{path}: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with ExitStack() as stack:
            if path.suffix == ".gz":
                text = stack.enter_context(gzip.open(path, "rt", encoding="utf-8", newline=""))
            else:
                text = stack.enter_context(path.open(encoding="utf-8", newline=""))
            yield text
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be read: {error.strerror or error}") from error
