"""The stock levels that a transaction has locked, changed in memory and written together.

Every change of a column is one movement. The rows are locked, so the numbers in memory are exact
and a refusal is known before anything is written. CHECK constraints guard them once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

import models.queries.stock.stock as stock_queries
from domain.errors import InsufficientStock, LimitExceeded
from domain.stock.states import MovementKind, StockState, movement_kind
from models.database.locked_reads import LockedReads
from models.database.sql import Question, WriteStatement
from models.queries.stock.bins import BinFacts
from models.queries.stock.stock import LockedLevelRow
from models.stock import MissingChange, StockMovement
from workflows.transactions.digests import digest
from workflows.transactions.levels import Cause as Cause
from workflows.transactions.levels import Key as Key
from workflows.transactions.levels import Level as Level
from workflows.transactions.levels import Reshelved
from workflows.transactions.levels import StockMove as StockMove
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outbox import Outbox
from workflows.transactions.shelves import Shelves
from workflows.transactions.unit_of_work import Restore, UnitOfWork

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")

# The units of a level, summed over its states, must fit the 32 bits of GraphQL's Int.
LEVEL_MAX = 2_000_000_000


class LockedStock:
    """Locked levels by (item, location)."""

    def __init__(self, unit: UnitOfWork, outbox: Outbox) -> None:
        self._unit = unit
        self._outbox = outbox
        self.levels: dict[Key, Level] = {}
        self._by_item: dict[int, list[Level]] = {}
        self._changed: dict[Key, Cause] = {}
        self._entered: set[int] = set()
        self._shelves = Shelves(unit, outbox)

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
        reads: tuple[
            Question[A],
            Question[B],
            Question[C],
            Question[D],
            Question[E],
            Question[F],
            Question[G],
        ],
    ) -> tuple[A, B, C, D, E, F, G]:
        """Lock the levels that `lock` finds: all of each item. It must be the first lock on stock.

        Returns the results of the reads, which have one snapshot, taken after the lock.
        """
        self._unit.locking(LockClass.STOCK)
        guards = self._unit.take_guards()
        found, answers = await self._unit.session.lock_and_ask(LockedReads(guards, lock, reads))
        for row in found:
            self._keep(Level.from_row(row))
        return cast("tuple[A, B, C, D, E, F, G]", answers)

    async def open_levels(self, keys: Iterable[Key], *, beside: Iterable[int] = ()) -> None:
        """Lock these levels, with all levels of their items; rows that do not exist are made.

        `beside`: items whose levels are locked too, of which none is made.
        """
        pairs = sorted(set(keys) - self.levels.keys())
        wanted = {item for item, _ in pairs} | (set(beside) - self._by_item.keys())
        if not wanted:
            return
        self._unit.locking(LockClass.STOCK)
        if pairs:
            await stock_queries.ensure_levels(self._unit.session, pairs, self._unit.now)
        for row in await stock_queries.lock_levels(self._unit.session, sorted(wanted)):
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
        missing = level.missing
        self._shelves.follow(level, change)
        kind = change.kind or movement_kind(change.from_state, change.to_state)
        self._changed.pop(key, None)
        self._changed[key] = Cause(kind, change.actor)
        movement_id = self._record(change, kind)
        if level.missing != missing:
            units = level.missing - missing
            row = {"level_id": level.id, "movement_id": movement_id, "units": units}
            self._unit.add(MissingChange, row)
        return movement_id

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

    def take_moves(self) -> list[WriteStatement]:
        """The statements that write the levels that changed, in lock order, and their bins."""
        dirty = [self.levels[key] for key in sorted(self.levels) if self.levels[key].is_changed]
        for level in dirty:
            level.version += 1
        changes = [(level.id, level.deltas, level.version) for level in dirty]
        if any(level.has_changed_parts for level in dirty):
            parts = [
                (
                    level.picked,
                    level.missing,
                    level.binned,
                    level.incoming,
                    level.shelf_changes,
                )
                for level in dirty
            ]
            write = stock_queries.moved_with_parts(changes, parts, self._unit.now)
        else:
            write = stock_queries.moved(changes, self._unit.now)
        for level in dirty:
            level.deltas = {}
            level.has_changed_parts = False
        return [write, *self._shelves.take_changes()]

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

    def take_entered(self) -> frozenset[int]:
        """Items with units that became AVAILABLE since the last call."""
        entered, self._entered = frozenset(self._entered), set()
        return entered

    async def read_bins(self, levels: Iterable[Level]) -> None:
        """Read the bins of locked levels, which a named bin and `put_away` need."""
        await self._shelves.read(levels)

    def put_away(
        self, level: Level, units: int, into: BinFacts, actor: str, source: BinFacts | None = None
    ) -> None:
        """Put units of a level into a bin: unbinned ones, or those of another bin.

        The bins must be read. Raises InsufficientStock if fewer units are there.
        """
        self._shelves.put_away(level, units, into, actor, source)
        self.touch(level, Cause(MovementKind.MOVED, actor))

    def pick(self, level: Level, units: int, actor: str, named: BinFacts | None = None) -> None:
        """Take allocated units off the shelf, out of a bin if one is named; below 0: put back.

        Raises InsufficientStock if fewer allocated units are on the shelf, or were picked.
        """
        self._shelves.pick(level, units, actor, named)
        self.touch(level, Cause(MovementKind.MOVED, actor))

    def carry(
        self,
        level: Level,
        units: int,
        actor: str,
        source: BinFacts | None,
        target: BinFacts | None,
    ) -> None:
        """Let the bins follow units that were picked and put back into another place."""
        self._shelves.carry(level, units, source, target, actor)
        self.touch(level, Cause(MovementKind.MOVED, actor))

    def disturb(self, level: Level, actor: str) -> None:
        """Count a change of the shelf of a level although the same units may be there again."""
        level.shelf_changes += 1
        level.has_changed_parts = True
        self.touch(level, Cause(MovementKind.MOVED, actor))

    def set_bins(self, level: Level, counted: Mapping[BinFacts, int], actor: str) -> None:
        """Let the bins of a level have what was counted in them, and the others nothing.

        The bins must be read, and the shelf must have these units.
        """
        self._shelves.set_bins(level, counted, actor)
        self.touch(level, Cause(MovementKind.COUNTED, actor))

    def expect(self, level: Level, units: int, cause: Cause) -> None:
        """Change the units that are expected at a locked level; below 0: no longer expected."""
        level.incoming += units
        level.has_changed_parts = True
        self.touch(level, cause)

    async def settle_bins(self) -> None:
        """Decide which bins the units have left, before the changes are taken."""
        await self._shelves.settle(self.levels)

    @property
    def has_followers(self) -> bool:
        """True if `take_entered`, `take_reshelved` or `take_settled` has something to return."""
        return bool(self._entered) or self._shelves.has_followers

    def take_settled(self) -> list[Level]:
        """Levels of which missing units were settled since the last call."""
        return self._shelves.take_settled(self.levels)

    def take_reshelved(self) -> list[Reshelved]:
        """Levels that have got unbinned units since the last call, or have no longer any."""
        return self._shelves.take_reshelved(self.levels)

    def touch(self, level: Level, cause: Cause) -> None:
        """Mark a level as changed although no unit changed its state."""
        self._changed[level.key] = cause

    def snapshot(self) -> Restore:
        """Return a function that undoes, in memory, all locks and moves from now on."""
        levels = {key: level.copy() for key, level in self.levels.items()}
        item_ids = list(self._by_item)
        changed, entered = dict(self._changed), set(self._entered)
        restore_shelves = self._shelves.snapshot()

        def restore() -> None:
            self.levels = levels
            self._by_item = {item_id: [] for item_id in item_ids}
            for level in levels.values():
                self._by_item[level.item_id].append(level)
            self._changed, self._entered = changed, entered
            restore_shelves()

        return restore
