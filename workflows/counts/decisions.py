"""Decisions about counted lines: approval, recount, and the cancellation of a count."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.counts.claims as claims
import models.queries.counts.counts as count_queries
import models.queries.stock.bins as bin_queries
import models.queries.tasks as task_queries
import workflows.counts.posting as posting
import workflows.counts.promised_units as promised_units
import workflows.counts.variance as variance
import workflows.orders.picks as picks
import workflows.reservations.expired_units as expired_units
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.counts.states import (
    CANCELLABLE,
    LINE_TRANSITIONS,
    CountCause,
    CountLineStatus,
    CountStatus,
)
from domain.errors import (
    DomainError,
    IllegalTransition,
    Invalid,
    LimitExceeded,
    NotFound,
    SelfApproval,
)
from domain.events.counts import CountCancelled
from domain.events.payloads import encode
from domain.problems import Problems
from domain.tasks import QueueKind
from domain.values.texts import NOTE_MAX, check_text
from models.counts import StockCountLineRow
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.queries.stock.bins import BinFacts
from workflows.counts.opening import NewCount, add_task
from workflows.counts.posting import LineToPost
from workflows.reservations.expired_units import ExpiredUnits
from workflows.transactions.actions import one_by_one
from workflows.transactions.levels import Level
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction

LINES_MAX: Final = 200
SETTLED: Final = "Missing units were settled while the difference waited for approval."


@dataclass(frozen=True, slots=True)
class ApproveLines:
    """Book the differences of lines that need an approval."""

    line_ids: tuple[UUID, ...]
    note: str


@dataclass(frozen=True, slots=True)
class RecountLines:
    """Have lines counted again that need an approval."""

    line_ids: tuple[UUID, ...]
    note: str


@dataclass(frozen=True, slots=True)
class CancelCount:
    """Give up the lines of a count that are not posted."""

    count_id: UUID
    note: str


@dataclass(slots=True)
class _Chosen:
    """The locked lines of a command that may take its step, and those that were refused."""

    asked: Sequence[UUID]
    lines: dict[UUID, StockCountLineRow]
    refused: list[DomainError]
    locations: Mapping[int, LocationFacts]
    items: Mapping[int, ItemFacts]
    expired: ExpiredUnits

    def outcome(self) -> Outcome:
        """The outcome: each line in the order of the command, null for one that was refused."""
        ids = [str(each) if each in self.lines else None for each in self.asked]
        return Outcome.each({"lines": ids}, self.refused, is_any=bool(self.lines))


@one_by_one("stockCountApprove")
async def approve(tx: Transaction, command: ApproveLines, caller: Caller) -> Outcome:
    """Book the differences of lines that need an approval, each line on its own.

    Locks the stock, the lines, then as posting does. A line is refused with NotFound,
    IllegalTransition, or SelfApproval if the caller has counted it. If missing units of its level
    were settled since it was counted, it is not booked but counted anew. Raises Invalid or
    LimitExceeded. Records `count.posted` and `count.recorded`.
    """
    chosen = await _choose(tx, command, caller, CountLineStatus.POSTED)
    await _refuse_counters(tx, chosen, caller)
    settled = [row for row in chosen.lines.values() if _has_settled(tx, row)]
    await _count_anew(tx, settled, SETTLED, caller.actor)
    to_post = [
        await _to_post(tx, row, chosen, caller)
        for row in chosen.lines.values()
        if row not in settled
    ]
    _audit(tx, chosen, "stockCountApprove", command.note, caller.actor)
    await posting.post(tx, to_post, chosen.expired, caller.actor)
    await tx.flush()
    for line in to_post:
        await variance.clear(tx, line.level)
    return chosen.outcome()


@one_by_one("stockCountRecount")
async def recount(tx: Transaction, command: RecountLines, caller: Caller) -> Outcome:
    """Have lines counted anew that need an approval, each line on its own.

    Earlier attempts count no longer. Locks the stock, then the lines. A line is refused with
    NotFound or IllegalTransition. Raises Invalid or LimitExceeded. Records `count.recorded`.
    """
    chosen = await _choose(tx, command, caller, CountLineStatus.RECOUNT)
    await _count_anew(tx, list(chosen.lines.values()), command.note, caller.actor)
    _audit(tx, chosen, "stockCountRecount", command.note, caller.actor)
    return chosen.outcome()


def _has_settled(tx: Transaction, row: StockCountLineRow) -> bool:
    """True if missing units that the difference includes were found or written off by hand."""
    counted = row["counted_missing"]
    return counted is not None and _level(tx, row).missing < counted


async def _count_anew(
    tx: Transaction, rows: Sequence[StockCountLineRow], reason: str, actor: str
) -> None:
    """Let locked lines be counted anew, each with a task."""
    counts = await count_queries.counts_by_id(tx.session, [row["count_id"] for row in rows])
    for row in rows:
        asked: StockCountLineRow = {**row, "decided_by": actor}
        await variance.ask_again(tx, asked, _level(tx, row).sku, reason, actor)
        count = counts[row["count_id"]]
        new = NewCount(CountCause(count["cause"]), due_at=count["due_at"])
        add_task(tx, row["level_id"], row["location_id"], new, actor)


async def _choose(
    tx: Transaction,
    command: ApproveLines | RecountLines,
    caller: Caller,
    target: CountLineStatus,
) -> _Chosen:
    """Lock the stock and the rows of the lines, and choose those that may become `target`."""
    asked = command.line_ids
    if len(asked) > LINES_MAX:
        raise LimitExceeded("lines", LINES_MAX, len(asked), field=("lineIds",))
    seen = await count_queries.lines_by_id(tx.session, asked)
    locations = await lookups.locations_by_id(
        tx.session, [row["location_id"] for row in seen.values()]
    )
    visible = {
        key: row
        for key, row in seen.items()
        if caller.sees_location(locations[row["location_id"]].code)
    }
    _check_input(command, visible)
    item_ids = await _items(tx, visible.values())
    expired = await expired_units.lock_stock(tx, item_ids)
    await picks.book(tx, item_ids)
    live = await count_queries.live_lines(tx.session, [row["level_id"] for row in visible.values()])
    by_id = {row["id"]: row for row in live.values()}
    # Lines that another decision has ended while this one waited for the lock.
    by_id |= await count_queries.lines_by_id(tx.session, visible.keys() - by_id.keys())
    lines: dict[UUID, StockCountLineRow] = {}
    refused: list[DomainError] = []
    for index, line_id in enumerate(asked):
        try:
            if line_id not in visible:
                raise NotFound("count line", str(line_id))
            row = by_id[line_id]
            if row["status"] != CountLineStatus.NEEDS_APPROVAL:
                status = CountLineStatus(row["status"])
                allowed = LINE_TRANSITIONS[status] - {target}
                raise IllegalTransition("count line", status, target, allowed)
            lines[line_id] = row
        except DomainError as error:
            refused.append(error.under("lineIds", str(index)))
    items = await lookups.items_by_id(tx.session, [row["item_id"] for row in lines.values()])
    return _Chosen(asked, lines, refused, locations, items, expired)


def _check_input(command: ApproveLines | RecountLines, visible: Collection[UUID]) -> None:
    """Raise the faults of a command that has no line or a wrong note; then no line is decided."""
    problems = Problems()
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
    with problems.under("lineIds"):
        if not command.line_ids:
            raise Invalid("At least one line is required; none was sent.")
    if problems.errors:
        for index, line_id in enumerate(command.line_ids):
            with problems.under("lineIds", str(index)):
                if line_id not in visible:
                    raise NotFound("count line", str(line_id))
    problems.refuse()


async def _items(tx: Transaction, rows: Sequence[StockCountLineRow] | Any) -> set[int]:
    """The items of the lines, and those of holds that may lose units."""
    item_ids: set[int] = set()
    holds: list[UUID] = []
    for row in rows:
        item_ids.add(row["item_id"])
        lacking = -(row["variance"] or 0)
        if lacking > 0:
            holds += await promised_units.holds_to_release(
                tx, row["item_id"], row["location_id"], lacking
            )
    return item_ids | (await claims.items_of_holds(tx.session, holds) if holds else set())


async def _refuse_counters(tx: Transaction, chosen: _Chosen, caller: Caller) -> None:
    attempts = await count_queries.attempts_of(tx.session, list(chosen.lines))
    for index, line_id in enumerate(chosen.asked):
        if any(caller.acts_as(each["counted_by"]) for each in attempts.get(line_id, ())):
            field = ("lineIds", str(index))
            chosen.refused.append(SelfApproval(caller.actor, "counted", field=field))
            chosen.lines.pop(line_id, None)


async def _to_post(
    tx: Transaction, row: StockCountLineRow, chosen: _Chosen, caller: Caller
) -> LineToPost:
    level = _level(tx, row)
    location = chosen.locations[row["location_id"]]
    bins = None
    if row["counted_changes"] == level.shelf_changes:
        bins = await _counted_bins(tx, row, location)
    decided: StockCountLineRow = {**row, "decided_by": caller.actor}
    item = chosen.items[row["item_id"]]
    return posting.to_post(decided, level, item, location, row["variance"] or 0, bins)


async def _counted_bins(
    tx: Transaction, row: StockCountLineRow, location: LocationFacts
) -> dict[BinFacts, int]:
    """Units that the last attempt has counted in each active bin of the location."""
    attempts = (await count_queries.attempts_of(tx.session, [row["id"]]))[row["id"]]
    places = await count_queries.places_of(tx.session, attempts[-1]["id"])
    units = {each["bin_id"]: each["counted"] for each in places if each["bin_id"] is not None}
    found = await bin_queries.bins_by_id(tx.session, sorted(units))
    here = [each for each in found.values() if each.active and each.home_id == location.id]
    return {each: units[each.id] for each in here}


def _level(tx: Transaction, row: StockCountLineRow) -> Level:
    return tx.stock.levels[row["item_id"], row["location_id"]]


def _audit(tx: Transaction, chosen: _Chosen, action: str, note: str, actor: str) -> None:
    for row in chosen.lines.values():
        tx.outbox.audit(
            actor,
            action,
            ("StockCountLine", row["id"]),
            before={"status": row["status"], "variance": row["variance"]},
            after={"note": note},
        )


@one_by_one("stockCountCancel")
async def cancel(tx: Transaction, command: CancelCount, caller: Caller) -> Mapping[str, Any]:
    """Give up the lines of a count that are not posted, and cancel their tasks.

    Locks the stock of its lines, their tasks, then the lines and the count. Raises NotFound,
    Invalid, or IllegalTransition unless the count is OPEN. Records `count.cancelled`.
    """
    problems = Problems()
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
    seen = (await count_queries.counts_by_id(tx.session, [command.count_id])).get(command.count_id)
    found = {} if seen is None else await lookups.locations_by_id(tx.session, [seen["location_id"]])
    with problems.under("id"):
        if seen is None or not caller.sees_location(found[seen["location_id"]].code):
            raise NotFound("count", str(command.count_id))
    problems.refuse()
    assert seen is not None
    rows = await count_queries.live_lines_of(tx.session, seen["id"])
    await tx.stock.lock([row["item_id"] for row in rows])
    keys = [str(row["level_id"]) for row in rows]
    live_tasks = await task_queries.lock_live(tx.session, "StockLevel", keys) if keys else []
    live = await count_queries.live_lines(tx.session, [row["level_id"] for row in rows])
    count = await count_queries.lock_count(tx.session, seen["id"])
    assert count is not None
    if count["status"] != CountStatus.OPEN:
        raise IllegalTransition("count", count["status"], CountStatus.CANCELLED, field=("id",))
    ended = [
        row
        for row in live.values()
        if row["count_id"] == count["id"] and CountLineStatus(row["status"]) in CANCELLABLE
    ]
    levels = {str(row["level_id"]) for row in ended}
    await tasks.cancel(
        tx,
        [t for t in live_tasks if t["queue"] == QueueKind.COUNT and t["subject_key"] in levels],
        caller.actor,
    )
    await _end(tx, ended)
    await count_queries.cancel_count(tx.session, count["id"], len(ended), tx.now)
    event = CountCancelled(
        number=count["number"],
        cause=CountCause(count["cause"]),
        status=CountStatus.CANCELLED,
        lines=count["line_count"],
    )
    tx.outbox.record(
        event,
        count["id"],
        actor=caller.actor,
        version=count["version"] + 1,
        location_id=count["location_id"],
    )
    tx.outbox.audit(
        caller.actor,
        "stockCountCancel",
        ("StockCount", count["id"]),
        before={"status": count["status"]},
        after={**encode(event), "note": command.note},
    )
    for row in ended:
        await variance.clear(tx, _level(tx, row))
    return {"count": str(count["id"])}


async def _end(tx: Transaction, rows: Sequence[StockCountLineRow]) -> None:
    for row in rows:
        await count_queries.write_line(
            tx.session,
            {**row, "status": str(CountLineStatus.CANCELLED), "version": row["version"] + 1},
        )
