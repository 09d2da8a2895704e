"""Posting of counts: the stock, the bins and the books become what was counted.

In one transaction: missing units that were found become available, the others leave; a surplus
becomes available; a deficit leaves, first units that nobody claims, then promised ones
(workflows/counts/promised_units.py). What a step could not take stays in the line as `unposted`,
and the line is POSTING. The job takes it in further steps. A transfer that waits for its shipment
keeps its units: the line ends without them. The level is counted again once the transfer lacks
units at its shipment, or is cancelled (workflows/counts/variance.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from uuid import UUID

import structlog

import domain.ledger.count_entries as count_entries
import models.queries.catalog.lookups as lookups
import models.queries.counts.claims as claims
import models.queries.counts.counts as count_queries
import workflows.counts.variance as variances
import workflows.orders.picks as picks
import workflows.reservations.expired_units as expired_units
from domain.access.callers import SYSTEM
from domain.counts.postings import Posting, split
from domain.counts.states import CountLineStatus
from domain.events.counts import CountPosted
from domain.events.payloads import encode
from domain.ledger.count_entries import CountValues
from domain.ledger.entries import Occasion
from domain.stock.states import MovementKind, StockState
from models.counts import StockCountLineRow
from models.database.errors import unforeseen
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.queries.stock.bins import BinFacts
from workflows.counts.opening import LevelToCount
from workflows.counts.promised_units import (
    LockedHolds,
    OrderUnits,
    holds_to_release,
    lock_holds,
    release,
)
from workflows.reservations.expired_units import ExpiredUnits
from workflows.transactions.levels import Level, StockMove
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

LINES_MAX: Final = 20


@dataclass(slots=True)
class LineToPost:
    """A locked line with its locked level and the posting of its difference.

    `bins`: what was counted in bins; None: the bins stay as they are, because units moved since.
    `is_doubtful`: the line has ended, but units of the level are missing.
    """

    row: StockCountLineRow
    level: Level
    item: ItemFacts
    location: LocationFacts
    posting: Posting
    bins: Mapping[BinFacts, int] | None
    holds: list[UUID] = field(default_factory=list)
    is_doubtful: bool = False

    @property
    def spares_bins(self) -> bool:
        """True if the bins have what was counted, so that the rest is not taken from them."""
        return self.bins is not None or self.row["status"] == CountLineStatus.POSTING

    @property
    def reference(self) -> str:
        """The reference of the movements and the entry."""
        return f"StockCountLine:{self.row['id']}"


def to_post(
    row: StockCountLineRow,
    level: Level,
    item: ItemFacts,
    location: LocationFacts,
    variance: int,
    bins: Mapping[BinFacts, int] | None,
) -> LineToPost:
    """A line of which nothing is posted yet."""
    return LineToPost(row, level, item, location, split(level.missing, variance), bins)


async def post(
    tx: Transaction,
    lines: Sequence[LineToPost],
    expired: ExpiredUnits,
    actor: str,
) -> list[StockCountLineRow]:
    """Post lines; their stock and rows must be locked. Returns the rows as written.

    Locks holds, then the items' costs; orders without waiting. Records `count.posted` for each line
    that is posted whole, and the events of holds and orders that lose units.
    """
    holds = await _lock_holds(tx, lines)
    await tx.costs.lock([line.level.item_id for line in lines])
    orders = OrderUnits(tx, expired, actor)
    await tx.stock.read_bins([line.level for line in lines if line.bins is not None])
    written = [await _post(tx, line, holds, orders, actor) for line in lines]
    for line in lines:
        if line.is_doubtful:
            again = LevelToCount(line.level.id, line.level.item_id)
            await variances.count_short(tx, line.level.location_id, [again], actor)
    return written


async def _lock_holds(tx: Transaction, lines: Sequence[LineToPost]) -> LockedHolds:
    for line in lines:
        level, lacking = line.level, line.posting.deficit
        lacking -= level.units[StockState.AVAILABLE]
        if lacking > 0 and level.units[StockState.HELD]:
            line.holds = await holds_to_release(tx, level.item_id, level.location_id, lacking)
    return await lock_holds(tx, sorted({each for line in lines for each in line.holds}))


async def _post(
    tx: Transaction,
    line: LineToPost,
    holds: LockedHolds,
    orders: OrderUnits,
    actor: str,
) -> StockCountLineRow:
    posting, item_id = line.posting, line.level.item_id
    found = _found(tx, line, actor)
    gone = _gone(tx, line, actor)
    surplus = tx.costs.value_of_found(item_id, posting.surplus, line.item.unit_cost_minor)
    if posting.surplus:
        tx.costs.receive(item_id, posting.surplus, surplus)
        _move(tx, line, None, StockState.AVAILABLE, posting.surplus, surplus, actor)
    if line.bins is not None:
        tx.stock.set_bins(line.level, line.bins, actor)
    before = tx.costs.inventory_value(item_id)
    taken = await _take(tx, line, holds, orders, actor)
    deficit = before - tx.costs.inventory_value(item_id)
    values = CountValues(found, gone, surplus, deficit, tx.terms.base_currency)
    posted = Posting(posting.found, posting.gone, posting.surplus, taken)
    _book(tx, line, posted, values, actor)
    return await _settle(tx, line, posting.deficit - taken, values, actor)


def _found(tx: Transaction, line: LineToPost, actor: str) -> int:
    """Make missing units available that were found. Returns their cost."""
    units, level = line.posting.found, line.level
    if not units:
        return 0
    value = tx.costs.from_quality(level.item_id, units)
    move = _moved(
        tx, line, StockState.QUARANTINE, StockState.AVAILABLE, units, value, actor, -units
    )
    tx.stock.move(move)
    return value


def _gone(tx: Transaction, line: LineToPost, actor: str) -> int:
    """Write off missing units that were not found. Returns their cost."""
    units, level = line.posting.gone, line.level
    if not units:
        return 0
    value = tx.costs.scrap(level.item_id, units)
    tx.stock.move(_moved(tx, line, StockState.QUARANTINE, None, units, value, actor, -units))
    return value


async def _take(
    tx: Transaction,
    line: LineToPost,
    holds: LockedHolds,
    orders: OrderUnits,
    actor: str,
) -> int:
    """Take a deficit out of the stock. Returns the units taken, which may be fewer."""
    deficit = line.posting.deficit
    taken = _take_available(tx, line, deficit, actor)
    if taken < deficit and line.holds:
        await release(tx, holds, line.holds, actor)
        taken += _take_available(tx, line, deficit - taken, actor)
    # Live holds lose their units before any order does.
    if taken < deficit and not line.level.units[StockState.HELD]:
        taken += await orders.take(line.level, line.location, deficit - taken, line.reference)
    return taken


def _take_available(tx: Transaction, line: LineToPost, units: int, actor: str) -> int:
    part = min(units, line.level.units[StockState.AVAILABLE])
    if part:
        value = tx.costs.issue(line.level.item_id, part)
        _move(tx, line, StockState.AVAILABLE, None, part, value, actor)
    return part


def _move(
    tx: Transaction,
    line: LineToPost,
    from_state: StockState | None,
    to_state: StockState | None,
    units: int,
    value_minor: int,
    actor: str,
) -> None:
    tx.stock.move(_moved(tx, line, from_state, to_state, units, value_minor, actor, 0))


def _moved(
    tx: Transaction,
    line: LineToPost,
    from_state: StockState | None,
    to_state: StockState | None,
    units: int,
    value_minor: int,
    actor: str,
    missing: int,
) -> StockMove:
    return StockMove(
        item_id=line.level.item_id,
        location_id=line.level.location_id,
        from_state=from_state,
        to_state=to_state,
        quantity=units,
        actor=actor,
        reference=line.reference,
        value_minor=value_minor,
        value_currency=tx.terms.base_currency,
        kind=MovementKind.COUNTED,
        missing=missing,
        spares_bins=line.spares_bins,
    )


def _book(
    tx: Transaction, line: LineToPost, posted: Posting, values: CountValues, actor: str
) -> None:
    place = f"{line.level.sku} @ {line.level.location}"
    entry = count_entries.counted(posted, values, place, Occasion(line.reference, tx.now))
    tx.journal.post(entry, actor=actor, location_id=line.level.location_id)


async def _settle(
    tx: Transaction,
    line: LineToPost,
    unposted: int,
    values: CountValues,
    actor: str,
) -> StockCountLineRow:
    """Write the line: POSTED, or POSTING if units are left to take."""
    row, level = line.row, line.level
    await tx.flush()
    is_over = unposted == 0 or level.shelf == 0 or await _is_for_transfers(tx, level)
    is_further = row["status"] == CountLineStatus.POSTING
    worth = row["value_minor"] or 0 if is_further else 0
    variance = row["variance"] or 0 if is_further else line.posting.variance
    # Where nothing is left that may be taken, the difference is what was booked.
    variance += unposted if is_over else 0
    written: StockCountLineRow = {
        **row,
        "status": str(CountLineStatus.POSTED if is_over else CountLineStatus.POSTING),
        "variance": variance,
        "value_minor": worth + values.change,
        "value_currency": values.currency,
        "asked_again_because": None,
        "posted_at": tx.now if is_over else None,
        "unposted": 0 if is_over else unposted,
        "version": row["version"] + 1,
    }
    await count_queries.write_line(tx.session, written)
    if is_over:
        line.is_doubtful = level.missing > 0
        await count_queries.add_done(tx.session, row["count_id"], 1, tx.now)
        await count_queries.set_counted(tx.session, level.id, level.location_id, tx.now)
        event = CountPosted(
            count=row["count_id"],
            sku=level.sku,
            location=level.location,
            status=CountLineStatus.POSTED,
            variance=variance,
        )
        tx.outbox.record(
            event,
            row["id"],
            actor=actor,
            version=written["version"],
            location_id=level.location_id,
        )
        after = encode(event)
    else:
        after = {"status": written["status"], "unposted": unposted}
    subject = ("StockCountLine", row["id"])
    tx.outbox.audit(actor, "count.posted", subject, before={"status": row["status"]}, after=after)
    return written


async def _is_for_transfers(tx: Transaction, level: Level) -> bool:
    """True if all units on the shelf are promised to transfers that wait for their shipment."""
    if level.units[StockState.AVAILABLE] or level.units[StockState.HELD]:
        return False
    units = await claims.units_of_transfers(tx.session, level.item_id, level.location_id)
    return level.shelf <= units


class PostingRounds:
    """Takes what postings have left, a few lines a step, in turn."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._after: UUID | None = None

    async def work(self) -> int:
        """Go on with the next lines that are POSTING. Returns the number of lines that moved on."""
        async with self._transactions.database.reading() as session:
            rows = await count_queries.posting_lines(session, self._after, LINES_MAX)
        self._after = rows[-1]["id"] if len(rows) == LINES_MAX else None
        moved = 0
        for row in rows:
            try:
                moved += await self._transactions.run(partial(_post_more, row))
            except Exception as error:  # the other lines can be booked
                logger.warning(
                    "counts.not_posted",
                    line=str(row["id"]),
                    error=repr(error),
                    exc_info=unforeseen(error),
                )
        return moved


async def _post_more(seen: StockCountLineRow, tx: Transaction) -> int:
    """Take more units of a line that is POSTING. Returns 1 if it took any, else 0."""
    item_ids = {seen["item_id"]}
    chosen = await holds_to_release(tx, seen["item_id"], seen["location_id"], seen["unposted"])
    if chosen:
        item_ids |= await claims.items_of_holds(tx.session, chosen)
    expired = await expired_units.lock_stock(tx, item_ids)
    await picks.book(tx, item_ids)
    row = (await count_queries.live_lines(tx.session, [seen["level_id"]])).get(seen["level_id"])
    if row is None or row["status"] != CountLineStatus.POSTING:
        return 0
    location = (await lookups.locations_by_id(tx.session, [row["location_id"]]))[row["location_id"]]
    item = (await lookups.items_by_id(tx.session, [row["item_id"]]))[row["item_id"]]
    level = tx.stock.levels[row["item_id"], row["location_id"]]
    posting = Posting(found=0, gone=0, surplus=0, deficit=row["unposted"])
    line = LineToPost(row, level, item, location, posting, None)
    actor = row["decided_by"] or SYSTEM.actor
    [written] = await post(tx, [line], expired, actor)
    return int(written["unposted"] < row["unposted"])
