"""Read a retail event file and sort its rows into orders, corrections, returns and findings.

No row is dropped silently: each ends in an order, a correction, a return, a refunded fee or a
finding. The file's own totals are counted before a row is sorted. Times are naive London time.
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
# A return this soon after the purchase counts as cancelled before the parcel left.
CANCELLED_WITHIN: Final = timedelta(minutes=60)
GIANT_UNITS: Final = 10_000
LINES_MAX: Final = 2_000
COLUMNS: Final = (
    *("seq", "ts", "channel", "country", "order_ref", "line_no", "sku", "description", "qty"),
    *("unit_price", "currency", "kind", "line_type", "orig_order_ref", "orig_line_no", "orig_ts"),
    *("customer_ref", "match"),
)
NOT_FOUND: Final = "no_such_line"


class FileUnreadable(Exception):
    """The file does not exist, or is not a retail event file."""


@dataclass(slots=True)
class Line:
    """Units of a SKU at a price in minor units.

    `cancelled` counts the units cancelled within the hour; `returned` counts those that come back
    later.
    """

    line_no: str
    sku: str
    quantity: int
    price_minor: int
    cancelled: int = 0
    returned: int = 0

    @property
    def left(self) -> int:
        """Units that were shipped and have not come back yet."""
        return self.quantity - self.cancelled - self.returned


@dataclass(slots=True)
class Order:
    """An invoice of the file, with the fees that it charges for shipping."""

    reference: str
    channel: str
    country: str
    customer: str
    placed_at: datetime
    lines: list[Line] = field(default_factory=list)
    fees: Decimal = Decimal(0)

    @property
    def shipping_minor(self) -> int:
        """Fees in minor units, rounded half-even."""
        return round(self.fees * 100)

    @property
    def worth(self) -> Decimal:
        """Total charge: goods and shipping."""
        goods = sum(line.quantity * line.price_minor for line in self.lines)
        return Decimal(goods + self.shipping_minor) / 100


@dataclass(frozen=True, slots=True)
class Correction:
    """A write-off or a find: signed units of a SKU, with the file's own words as the reason."""

    sku: str
    delta: int
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReturnedUnits:
    """Units that came back after the hour, with the unit price credited.

    `order` and `line` are None if no purchase in the file matches. Then `why_unmatched` is the
    reason code of the file, or NOT_FOUND for a line that was not read.
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
        """Amount that the file credits for them."""
        return self.units * self.price


@dataclass(frozen=True, slots=True)
class FeeRefund:
    """Money that a credit note refunds without goods; `kind` is the line type in the file."""

    note: str
    kind: str
    worth: Decimal
    customer: str
    at: datetime


@dataclass
class Totals:
    """Totals of all rows that were read, counted before they are sorted."""

    rows: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    money: dict[str, Decimal] = field(default_factory=dict)

    def add(self, kind: str, units: int, money: Decimal) -> None:
        self.rows[kind] += 1
        self.units[kind] += units
        self.money[kind] = self.money.get(kind, Decimal(0)) + money


@dataclass
class Findings:
    """Irregular rows by kind and treatment: their count and their money."""

    counts: Counter[str] = field(default_factory=Counter)
    money: dict[str, Decimal] = field(default_factory=dict)

    def note(self, kind: str, money: Decimal = Decimal(0), times: int = 1) -> None:
        self.counts[kind] += times
        self.money[kind] = self.money.get(kind, Decimal(0)) + money


class Events:
    """Sorted rows of a file. All orders are in one `currency`; rows in others become findings."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.corrections: list[Correction] = []
        self.returns: list[ReturnedUnits] = []
        self.fee_refunds: list[FeeRefund] = []
        self.names: dict[str, Counter[str]] = {}
        self.prices: dict[str, Counter[int]] = {}
        self.totals = Totals()
        self.findings = Findings()
        self.currency = "GBP"
        self._loose_fees: dict[str, list[Decimal]] = {}
        self._seen: set[int] = set()

    def take(self, row: Mapping[str, str]) -> None:
        """Sort one row. Raises FileUnreadable if a number or a time is malformed."""
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
            self.fee_refunds.append(FeeRefund(note, kind, -money, row["customer_ref"], at))
        else:
            self.findings.note(f"{row['line_type'] or kind} rows: not a sale, left out", money)

    def _take_order(self, row: Mapping[str, str], units: int, price: Decimal, at: datetime) -> None:
        if units <= 0 or price < 0 or not row["sku"] or (price * 100) % 1:
            self.findings.note(
                "order lines without units or SKU, or of negative or fractional pence: left out",
                units * price,
            )
            return
        order = self.orders.get(row["order_ref"])
        if order is None:
            order = Order(row["order_ref"], row["channel"], row["country"], row["customer_ref"], at)
            self.orders[order.reference] = order
        if at != order.placed_at:
            self.findings.note("order lines timed after their order's first line: placed with it")
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
            self.findings.note("exact duplicate lines of an order: kept as separate lines")
        self._seen.add(content)
        if price == 0:
            self.findings.note("order lines at price 0: sold for 0")
        if not row["description"]:
            self.findings.note("order lines without a description: named by other rows of the SKU")
        if units >= GIANT_UNITS:
            self.findings.note(f"lines of {GIANT_UNITS:,} units or more: placed unchanged")

    def _learn(self, row: Mapping[str, str]) -> None:
        if row["description"]:
            self.names.setdefault(row["sku"], Counter())[row["description"]] += 1

    def _take_correction(self, row: Mapping[str, str], units: int, at: datetime) -> None:
        if units == 0 or not row["sku"]:
            self.findings.note("corrections of 0 units: left out")
            return
        if not row["description"]:
            self.findings.note("corrections without a text: reason COUNT")
        self.corrections.append(Correction(row["sku"], units, row["description"], at))

    def _take_return(
        self, row: Mapping[str, str], units: int, price: Decimal, at: datetime
    ) -> None:
        if units <= 0 or not row["sku"]:
            self.findings.note("returns without units or SKU: left out", units * price)
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
            if at - instant(row["orig_ts"]) <= CANCELLED_WITHIN:
                line.cancelled += taken
                self.findings.note(
                    "returns within an hour of the purchase: cancelled before the parcel leaves",
                    taken * price,
                )
            else:
                line.returned += taken
                self.returns.append(_returned_units(row, taken, price, at, order, line))
        if left:
            self.returns.append(_returned_units(row, left, price, at))

    def settle(self) -> None:
        """Add the fees to their orders, and note the findings that need the whole file."""
        for reference, amounts in self._loose_fees.items():
            order = self.orders.get(reference)
            if order is None or sum(amounts) < 0:
                self.findings.note(
                    "fees without goods: left out", sum(amounts, Decimal(0)), len(amounts)
                )
                continue
            order.fees = sum(amounts, Decimal(0))
            if (order.fees * 100) % 1:
                self.findings.note("fees of fractional pence: rounded half-even")
        several = sum(1 for names in self.names.values() if len(names) > 1)
        if several:
            self.findings.note("SKUs with several names: the most common is taken", times=several)
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


def _returned_units(
    row: Mapping[str, str],
    units: int,
    price: Decimal,
    at: datetime,
    order: Order | None = None,
    line: Line | None = None,
) -> ReturnedUnits:
    """Units of a row that came back; without a line they are unmatched."""
    file_reason = (
        row["match"].removeprefix("none:") if row["match"].startswith("none:") else NOT_FOUND
    )
    return ReturnedUnits(
        note=row["order_ref"],
        sku=row["sku"],
        description=row["description"],
        units=units,
        price=price,
        customer=row["customer_ref"],
        at=at,
        order=order,
        line=line,
        why_unmatched="" if line is not None else file_reason,
    )


def instant(naive: str) -> datetime:
    """Convert a naive London time to UTC."""
    return datetime.fromisoformat(naive).replace(tzinfo=LONDON).astimezone(UTC)


def read(path: Path, limit: int | None) -> Events:
    """Read the events before the first row of order number `limit` + 1. Raises FileUnreadable."""
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
