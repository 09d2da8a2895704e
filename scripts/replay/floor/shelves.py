"""Record of what is truly on the shelves, kept by what the replay does and never by the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from scripts.replay.order_plan import WAREHOUSE

Place = tuple[str, str]  # location, SKU


class Shelves:
    """Units of each SKU on the shelves of each location.

    `lost` are units that no delivery has replaced yet; `doubted` are places whose units were lost
    since their last count.
    """

    def __init__(self) -> None:
        self._units: Counter[Place] = Counter()
        self.lost: Counter[str] = Counter()
        self.doubted: set[Place] = set()

    def add(self, sku: str, units: int, location: str = WAREHOUSE) -> None:
        """Units came onto the shelf, or with `units` below 0 left it."""
        self._units[location, sku] += units

    def lose(self, sku: str, units: int) -> None:
        """Units of the warehouse are gone, and the books do not know it."""
        self.add(sku, -units)
        self.lost[sku] += units
        self.doubted.add((WAREHOUSE, sku))

    def units(self, sku: str, location: str) -> int:
        return self._units[location, sku]

    def differs_from(self, level: Mapping[str, Any]) -> str | None:
        """The difference between a level of the server and the shelf, as text; None: equal."""
        location, sku = level["location"]["code"], level["item"]["sku"]
        books = level["available"] + level["held"] + level["allocated"] - level["picked"]
        there = self._units.pop((location, sku), 0)
        return None if books == there else f"{sku} at {location}: books {books}, shelf {there}"

    def rest(self) -> list[str]:
        """Places with units of which `differs_from` saw no level."""
        return [
            f"{sku} at {location}: no level, shelf {units}"
            for (location, sku), units in self._units.items()
            if units
        ]
