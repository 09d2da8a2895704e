"""What the file does not say of its returns, made up by stated rules: reasons, grades, policies.

RETURN_RULES is printed with every summary. A grade is drawn by a checksum of the request and its
SKU, so that two runs agree and no run needs a seed.
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

from scripts.replay.event_file import NOT_FOUND, Events, FeeBack, GivenBack, Order

WINDOW_DAYS: Final = 90
DEFAULT_WINDOW: Final[Mapping[str, Any]] = MappingProxyType({"window": "P30D"})
# One request names at most so many items.
ITEMS_MAX: Final = 200

RETURN_RULES: Final = (
    "A credit note's goods become a return per order (an RMA), asked for at the note's time; all of"
    " it comes in one parcel, received at the time of the replay.",
    f"The shop's RETURN policy, published at the start: {WINDOW_DAYS} days from shipping; a person"
    " authorizes above £500; UNWANTED goods of at most £5 a unit and risk 0.2 pass unseen; two"
    " inspectors above risk 0.4. DISPOSITION and REFUND are the defaults.",
    "Reason: goods credited at another price than sold are NOT_AS_DESCRIBED; a tenth of a line or"
    " less, or fragile by its name, is DAMAGED_IN_TRANSIT; other parts of a line are DEFECTIVE when"
    " they have a clock, lamp or battery, else UNWANTED, as whole lines are.",
    "Grade, by the checksum of the request's reference and the SKU: UNWANTED 70 % NEW, 20 %"
    " LIKE_NEW, 10 % USED;"
    " NOT_AS_DESCRIBED 50 % NEW, 50 % LIKE_NEW; DAMAGED_IN_TRANSIT 80 % DAMAGED, 20 % LIKE_NEW;"
    " DEFECTIVE 90 % DEFECTIVE, 10 % USED. A second inspector finds the same.",
    "REFURBISHED units are restocked; quarantined ones are liquidated at a price of £5 and more,"
    " else scrapped.",
    "A request that is declined keeps its goods: no parcel is sent. Goods that match no purchase"
    " come as a parcel that nobody can match: quarantine, an exception that says why, no refund.",
    "Postage, carriage, discounts, vouchers and manual credits given back are goodwill refunds on"
    " the order of the note's goods, else on the customer's latest earlier order of that worth.",
    "Refunds are approved by two people of finance, who had no other part in the case.",
)

FRAGILE: Final = ("GLASS", "CERAMIC", "MUG", "PLATE", "BOWL", "TEACUP", "JUG", "PORCELAIN")
ELECTRIC: Final = ("CLOCK", "LAMP", "LIGHTS", "BATTERY", "RADIO")
# (grade, up to this of a hundred) by reason
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
        "already_returned": "all that the customer bought of it came back before",
        "more_than_bought": "more came back than the customer had bought",
        NOT_FOUND: "the purchase that it is said to be of is not replayed, or has no units left",
    }
)


def policy() -> dict[str, Any]:
    """The shop's RETURN policy, as `policyPublish` takes it."""
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
    """The RETURN policy that a database starts with, to be tried out on what was replayed."""
    return {"kind": "RETURN", "scope": "global", "rules": dict(DEFAULT_WINDOW)}


@dataclass
class Request:
    """Units of one order that one credit note gives back, few enough for one return."""

    reference: str
    order: Order
    at: datetime
    rows: list[GivenBack]

    @property
    def worth(self) -> Decimal:
        """What the file gave for them."""
        return sum((row.worth for row in self.rows), Decimal(0))

    @property
    def sold_minor(self) -> int:
        """What they had been sold for."""
        return sum(row.units * row.line.price_minor for row in self.rows if row.line is not None)


@dataclass
class Parcel:
    """Units that no order can be found for, and why in the file's word."""

    reference: str
    why: str
    rows: list[GivenBack]


@dataclass
class Goodwill:
    """A fee given back on an order."""

    reference: str
    order: Order
    fee: FeeBack


@dataclass
class CreditNote:
    """All that one credit note brings, in the order in which it is carried out."""

    reference: str
    customer: str
    at: datetime
    requests: list[Request] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    goodwill: list[Goodwill] = field(default_factory=list)


def notes_of(events: Events) -> list[CreditNote]:
    """The credit notes in the order of the file; fees that no order can bear become findings."""
    notes: dict[str, CreditNote] = {}
    rows: dict[str, list[GivenBack]] = {}
    for row in events.returns:
        notes.setdefault(row.note, CreditNote(row.note, row.customer, row.at))
        rows.setdefault(row.note, []).append(row)
    for reference, given_back in rows.items():
        _fill(notes[reference], given_back, events)
    bought: dict[str, list[Order]] = {}
    for order in events.orders.values():
        if order.customer:
            bought.setdefault(order.customer, []).append(order)
    for number, fee in enumerate(events.fees_back):
        found = _bearer(fee, notes.get(fee.note), bought.get(fee.customer, ()))
        if fee.kind not in GOODWILL_KINDS:
            events.findings.note(f"{fee.kind} given back: no trade, left out", fee.worth)
        elif fee.worth <= 0 or (fee.worth * 100) % 1:
            told = "fees given back of nothing, of less or of split pence: left out"
            events.findings.note(told, fee.worth)
        elif found is None:
            told = "fees given back that no earlier order of the customer can bear: left out"
            events.findings.note(told, fee.worth)
        else:
            note = notes.setdefault(fee.note, CreditNote(fee.note, fee.customer, fee.at))
            note.goodwill.append(Goodwill(f"{fee.note}-fee-{number}", found, fee))
    return sorted(notes.values(), key=lambda note: note.at)


def _fill(note: CreditNote, rows: Iterable[GivenBack], events: Events) -> None:
    by_order: dict[str, list[GivenBack]] = {}
    unmatched: dict[str, list[GivenBack]] = {}
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


def _bearer(fee: FeeBack, note: CreditNote | None, bought: Iterable[Order]) -> Order | None:
    """The order that a fee goes back on: that of the note's goods, else an earlier one."""
    if note is not None and note.requests:
        return note.requests[0].order
    able = [each for each in bought if each.placed_at < fee.at and each.worth >= fee.worth]
    return able[-1] if able else None


def reason_for(row: GivenBack) -> str:
    """Why a unit comes back, by what the file has of it: price, share of the line, name."""
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
    """The condition in which the inspectors find units of a return; the same each time."""
    drawn = crc32(f"{reference} {sku}".encode()) % 100
    return next(grade for grade, below in GRADES[reason] if drawn < below)


def exit_for(disposition: str, price_minor: int | None) -> str:
    """What becomes of units that wait after their disposition."""
    if disposition == "REFURBISH":
        return "RESTOCK"
    return "LIQUIDATE" if (price_minor or 0) >= LIQUIDATED_FROM_MINOR else "SCRAP"
