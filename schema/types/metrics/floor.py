"""Figures of the warehouse floor."""

import strawberry

from domain.metrics import ratio
from models.queries.metrics.floor import PutAwayRow, ScannedRow, ShippedParcelsRow


@strawberry.type
class FloorMetrics:
    """Figures of the work of a window of time."""

    shipped: int
    """Parcels that were shipped."""
    touches: int
    """Tasks of parcels and returns that were done, and claims of them that ended with their lease.
    """
    touches_per_order: float | None
    """Touches for each order with a parcel that was shipped; null: there was none."""
    on_time_rate: float | None
    """Share of the parcels with a promise that were shipped by then; null: there was none."""
    short_rate: float | None
    """Share of the units to be picked that were not found; null: none were to be picked."""

    mismatch_rate: float | None
    """Share of the scans of picking and packing that were refused; null: nothing was scanned."""
    dock_to_shelf_seconds: int | None
    """Median time from the receipt of units until the last of them is in a bin; null: none was."""

    @staticmethod
    def of(
        shipped: ShippedParcelsRow,
        touches: int,
        units: tuple[int, int],
        scanned: ScannedRow,
        put_away: PutAwayRow | None,
    ) -> "FloorMetrics":
        """The figures from their counts; `units`: picked ones, and those that were not found."""
        picked, short = units
        return FloorMetrics(
            shipped=shipped["parcels"],
            touches=touches,
            touches_per_order=ratio(touches, shipped["orders"]),
            on_time_rate=ratio(int(shipped["on_time"] or 0), int(shipped["promised"] or 0)),
            short_rate=ratio(short, picked + short),
            mismatch_rate=ratio(int(scanned["refused"] or 0), int(scanned["scans"] or 0)),
            dock_to_shelf_seconds=None if put_away is None else put_away["median"],
        )
