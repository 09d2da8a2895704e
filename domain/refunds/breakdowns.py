"""Breakdown of a refund into components that add up exactly.

1. Each order line has an account: its units and amounts, and what counted refunds took of them.
2. A unit's share is `round(line total × units so far ÷ units) − refunded so far`, separately for
the net price and the tax.
3. Accounts keep the shares before deductions, so that the next unit does not make up for a
deduction from an earlier one.
4. Deductions and the fee are of the units' exact value (`domain.refunds.deductions`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.errors import Invalid
from domain.refunds.accounts import refundable_part
from domain.refunds.deductions import GradedValue, restocking_fee
from domain.refunds.parts import Parts, RefundValue, in_proportion, within
from domain.values.money import Money, part_due


class ComponentKind(StrEnum):
    """The purpose of one amount within a refund."""

    ITEMS = "items"
    TAX = "tax"
    SHIPPING = "shipping"
    SHIPPING_TAX = "shipping tax"
    RESTOCKING_FEE = "restocking fee"
    UNPAID = "unpaid"
    """Never paid for the units: it lowers what the order owes; negative."""
    GOODWILL = "goodwill"
    """Owed by a cancellation whose own refund was withdrawn."""


@dataclass(frozen=True, slots=True)
class Component:
    """One amount of a refund, in minor units; the fee and the unpaid part are negative."""

    kind: ComponentKind
    amount_minor: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class LineAccount:
    """An order line's amounts, and the gross shares that counted refunds have taken of them.

    `units_so_far` includes `cancelled` units. Those are the last units of the line; the amounts are
    of refunds alone.
    `net_minor`: unit price × units − discount. `tax_minor`: of the whole line. Refunds that were
    rejected, cancelled or reversed do not count.
    """

    order_line_id: UUID
    sku: str
    units: int
    net_minor: int
    tax_minor: int
    units_so_far: int = 0
    cancelled: int = 0
    net_so_far_minor: int = 0
    tax_so_far_minor: int = 0


@dataclass(frozen=True, slots=True)
class UnitsToRefund:
    """Units of one order line; `rate` of their value is deducted, for the reason in `note`."""

    order_line_id: UUID
    quantity: int
    rate: Decimal = Decimal(0)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class UnitShare:
    """The gross amount that these units take from their line, and the part that is deducted."""

    order_line_id: UUID
    quantity: int
    net_minor: int
    tax_minor: int
    net_kept_minor: int
    tax_kept_minor: int


@dataclass(frozen=True, slots=True)
class ShippingAccount:
    """An order's shipping and its tax, minus what counted refunds have returned of them."""

    shipping_minor: int
    tax_minor: int


NO_SHIPPING: Final = ShippingAccount(0, 0)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A refund's components, which add up to its amount, and the shares of its units."""

    components: tuple[Component, ...]
    shares: tuple[UnitShare, ...] = ()

    @property
    def amount_minor(self) -> int:
        return sum(component.amount_minor for component in self.components)

    @property
    def value(self) -> RefundValue:
        """The components as the parts that are stored and booked."""
        return RefundValue(
            Parts(
                self._total_of(ComponentKind.ITEMS),
                self._total_of(ComponentKind.TAX),
                self._total_of(ComponentKind.SHIPPING),
                self._total_of(ComponentKind.SHIPPING_TAX),
            ),
            fee_minor=-self._total_of(ComponentKind.RESTOCKING_FEE),
            unpaid_minor=-self._total_of(ComponentKind.UNPAID),
            owed_minor=self._total_of(ComponentKind.GOODWILL),
        )

    def _total_of(self, kind: ComponentKind) -> int:
        return sum(each.amount_minor for each in self.components if each.kind is kind)


def break_down(
    units: Sequence[UnitsToRefund],
    lines: Mapping[UUID, LineAccount],
    currency: str,
    *,
    shipping: ShippingAccount = NO_SHIPPING,
    fee_rate: Decimal = Decimal(0),
) -> Breakdown:
    """Compute the refund of `units` and `shipping`, less deductions and the restocking fee.

    The fee applies to the net price of the goods after deductions. Raises Invalid for more units
    than the line has left, or for a line that is not in `lines`.
    """
    accounts = dict(lines)
    shares: list[UnitShare] = []
    components: list[Component] = []
    for position, part in enumerate(units):
        account = accounts.get(part.order_line_id)
        field = ("items", str(position), "quantity")
        if account is None or not 1 <= part.quantity <= account.units - account.units_so_far:
            left = 0 if account is None else account.units - account.units_so_far
            raise Invalid(
                f"1 to {left} units of the order line can be refunded; {part.quantity} were sent."
                if left
                else "The order line has no units left to refund.",
                field=field,
            )
        taken = _share(account, part)
        accounts[part.order_line_id] = _after(account, taken)
        shares.append(taken)
        components += _goods(account, part, taken, currency)
    components += shipping_components(shipping)
    values = [graded_value(lines[part.order_line_id], part) for part in units]
    goods_minor = sum(each.net_minor - each.net_kept_minor for each in shares)
    fee_minor = restocking_fee(values, fee_rate, goods_minor)
    if fee_minor:
        note = f"{_percent(fee_rate)} of the goods"
        components.append(Component(ComponentKind.RESTOCKING_FEE, -fee_minor, note))
    return Breakdown(tuple(components), tuple(shares))


def goodwill(amount: Money, note: str, left: Parts, owed_minor: int = 0) -> Breakdown:
    """A refund of an amount without units, split over what is left of the order's parts.

    It first claims `owed_minor`, which a cancellation owes and no refund has claimed.
    """
    owed = min(amount.minor, max(0, owed_minor))
    components = _components(in_proportion(amount.minor - owed, left), note)
    if owed:
        components.append(Component(ComponentKind.GOODWILL, owed, note))
    return Breakdown(tuple(components))


def within_order(
    breakdown: Breakdown, left: Parts, *, kept_minor: int, live_minor: int
) -> Breakdown:
    """The breakdown as the order's money allows it.

    1. Parts of which less is left are cut down, by `parts.within`; the fee is cut with them.
    2. Money first takes back what is owed: only what was paid beyond it is refunded.

    `kept_minor`: payments less refunds. `live_minor`: the order's value before this refund.
    """
    value = breakdown.value
    parts = within(value.parts, left)
    components = list(breakdown.components)
    if parts != value.parts:
        fee_minor = min(value.fee_minor, parts.total_minor)
        components = _components(parts, "all that is left on the order")
        if fee_minor:
            components.append(Component(ComponentKind.RESTOCKING_FEE, -fee_minor))
    net_minor = sum(each.amount_minor for each in components)
    paid_minor = refundable_part(kept_minor, max(0, live_minor - net_minor), net_minor)
    if paid_minor < net_minor:
        components.append(Component(ComponentKind.UNPAID, paid_minor - net_minor, "was never paid"))
    return Breakdown(tuple(components), breakdown.shares)


def is_whole_order(units: Iterable[UnitsToRefund], lines: Iterable[LineAccount]) -> bool:
    """True if the last unit of the order is refunded with these units."""
    asked: dict[UUID, int] = {}
    for part in units:
        asked[part.order_line_id] = asked.get(part.order_line_id, 0) + part.quantity
    return all(line.units_so_far + asked.get(line.order_line_id, 0) >= line.units for line in lines)


def split(breakdown: Breakdown, amounts_minor: Sequence[int]) -> list[Breakdown]:
    """Split the breakdown into refunds of these amounts, which add up to at most its own.

    Negative components and the units' shares stay with the first refund, so that they count once.
    If the amounts add up to less than the whole, the rest is dropped: a cancellation's refund pays
    only what was paid for its units.
    """
    if sum(amounts_minor) > breakdown.amount_minor or any(each < 0 for each in amounts_minor):
        raise ValueError("the parts of a refund exceed the whole")
    kept = tuple(each for each in breakdown.components if each.amount_minor < 0)
    given = [each for each in breakdown.components if each.amount_minor >= 0]
    owed = -sum(each.amount_minor for each in kept)
    parts: list[Breakdown] = []
    for number, amount in enumerate(amounts_minor):
        taken, given = _take(given, amount + (owed if number == 0 else 0))
        first = number == 0
        parts.append(
            Breakdown((*taken, *(kept if first else ())), breakdown.shares if first else ())
        )
    return parts


def _share(account: LineAccount, part: UnitsToRefund) -> UnitShare:
    so_far = account.units_so_far - account.cancelled + part.quantity

    def due(total_minor: int, settled_minor: int) -> int:
        # Negative if a refund of more expensive units counts and one of cheaper units was rejected.
        return max(0, part_due(total_minor, so_far, account.units, settled_minor))

    net = due(account.net_minor, account.net_so_far_minor)
    tax = due(account.tax_minor, account.tax_so_far_minor)
    value = graded_value(account, part)
    return UnitShare(
        part.order_line_id,
        part.quantity,
        net,
        tax,
        value.net_kept(net),
        value.tax_kept(tax),
    )


def graded_value(account: LineAccount, part: UnitsToRefund) -> GradedValue:
    """The value of units of a line, from which deductions and fees are computed."""
    return GradedValue(
        account.net_minor, account.tax_minor, account.units, part.quantity, part.rate
    )


def _after(account: LineAccount, share: UnitShare) -> LineAccount:
    return replace(
        account,
        units_so_far=account.units_so_far + share.quantity,
        net_so_far_minor=account.net_so_far_minor + share.net_minor,
        tax_so_far_minor=account.tax_so_far_minor + share.tax_minor,
    )


def _goods(
    account: LineAccount, part: UnitsToRefund, share: UnitShare, currency: str
) -> Iterable[Component]:
    note = f"{part.quantity} × {account.sku}"
    if share.net_kept_minor or share.tax_kept_minor:
        gross = Money(share.net_minor, currency)
        note += f": {gross} less {_percent(part.rate)}"
        note += f" ({part.note})" if part.note else ""
    yield Component(ComponentKind.ITEMS, share.net_minor - share.net_kept_minor, note)
    tax = share.tax_minor - share.tax_kept_minor
    if tax:
        yield Component(ComponentKind.TAX, tax, f"of {part.quantity} × {account.sku}")


def shipping_components(shipping: ShippingAccount) -> Iterable[Component]:
    """The components of a refund that return this shipping and its tax."""
    if shipping.shipping_minor:
        yield Component(ComponentKind.SHIPPING, shipping.shipping_minor)
    if shipping.tax_minor:
        yield Component(ComponentKind.SHIPPING_TAX, shipping.tax_minor)


def _components(parts: Parts, note: str) -> list[Component]:
    kinds = (
        ComponentKind.ITEMS,
        ComponentKind.TAX,
        ComponentKind.SHIPPING,
        ComponentKind.SHIPPING_TAX,
    )
    found = zip(kinds, parts.minors, strict=True)
    return [Component(kind, minor, note) for kind, minor in found if minor]


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"


def _take(components: Sequence[Component], amount: int) -> tuple[list[Component], list[Component]]:
    """The first components that add up to `amount`, the last one cut, and the rest."""
    taken: list[Component] = []
    left: list[Component] = []
    for component in components:
        part = min(component.amount_minor, amount)
        amount -= part
        if part:
            taken.append(replace(component, amount_minor=part))
        if component.amount_minor > part:
            left.append(replace(component, amount_minor=component.amount_minor - part))
    return taken, left
