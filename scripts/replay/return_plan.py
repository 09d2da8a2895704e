"""Return data that the file lacks, made up by stated rules: reasons, grades, policies.

RETURN_RULES is printed with every summary. A grade is drawn by a checksum of the request and its
SKU, so that two runs agree without a seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from types import MappingProxyType
from typing import Any, Final
from zlib import crc32

from scripts.replay.event_file import NOT_FOUND, Events, FeeRefund, Order, ReturnedUnits

WINDOW_DAYS: Final = 90
DEFAULT_WINDOW: Final[Mapping[str, Any]] = MappingProxyType({"window": "P30D"})
# Limit of the API on the items of one return request.
ITEMS_MAX: Final = 200

RETURN_RULES: Final = (
    "The goods of a credit note become one return (RMA) per order, requested at the time of the"
    " note. All units come in one parcel, received at the time of the replay.",
    f"The shop's RETURN policy, published at the start: {WINDOW_DAYS} days from shipping; a person"
    " authorizes above £500; UNWANTED goods of at most £5 a unit and risk 0.2 skip inspection; two"
    " inspectors above risk 0.4. DISPOSITION and REFUND are the defaults.",
    "Reason: goods credited at another price than sold are NOT_AS_DESCRIBED. Whole lines are"
    " UNWANTED. A tenth of a line or less, and goods with a fragile name, are DAMAGED_IN_TRANSIT."
    " Other parts of a line are DEFECTIVE if they have a clock, lamp or battery, else UNWANTED.",
    "Grade, by the checksum of the request's reference and the SKU: UNWANTED 70 % NEW, 20 %"
    " LIKE_NEW, 10 % USED;"
    " NOT_AS_DESCRIBED 50 % NEW, 50 % LIKE_NEW; DAMAGED_IN_TRANSIT 80 % DAMAGED, 20 % LIKE_NEW;"
    " DEFECTIVE 90 % DEFECTIVE, 10 % USED. The second inspector records the same grade.",
    "Units in refurbishment are restocked. Quarantined units are liquidated if they sell for £5 or"
    " more, else scrapped.",
    "After a declined request no parcel is sent. Goods that match no purchase come as an"
    " unidentified parcel: an exception, its units scrapped with the reason, no refund.",
    "Postage, carriage, discounts, vouchers and manual credits become goodwill refunds on the order"
    " of the note's goods, else on the customer's latest earlier order of at least that amount.",
    "Refunds are approved by two people in finance who took no other part in the return.",
)

FRAGILE: Final = ("GLASS", "CERAMIC", "MUG", "PLATE", "BOWL", "TEACUP", "JUG", "PORCELAIN")
ELECTRIC: Final = ("CLOCK", "LAMP", "LIGHTS", "BATTERY", "RADIO")
# reason → (grade, upper bound in percent)
GRADES: Final[Mapping[str, tuple[tuple[str, int], ...]]] = MappingProxyType(
    {
        "UNWANTED": (("NEW", 70), ("LIKE_NEW", 90), ("USED", 100)),
        "NOT_AS_DESCRIBED": (("NEW", 50), ("LIKE_NEW", 100)),
        "DAMAGED_IN_TRANSIT": (("DAMAGED", 80), ("LIKE_NEW", 100)),
        "DEFECTIVE": (("DEFECTIVE", 90), ("USED", 100)),
    }
)
LIQUIDATED_FROM_MINOR: Final = 500
GOODWILL_KINDS: Final = frozenset({"postage", "carriage", "discount", "gift_voucher", "manual"})
UNMATCHED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no_customer": "the credit note names no customer",
        "no_earlier_purchase": "the file has no earlier purchase of it by this customer",
        "already_returned": "all units that the customer bought were returned before",
        "more_than_bought": "more units came back than the customer had bought",
        NOT_FOUND: "the purchase named by the file is not replayed, or has no units left",
    }
)


def policy() -> dict[str, Any]:
    """RETURN policy of the shop, as input of `policyPublish`."""
    rules = {
        "window": f"P{WINDOW_DAYS}D",
        "reasons": ["*"],
        "finalSale": False,
        "reviewAboveAmount": {"GBP": "500.00"},
        "fastLane": {"maxRisk": 0.2, "reasons": ["UNWANTED"], "maxUnitValue": {"GBP": "5.00"}},
        "twoInspectorsAboveRisk": 0.4,
    }
    return {"kind": "RETURN", "scope": "global", "rules": rules}


def default_policy() -> dict[str, Any]:
    """Default RETURN policy of a new database, to be previewed against the replayed returns."""
    return {"kind": "RETURN", "scope": "global", "rules": dict(DEFAULT_WINDOW)}


@dataclass
class Request:
    """Units of one order that one credit note returns, few enough for one return."""

    reference: str
    order: Order
    at: datetime
    rows: list[ReturnedUnits]

    @property
    def worth(self) -> Decimal:
        """Amount that the file credits for them."""
        return sum((row.worth for row in self.rows), Decimal(0))

    @property
    def sold_minor(self) -> int:
        """Amount that they were sold for, in minor units."""
        return sum(row.units * row.line.price_minor for row in self.rows if row.line is not None)


@dataclass
class Parcel:
    """Returned units without a matching order; `why` is the file's reason code."""

    reference: str
    why: str
    rows: list[ReturnedUnits]


@dataclass
class Goodwill:
    """A fee refunded on an order."""

    reference: str
    order: Order
    fee: FeeRefund


@dataclass
class CreditNote:
    """Everything that one credit note contains, in the order in which it is carried out."""

    reference: str
    customer: str
    at: datetime
    requests: list[Request] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    goodwill: list[Goodwill] = field(default_factory=list)


def notes_of(events: Events) -> list[CreditNote]:
    """Credit notes in the order of the file; fees without a suitable order become findings."""
    notes: dict[str, CreditNote] = {}
    rows: dict[str, list[ReturnedUnits]] = {}
    for row in events.returns:
        notes.setdefault(row.note, CreditNote(row.note, row.customer, row.at))
        rows.setdefault(row.note, []).append(row)
    for reference, returned in rows.items():
        _fill(notes[reference], returned, events)
    bought: dict[str, list[Order]] = {}
    for order in events.orders.values():
        if order.customer:
            bought.setdefault(order.customer, []).append(order)
    for number, fee in enumerate(events.fee_refunds):
        found = _order_for_fee(fee, notes.get(fee.note), bought.get(fee.customer, ()))
        if fee.kind not in GOODWILL_KINDS:
            events.findings.note(f"refunded {fee.kind}: not a sale, left out", fee.worth)
        elif fee.worth <= 0 or (fee.worth * 100) % 1:
            events.findings.note(
                "refunded fees of zero, negative or fractional pence: left out", fee.worth
            )
        elif found is None:
            events.findings.note(
                "refunded fees without a large enough earlier order: left out", fee.worth
            )
        else:
            note = notes.setdefault(fee.note, CreditNote(fee.note, fee.customer, fee.at))
            note.goodwill.append(Goodwill(f"{fee.note}-fee-{number}", found, fee))
    return sorted(notes.values(), key=lambda note: note.at)


def _fill(note: CreditNote, rows: Iterable[ReturnedUnits], events: Events) -> None:
    by_order: dict[str, list[ReturnedUnits]] = {}
    unmatched: dict[str, list[ReturnedUnits]] = {}
    for row in rows:
        if row.order is not None and row.order.reference in events.orders:
            by_order.setdefault(row.order.reference, []).append(row)
        else:
            unmatched.setdefault(row.why_unmatched or NOT_FOUND, []).append(row)
    for reference, found in by_order.items():
        rest = iter(found)
        while chunk := list(islice(rest, ITEMS_MAX)):
            name = f"{note.reference}-{len(note.requests)}"
            note.requests.append(Request(name, events.orders[reference], note.at, chunk))
    for why, found in unmatched.items():
        note.parcels.append(Parcel(f"{note.reference}-{why}", why, found))


def _order_for_fee(
    fee: FeeRefund, note: CreditNote | None, bought: Iterable[Order]
) -> Order | None:
    """The order on which a fee is refunded, or None.

    It is the order of the note's goods, else the customer's latest earlier order of at least the
    fee's amount.
    """
    if note is not None and note.requests:
        return note.requests[0].order
    able = [each for each in bought if each.placed_at < fee.at and each.worth >= fee.worth]
    return able[-1] if able else None


def reason_for(row: ReturnedUnits) -> str:
    """Derive a return reason from the file: price, share of the line, name."""
    assert row.line is not None
    if row.price * 100 != row.line.price_minor:
        return "NOT_AS_DESCRIBED"
    if row.units == row.line.quantity:
        return "UNWANTED"
    name = row.description.upper()
    if row.units * 10 <= row.line.quantity or any(word in name for word in FRAGILE):
        return "DAMAGED_IN_TRANSIT"
    return "DEFECTIVE" if any(word in name for word in ELECTRIC) else "UNWANTED"


def grade_for(reference: str, sku: str, reason: str) -> str:
    """Draw the condition that the inspectors record; the same on every run."""
    drawn = crc32(f"{reference} {sku}".encode()) % 100
    return next(grade for grade, below in GRADES[reason] if drawn < below)


def exit_for(disposition: str, price_minor: int | None) -> str:
    """Final disposition of units held after inspection."""
    if disposition == "REFURBISH":
        return "RESTOCK"
    return "LIQUIDATE" if (price_minor or 0) >= LIQUIDATED_FROM_MINOR else "SCRAP"
