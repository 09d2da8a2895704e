"""Returns: their states, what may be done in which, how many units, and until when.

A return is a promise to take units back (an RMA); its items are groups of units in one state.
What comes in a parcel is `domain.receipts`, what a person finds is `domain.inspections`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from domain.errors import IllegalTransition, Invalid, NotFound, OverReturn


class ReturnStatus(StrEnum):
    """Where a return as a whole stands."""

    REQUESTED = "REQUESTED"
    AUTHORIZED = "AUTHORIZED"
    DECLINED = "DECLINED"
    IN_TRANSIT = "IN_TRANSIT"
    PARTIALLY_RECEIVED = "PARTIALLY_RECEIVED"
    RECEIVED = "RECEIVED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class ReturnItemState(StrEnum):
    """Where one group of units stands; WRONG_ITEM is how an extra or foreign unit begins."""

    EXPECTED = "EXPECTED"
    RECEIVED = "RECEIVED"
    MISSING = "MISSING"
    WRONG_ITEM = "WRONG_ITEM"
    INSPECTED = "INSPECTED"
    DISPOSED = "DISPOSED"


_S, _I = ReturnStatus, ReturnItemState

RETURN_TRANSITIONS: Final[Mapping[ReturnStatus, frozenset[ReturnStatus]]] = MappingProxyType(
    {
        _S.REQUESTED: frozenset({_S.AUTHORIZED, _S.DECLINED, _S.CANCELLED}),
        _S.DECLINED: frozenset({_S.AUTHORIZED}),
        _S.AUTHORIZED: frozenset(
            {_S.IN_TRANSIT, _S.PARTIALLY_RECEIVED, _S.RECEIVED, _S.CANCELLED, _S.EXPIRED}
        ),
        _S.IN_TRANSIT: frozenset({_S.PARTIALLY_RECEIVED, _S.RECEIVED, _S.CANCELLED, _S.EXPIRED}),
        _S.PARTIALLY_RECEIVED: frozenset({_S.RECEIVED}),
        _S.EXPIRED: frozenset({_S.PARTIALLY_RECEIVED, _S.RECEIVED}),
        _S.RECEIVED: frozenset({_S.CLOSED}),
        _S.CLOSED: frozenset(),
        _S.CANCELLED: frozenset(),
    }
)

ITEM_TRANSITIONS: Final[Mapping[ReturnItemState, frozenset[ReturnItemState]]] = MappingProxyType(
    {
        _I.EXPECTED: frozenset({_I.RECEIVED, _I.MISSING}),
        _I.MISSING: frozenset({_I.RECEIVED}),
        _I.RECEIVED: frozenset({_I.INSPECTED}),
        _I.WRONG_ITEM: frozenset({_I.INSPECTED}),
        _I.INSPECTED: frozenset({_I.DISPOSED}),
        _I.DISPOSED: frozenset(),
    }
)


class ReturnAction(StrEnum):
    """What somebody (or a job) does to a return as a whole."""

    AUTHORIZE = "AUTHORIZE"
    DECLINE = "DECLINE"
    CANCEL = "CANCEL"
    SET_TRACKING = "SET_TRACKING"
    RECEIVE = "RECEIVE"
    QUARANTINE = "QUARANTINE"
    INSPECT = "INSPECT"
    DISPOSE = "DISPOSE"
    EXPIRE = "EXPIRE"
    CLOSE = "CLOSE"


_A = ReturnAction

# RECEIVE on RECEIVED is for units that were MISSING; `domain.receipts` refuses anything else there.
# A parcel of a declined or cancelled return is not received, it is kept apart: QUARANTINE.
RETURN_ACTIONS: Final[Mapping[ReturnAction, frozenset[ReturnStatus]]] = MappingProxyType(
    {
        _A.AUTHORIZE: frozenset({_S.REQUESTED, _S.DECLINED}),
        _A.DECLINE: frozenset({_S.REQUESTED}),
        _A.CANCEL: frozenset({_S.REQUESTED, _S.AUTHORIZED, _S.IN_TRANSIT}),
        _A.SET_TRACKING: frozenset(
            {_S.REQUESTED, _S.AUTHORIZED, _S.IN_TRANSIT, _S.PARTIALLY_RECEIVED}
        ),
        _A.RECEIVE: frozenset(
            {_S.AUTHORIZED, _S.IN_TRANSIT, _S.PARTIALLY_RECEIVED, _S.EXPIRED, _S.RECEIVED}
        ),
        _A.QUARANTINE: frozenset({_S.DECLINED, _S.CANCELLED}),
        _A.INSPECT: frozenset({_S.PARTIALLY_RECEIVED, _S.RECEIVED}),
        _A.DISPOSE: frozenset({_S.PARTIALLY_RECEIVED, _S.RECEIVED}),
        _A.EXPIRE: frozenset({_S.AUTHORIZED, _S.IN_TRANSIT}),
        _A.CLOSE: frozenset({_S.RECEIVED}),
    }
)

_WOULD_BECOME: Final[Mapping[ReturnAction, str]] = MappingProxyType(
    {
        _A.AUTHORIZE: _S.AUTHORIZED,
        _A.DECLINE: _S.DECLINED,
        _A.CANCEL: _S.CANCELLED,
        _A.RECEIVE: _S.RECEIVED,
        _A.QUARANTINE: "QUARANTINE",
        _A.INSPECT: _I.INSPECTED,
        _A.DISPOSE: _I.DISPOSED,
        _A.EXPIRE: _S.EXPIRED,
        _A.CLOSE: _S.CLOSED,
        _A.SET_TRACKING: "SET_TRACKING",
    }
)

# Units of these returns are free to be asked for again (4.2).
FORGOTTEN: Final = frozenset({_S.DECLINED, _S.CANCELLED, _S.EXPIRED})

# What has not come so long after `expectedBy` is not coming (4.3).
MISSING_AFTER: Final = timedelta(days=14)

# How long after its authorization a return is expected, where nobody named a date.
EXPECTED_WITHIN: Final = timedelta(days=14)


def check_action(status: ReturnStatus, action: ReturnAction) -> None:
    """Raise IllegalTransition, with the states `status` leads to, unless `action` fits it."""
    if status not in RETURN_ACTIONS[action]:
        raise IllegalTransition("return", status, _WOULD_BECOME[action], RETURN_TRANSITIONS[status])


@dataclass(frozen=True, slots=True)
class LineClaim:
    """Units of one order line in some return: they count or not by both its states."""

    status: ReturnStatus
    state: ReturnItemState
    quantity: int


def counts_as_returned(status: ReturnStatus, state: ReturnItemState) -> bool:
    """Whether units in this state of such a return take up units of their order line."""
    return status not in FORGOTTEN and state is not ReturnItemState.MISSING


def claimed_units(claims: Iterable[LineClaim]) -> int:
    """How many units of an order line its returns take up, all of them together."""
    return sum(each.quantity for each in claims if counts_as_returned(each.status, each.state))


@dataclass(frozen=True, slots=True)
class ReturnableLine:
    """An order line: units `shipped` (out or delivered, not lost) and `claimed` by returns."""

    id: UUID
    sku: str
    shipped: int
    claimed: int

    @property
    def returnable(self) -> int:
        """Units that may still be asked for; never negative."""
        return max(0, self.shipped - self.claimed)


@dataclass(frozen=True, slots=True)
class AskedItem:
    """What a request names: an order line by id, or a SKU to be found among the lines."""

    quantity: int
    order_line_id: UUID | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class LineMatch:
    """`quantity` units of the asked item at `position` are units of this order line."""

    position: int
    order_line_id: UUID
    quantity: int


def match_lines(asked: Sequence[AskedItem], lines: Sequence[ReturnableLine]) -> list[LineMatch]:
    """Give each asked unit an order line: named lines first, then SKUs in line order.

    One asked item may be spread over several lines. The result is in the order of `asked`.
    Raises Invalid, NotFound or OverReturn with the item's path; nothing is given then.
    """
    left = {line.id: line.returnable for line in lines}
    by_id = {line.id: line for line in lines}
    matches: list[LineMatch] = []
    # A SKU must not take the units of a line that another item names.
    order = sorted(range(len(asked)), key=lambda at: asked[at].order_line_id is None)
    for position in order:
        item = asked[position]
        field = ("items", str(position))
        if item.quantity < 1:
            raise Invalid("A return needs at least one unit.", field=(*field, "quantity"))
        candidates = _candidates(item, lines, by_id, field)
        returnable = sum(left[line.id] for line in candidates)
        if item.quantity > returnable:
            raise OverReturn(
                candidates[0].sku, item.quantity, returnable, field=(*field, "quantity")
            )
        matches += _take(position, item.quantity, candidates, left)
    return sorted(matches, key=lambda match: match.position)


def check_room(wanted: Mapping[UUID, int], lines: Iterable[ReturnableLine]) -> None:
    """Raise OverReturn when units that did not count until now no longer fit their lines.

    A declined return that is authorized after all takes its units up again, and another return
    may have asked for them meanwhile.
    """
    for line in lines:
        if wanted.get(line.id, 0) > line.returnable:
            raise OverReturn(line.sku, wanted[line.id], line.returnable)


def overdue_status(
    status: ReturnStatus, expected_by: datetime | None, now: datetime
) -> ReturnStatus | None:
    """What waiting too long makes of a return: EXPIRED, RECEIVED (the rest is MISSING), or None."""
    if expected_by is None or now < expected_by + MISSING_AFTER:
        return None
    if status in RETURN_ACTIONS[ReturnAction.EXPIRE]:
        return ReturnStatus.EXPIRED
    if status is ReturnStatus.PARTIALLY_RECEIVED:
        return ReturnStatus.RECEIVED
    return None


def may_close(
    status: ReturnStatus, states: Iterable[ReturnItemState], refunds_settled: Iterable[bool]
) -> bool:
    """Whether the return is over: each unit DISPOSED or MISSING, and each refund settled."""
    over = (ReturnItemState.DISPOSED, ReturnItemState.MISSING)
    return (
        status is ReturnStatus.RECEIVED
        and all(state in over for state in states)
        and all(refunds_settled)
    )


def _candidates(
    item: AskedItem,
    lines: Sequence[ReturnableLine],
    by_id: Mapping[UUID, ReturnableLine],
    field: tuple[str, ...],
) -> list[ReturnableLine]:
    if item.order_line_id is not None:
        line = by_id.get(item.order_line_id)
        if line is None:
            reference = str(item.order_line_id)
            raise NotFound("order line", reference, field=(*field, "orderLineId"))
        if item.sku is not None and item.sku != line.sku:
            raise Invalid(
                f"The order line is of {line.sku}, not of {item.sku}.", field=(*field, "sku")
            )
        return [line]
    if item.sku is None:
        raise Invalid("Name an order line or a SKU.", field=field)
    found = [line for line in lines if line.sku == item.sku]
    if not found:
        raise NotFound("order line", item.sku, field=(*field, "sku"))
    return found


def _take(
    position: int, quantity: int, lines: Iterable[ReturnableLine], left: dict[UUID, int]
) -> Iterable[LineMatch]:
    for line in lines:
        units = min(quantity, left[line.id])
        if units:
            left[line.id] -= units
            quantity -= units
            yield LineMatch(position, line.id, units)
