"""The shelves of the stock levels that a transaction has locked: their bins follow each move.

1. The shelf has available + held + allocated − picked units. Units that leave it are taken from the
   named bin, then from bins in walk order, then from those without a bin. Units that come onto it
   are without a bin, unless one is named.
2. A level knows how many of its units are in bins (`binned`). That number is exact in memory.
3. The rows of its bins are read only when they are needed: a bin is named, or units have left a
   level with units in bins. In the second case they are read before the next flush.
4. Rows of bin_stock are changed under the lock of their level only. So they need no lock class, and
   holds and orders, which leave the shelf as it is, send no statement for bins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import models.queries.stock.bins as bin_queries
from domain.errors import InsufficientStock
from domain.stock.bins import taken_in_order, walk_rank
from domain.stock.states import SHELF_STATES, StockState
from models.bins import BinMovement, BinStock
from models.database.sql import WriteStatement
from models.queries.stock.bins import BinChange, BinFacts
from workflows.transactions.digests import digest
from workflows.transactions.levels import BinUnits, Key, Level, LevelBins, Reshelved, StockMove
from workflows.transactions.outbox import Outbox
from workflows.transactions.unit_of_work import Restore, UnitOfWork


class Shelves:
    """Changes of the picked, missing and binned units of locked levels."""

    def __init__(self, unit: UnitOfWork, outbox: Outbox) -> None:
        self._unit = unit
        self._outbox = outbox
        # Levels that changed: had they unbinned units before, and the actor of the last change.
        self._waited: dict[Key, tuple[bool, str]] = {}
        self._with_bins: set[Key] = set()
        self._settled: set[Key] = set()
        self._changes: list[WriteStatement] = []

    def follow(self, level: Level, change: StockMove) -> None:
        """Follow a move between states, which the level's units have made already."""
        gone = change.quantity - change.picked if change.from_state in SHELF_STATES else 0
        come = change.quantity if change.to_state in SHELF_STATES else 0
        if change.picked or change.missing or change.from_state is StockState.QUARANTINE:
            level.picked -= change.picked
            # Other quarantined units leave before missing ones.
            quarantined = level.units[StockState.QUARANTINE]
            before = level.missing
            level.missing = min(level.missing + change.missing, quarantined)
            if level.missing < before:
                self._settled.add(level.key)
            level.has_changed_parts = True
        if come != gone and change.spares_bins:
            self._remember(level, level.unbinned > come - gone, change.actor)
            # The units have left already: what is in bins beyond the shelf has left them, too.
            if level.binned > level.shelf:
                self._take(level, level.binned - level.shelf, None, change.actor)
        elif come != gone:
            self._reshelve(level, come - gone, change.bin, change.actor)

    def pick(self, level: Level, units: int, actor: str, named: BinFacts | None) -> None:
        """Take allocated units off the shelf; below 0: put picked ones back."""
        free = level.units[StockState.ALLOCATED] - level.picked if units > 0 else level.picked
        if free < abs(units):
            raise InsufficientStock(level.sku, abs(units), free)
        level.picked += units
        level.has_changed_parts = True
        self._reshelve(level, -units, named, actor)

    def carry(
        self, level: Level, units: int, source: BinFacts | None, target: BinFacts | None, actor: str
    ) -> None:
        """Let units leave the shelf and come back into another bin, as far as the books have them.

        Bins that are named must be read.
        """
        self._remember(level, level.unbinned > 0, actor)
        if level.binned:
            self._take(level, min(units, level.binned), source, actor)
        if target is not None and level.unbinned:
            self._put(level, min(units, level.unbinned), target, actor, None)

    def put_away(
        self, level: Level, units: int, into: BinFacts, actor: str, source: BinFacts | None
    ) -> None:
        """Put units into a bin, from another one or from those without a bin."""
        bins = self._bins_of(level)
        present = level.unbinned if source is None else bins.units_in(source.id)
        if present < units:
            raise InsufficientStock(level.sku, units, present)
        self._remember(level, level.unbinned > 0, actor)
        self._put(level, units, into, actor, None if source is None else source.id)

    def set_bins(self, level: Level, counted: Mapping[BinFacts, int], actor: str) -> None:
        """Let the bins have what was counted in them; those that are not named have nothing.

        The bins must be read, and the shelf must have these units.
        """
        bins = self._bins_of(level)
        wanted = {each.id: units for each, units in counted.items()}
        self._remember(level, level.unbinned > 0, actor)
        for place in bins.in_walk_order():
            gone = max(0, place.units - wanted.get(place.bin_id, 0))
            self._shift(level.id, bins, gone, place.bin_id, None, actor)
            level.binned -= gone
        for each, units in counted.items():
            if (more := units - bins.units_in(each.id)) > 0:
                self._put(level, more, each, actor, None)

    def _reshelve(self, level: Level, units: int, named: BinFacts | None, actor: str) -> None:
        """Let the bins follow units that have come onto the shelf or, below 0, have left it."""
        self._remember(level, level.unbinned > units, actor)
        if units < 0 and level.binned:
            self._take(level, min(-units, level.binned), named, actor)
        elif units > 0 and named is not None:
            self._put(level, units, named, actor, None)

    def _remember(self, level: Level, was_waiting: bool, actor: str) -> None:
        level.shelf_changes += 1
        level.has_changed_parts = True
        first = self._waited.get(level.key)
        self._waited[level.key] = (was_waiting if first is None else first[0], actor)

    def _take(self, level: Level, units: int, named: BinFacts | None, actor: str) -> None:
        level.binned -= units
        level.has_changed_parts = True
        bins = self._bins_of(level)
        if bins.places is None:
            assert named is None, "the bins of the level were not read"
            bins.owed.append((units, actor))
            return
        if named is not None:
            part = min(units, bins.units_in(named.id))
            self._shift(level.id, bins, part, named.id, None, actor)
            units -= part
        self._take_in_order(level.id, bins, units, actor)

    def _take_in_order(self, level_id: int, bins: LevelBins, units: int, actor: str) -> None:
        present = [(place.bin_id, place.units) for place in bins.in_walk_order()]
        for bin_id, part in taken_in_order(units, present):
            self._shift(level_id, bins, part, bin_id, None, actor)

    def _put(
        self, level: Level, units: int, into: BinFacts, actor: str, source: int | None
    ) -> None:
        bins = self._bins_of(level)
        if into.id not in bins.read_places:
            place = BinUnits(self._unit.new_id(), into.id, into.rank, self._unit.now, 0, 0)
            bins.read_places[into.id] = place
        self._shift(level.id, bins, units, source, into.id, actor)
        level.binned += units if source is None else 0
        level.has_changed_parts = True

    def _shift(
        self,
        level_id: int,
        bins: LevelBins,
        units: int,
        source: int | None,
        target: int | None,
        actor: str,
    ) -> None:
        """Move units between two bins in memory, and record the movement; None: no bin."""
        if not units:
            return
        if source is not None:
            bins.read_places[source].units -= units
        if target is not None:
            place = bins.read_places[target]
            if not place.units:
                place.since_at = self._unit.now
            place.units += units
        row: dict[str, Any] = {
            "id": self._unit.new_id(),
            "level_id": level_id,
            "from_bin_id": source,
            "to_bin_id": target,
            "quantity": units,
            "actor": actor,
            "occurred_at": self._unit.now,
            "transaction_id": self._unit.id,
        }
        row["digest"] = digest(row)
        self._outbox.cover(row["digest"])
        self._unit.add(BinMovement, row)

    def _bins_of(self, level: Level) -> LevelBins:
        if level.bins is None:
            level.bins = LevelBins()
            self._with_bins.add(level.key)
        return level.bins

    async def read(self, levels: Iterable[Level]) -> None:
        """Read the bins of these levels unless they are in memory; take from them what is owed."""
        unread = {
            level.id: bins for level in levels if (bins := self._bins_of(level)).places is None
        }
        if not unread:
            return
        for bins in unread.values():
            bins.places = {}
        for row in await bin_queries.of_levels(self._unit.session, sorted(unread)):
            unread[row["level_id"]].read_places[row["bin_id"]] = BinUnits(
                id=row["id"],
                bin_id=row["bin_id"],
                rank=walk_rank(row["walk_order"], row["code"]),
                since_at=row["since_at"],
                units=row["quantity"],
                stored=row["quantity"],
            )
        for level_id, bins in unread.items():
            owed, bins.owed = bins.owed, []
            for units, actor in owed:
                self._take_in_order(level_id, bins, units, actor)

    async def settle(self, levels: Mapping[Key, Level]) -> None:
        """Take what is owed, delete the rows of emptied bins, and collect the other changes."""
        if not self._with_bins:
            return
        with_bins = [levels[key] for key in sorted(self._with_bins)]
        await self.read([level for level in with_bins if self._bins_of(level).owed])
        emptied: list[UUID] = []
        changed: list[BinChange] = []
        for level in with_bins:
            for place in list((self._bins_of(level).places or {}).values()):
                if place.units == place.stored:
                    continue
                if not place.units:
                    emptied.append(place.id)
                    del self._bins_of(level).read_places[place.bin_id]
                elif place.stored:
                    changed.append((place.id, place.units, place.since_at))
                else:
                    self._unit.add(BinStock, _row(level.id, place))
                place.stored = place.units
        if emptied:
            await bin_queries.remove(self._unit.session, emptied)
        if changed:
            self._changes.append(bin_queries.changed(changed))

    def take_changes(self) -> list[WriteStatement]:
        """The changes of rows that `settle` has collected."""
        changes, self._changes = self._changes, []
        return changes

    def take_reshelved(self, levels: Mapping[Key, Level]) -> list[Reshelved]:
        """Levels that have got unbinned units since the last call, or have no longer any."""
        waited, self._waited = self._waited, {}
        return [
            Reshelved(levels[key], actor)
            for key, (was_waiting, actor) in waited.items()
            if (levels[key].unbinned > 0) is not was_waiting
        ]

    @property
    def has_followers(self) -> bool:
        """True if `take_reshelved` or `take_settled` has something to look at."""
        return bool(self._waited or self._settled)

    def take_settled(self, levels: Mapping[Key, Level]) -> list[Level]:
        """Levels with fewer missing units than before the last call, or of the transaction."""
        settled, self._settled = self._settled, set()
        return [levels[key] for key in sorted(settled)]

    def snapshot(self) -> Restore:
        """Return a function that forgets the levels whose bins changed from now on."""
        waited, with_bins = dict(self._waited), set(self._with_bins)
        settled = set(self._settled)

        def restore() -> None:
            self._waited, self._with_bins, self._changes = waited, with_bins, []
            self._settled = settled

        return restore


def _row(level_id: int, place: BinUnits) -> dict[str, Any]:
    return {
        "id": place.id,
        "level_id": level_id,
        "bin_id": place.bin_id,
        "quantity": place.units,
        "since_at": place.since_at,
    }
