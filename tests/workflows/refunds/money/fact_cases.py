"""Random orders, and the facts that happen to them, in random orders that respect causes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

# Channel and currency: with two decimals, none and three.
CHANNELS: Final = (("shop", "GBP"), ("tokyo", "JPY"), ("kuwait", "KWD"))
HISTORIES: Final = (
    (),
    (),
    ("DELIVERED",),
    ("LOST",),
    ("LOST", "DELIVERED"),
    ("LOST", "RETURNED_TO_SENDER"),
    ("RETURNED_TO_SENDER",),
)
# Fates of a unit that has shipped: a grade means that it comes back.
GRADES: Final = ("NEW", "LIKE_NEW", "DEFECTIVE", "USED", "DAMAGED", "COUNTERFEIT")
FATES: Final = (*GRADES, "claim", "claim", "to customer", "keep")
ALWAYS: Final = ("pay", "decline", "silence", "retry", "settle paid", "settle unpaid")
# Facts that only an order which is wholly undone forgets: other facts decide what is left for them.
UNDONE: Final = (*ALWAYS, "shipping", "withdraw", "reverse", "resend")
AMOUNTS: Final = st.tuples(st.integers(1, 40), st.sampled_from(["", " STORE_CREDIT"])).map(
    lambda drawn: f"goodwill {drawn[0]}{drawn[1]}"
)


@dataclass(frozen=True)
class LineCase:
    """A line of `now` units in stock and one unit for each late fate; amounts are minor units."""

    price: int
    tax: int
    discount: int
    now: tuple[str, ...]
    late: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def units(self) -> int:
        return len(self.now) + len(self.late)

    @property
    def off(self) -> int:
        """The discount of the line, which is not more than its price."""
        return min(self.discount, self.units * self.price)

    @property
    def total(self) -> int:
        return self.units * self.price - self.off + self.tax


@dataclass(frozen=True)
class Case:
    """An order and the facts that happen to it."""

    channel: int
    lines: tuple[LineCase, ...]
    shipping: int
    shipping_tax: int
    paid_percent: int
    pieces: int
    history: tuple[str, ...]
    evidence: tuple[str, ...]
    fee: float
    tender: str
    ships_back: str
    about_money: tuple[str, ...]
    is_undone: bool
    seed: int

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines) + self.shipping + self.shipping_tax

    @property
    def has_claims(self) -> bool:
        """True if a unit is refunded that does not come back."""
        fates = [fate for line in self.lines for fate in (*line.now, *(f for f, _ in line.late))]
        return "claim" in fates

    @property
    def payments(self) -> list[int]:
        """The amounts of the payments, which differ by at most one minor unit."""
        paid = self.total * self.paid_percent // 100
        sizes = [(paid + number) // self.pieces for number in range(self.pieces)]
        return [size for size in sizes if size]

    @property
    def rules(self) -> dict[str, Any]:
        """The REFUND policy of the case."""
        return {
            "evidence": list(self.evidence),
            "deductions": {"USED": 0.2, "DAMAGED": 0.5},
            "restockingFee": self.fee,
            "refundShipping": self.ships_back,
            "tender": self.tender,
            "bands": {code: [{"upTo": None, "approvers": 0}] for _, code in CHANNELS},
        }


prices = st.integers(0, 50)
fates = st.sampled_from([*FATES, "cancel"])
late_fates = st.tuples(st.sampled_from([*FATES, "cancel", "cancel"]), st.sampled_from(HISTORIES))
LINES = st.builds(
    LineCase,
    price=prices,
    tax=st.integers(0, 30),
    discount=st.sampled_from([0, 0, 7, 20]),
    now=st.lists(fates, max_size=2).map(tuple),
    late=st.lists(late_fates, max_size=2).map(tuple),
).filter(lambda line: line.units > 0)
CASES = st.builds(
    Case,
    channel=st.integers(0, 2),
    lines=st.lists(LINES, min_size=1, max_size=2).map(tuple),
    shipping=st.integers(0, 9),
    shipping_tax=st.integers(0, 3),
    paid_percent=st.sampled_from([0, 30, 77, 100, 100]),
    pieces=st.integers(1, 3),
    history=st.sampled_from(HISTORIES),
    evidence=st.sampled_from([("INSPECTED",), ("INSPECTED",), ("RECEIVED", "INSPECTED")]),
    fee=st.sampled_from([0.0, 0.0, 0.1]),
    tender=st.sampled_from(["ORIGINAL_PAYMENT", "ORIGINAL_PAYMENT", "STORE_CREDIT"]),
    ships_back=st.sampled_from(["FULL_ORDER_ONLY", "FULL_ORDER_ONLY", "ALWAYS"]),
    about_money=st.lists(st.one_of(st.sampled_from(UNDONE), AMOUNTS), max_size=4).map(tuple),
    is_undone=st.booleans(),
    seed=st.integers(0, 10**6),
)


@dataclass(frozen=True)
class Chain:
    """Facts in their order, and chains that begin after the last of them."""

    facts: tuple[str, ...]
    then: tuple[Chain, ...] = ()


def shuffled(case: Case, random: Random) -> list[str]:
    """The facts of a case in a random order in which each one follows its cause."""
    waiting = [(chain, 0) for chain in _chains(case)]
    facts = []
    while waiting:
        chain, place = waiting.pop(random.randrange(len(waiting)))
        if place < len(chain.facts):
            facts.append(chain.facts[place])
            waiting.append((chain, place + 1))
        else:
            waiting.extend((each, 0) for each in chain.then)
    return facts


def _chains(case: Case) -> Iterator[Chain]:
    first = [(line, fate) for line, each in enumerate(case.lines) for fate in each.now]
    # A cancellation takes backordered units first: those of the line's later parcels.
    early = [
        f"cancel {line}"
        for line, fate in first
        if fate == "cancel" and all(other == "cancel" for other, _ in case.lines[line].late)
    ]
    kept = [each for each in first if f"cancel {each[0]}" not in early or each[1] != "cancel"]
    if kept:
        yield _parcel(case, "0", (*early, "ship 0"), kept, case.history)
    else:
        yield Chain(tuple(early))
    number = 0
    for line, each in enumerate(case.lines):
        for fate, history in each.late:
            number += 1
            if fate == "cancel":
                yield Chain((f"cancel {line}",))
            else:
                yield _parcel(
                    case, str(number), (f"ship {number} {line}",), [(line, fate)], history
                )
    for fact in case.about_money:
        if case.is_undone or fact in ALWAYS:
            yield Chain((fact,))


def _parcel(
    case: Case,
    number: str,
    ship: tuple[str, ...],
    units: Sequence[tuple[int, str]],
    history: tuple[str, ...],
) -> Chain:
    """A parcel ships and its carrier reports; then its units have their fates.

    If the rest is undone anyway, units are also claimed before the carrier's last report.
    """
    claims = tuple(Chain((f"claim {line}",)) for line, fate in units if fate == "claim")
    fates = tuple(
        Chain(fact) for line, fate in units if (fact := _fate(number, line, fate, history))
    )
    reports = tuple(f"carrier {number} {status}" for status in history)
    if not case.is_undone and case.has_claims and history == ("LOST", "DELIVERED"):
        # A claim that is opened before the parcel is found is withdrawn: it is another fact.
        reports = reports[1:]
    if case.is_undone:
        return Chain(ship, (Chain(reports, fates), *claims))
    return Chain((*ship, *reports), (*fates, *claims))


def _fate(parcel: str, line: int, fate: str, history: tuple[str, ...]) -> tuple[str, ...]:
    """Facts about a unit whose parcel has these reports, claims aside."""
    if fate in ("claim", "keep", "cancel") or history[-1:] == ("LOST",):
        return ()
    came_back = history[-1:] == ("RETURNED_TO_SENDER",)
    if fate == "to customer":
        return () if came_back else (f"back {line} NEW RETURN_TO_CUSTOMER",)
    return (f"arrive {parcel} {line} {fate}",) if came_back else (f"back {line} {fate}",)
