"""Receipt of a returned parcel: expected, wrong, extra, late and missing units.

The total of an order line's units never changes here. Units move from one group to another. If only
part of a group moves, that part becomes a new group and the rest keeps its id.
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
    """A group of units of a return in one state; `order_line_id` None: wrong or extra units."""

    id: UUID
    sku: str
    quantity: int
    state: ReturnItemState
    order_line_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ArrivedUnits:
    """Units found in the parcel; `item_id` is the group they belong to, if known."""

    sku: str
    quantity: int
    item_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """The contents of one parcel; `is_last`: no more units will come for this return."""

    contents: tuple[ArrivedUnits, ...]
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class ItemMove:
    """`quantity` units of a group move to state `to`; `is_split`: they become a new group."""

    item_id: UUID
    quantity: int
    to: ReturnItemState
    is_split: bool


class DiscrepancyKind(StrEnum):
    """A kind of difference between received and expected units."""

    WRONG = "WRONG"
    EXTRA = "EXTRA"
    LATE = "LATE"
    MISSING = "MISSING"
    UNANNOUNCED = "UNANNOUNCED"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One difference; `sku` and `quantity` are None if it is about the whole parcel."""

    kind: DiscrepancyKind
    description: str
    sku: str | None = None
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class UnexpectedUnits:
    """Units to be recorded as a new WRONG_ITEM group: not of this return, or more than expected."""

    sku: str
    quantity: int
    kind: DiscrepancyKind


@dataclass(frozen=True, slots=True)
class UnannouncedUnits:
    """Units beyond the request that their order line can still return: a new RECEIVED group."""

    order_line_id: UUID
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The effects of a parcel: moves in this order, new groups, and the return's new status."""

    status: ReturnStatus
    moves: tuple[ItemMove, ...]
    unexpected: tuple[UnexpectedUnits, ...]
    discrepancies: tuple[Discrepancy, ...]
    unannounced: tuple[UnannouncedUnits, ...] = ()


class TooFewUnits(IllegalTransition):
    """More units are to move on (to be inspected, to be disposed of) than the group has left."""

    def __init__(self, current: str, requested: str, quantity: int, left: int) -> None:
        super().__init__("return item", current, requested)
        self.quantity, self.left = quantity, left
        facts = {**self.details, "requested": quantity, "available": left}
        message = f"At most {left} {current} units can become {requested}; {quantity} were sent."
        DomainError.__init__(self, message, field=("quantity",), details=facts)


def move(item: ItemUnits, quantity: int, to: ReturnItemState) -> ItemMove:
    """Move `quantity` units of the group to state `to`; a partial move splits the group.

    Raises IllegalTransition if the state table has no such step, TooFewUnits (a subclass) if the
    group is smaller, Invalid if the quantity is below one.
    """
    if quantity < 1:
        raise Invalid(f"At least 1 unit is required; {quantity} was sent.", field=("quantity",))
    step("return item", ITEM_TRANSITIONS, item.state, to)
    if quantity > item.quantity:
        raise TooFewUnits(item.state, to, quantity, item.quantity)
    return ItemMove(item.id, quantity, to, quantity < item.quantity)


def receive(
    status: ReturnStatus,
    items: Sequence[ItemUnits],
    parcel: Parcel,
    room: Mapping[UUID, int],
    lines: Sequence[tuple[UUID, str]] = (),
) -> Receipt:
    """Match the contents of a parcel to a return's groups; every unit is accounted for.

    1. Units go to the group named by the client, then to EXPECTED, then to MISSING groups of their
       SKU.
    2. Units that count as returned only now (of a MISSING group or an expired return) are accepted
       only
    up to `room`: per order line, shipped units minus the units that count as returned now, over all
    returns.
    3. More units than were requested join the return as far as their order line can still return
       them. `lines`: (id, SKU) of the order lines whose units may join.
    4. The rest becomes new groups: EXTRA if the return has the SKU, else WRONG.
    5. EXPECTED units become MISSING with the last parcel, or if an expired return has no room for
       them.

    Raises IllegalTransition if this return cannot receive (more) units, NotFound for a group of
    another return, Invalid for an empty parcel.
    """
    check_action(status, ReturnAction.RECEIVE)
    _check_contents(status, parcel)
    match = _Match(status, items, room, lines)
    for position, arrived in enumerate(parcel.contents):
        match.put(position, arrived)
    is_complete = status in (ReturnStatus.RECEIVED, ReturnStatus.CLOSED)
    if is_complete and not match.received and not match.unannounced:
        # All expected units are here already: this parcel is received a second time.
        raise IllegalTransition("return", status, ReturnStatus.RECEIVED, RETURN_TRANSITIONS[status])
    return match.receipt(parcel)


def mark_missing(items: Iterable[ItemUnits]) -> tuple[ItemMove, ...]:
    """Moves that turn all EXPECTED units into MISSING."""
    return tuple(
        move(item, item.quantity, ReturnItemState.MISSING)
        for item in items
        if item.state is ReturnItemState.EXPECTED
    )


def _check_contents(status: ReturnStatus, parcel: Parcel) -> None:
    for position, arrived in enumerate(parcel.contents):
        if arrived.quantity < 1:
            field = ("items", str(position), "quantity")
            raise Invalid(f"At least 1 unit is required; {arrived.quantity} was sent.", field=field)
    nothing_more = parcel.is_last and status is ReturnStatus.PARTIALLY_RECEIVED
    if not parcel.contents and not nothing_more:
        raise Invalid("At least one item is required.", field=("items",))


class _Match:
    """Running state of matching one parcel."""

    def __init__(
        self,
        status: ReturnStatus,
        items: Sequence[ItemUnits],
        room: Mapping[UUID, int],
        lines: Sequence[tuple[UUID, str]],
    ) -> None:
        self.status, self.items, self.room, self.lines = status, items, dict(room), lines
        self.by_id = {item.id: item for item in items}
        self.left = {item.id: item.quantity for item in items}
        self.received: dict[UUID, int] = {}
        self.unexpected: dict[tuple[str, DiscrepancyKind], int] = {}
        self.unannounced: dict[UUID, UnannouncedUnits] = {}

    def put(self, position: int, arrived: ArrivedUnits) -> None:
        """Assign the arrived units to groups that wait for them; the rest is wrong or extra."""
        units = arrived.quantity
        for item in self._waiting_for(position, arrived):
            taken = min(units, self._acceptable(item))
            if taken:
                self._receive(item, taken)
                units -= taken
        units -= self._join(arrived.sku, units)
        if units:
            is_known = any(
                item.sku == arrived.sku and item.order_line_id is not None for item in self.items
            )
            kind = DiscrepancyKind.EXTRA if is_known else DiscrepancyKind.WRONG
            key = (arrived.sku, kind)
            self.unexpected[key] = self.unexpected.get(key, 0) + units

    def _join(self, sku: str, units: int) -> int:
        """Let units join the return from order lines with room; returns their number."""
        joined = 0
        for line_id, line_sku in self.lines:
            taken = min(units - joined, self.room.get(line_id, 0)) if line_sku == sku else 0
            if taken > 0:
                self.room[line_id] -= taken
                joined += taken
                before = self.unannounced.get(line_id)
                total = taken + (before.quantity if before else 0)
                self.unannounced[line_id] = UnannouncedUnits(line_id, sku, total)
        return joined

    def receipt(self, parcel: Parcel) -> Receipt:
        """The finished match, as moves of the groups and the resulting status."""
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
        unexpected = tuple(
            UnexpectedUnits(sku, quantity, kind)
            for (sku, kind), quantity in self.unexpected.items()
        )
        return Receipt(
            reached,
            tuple(moves),
            unexpected,
            self._discrepancies(unexpected, missing),
            tuple(self.unannounced.values()),
        )

    def _waiting_for(self, position: int, arrived: ArrivedUnits) -> list[ItemUnits]:
        """Groups of this SKU that can take units: the named one, then EXPECTED, then MISSING."""
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
        """Units that will not arrive, by group.

        These are all expected units after the last parcel, and units of an expired return without
        room: another return has claimed them since.
        """
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
        self, unexpected: Iterable[UnexpectedUnits], missing: Mapping[UUID, int]
    ) -> tuple[Discrepancy, ...]:
        found: list[Discrepancy] = []
        if self.status is ReturnStatus.EXPIRED:
            description = "The parcel arrived after the return had expired."
            found.append(Discrepancy(DiscrepancyKind.LATE, description))
        for units in self.unannounced.values():
            description = (
                f"{units.quantity} unannounced units of {units.sku} arrived and joined the return."
            )
            kind = DiscrepancyKind.UNANNOUNCED
            found.append(Discrepancy(kind, description, units.sku, units.quantity))
        for each in unexpected:
            description = (
                f"{each.quantity} units of {each.sku} arrived that are not part of this return."
                if each.kind is DiscrepancyKind.WRONG
                else f"{each.quantity} units of {each.sku} arrived in addition to those expected."
            )
            found.append(Discrepancy(each.kind, description, each.sku, each.quantity))
        for item_id, quantity in missing.items():
            sku = self.by_id[item_id].sku
            description = f"{quantity} units of {sku} did not arrive."
            found.append(Discrepancy(DiscrepancyKind.MISSING, description, sku, quantity))
        return tuple(found)
