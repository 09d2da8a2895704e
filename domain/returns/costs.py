"""Cost of returned units: that of the parcel in which they left, as far as it is known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.orders.fulfillments import FulfillmentStatus
from domain.stock.item_costs import EMPTY, CostPool
from domain.values.codes import comparison_key

Tracking = tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class SentUnits:
    """Units of an order line that left in one parcel; `tracking`: its carrier and number."""

    status: FulfillmentStatus
    tracking: Tracking
    quantity: int
    cost_minor: int


@dataclass(frozen=True, slots=True)
class ReceivedUnits:
    """Units of an order line that came back; `tracking`: of the parcel in which they came."""

    tracking: Tracking
    quantity: int
    cost_minor: int


def tracking(carrier: str | None, number: str | None) -> Tracking:
    """The carrier and the number of a parcel, as they are compared; None if either is not known."""
    if carrier is None or number is None:
        return None
    return comparison_key(carrier), comparison_key(number)


def pools(
    sent: Sequence[SentUnits], received: Sequence[ReceivedUnits], came_as: Tracking
) -> list[CostPool]:
    """Pools from which units of an order line come back, in this order, each without the others.

    1. The parcel that comes back undelivered, if the return has its tracking number (`came_as`).
    2. Delivered parcels, then those on their way. Undelivered parcels are left out.
    3. All other units: those of lost parcels.

    Together they have the cost that has not come back. The last units have all of it, even if units
    of several parcels came back before at their average.
    """
    undelivered = {each.tracking for each in received} & {each.tracking for each in sent}
    undelivered.discard(None)
    own = [] if came_as is None else [each for each in sent if each.tracking == came_as]
    found = [_pool(own, [each for each in received if each.tracking == came_as])]
    others = [each for each in sent if each.tracking not in undelivered and each not in own]
    before = [each for each in received if each.tracking not in undelivered]
    delivered = [each for each in others if each.status is FulfillmentStatus.DELIVERED]
    kept = [each for each in others if each.status is not FulfillmentStatus.LOST]
    so_far = EMPTY
    for parcels, back in ((delivered, before), (kept, before)):
        pool = _pool(parcels, back)
        found.append(_beyond(pool, so_far))
        so_far = pool
    return _within(_pool(sent, received), found)


def issue(available: Sequence[CostPool], units: int) -> tuple[list[CostPool], int]:
    """The pools after `units` were taken from the first that have some, and their cost.

    Raises ValueError if all pools together have fewer units.
    """
    left: list[CostPool] = []
    cost_minor = 0
    for each in available:
        taken = min(units, each.quantity)
        pool, part = each.issue(taken)
        left.append(pool)
        cost_minor, units = cost_minor + part, units - taken
    if units:
        raise ValueError(f"{units} units came back that never left")
    return left, cost_minor


def _within(left: CostPool, wanted: Iterable[CostPool]) -> list[CostPool]:
    """The wanted pools, as far as `left` has units and cost for them, and the rest of `left`."""
    found = []
    for each in wanted:
        pool = left
        if each.quantity < left.quantity:
            pool = CostPool(each.quantity, min(each.value_minor, left.value_minor))
        found.append(pool if each.quantity else EMPTY)
        left = _beyond(left, found[-1])
    return [*found, left]


def _pool(sent: Iterable[SentUnits], received: Iterable[ReceivedUnits]) -> CostPool:
    """Units that left and did not come back; they cost nothing if all their cost came back."""
    quantity = minor = 0
    for each in sent:
        quantity, minor = quantity + each.quantity, minor + each.cost_minor
    for back in received:
        quantity, minor = quantity - back.quantity, minor - back.cost_minor
    return CostPool(quantity, max(0, minor)) if quantity > 0 else EMPTY


def _beyond(pool: CostPool, taken: CostPool) -> CostPool:
    """The part of a pool that is not in another pool."""
    quantity = pool.quantity - taken.quantity
    value_minor = max(0, pool.value_minor - taken.value_minor)
    return CostPool(quantity, value_minor) if quantity > 0 else EMPTY
