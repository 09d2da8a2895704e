"""The input of a record of counts: the units of each item, by bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import models.queries.catalog.item_codes as code_queries
import models.queries.stock.bins as bin_queries
from domain.access.callers import Caller
from domain.errors import Invalid, LimitExceeded
from domain.problems import Problems
from domain.stock.states import UNITS_MAX, check_quantity
from domain.values.codes import ByCode, store_codes
from models.counts import CountAttemptRow, StockCountLineRow
from models.queries.catalog.item_codes import ScannedItem
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.queries.stock.bins import BinFacts
from models.tasks import TaskRow
from workflows.stock.goods_receipts import bin_at, open_bin, stock_location
from workflows.stock.scanned_items import scanned_item, scanned_units
from workflows.transactions.transaction import Transaction

PLACES_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class CountedPlace:
    """Units of an item that were counted in a bin; `bin_code` None: outside the bins.

    `sku` may be a code of the item. Then `quantity` counts scans: a box of six is six units.
    """

    sku: str
    quantity: int
    bin_code: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "sku", "bin_code")


@dataclass(frozen=True, slots=True)
class RecordCount:
    """Counts of levels of a location: all places of a SKU; places that are left out held none."""

    location_code: str
    places: tuple[CountedPlace, ...]

    def __post_init__(self) -> None:
        store_codes(self, "location_code")


@dataclass(slots=True)
class CountedItem:
    """The count of one item, with what is found out about it."""

    path: tuple[str, ...]
    item: ItemFacts
    unbinned: int = 0
    bins: dict[BinFacts, int] = field(default_factory=dict)
    line: StockCountLineRow | None = None
    attempts: Sequence[CountAttemptRow] = ()
    tasks: Sequence[TaskRow] = ()

    @property
    def units(self) -> int:
        """Units in all places."""
        return self.unbinned + sum(self.bins.values())


async def read(
    tx: Transaction, command: RecordCount, caller: Caller
) -> tuple[LocationFacts, list[CountedItem]]:
    """The location, and the counts in the order in which their items are named.

    Raises all faults. Bins of a location that is not found are not checked.
    """
    if len(command.places) > PLACES_MAX:
        raise LimitExceeded("places", PLACES_MAX, len(command.places), field=("input", "places"))
    problems, location = Problems(), None
    with problems.under():
        location = await stock_location(tx, caller, command.location_code)
    with problems.under("input", "places"):
        if not command.places:
            raise Invalid("At least one place is required; none was sent.")
    items = await code_queries.scanned(tx.session, [place.sku for place in command.places])
    codes = {place.bin_code for place in command.places if place.bin_code is not None}
    bins = await bin_queries.hold_bins(tx.session, codes) if codes else None
    found: dict[int, CountedItem] = {}
    for index, place in enumerate(command.places):
        path = ("input", "places", str(index))
        with problems.under(*path):
            item, units, at = _place(place, items, bins, location)
            counted = found.setdefault(item.id, CountedItem(path, item))
            if at is None:
                counted.unbinned += units
            else:
                counted.bins[at] = counted.bins.get(at, 0) + units
    problems.refuse()
    assert location is not None
    return location, list(found.values())


def _place(
    place: CountedPlace,
    items: Mapping[str, Sequence[ScannedItem]],
    bins: ByCode[BinFacts] | None,
    location: LocationFacts | None,
) -> tuple[ItemFacts, int, BinFacts | None]:
    """The item, the units and the bin of a place. Raises all its faults."""
    problems, at, units = Problems(), None, 0
    with problems.under():
        check_quantity(place.quantity, least=0)
    with problems.under():
        scanned = scanned_item(items, place.sku, "sku")
        if 0 < place.quantity <= UNITS_MAX:
            units = scanned_units(scanned, place.quantity)
    with problems.under():
        if place.bin_code is not None and bins is not None and location is not None:
            # A bin that is not active may be found empty, but takes no units.
            find = open_bin if place.quantity else bin_at
            at = find(bins, place.bin_code, location, "binCode")
    problems.refuse()
    return scanned.item, units, at
