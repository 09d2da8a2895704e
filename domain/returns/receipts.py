"""What a returned parcel means: which units came, which are wrong, extra, late or missing.

The sum of an order line's units never changes here: units move from group to group, and when only
part of a group moves on, that part becomes a new group and the rest keeps its id (4.3).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.errors import DomainError, IllegalTransition, Invalid, NotFound
from domain.returns.states import (
    ITEM_TRANSITIONS,
    RETURN_TRANSITIONS,
    ReturnAction,
    ReturnItemState,
    ReturnStatus,
    check_action,
)
from domain.transitions import step


@dataclass(frozen=True, slots=True)
class ItemUnits:
    """A group of units of a return as it stands; `order_line_id` None: wrong or extra units."""

    id: UUID
    sku: str
    quantity: int
    state: ReturnItemState
    order_line_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ArrivedUnits:
    """Units that lay in the parcel; `item_id` names the group they are for, where known."""

    sku: str
    quantity: int
    item_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one parcel held; `is_last`: nothing more is coming for this return."""

    contents: tuple[ArrivedUnits, ...]
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class ItemMove:
    """`quantity` units of a group go to state `to`; `is_split`: they become a new group."""

    item_id: UUID
    quantity: int
    to: ReturnItemState
    is_split: bool


class DiscrepancyKind(StrEnum):
    """How what came differs from what was expected."""

    WRONG = "WRONG"
    EXTRA = "EXTRA"
    LATE = "LATE"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One difference, in words; `sku` and `quantity` are None where it is of the whole parcel."""

    kind: DiscrepancyKind
    words: str
    sku: str | None = None
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class StrangeUnits:
    """Units to be recorded as a new WRONG_ITEM group: foreign ones, or more than expected."""

    sku: str
    quantity: int
    kind: DiscrepancyKind


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a parcel does: moves of groups in this order, new groups, and the return's status."""

    status: ReturnStatus
    moves: tuple[ItemMove, ...]
    strangers: tuple[StrangeUnits, ...]
    discrepancies: tuple[Discrepancy, ...]


class TooFewUnits(IllegalTransition):
    """More units should move on (be inspected, be disposed of) than the group has left."""

    def __init__(self, current: str, requested: str, quantity: int, left: int) -> None:
        super().__init__("return item", current, requested)
        self.quantity, self.left = quantity, left
        facts = {**self.details, "requested": quantity, "available": left}
        message = f"{quantity} units were to become {requested} and {left} are {current}."
        DomainError.__init__(self, message, field=("quantity",), details=facts)


def move(item: ItemUnits, quantity: int, to: ReturnItemState) -> ItemMove:
    """`quantity` units of the group go on to `to`; splits the group when some stay behind.

    Raises IllegalTransition when the state table has no such step, TooFewUnits (one too) when the
    group is smaller, Invalid for a quantity below one.
    """
    if quantity < 1:
        raise Invalid("At least one unit must be named.", field=("quantity",))
    step("return item", ITEM_TRANSITIONS, item.state, to)
    if quantity > item.quantity:
        raise TooFewUnits(item.state, to, quantity, item.quantity)
    return ItemMove(item.id, quantity, to, quantity < item.quantity)


def receive(
    status: ReturnStatus,
    items: Sequence[ItemUnits],
    parcel: Parcel,
    room: Mapping[UUID, int],
) -> Receipt:
    """Match a parcel to a return's groups; nothing that came is left out.

    `room`: per order line, its shipped units less the units that count as returned at this moment,
    over all returns. Units that do not count yet (MISSING, or of an expired return) come in only
    as far as there is room; what comes beyond is extra (4.2).
    Raises IllegalTransition where this return receives nothing (more), NotFound for a group of
    another return, Invalid for an empty parcel.
    """
    check_action(status, ReturnAction.RECEIVE)
    _check_contents(status, parcel)
    match = _Match(status, items, room)
    for position, arrived in enumerate(parcel.contents):
        match.put(position, arrived)
    if status is ReturnStatus.RECEIVED and not match.received:
        # All that was expected is here: this is another receipt of the same parcel.
        raise IllegalTransition("return", status, ReturnStatus.RECEIVED, RETURN_TRANSITIONS[status])
    return match.receipt(parcel)


def give_up(items: Iterable[ItemUnits]) -> tuple[ItemMove, ...]:
    """Everything that is still EXPECTED becomes MISSING."""
    return tuple(
        move(item, item.quantity, ReturnItemState.MISSING)
        for item in items
        if item.state is ReturnItemState.EXPECTED
    )


def _check_contents(status: ReturnStatus, parcel: Parcel) -> None:
    for position, arrived in enumerate(parcel.contents):
        if arrived.quantity < 1:
            field = ("items", str(position), "quantity")
            raise Invalid("A receipt needs at least one unit.", field=field)
    nothing_more = parcel.is_last and status is ReturnStatus.PARTIALLY_RECEIVED
    if not parcel.contents and not nothing_more:
        raise Invalid("Nothing came: there is nothing to receive.", field=("items",))


class _Match:
    """The running state of one parcel being matched."""

    def __init__(
        self, status: ReturnStatus, items: Sequence[ItemUnits], room: Mapping[UUID, int]
    ) -> None:
        self.status, self.items, self.room = status, items, dict(room)
        self.by_id = {item.id: item for item in items}
        self.left = {item.id: item.quantity for item in items}
        self.received: dict[UUID, int] = {}
        self.strangers: dict[tuple[str, DiscrepancyKind], int] = {}

    def put(self, position: int, arrived: ArrivedUnits) -> None:
        """Give the arrived units to groups that wait for them; the rest is wrong or extra."""
        units = arrived.quantity
        for item in self._waiting_for(position, arrived):
            taken = min(units, self._acceptable(item))
            if taken:
                self._receive(item, taken)
                units -= taken
        if units:
            is_known = any(
                item.sku == arrived.sku and item.order_line_id is not None for item in self.items
            )
            kind = DiscrepancyKind.EXTRA if is_known else DiscrepancyKind.WRONG
            key = (arrived.sku, kind)
            self.strangers[key] = self.strangers.get(key, 0) + units

    def receipt(self, parcel: Parcel) -> Receipt:
        """The finished match, as moves of the groups and the status that follows."""
        missing = self._missing(parcel)
        moves: list[ItemMove] = []
        for item in self.items:
            left = item.quantity
            steps = (
                (ReturnItemState.RECEIVED, self.received.get(item.id, 0)),
                (ReturnItemState.MISSING, missing.get(item.id, 0)),
            )
            for to, quantity in steps:
                if quantity:
                    part = ItemUnits(item.id, item.sku, left, item.state, item.order_line_id)
                    moves.append(move(part, quantity, to))
                    left -= quantity
        expected = sum(
            self.left[item.id] - missing.get(item.id, 0)
            for item in self.items
            if item.state is ReturnItemState.EXPECTED
        )
        reached = ReturnStatus.PARTIALLY_RECEIVED if expected else ReturnStatus.RECEIVED
        if reached is not self.status:
            step("return", RETURN_TRANSITIONS, self.status, reached)
        strangers = tuple(
            StrangeUnits(sku, quantity, kind) for (sku, kind), quantity in self.strangers.items()
        )
        return Receipt(reached, tuple(moves), strangers, self._discrepancies(strangers, missing))

    def _waiting_for(self, position: int, arrived: ArrivedUnits) -> list[ItemUnits]:
        """Groups of this SKU that may take units: the named one, expected ones, missing ones."""
        waiting = [
            item
            for state in (ReturnItemState.EXPECTED, ReturnItemState.MISSING)
            for item in self.items
            if item.state is state and item.sku == arrived.sku
        ]
        if arrived.item_id is None:
            return waiting
        named = self.by_id.get(arrived.item_id)
        field = ("items", str(position), "returnItemId")
        if named is None:
            raise NotFound("return item", str(arrived.item_id), field=field)
        step("return item", ITEM_TRANSITIONS, named.state, ReturnItemState.RECEIVED, field=field)
        if named.sku != arrived.sku:
            return []
        return [named, *(item for item in waiting if item is not named)]

    def _needs_room(self, item: ItemUnits) -> bool:
        return (
            item.state is ReturnItemState.MISSING or self.status is ReturnStatus.EXPIRED
        ) and item.order_line_id is not None

    def _acceptable(self, item: ItemUnits) -> int:
        left = self.left[item.id]
        if not self._needs_room(item) or item.order_line_id is None:
            return left
        return max(0, min(left, self.room.get(item.order_line_id, 0)))

    def _receive(self, item: ItemUnits, units: int) -> None:
        self.left[item.id] -= units
        self.received[item.id] = self.received.get(item.id, 0) + units
        if self._needs_room(item) and item.order_line_id is not None:
            self.room[item.order_line_id] -= units

    def _missing(self, parcel: Parcel) -> dict[UUID, int]:
        """Units that will not come: all expected ones of a last parcel, and late ones without
        room, because another return has claimed them since this one expired."""
        missing: dict[UUID, int] = {}
        for item in self.items:
            left = self.left[item.id]
            if item.state is not ReturnItemState.EXPECTED or not left:
                continue
            kept = 0 if parcel.is_last else self._acceptable(item)
            if self._needs_room(item) and item.order_line_id is not None:
                self.room[item.order_line_id] -= kept
            if left > kept:
                missing[item.id] = left - kept
        return missing

    def _discrepancies(
        self, strangers: Iterable[StrangeUnits], missing: Mapping[UUID, int]
    ) -> tuple[Discrepancy, ...]:
        found: list[Discrepancy] = []
        if self.status is ReturnStatus.EXPIRED:
            words = "The parcel came after the return had expired."
            found.append(Discrepancy(DiscrepancyKind.LATE, words))
        for each in strangers:
            told = (
                f"{each.quantity} units of {each.sku} came that this return does not expect."
                if each.kind is DiscrepancyKind.WRONG
                else f"{each.quantity} units of {each.sku} came beyond those expected."
            )
            found.append(Discrepancy(each.kind, told, each.sku, each.quantity))
        for item_id, quantity in missing.items():
            sku = self.by_id[item_id].sku
            told = f"{quantity} units of {sku} did not come."
            found.append(Discrepancy(DiscrepancyKind.MISSING, told, sku, quantity))
        return tuple(found)
