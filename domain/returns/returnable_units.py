"""Returnable units of an order: how many its returns may claim, and on which lines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.errors import Invalid, NotFound, OverReturn
from domain.policies.dispositions import Disposition
from domain.problems import Problems
from domain.returns.states import ReturnItemState, ReturnStatus
from domain.values.codes import same_code

# Units of these returns may be requested again.
FORGOTTEN: Final = frozenset({ReturnStatus.DECLINED, ReturnStatus.CANCELLED, ReturnStatus.EXPIRED})


@dataclass(frozen=True, slots=True)
class LineClaim:
    """Units of one order line in a return; both states decide whether they count."""

    status: ReturnStatus
    state: ReturnItemState
    quantity: int
    disposition: Disposition | None = None


def counts_as_returned(
    status: ReturnStatus, state: ReturnItemState, disposition: Disposition | None = None
) -> bool:
    """True if units in this state of such a return are claimed from their order line.

    Units of a declined or cancelled return that came and were disposed of count, unless they went
    back to the customer.
    """
    if status in FORGOTTEN:
        return disposition in (Disposition.SCRAP, Disposition.LIQUIDATE)
    return state is not ReturnItemState.MISSING


def claimed_units(claims: Iterable[LineClaim]) -> int:
    """Units of an order line that all its returns claim together."""
    return sum(
        each.quantity
        for each in claims
        if counts_as_returned(each.status, each.state, each.disposition)
    )


@dataclass(frozen=True, slots=True)
class ReturnableLine:
    """An order line: units `shipped` (or delivered, not lost) and `claimed` by returns."""

    id: UUID
    sku: str
    shipped: int
    claimed: int

    @property
    def returnable(self) -> int:
        """Units that may still be requested; never negative."""
        return max(0, self.shipped - self.claimed)


@dataclass(frozen=True, slots=True)
class LineRequest:
    """One item of a request: an order line by id, or a SKU to be matched to the lines."""

    quantity: int
    order_line_id: UUID | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class LineMatch:
    """`quantity` units of the requested item at `position` are units of this order line."""

    position: int
    order_line_id: UUID
    quantity: int


def match_lines(asked: Sequence[LineRequest], lines: Sequence[ReturnableLine]) -> list[LineMatch]:
    """Assign each requested unit to an order line: items with a line id first, then SKUs.

    A SKU takes units from its lines in line order; one item may spread over several lines. The
    result is in the order of `asked`. Raises Invalid, NotFound or OverReturn for each item, with
    its path.
    """
    left = {line.id: line.returnable for line in lines}
    by_id = {line.id: line for line in lines}
    matches: list[LineMatch] = []
    problems = Problems()
    # A SKU must not take the units of a line that another item names.
    order = sorted(range(len(asked)), key=lambda at: asked[at].order_line_id is None)
    for position in order:
        item = asked[position]
        with problems.under("items", str(position)):
            if item.quantity < 1:
                raise Invalid("A return needs at least one unit.", field=("quantity",))
            candidates = _candidates(item, lines, by_id)
            returnable = sum(left[line.id] for line in candidates)
            if item.quantity > returnable:
                raise OverReturn(candidates[0].sku, item.quantity, returnable, field=("quantity",))
            matches += _take(position, item.quantity, candidates, left)
    problems.refuse()
    return sorted(matches, key=lambda match: match.position)


def check_room(wanted: Mapping[UUID, int], lines: Iterable[ReturnableLine]) -> None:
    """Raise OverReturn if units that start to count now exceed what their lines have left.

    This happens when a declined return is authorized after all: another return may have claimed the
    same units since.
    """
    for line in lines:
        if wanted.get(line.id, 0) > line.returnable:
            raise OverReturn(line.sku, wanted[line.id], line.returnable)


def _candidates(
    item: LineRequest, lines: Sequence[ReturnableLine], by_id: Mapping[UUID, ReturnableLine]
) -> list[ReturnableLine]:
    if item.order_line_id is not None:
        line = by_id.get(item.order_line_id)
        if line is None:
            reference = str(item.order_line_id)
            raise NotFound("order line", reference, field=("orderLineId",))
        if item.sku is not None and not same_code(item.sku, line.sku):
            raise Invalid(
                f"The order line's SKU is {line.sku}; {item.sku} was sent.", field=("sku",)
            )
        return [line]
    if item.sku is None:
        raise Invalid("`orderLineId` or `sku` is required.", field=())
    found = [line for line in lines if same_code(line.sku, item.sku)]
    if not found:
        raise NotFound("order line", item.sku, field=("sku",))
    return found


def _take(
    position: int, quantity: int, lines: Iterable[ReturnableLine], left: dict[UUID, int]
) -> Iterator[LineMatch]:
    for line in lines:
        units = min(quantity, left[line.id])
        if units:
            left[line.id] -= units
            quantity -= units
            yield LineMatch(position, line.id, units)
