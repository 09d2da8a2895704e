"""The true shelf beside the books: one item at LEEDS whose true units a test knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import workflows.orders.picks as picks
from tests.builders.floor.bins import WALK
from tests.builders.floor.whole import WholeFloor
from tests.builders.transactions import rows

SKU, AT = "TEE-M", "LEEDS"
# Bins, and the floor outside of them.
PLACES = (*WALK, "")


@dataclass
class TrueShelf:
    """Units that are truly there by place, beside the books of the same places."""

    whole: WholeFloor
    units: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.units.total()

    def take(self, units: int) -> None:
        """Take units off the shelf, wherever they are."""
        for place in PLACES:
            part = min(units, self.units[place])
            self.units[place] -= part
            units -= part
        assert units == 0

    def move(self, units: int, start: str, end: str) -> int:
        """Carry at most so many units to another place. Returns their number."""
        part = min(units, self.units[start])
        self.units[start] -= part
        self.units[end] += part
        return part

    def counted(self) -> list[Any]:
        """All places as a worker counts them."""
        outside = (SKU, self.units[""])
        return [outside, *((SKU, self.units[code], code) for code in WALK if self.units[code])]

    async def distances(self) -> tuple[int, int]:
        """Units between the books and the truth: of the whole level, and of its places."""
        await picks.book_waiting(self.whole.shop.transactions)
        level = await self.whole.counting.level(SKU, AT)
        booked = await self.whole.floor.bins(SKU, AT)
        by_place = sum(abs(self.units[code] - booked.get(code, 0)) for code in PLACES)
        expected = sum(booked.values()) + level.get("missing", 0)
        return abs(self.total - expected), by_place

    async def open_parcels(self) -> list[dict[str, Any]]:
        """Unshipped fulfillments with units, their order line, and the picked ones."""
        return await rows(
            self.whole.database,
            "SELECT f.id, f.order_id, f.status, l.order_line_id, l.quantity, l.picked"
            " FROM fulfillment f JOIN fulfillment_line l ON l.fulfillment_id = f.id"
            " WHERE f.status IN ('OPEN', 'PICKED', 'PACKED') AND l.quantity > 0"
            " ORDER BY f.created_at, f.number",
        )

    async def transfers(self, status: str, column: str) -> list[tuple[Any, int]]:
        """(id, units in a column) of the transfers in a status that have some."""
        found = await rows(
            self.whole.database,
            f"SELECT t.id, l.{column} AS units FROM transfer t JOIN transfer_line l"
            f" ON l.transfer_id = t.id WHERE t.status = $1 AND l.{column} > 0"
            " ORDER BY t.requested_at, t.number",
            status,
        )
        return [(row["id"], row["units"]) for row in found]
