"""Nightly ABC classes, and the daily CYCLE counts of locations whose COUNT policy has a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import models.queries.catalog.lookups as lookups
import models.queries.counts.candidates as candidates
import workflows.policies.publishing as policies
from domain.access.callers import SYSTEM
from domain.counts.classes import SHIPPED_WITHIN, classes
from domain.counts.states import CountCause
from domain.policies.counts import CountRules, Cycle
from domain.policies.policies import Facts, PolicyKind, PolicyVersion, choose
from domain.values.days import DAY, day_of, first_instant
from models.queries.counts.candidates import CandidateRow, CountingLocationRow
from workflows.counts.opening import LevelToCount, NewCount, open_count
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

CLASSED_MAX: Final = 500
Found = tuple[PolicyVersion[CountRules], ...]


class Classification:
    """Gives each level its class, one location a step, once a day in each location's time zone."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._next_at: dict[int, datetime] = {}

    async def work(self) -> int:
        """Classify the levels of the next location whose day has ended. Returns 0 if none has."""
        now = self._transactions.clock()
        async with self._transactions.database.reading() as session:
            places = await candidates.counting_locations(session)
        due = [place for place in places if self._next_at.get(place["id"], now) <= now]
        if not due:
            return 0
        await self.classify(due[0])
        self._next_at[due[0]["id"]] = _next_day(now, due[0]["time_zone"])
        return 1

    async def classify(self, place: CountingLocationRow) -> None:
        """Give the levels of a location their classes; only changes are written, in short steps."""
        since = self._transactions.clock() - SHIPPED_WITHIN
        async with self._transactions.database.reading() as session:
            rows = await candidates.shipped_costs(session, place["id"], since)
        found = classes({row["id"]: int(row["cost_minor"]) for row in rows})
        changed = [
            (row["id"], found[row["id"]]) for row in rows if row["abc_class"] != found[row["id"]]
        ]
        for first in range(0, len(changed), CLASSED_MAX):
            part = changed[first : first + CLASSED_MAX]
            await self._transactions.run(partial(_store, place["id"], part))


def _next_day(instant: datetime, time_zone: str) -> datetime:
    """The instant at which the local day after that of `instant` begins."""
    zone = ZoneInfo(time_zone)
    return first_instant(day_of(instant, zone) + DAY, zone)


async def _store(location_id: int, part: Sequence[tuple[int, str]], tx: Transaction) -> None:
    await candidates.set_classes(tx.session, location_id, part)


async def count_due(transactions: Transactions) -> int:
    """Open the CYCLE count of each location that has none today. Returns the number of counts."""
    now = transactions.clock()
    async with transactions.database.reading() as session:
        places = await candidates.counting_locations(session)
        in_force = await policies.in_force(session, PolicyKind.COUNT, now)
    opened = 0
    for place in places:
        last = place["last_cycle_at"]
        is_done = last is not None and _next_day(last, place["time_zone"]) > now
        if not is_done and _has_cycle(in_force, place["code"]):
            opened += await transactions.run(partial(_open, place, in_force))
    return opened


def _has_cycle(in_force: Found, location: str) -> bool:
    """True if any policy that may decide about items of the location has a cycle."""
    return any(
        policy.rules.cycle is not None and policy.scope.location in (None, location)
        for policy in in_force
    )


async def _open(place: CountingLocationRow, in_force: Found, tx: Transaction) -> int:
    """Open a count of the levels that are due. Returns 1, or 0 if none is."""
    found = [
        row
        for category in (None, *_categories(in_force))
        for row in await _due(tx, place, in_force, category)
    ]
    if not found:
        return 0
    location = (await lookups.locations_by_id(tx.session, [place["id"]]))[place["id"]]
    levels = [LevelToCount(row["id"], row["item_id"]) for row in found]
    await open_count(tx, location, levels, NewCount(CountCause.CYCLE), SYSTEM.actor)
    return 1


def _categories(in_force: Found) -> list[str]:
    return sorted({policy.scope.category for policy in in_force if policy.scope.category})


async def _due(
    tx: Transaction, place: CountingLocationRow, in_force: Found, category: str | None
) -> Sequence[CandidateRow]:
    facts = Facts(location=place["code"], category=category)
    cycle = choose(in_force, facts, tx.now).rules.cycle
    if cycle is None:
        return ()
    others = _categories(in_force) if category is None else ()
    before = _counted_before(cycle, tx.now)
    return await candidates.due_levels(
        tx.session, place["id"], before, category, others, cycle.per_day
    )


def _counted_before(cycle: Cycle, now: datetime) -> dict[str, datetime]:
    return {name: now - period for name, period in cycle.periods.items()}
