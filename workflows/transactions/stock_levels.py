"""The stock levels that a transaction has locked, changed in memory and written together.

Every change of a column is one movement. The rows are locked, so the numbers in memory are exact
and a refusal is known before anything is written. CHECK constraints guard them once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import models.queries.stock.stock as stock_queries
from domain.errors import InsufficientStock, LimitExceeded
from domain.events.stock import StockChanged
from domain.stock.states import MovementKind, StockState, movement_kind
from models.database.locked_reads import LockedReads
from models.database.sql import Question, WriteStatement
from models.queries.stock.stock import LockedLevelRow
from models.stock import StockMovement
from workflows.transactions.digests import digest
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outbox import Outbox
from workflows.transactions.unit_of_work import Restore, UnitOfWork

Key = tuple[int, int]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")

# The units of a level, summed over its states, must fit the 32 bits of GraphQL's Int.
LEVEL_MAX = 2_000_000_000


@dataclass(slots=True)
class Level:
    """One locked stock row: its units by state, and their changes since it was written."""

    id: int
    item_id: int
    location_id: int
    sku: str
    location: str
    safety_stock: int
    version: int
    units: dict[StockState, int]
    deltas: dict[StockState, int] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """(item, location): the order in which rows are locked."""
        return (self.item_id, self.location_id)

    def event(self, cause: Cause) -> StockChanged:
        """The payload of `stock.changed` with the present numbers."""
        # `units` has every state, in the order of StockState.
        available, held, allocated, quality_control, *others = self.units.values()
        quarantine, refurbishing, damaged = others
        return StockChanged(
            sku=self.sku,
            location=self.location,
            cause=cause.kind,
            available=available,
            held=held,
            allocated=allocated,
            quality_control=quality_control,
            quarantine=quarantine,
            refurbishing=refurbishing,
            damaged=damaged,
            safety_stock=self.safety_stock,
        )

    @property
    def next_version(self) -> int:
        """The version that the row has once its changes are written."""
        return self.version + bool(self.deltas)

    @property
    def on_hand(self) -> int:
        """Units in any state."""
        return sum(self.units.values())

    @property
    def promisable(self) -> int:
        """Available units above safety stock; never negative."""
        return max(0, self.units[StockState.AVAILABLE] - self.safety_stock)

    def copy(self) -> Level:
        """A copy that changes independently."""
        return replace(self, units=dict(self.units), deltas=dict(self.deltas))

    @staticmethod
    def from_row(row: LockedLevelRow) -> Level:
        """A level as `queries.lock_levels` reads it."""
        return Level(
            id=row["id"],
            item_id=row["item_id"],
            location_id=row["location_id"],
            sku=row["sku"],
            location=row["location"],
            safety_stock=row["safety_stock"],
            version=row["version"],
            units={
                StockState.AVAILABLE: row["available"],
                StockState.HELD: row["held"],
                StockState.ALLOCATED: row["allocated"],
                StockState.QUALITY_CONTROL: row["quality_control"],
                StockState.QUARANTINE: row["quarantine"],
                StockState.REFURBISHING: row["refurbishing"],
                StockState.DAMAGED: row["damaged"],
            },
        )


@dataclass(frozen=True, slots=True)
class StockMove:
    """Units that go from a state to another; None is outside the stock. `value_minor` is at cost.

    `channel_id`: the channel of the hold, order or return that the units move for, if any.
    """

    item_id: int
    location_id: int
    from_state: StockState | None
    to_state: StockState | None
    quantity: int
    actor: str
    channel_id: int | None = None
    reference: str | None = None
    reason_id: int | None = None
    note: str | None = None
    occurred_at: datetime | None = None
    value_minor: int | None = None
    value_currency: str | None = None
    kind: MovementKind | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Kind and actor of the last movement of a level."""

    kind: MovementKind
    actor: str


class LockedStock:
    """Locked levels by (item, location)."""

    def __init__(self, unit: UnitOfWork, outbox: Outbox) -> None:
        self._unit = unit
        self._outbox = outbox
        self.levels: dict[Key, Level] = {}
        self._by_item: dict[int, list[Level]] = {}
        self._changed: dict[Key, Cause] = {}
        self._entered: set[int] = set()

    async def lock(self, item_ids: Iterable[int]) -> None:
        """Lock every level of these items, at all locations, in order.

        All of an item's rows together, because a buffer, a protection and a backorder limit their
        sum: two conditional updates at two locations would both pass.
        """
        wanted = sorted(set(item_ids) - self._by_item.keys())
        if not wanted:
            return
        self._unit.locking(LockClass.STOCK)
        self._by_item.update((item_id, []) for item_id in wanted)
        for row in await stock_queries.lock_levels(self._unit.session, wanted):
            self._keep(Level.from_row(row))

    async def try_lock(self, item_ids: Iterable[int]) -> None:
        """Lock as `lock` does, at any time: raises Contention where it would wait."""
        wanted = sorted(set(item_ids) - self._by_item.keys())
        if not wanted:
            return
        self._unit.trying(LockClass.STOCK)
        self._by_item.update((item_id, []) for item_id in wanted)
        for row in await stock_queries.try_lock_levels(self._unit.session, wanted):
            self._keep(Level.from_row(row))

    async def lock_supply(
        self,
        lock: Question[Sequence[LockedLevelRow]],
        reads: tuple[Question[A], Question[B], Question[C], Question[D], Question[E], Question[F]],
    ) -> tuple[A, B, C, D, E, F]:
        """Lock the levels that `lock` finds: all of each item. It must be the first lock on stock.

        Returns the results of the reads, which have one snapshot, taken after the lock.
        """
        self._unit.locking(LockClass.STOCK)
        guards = self._unit.take_guards()
        found, answers = await self._unit.session.lock_and_ask(LockedReads(guards, lock, reads))
        for row in found:
            self._keep(Level.from_row(row))
        return cast("tuple[A, B, C, D, E, F]", answers)

    async def open_levels(self, keys: Iterable[Key]) -> None:
        """Lock these levels, with all levels of their items; rows that do not exist are made."""
        pairs = sorted(set(keys) - self.levels.keys())
        if not pairs:
            return
        self._unit.locking(LockClass.STOCK)
        await stock_queries.ensure_levels(self._unit.session, pairs, self._unit.now)
        for row in await stock_queries.lock_levels(
            self._unit.session, sorted({item for item, _ in pairs})
        ):
            level = Level.from_row(row)
            # A level that is locked already may have changed in memory.
            if level.key not in self.levels:
                self._keep(level)

    def _keep(self, level: Level) -> None:
        self.levels[level.key] = level
        self._by_item.setdefault(level.item_id, []).append(level)

    @property
    def item_ids(self) -> Collection[int]:
        """Items of which levels are locked."""
        return self._by_item.keys()

    def of_item(self, item_id: int) -> Sequence[Level]:
        """The locked levels of an item."""
        return self._by_item.get(item_id, ())

    def level(self, item_id: int, location_id: int) -> Level | None:
        """A locked level, or None if the item was never at the location."""
        return self.levels.get((item_id, location_id))

    def move(self, change: StockMove) -> UUID:
        """Move units between states of a locked level and record the movement. Returns its id.

        Raises InsufficientStock if the state holds fewer units.
        """
        key = (change.item_id, change.location_id)
        level = self.levels[key]
        if change.from_state is not None:
            held = level.units[change.from_state]
            if held < change.quantity:
                raise InsufficientStock(level.sku, change.quantity, held)
            self._shift(level, change.from_state, -change.quantity)
        if change.from_state is None and level.on_hand + change.quantity > LEVEL_MAX:
            raise LimitExceeded("units", LEVEL_MAX - level.on_hand, change.quantity)
        if change.to_state is not None:
            self._shift(level, change.to_state, change.quantity)
            if change.to_state is StockState.AVAILABLE:
                self._entered.add(change.item_id)
        kind = change.kind or movement_kind(change.from_state, change.to_state)
        self._changed.pop(key, None)
        self._changed[key] = Cause(kind, change.actor)
        return self._record(change, kind)

    @staticmethod
    def _shift(level: Level, state: StockState, units: int) -> None:
        level.units[state] += units
        level.deltas[state] = level.deltas.get(state, 0) + units

    def _record(self, change: StockMove, kind: str) -> UUID:
        movement_id = self._unit.new_id()
        row: dict[str, Any] = {
            "id": movement_id,
            "kind": kind,
            "item_id": change.item_id,
            "location_id": change.location_id,
            "from_state": change.from_state,
            "to_state": change.to_state,
            "quantity": change.quantity,
            "reason_id": change.reason_id,
            "channel_id": change.channel_id,
            "reference": change.reference,
            "note": change.note,
            "actor": change.actor,
            "occurred_at": change.occurred_at or self._unit.now,
            "value_minor": change.value_minor,
            "value_currency": change.value_currency,
            "transaction_id": self._unit.id,
        }
        row["digest"] = digest(row)
        self._outbox.cover(row["digest"])
        self._unit.add(StockMovement, row)
        return movement_id

    def take_moves(self) -> WriteStatement:
        """The statement that writes the levels that moved, in lock order."""
        dirty = [self.levels[key] for key in sorted(self.levels) if self.levels[key].deltas]
        for level in dirty:
            level.version += 1
        write = stock_queries.moved(
            [(level.id, level.deltas, level.version) for level in dirty], self._unit.now
        )
        for level in dirty:
            level.deltas = {}
        return write

    def record_changes(self) -> None:
        """Record one `stock.changed` per level that moved, with its present numbers.

        The events are in the order of the last movements of the levels.
        """
        for key, cause in self._changed.items():
            level = self.levels[key]
            self._outbox.record(
                level.event(cause),
                level.id,
                actor=cause.actor,
                version=level.next_version,
                location_id=level.location_id,
            )

    @property
    def has_entered(self) -> bool:
        """True if units became AVAILABLE since the last call of `take_entered`."""
        return bool(self._entered)

    def take_entered(self) -> frozenset[int]:
        """Items with units that became AVAILABLE since the last call."""
        entered, self._entered = frozenset(self._entered), set()
        return entered

    def touch(self, level: Level, cause: Cause) -> None:
        """Mark a level as changed although no units moved (its safety stock changed)."""
        self._changed[level.key] = cause

    def snapshot(self) -> Restore:
        """Return a function that undoes, in memory, all locks and moves from now on."""
        levels = {key: level.copy() for key, level in self.levels.items()}
        item_ids = list(self._by_item)
        changed, entered = dict(self._changed), set(self._entered)

        def restore() -> None:
            self.levels = levels
            self._by_item = {item_id: [] for item_id in item_ids}
            for level in levels.values():
                self._by_item[level.item_id].append(level)
            self._changed, self._entered = changed, entered

        return restore
