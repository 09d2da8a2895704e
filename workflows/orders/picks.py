"""Picked units: recorded by scans without a lock on the stock, then booked on their level.

A scan must not wait for a reservation, nor make one wait. So it records its units in a row of
`unbooked_pick`, under the lock of its order. They are booked under the lock of the level: by a job
a moment later, or by the next transaction that changes picked units of the level. The picked units
of a level are those of its row and those that are not booked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import structlog

import models.queries.stock.bins as bin_queries
import models.queries.stock.picks as pick_queries
import workflows.exceptions.opening as exceptions
from domain.exceptions import ExceptionKind
from models.database.errors import unforeseen
from models.picks import UnbookedPick
from models.queries.stock.bins import BinFacts
from models.queries.stock.picks import UnbookedPickRow
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

ITEMS_MAX = 200


def record(
    tx: Transaction,
    item_id: int,
    location_id: int,
    units: int,
    actor: str,
    bin_id: int | None = None,
) -> None:
    """Record units that were picked or, below 0, put back. Their order must be locked."""
    row = {
        "item_id": item_id,
        "location_id": location_id,
        "units": units,
        "bin_id": bin_id,
        "actor": actor,
    }
    tx.add(UnbookedPick, row)


async def book(tx: Transaction, item_ids: Collection[int]) -> int:
    """Book the recorded picks of these items, whose stock is locked. Returns their number.

    The units leave the bin that the scan named. If it has fewer by the books, the others leave as
    the shelves decide, and COUNT_VARIANCE is opened: the level must be counted. Units that were
    picked and put back into the same place do not move: the books may not have them any more.
    """
    await tx.flush()
    taken = await pick_queries.take(tx.session, sorted(item_ids))
    levels = tx.stock.levels
    rows = without_undone(taken)
    for row in taken:
        # A count must know of them: it may have been made while the units were off the shelf.
        tx.stock.disturb(levels[row["item_id"], row["location_id"]], row["actor"])
    named = await _bins(tx, rows)
    await tx.stock.read_bins(
        [levels[row["item_id"], row["location_id"]] for row in rows if row["bin_id"] in named]
    )
    for row in rows:
        level = levels[row["item_id"], row["location_id"]]
        place = None if row["bin_id"] is None else named.get(row["bin_id"])
        if place is not None and not _takes(place, row):
            place = None
        if place is not None and level.bins is not None:
            lacking = row["units"] - level.bins.units_in(place.id)
            if lacking > 0:
                await exceptions.open_exception(
                    tx,
                    ExceptionKind.COUNT_VARIANCE,
                    ("StockLevel", level.id),
                    f"{lacking} more units of {level.sku} were picked from {place.code} than it"
                    " had.",
                    location_id=level.location_id,
                    actor=row["actor"],
                )
        tx.stock.pick(level, row["units"], row["actor"], place)
    return len(taken)


def without_undone(rows: Sequence[UnbookedPickRow]) -> list[UnbookedPickRow]:
    """The picks without the units that were put back into the place they came from, in order."""
    left: list[UnbookedPickRow] = []
    for row in rows:
        units = row["units"]
        for index in reversed(range(len(left))):
            earlier = left[index]
            if units < 0 < earlier["units"] and _place(earlier) == _place(row):
                undone = min(-units, earlier["units"])
                units += undone
                left[index] = {**earlier, "units": earlier["units"] - undone}
        left.append({**row, "units": units})
    return [row for row in left if row["units"]]


def _takes(place: BinFacts, row: UnbookedPickRow) -> bool:
    """True if the units may leave this place or, if they were put back, come into it."""
    is_open = row["units"] > 0 or bool(place.active)
    return is_open and place.home_id == row["location_id"]


def _place(row: UnbookedPickRow) -> tuple[int, int, int | None]:
    return (row["item_id"], row["location_id"], row["bin_id"])


async def _bins(tx: Transaction, rows: Sequence[UnbookedPickRow]) -> dict[int, BinFacts]:
    """The bins that the scans named."""
    ids = {row["bin_id"] for row in rows if row["bin_id"] is not None}
    return await bin_queries.bins_by_id(tx.session, sorted(ids)) if ids else {}


async def book_waiting(transactions: Transactions) -> int:
    """Book the picks of the next ITEMS_MAX items that have some. Returns their number.

    Each item is booked by itself, so that one whose picks cannot be booked stops no other.
    """
    async with transactions.database.reading() as session:
        item_ids = await pick_queries.waiting_items(session, ITEMS_MAX)
    booked = 0
    for item_id in item_ids:
        try:
            booked += await transactions.run(partial(_book_item, item_id))
        except Exception as error:  # the picks of the other items can be booked
            logger.warning(
                "picks.not_booked", item=item_id, error=repr(error), exc_info=unforeseen(error)
            )
    return booked


async def _book_item(item_id: int, tx: Transaction) -> int:
    await tx.stock.lock([item_id])
    return await book(tx, [item_id])
