"""Stock levels and their bins as a transaction has locked them, and the moves between states."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from domain.events.stock import StockChanged
from domain.stock.bins import WalkRank
from domain.stock.states import SHELF_STATES, MovementKind, StockState
from models.queries.stock.bins import BinFacts
from models.queries.stock.stock import LockedLevelRow

Key = tuple[int, int]


@dataclass(slots=True)
class BinUnits:
    """Units of a level in one bin; `stored` are those that its row has, 0 without a row."""

    id: UUID
    bin_id: int
    rank: WalkRank
    since_at: datetime
    units: int
    stored: int


@dataclass(slots=True)
class LevelBins:
    """The bins of one level. `places`: by the bin's id, None before they are read.

    `owed`: (units, actor) that have left the bins and are not yet taken from one.
    """

    places: dict[int, BinUnits] | None = None
    owed: list[tuple[int, str]] = field(default_factory=list)

    @property
    def read_places(self) -> dict[int, BinUnits]:
        """The bins by id. They must be read."""
        assert self.places is not None, "the bins of the level were not read"
        return self.places

    def units_in(self, bin_id: int) -> int:
        """Units in a bin. The bins must be read."""
        place = self.read_places.get(bin_id)
        return 0 if place is None else place.units

    def in_walk_order(self) -> list[BinUnits]:
        """The bins with units, in walk order. The bins must be read."""
        present = (place for place in self.read_places.values() if place.units)
        return sorted(present, key=lambda place: place.rank)

    def copy(self) -> LevelBins:
        """A copy that changes independently."""
        places = self.places
        if places is not None:
            places = {key: replace(place) for key, place in places.items()}
        return LevelBins(places, list(self.owed))


@dataclass(slots=True)
class Level:
    """One locked stock row: its units by state, and their changes since it was written.

    `shelf_changes` counts the changes of its shelf and bins: a count compares the number at its
    beginning and at its end.
    """

    id: int
    item_id: int
    location_id: int
    sku: str
    location: str
    safety_stock: int
    version: int
    units: dict[StockState, int]
    picked: int = 0
    missing: int = 0
    binned: int = 0
    incoming: int = 0
    shelf_changes: int = 0
    deltas: dict[StockState, int] = field(default_factory=dict)
    has_changed_parts: bool = False
    bins: LevelBins | None = None

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
            picked=self.picked,
            missing=self.missing,
            binned=self.binned,
            incoming=self.incoming,
        )

    @property
    def is_changed(self) -> bool:
        """True if units have moved since the row was written."""
        return bool(self.deltas) or self.has_changed_parts

    @property
    def next_version(self) -> int:
        """The version that the row has once its changes are written."""
        return self.version + self.is_changed

    @property
    def on_hand(self) -> int:
        """Units in any state."""
        return sum(self.units.values())

    @property
    def shelf(self) -> int:
        """Units on the shelf: available, held and allocated, but not picked."""
        return sum(self.units[state] for state in SHELF_STATES) - self.picked

    @property
    def unbinned(self) -> int:
        """Units on the shelf that are in no bin."""
        return self.shelf - self.binned

    @property
    def promisable(self) -> int:
        """Available units above safety stock; never negative."""
        return max(0, self.units[StockState.AVAILABLE] - self.safety_stock)

    def copy(self) -> Level:
        """A copy that changes independently."""
        bins = None if self.bins is None else self.bins.copy()
        return replace(self, units=dict(self.units), deltas=dict(self.deltas), bins=bins)

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
            picked=row["picked"],
            missing=row["missing"],
            binned=row["binned"],
            incoming=row["incoming"],
            shelf_changes=row["shelf_changes"],
        )


@dataclass(frozen=True, slots=True)
class StockMove:
    """Units that go from a state to another; None is outside the stock. `value_minor` is at cost.

    `channel_id`: the channel of the hold, order or return that the units move for, if any.
    `picked`: those of the units that leave ALLOCATED and were picked before. `missing`: those of
    the units that enter QUARANTINE and are in doubt; below 0: missing units that leave it. `bin`:
    the bin that the units leave, or that they are put into, if they leave the shelf or come onto
    it; it must be read. `spares_bins`: units that leave the shelf are taken from those without a
    bin first.
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
    picked: int = 0
    missing: int = 0
    bin: BinFacts | None = None
    spares_bins: bool = False


class Reshelved(NamedTuple):
    """A level that got unbinned units, or has no longer any, by the last change of an actor."""

    level: Level
    actor: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Kind and actor of the last movement of a level."""

    kind: MovementKind
    actor: str
