"""Orders: line states, the derived order status, line amounts, and order numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.errors import Invalid, LimitExceeded
from domain.values.codes import number_key
from domain.values.money import share
from domain.values.texts import check_longest, check_name

AHEAD_MAX: Final = timedelta(minutes=5)
BACK_MAX: Final = timedelta(hours=24)
TAGS_MAX: Final = 20
ADDRESS_LINES_MAX: Final = 10
TAG_LENGTH_MAX: Final = 64
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NUMBER_DIGITS: Final = 12


class OrderStatus(StrEnum):
    """Status of an order, derived from the states of its units."""

    OPEN = "OPEN"
    """Nothing has shipped; some units are backordered, others are not."""
    ALLOCATED = "ALLOCATED"
    """Nothing has shipped; every unit that is not cancelled is allocated to a location."""
    PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
    """Some units have shipped, others have not."""
    SHIPPED = "SHIPPED"
    """Every unit that is not cancelled has shipped."""
    DELIVERED = "DELIVERED"
    """Every unit that is not cancelled was delivered or lost."""
    BACKORDERED = "BACKORDERED"
    """All units that are not cancelled wait for stock."""
    CANCELLED = "CANCELLED"
    """Every unit is cancelled."""


class OrderLineState(StrEnum):
    """State of a unit of an order line; each unit is in exactly one."""

    BACKORDERED = "BACKORDERED"
    """Ordered; no stock is allocated yet."""
    ALLOCATED = "ALLOCATED"
    """A unit at a location is assigned to it and waits to be picked."""
    PICKED = "PICKED"
    PACKED = "PACKED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    LOST = "LOST"
    """Lost by its carrier."""
    CANCELLED = "CANCELLED"


LEFT: Final = frozenset({OrderLineState.SHIPPED, OrderLineState.DELIVERED, OrderLineState.LOST})
AT_REST: Final = frozenset({OrderLineState.DELIVERED, OrderLineState.LOST})
# In the order in which a cancellation takes units: the least work to undo comes first.
CANCELLABLE: Final = (
    OrderLineState.BACKORDERED,
    OrderLineState.ALLOCATED,
    OrderLineState.PICKED,
    OrderLineState.PACKED,
)

Units = Mapping[OrderLineState, int]


def status_of(lines: Iterable[Units]) -> OrderStatus:
    """The order status that follows from the units of all lines."""
    total = dict.fromkeys(OrderLineState, 0)
    for line in lines:
        for state, units in line.items():
            total[state] += units
    live = sum(total.values()) - total[OrderLineState.CANCELLED]
    if live == 0:
        return OrderStatus.CANCELLED
    if sum(total[state] for state in AT_REST) == live:
        return OrderStatus.DELIVERED
    left = sum(total[state] for state in LEFT)
    if left:
        return OrderStatus.SHIPPED if left == live else OrderStatus.PARTIALLY_SHIPPED
    if total[OrderLineState.BACKORDERED] == 0:
        return OrderStatus.ALLOCATED
    is_waiting = total[OrderLineState.BACKORDERED] == live
    return OrderStatus.BACKORDERED if is_waiting else OrderStatus.OPEN


@dataclass(frozen=True, slots=True)
class LineMoney:
    """Amounts of an order line, in minor units; discount and tax are of the whole line."""

    quantity: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int

    @property
    def net_minor(self) -> int:
        """The price of the goods after discount, before tax."""
        return self.unit_price_minor * self.quantity - self.discount_minor

    @property
    def total_minor(self) -> int:
        """The amount that the customer pays for the line."""
        return self.net_minor + self.tax_minor

    def part(self, first: int, units: int) -> tuple[int, int]:
        """(net, tax) of `units` of the line, from number `first` on.

        Units are shipped from the first one on and cancelled from the last one back. So the parts
        add up to the line exactly, and no part depends on what happened to other units before.
        """
        ends = (first + units, first)
        net = [share(self.net_minor, end, self.quantity) for end in ends]
        tax = [share(self.tax_minor, end, self.quantity) for end in ends]
        return net[0] - net[1], tax[0] - tax[1]


def distribute(wanted: Sequence[int], portions: Sequence[int]) -> list[list[tuple[int, int]]]:
    """Distribute `portions` over lines that each need `wanted` units, in order.

    Returns per line the (portion index, units) it received. If the portions are too small, later
    lines receive fewer units than they need.
    """
    left = list(portions)
    shares: list[list[tuple[int, int]]] = []
    for units in wanted:
        got = []
        for index, portion in enumerate(left):
            taken = min(units, portion)
            if taken:
                got.append((index, taken))
                left[index] -= taken
                units -= taken
        shares.append(got)
    return shares


def number_of(order_id: UUID) -> str:
    """A short order number that people can read out.

    It encodes 60 bits of the id. A unique key in the database guards against collisions.
    """
    value = (order_id.int >> 64 & 0xFFFF) << 48 | order_id.int & 0xFFFFFFFFFFFF
    digits = [_ALPHABET[value >> shift & 31] for shift in range(5 * (_NUMBER_DIGITS - 1), -1, -5)]
    return f"R{''.join(digits[:6])}-{''.join(digits[6:])}"


def issued_order_number(typed: str) -> str:
    """The form in which an order number was issued, for a number that a person typed."""
    key = number_key(typed)
    return f"{key[:7]}-{key[7:]}"


def check_client_time(
    instant: datetime | None, now: datetime, *, may_backdate: bool, field: str
) -> datetime:
    """Return the client's `instant`, or `now` without one; Invalid if too far ahead or back.

    An instant ahead is a client's fast clock: the fact happens now, so that no later fact of this
    program can precede it.
    """
    if instant is None:
        return now
    if instant > now + AHEAD_MAX:
        minutes = AHEAD_MAX // timedelta(minutes=1)
        raise Invalid(
            f"A time at most {minutes} minutes in the future is allowed; {instant} was sent.",
            field=(field,),
        )
    if instant < now - BACK_MAX and not may_backdate:
        raise Invalid(
            f"A time at most 24 hours in the past is allowed; {instant} was sent.", field=(field,)
        )
    return min(instant, now)


def check_tags(tags: Sequence[str]) -> None:
    """Raise LimitExceeded or Invalid (field `tags`) for tags that cannot be stored."""
    if len(tags) > TAGS_MAX:
        raise LimitExceeded("tags", TAGS_MAX, len(tags), field=("tags",))
    for index, tag in enumerate(tags):
        check_name(tag, "tags", str(index), longest=TAG_LENGTH_MAX)


def check_address_lines(lines: Sequence[str], *field: str) -> None:
    """Raise LimitExceeded or Invalid for lines of an address that cannot be stored."""
    if len(lines) > ADDRESS_LINES_MAX:
        raise LimitExceeded("lines", ADDRESS_LINES_MAX, len(lines), field=field)
    for index, line in enumerate(lines):
        check_longest(line, *field, str(index))


def check_cause(
    stated: datetime | None, at: datetime, cause_at: datetime, cause: str, *, field: str
) -> datetime:
    """Return `at`, but not before `cause_at`; Invalid if the client stated an earlier time.

    `cause` is a sentence without its time: "The order was placed".
    """
    if stated is not None and stated < cause_at:
        raise Invalid(
            f"{cause} at {cause_at}. This time or a later one is allowed; {stated} was sent.",
            field=(field,),
        )
    return max(at, cause_at)


def effect_time(reported_at: datetime, now: datetime, cause_at: datetime) -> datetime:
    """The time of an effect that an outside system reports: not before its cause, nor ahead."""
    return max(min(reported_at, now), cause_at)
