"""Record of counts: each level is compared with the books in one transaction.

Expected are the units on the shelf and the missing ones. The rules of domain/counts/records.py
decide whether the difference is booked, counted again, or shown to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import models.queries.counts.claims as claims
import models.queries.counts.counts as count_queries
import models.queries.stock.stock as stock_queries
import workflows.counts.posting as posting
import workflows.counts.promised_units as promised_units
import workflows.counts.valuation as valuation
import workflows.counts.variance as variance
import workflows.exceptions.opening as exceptions
import workflows.orders.picks as picks
import workflows.reservations.expired_units as expired_units
import workflows.tasks.claims as tasks
import workflows.tasks.holders as holders
from domain.access.callers import Caller
from domain.counts.records import AttemptFacts, CountDecision, judge
from domain.counts.states import TO_COUNT, CountCause, CountLineStatus
from domain.errors import (
    DomainError,
    IllegalTransition,
    NotFound,
    SelfApproval,
)
from domain.exceptions import ExceptionKind
from domain.tasks import QueueKind
from domain.values.codes import same_code
from models.counts import CountAttempt, CountPlace, StockCountLineRow
from models.queries.catalog.lookups import LocationFacts
from workflows.counts.counted_items import CountedItem, RecordCount, read
from workflows.counts.opening import LevelToCount, NewCount, add_task, open_count
from workflows.counts.posting import LineToPost
from workflows.reservations.expired_units import ExpiredUnits
from workflows.transactions.actions import one_by_one
from workflows.transactions.levels import Level
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction


@one_by_one("stockCountRecord")
async def record(
    tx: Transaction, command: RecordCount, caller: Caller
) -> Mapping[str, Any] | Outcome:
    """Record counts of levels, each on its own. A level without a live line gets one: a SPOT count.

    Locks the stock of the items, the tasks and lines of the levels, then as posting does. Raises
    Invalid, NotFound or LimitExceeded for faults of the input. A level is refused with NotFound (0
    units of an item that was never here), SelfApproval, TaskNotClaimed or IllegalTransition.
    Records `count.recorded` and `count.posted`.
    """
    location, counted = await read(tx, command, caller)
    expired = await _lock(tx, counted, location)
    refused: list[DomainError] = []
    accepted = await _admit(tx, counted, location, caller, refused)
    await _open_spot(tx, accepted, location, caller.actor)
    to_post = await _decide(tx, accepted, location, caller)
    await posting.post(tx, to_post, expired, caller.actor)
    await tx.flush()
    for each in accepted:
        await variance.clear(tx, _level(tx, each, location))
    line_ids = [None if each not in accepted else _line_id(each) for each in counted]
    return Outcome.each({"lines": line_ids}, refused, is_any=bool(accepted))


def _line_id(counted: CountedItem) -> str:
    assert counted.line is not None
    return str(counted.line["id"])


def _level(tx: Transaction, counted: CountedItem, location: LocationFacts) -> Level:
    return tx.stock.levels[counted.item.id, location.id]


# ─── locks


async def _lock(
    tx: Transaction, counted: Sequence[CountedItem], location: LocationFacts
) -> ExpiredUnits:
    """Lock the stock of the items, and of those whose holds may lose units.

    A level that does not exist is made, unless nothing was counted of it.
    """
    seen = await claims.levels_of(tx.session, location.id, [each.item.id for each in counted])
    item_ids = {each.item.id for each in counted}
    missing = [
        (each.item.id, location.id) for each in counted if each.units and each.item.id not in seen
    ]
    if missing:
        await stock_queries.ensure_levels(tx.session, sorted(missing), tx.now)
    holds: list[UUID] = []
    for each in counted:
        level = seen.get(each.item.id)
        if level is not None and each.units < level["claimed"]:
            lacking = level["claimed"] - each.units
            holds += await promised_units.holds_to_release(tx, each.item.id, location.id, lacking)
    if holds:
        item_ids |= await claims.items_of_holds(tx.session, holds)
    expired = await expired_units.lock_stock(tx, item_ids)
    # Scans of a moment ago have taken units off the shelf.
    await picks.book(tx, item_ids)
    return expired


async def _admit(
    tx: Transaction,
    counted: Sequence[CountedItem],
    location: LocationFacts,
    caller: Caller,
    refused: list[DomainError],
) -> list[CountedItem]:
    """The counts that the caller may record, with their locked tasks and lines."""
    accepted = []
    for each in counted:
        level = tx.stock.level(each.item.id, location.id)
        try:
            if level is None:
                raise NotFound("stock level", each.item.sku, field=("sku",))
            subject = ("StockLevel", level.id)
            each.tasks = await tasks.lock_for(tx, subject, caller, ("sku",), QueueKind.COUNT)
        except DomainError as error:
            refused.append(error.under(*each.path))
        else:
            accepted.append(each)
    levels = {_level(tx, each, location).id: each for each in accepted}
    for level_id, line in (await count_queries.live_lines(tx.session, list(levels))).items():
        levels[level_id].line = line
    lines = [each.line["id"] for each in accepted if each.line is not None]
    attempts = await count_queries.attempts_of(tx.session, lines) if lines else {}
    for each in list(accepted):
        if each.line is None:
            continue
        each.attempts = attempts.get(each.line["id"], [])
        try:
            _check_line(each, caller)
        except DomainError as error:
            refused.append(error.under(*each.path))
            accepted.remove(each)
    for each in accepted:
        holders.audit_overrides(tx, each.tasks, caller.actor)
    return accepted


def _check_line(counted: CountedItem, caller: Caller) -> None:
    """Raise IllegalTransition if the line does not wait to be counted, else SelfApproval."""
    assert counted.line is not None
    status = CountLineStatus(counted.line["status"])
    if status not in TO_COUNT:
        raise IllegalTransition("count of this level", status, "counted", (), field=("sku",))
    if any(each["counts"] and caller.acts_as(each["counted_by"]) for each in counted.attempts):
        raise SelfApproval(caller.actor, "counted", field=("sku",))


async def _open_spot(
    tx: Transaction, accepted: Sequence[CountedItem], location: LocationFacts, actor: str
) -> None:
    """Open a SPOT count for the levels that have no live line."""
    fresh = [each for each in accepted if each.line is None]
    if not fresh:
        return
    levels = [LevelToCount(_level(tx, each, location).id, each.item.id) for each in fresh]
    _, lines = await open_count(tx, location, levels, NewCount(CountCause.SPOT), actor)
    await tx.flush()
    for each, line in zip(fresh, lines, strict=True):
        each.line = line


# ─── decisions


async def _decide(
    tx: Transaction, accepted: Sequence[CountedItem], location: LocationFacts, caller: Caller
) -> list[LineToPost]:
    """Decide about each count. Writes the lines that are not posted now; returns the others."""
    if not accepted:
        return []
    picked = await count_queries.items_being_picked(
        tx.session, location.id, [each.item.id for each in accepted], tx.now
    )
    rules = await valuation.read(tx, location, [each.item.id for each in accepted])
    to_post = []
    for each in accepted:
        line, level = each.line, _level(tx, each, location)
        assert line is not None
        facts = await _facts(tx, each, level, rules, caller, each.item.id in picked)
        earlier = [row["counted"] - row["expected"] for row in each.attempts if row["counts"]]
        decision = judge(facts, earlier, rules.recount_limits(each.item, tx.now))
        _add_attempt(tx, each, facts, decision, caller.actor)
        has_moved = facts.has_shelf_moved
        changed: StockCountLineRow = {
            **line,
            "status": str(decision.status),
            "asked_again_because": decision.reason,
            "counted_changes": level.shelf_changes,
            "counted_missing": level.missing,
        }
        if decision.status is CountLineStatus.POSTED:
            await _finish_tasks(tx, each, caller.actor)
            bins = None if has_moved else each.bins
            waiting: StockCountLineRow = {**changed, "status": line["status"]}
            to_post.append(
                posting.to_post(waiting, level, each.item, location, facts.variance, bins)
            )
        else:
            each.line = await _wait(tx, each, changed, facts, decision, caller.actor, location)
    return to_post


async def _facts(
    tx: Transaction,
    counted: CountedItem,
    level: Level,
    rules: valuation.CountPolicies,
    caller: Caller,
    is_being_picked: bool,
) -> AttemptFacts:
    expected = level.shelf + level.missing
    difference = counted.units - expected
    value = rules.value_of(counted.item, abs(difference))
    started = _started_changes(counted, caller, level)
    return AttemptFacts(
        counted=counted.units,
        expected=expected,
        has_shelf_moved=started != level.shelf_changes,
        is_being_picked=is_being_picked,
        value=value,
        needs_approval=await rules.needs_approval(tx, counted.item, difference, caller.actor),
    )


def _started_changes(counted: CountedItem, caller: Caller, level: Level) -> int:
    """The change of the shelf at which the count began; a count without a claim begins now."""
    line = counted.line
    is_claimed = any(
        row["claimed_by"] is not None and same_code(row["claimed_by"], caller.actor)
        for row in counted.tasks
    )
    if line is None or not is_claimed or line["started_changes"] is None:
        return level.shelf_changes
    return line["started_changes"]


def _add_attempt(
    tx: Transaction, counted: CountedItem, facts: AttemptFacts, decision: CountDecision, actor: str
) -> None:
    assert counted.line is not None
    attempt_id = tx.new_id()
    tx.add(
        CountAttempt,
        {
            "id": attempt_id,
            "line_id": counted.line["id"],
            "number": len(counted.attempts) + 1,
            "counted_by": actor,
            "counted_at": tx.now,
            "counted": facts.counted,
            "expected": facts.expected,
            "counts": not decision.is_void,
        },
    )
    places = [(place.id, units) for place, units in counted.bins.items()]
    if counted.unbinned or not places:
        places.append((None, counted.unbinned))  # type: ignore[arg-type]
    for bin_id, units in places:
        tx.add(
            CountPlace,
            {"id": tx.new_id(), "attempt_id": attempt_id, "bin_id": bin_id, "counted": units},
        )


async def _finish_tasks(tx: Transaction, counted: CountedItem, actor: str) -> None:
    await tasks.finish(tx, counted.tasks, actor)


async def _wait(
    tx: Transaction,
    counted: CountedItem,
    changed: StockCountLineRow,
    facts: AttemptFacts,
    decision: CountDecision,
    actor: str,
    location: LocationFacts,
) -> StockCountLineRow:
    """Write a line that waits for a recount or an approval, and its task."""
    level = _level(tx, counted, location)
    signed = -1 if facts.variance < 0 else 1
    value = facts.value
    written: StockCountLineRow = {
        **changed,
        "variance": facts.variance,
        "value_minor": None if value is None else signed * value.minor,
        "value_currency": None if value is None else value.currency,
        "version": changed["version"] + 1,
    }
    await tx.flush()
    await count_queries.write_line(tx.session, written)
    variance.record(tx, written, level.sku, level.location, actor)
    tx.outbox.audit(
        actor,
        "stockCountRecord",
        ("StockCountLine", written["id"]),
        after={"status": written["status"], "because": written["asked_again_because"]},
    )
    await _follow_task(tx, counted, decision, actor, level)
    if not decision.is_void:
        await exceptions.open_exception(
            tx,
            ExceptionKind.COUNT_VARIANCE,
            ("StockLevel", level.id),
            f"A count of {level.sku} at {level.location} differs from the books.",
            location_id=level.location_id,
            actor=actor,
        )
    return written


async def _follow_task(
    tx: Transaction, counted: CountedItem, decision: CountDecision, actor: str, level: Level
) -> None:
    """End, release or keep the task of a line that waits; a SPOT line that is counted gets one."""
    if decision.status is CountLineStatus.NEEDS_APPROVAL:
        await _finish_tasks(tx, counted, actor)
    elif not counted.tasks:
        add_task(tx, level.id, level.location_id, NewCount(CountCause.SPOT), actor)
    elif decision.by_another:
        await tasks.give_back(tx, counted.tasks, actor)
    else:
        unclaimed = [row for row in counted.tasks if row["status"] != "CLAIMED"]
        await tasks.progress(tx, unclaimed, actor)
