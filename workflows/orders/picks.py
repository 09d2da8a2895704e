"""Picked units: recorded by scans without a lock on the stock, then booked on their level.

A scan must not wait for a reservation, nor make one wait. So it records its units in a row of
`unbooked_pick`, under the lock of its order. They are booked under the lock of the level: by a job
a moment later, or by the next transaction that changes picked units of the level. The picked units
of a level are those of its row and those that are not booked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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
from workflows.transactions.levels import Key, Level
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

ITEMS_MAX = 200
BATCH_MAX = 20


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
    picked and put back are not picked on the way: a count may have taken the units of their parcel
    meanwhile. If they came back into another place, the bins follow as far as the books have them.
    """
    await tx.flush()
    taken = await pick_queries.take(tx.session, sorted(item_ids))
    levels = tx.stock.levels
    steps = net_steps(taken)
    for row in taken:
        # A count must know of them: it may have been made while the units were off the shelf.
        tx.stock.disturb(levels[row["item_id"], row["location_id"]], row["actor"])
    named = await _bins(tx, steps)
    await tx.stock.read_bins([levels[step.level] for step in steps if step.bin_ids & named.keys()])
    for step in steps:
        level = levels[step.level]
        source, target = _open(named, step.source, level), _open(named, step.target, level)
        if target is not None and not target.active:
            target = None
        if source is not None:
            await _report_lack(tx, level, source, step)
        if step.is_carried:
            tx.stock.carry(level, step.units, step.actor, source, target)
        elif step.units > 0:
            tx.stock.pick(level, step.units, step.actor, source)
        else:
            tx.stock.pick(level, step.units, step.actor, target)
    return len(taken)


@dataclass(frozen=True, slots=True)
class PickStep:
    """Units of a level that were picked or, below 0, put back; or carried from place to place.

    `source`: the bin that picked or carried units leave; `target`: the bin that units put back or
    carried come into. None: the scan named no bin.
    """

    level: Key
    units: int
    actor: str
    source: int | None = None
    target: int | None = None
    is_carried: bool = False

    @property
    def bin_ids(self) -> frozenset[int]:
        return frozenset(each for each in (self.source, self.target) if each is not None)


def net_steps(rows: Sequence[UnbookedPickRow]) -> list[PickStep]:
    """The picks and put-backs that are left once units put back have undone earlier picks.

    1. Units that came back into the place they left do not move.
    2. Units that came back into another place are carried there. The latest pick is undone first.
    3. So no pick comes before a put-back of its level. The units that are picked rise only after
       they fell, and are at most those allocated if they are so in the end.
    """
    picks: list[tuple[UnbookedPickRow, int]] = []
    others: list[tuple[int, PickStep]] = []
    for row in rows:
        units = row["units"]
        if units > 0:
            picks.append((row, units))
            continue
        for is_same_place in (True, False):
            for index in reversed(range(len(picks))):
                pick, left = picks[index]
                is_undone = _level(pick) == _level(row) and (
                    not is_same_place or pick["bin_id"] == row["bin_id"]
                )
                undone = min(-units, left) if is_undone else 0
                units += undone
                picks[index] = (pick, left - undone)
                if undone and not is_same_place:
                    places = (pick["bin_id"], row["bin_id"])
                    step = PickStep(_level(row), undone, row["actor"], *places, is_carried=True)
                    others.append((row["id"], step))
        if units:
            others.append(
                (row["id"], PickStep(_level(row), units, row["actor"], None, row["bin_id"]))
            )
    picked = (
        (row["id"], PickStep(_level(row), units, row["actor"], row["bin_id"]))
        for row, units in picks
        if units
    )
    return [step for _, step in sorted([*others, *picked], key=lambda each: each[0])]


def _level(row: UnbookedPickRow) -> Key:
    return (row["item_id"], row["location_id"])


def _open(named: Mapping[int, BinFacts], bin_id: int | None, level: Level) -> BinFacts | None:
    """The named bin, if it is at the location of the level."""
    place = None if bin_id is None else named.get(bin_id)
    return place if place is not None and place.home_id == level.location_id else None


async def _report_lack(tx: Transaction, level: Level, source: BinFacts, step: PickStep) -> None:
    """Open COUNT_VARIANCE if a bin has fewer units by the books than were picked from it."""
    assert level.bins is not None
    lacking = step.units - level.bins.units_in(source.id)
    if lacking > 0:
        await exceptions.open_exception(
            tx,
            ExceptionKind.COUNT_VARIANCE,
            ("StockLevel", level.id),
            f"{lacking} more units of {level.sku} were picked from {source.code} than it had.",
            location_id=level.location_id,
            actor=step.actor,
        )


async def _bins(tx: Transaction, steps: Sequence[PickStep]) -> dict[int, BinFacts]:
    """The bins that the scans named."""
    ids = {each for step in steps for each in step.bin_ids}
    return await bin_queries.bins_by_id(tx.session, sorted(ids)) if ids else {}


async def book_waiting(transactions: Transactions) -> int:
    """Book the picks of all items that have some, ITEMS_MAX items a step. Returns their number.

    BATCH_MAX items share a transaction: `scans` in docs/benchmarks.md has what it saves.
    """
    booked, item_ids = 0, [0]
    while item_ids:
        async with transactions.database.reading() as session:
            item_ids = await pick_queries.waiting_items(session, item_ids[-1], ITEMS_MAX)
        for first in range(0, len(item_ids), BATCH_MAX):
            booked += await _book_batch(transactions, item_ids[first : first + BATCH_MAX])
    return booked


async def _book_batch(transactions: Transactions, item_ids: Sequence[int]) -> int:
    """Book the picks of these items. One whose picks cannot be booked stops no other."""
    try:
        return await transactions.run(partial(_book_items, item_ids))
    except Exception as error:  # the picks of the other items can be booked
        if len(item_ids) > 1:
            return sum([await _book_batch(transactions, [item_id]) for item_id in item_ids])
        logger.warning(
            "picks.not_booked", item=item_ids[0], error=repr(error), exc_info=unforeseen(error)
        )
        return 0


async def _book_items(item_ids: Sequence[int], tx: Transaction) -> int:
    await tx.stock.lock(item_ids)
    return await book(tx, item_ids)
