"""Creation of a count by a person: the levels of a location that meet all conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import models.queries.catalog.lookups as lookups
import models.queries.counts.candidates as candidates
import models.queries.stock.bins as bin_queries
from domain.access.callers import Caller
from domain.counts.classes import AbcClass
from domain.counts.states import CountCause
from domain.errors import Invalid, LimitExceeded, NotFound
from domain.problems import Problems
from domain.stock.states import LocationKind
from domain.values.codes import store_codes
from models.queries.catalog.lookups import LocationFacts
from models.queries.counts.candidates import CandidateFilters
from workflows.counts.opening import LevelToCount, NewCount, open_count
from workflows.stock.goods_receipts import check_open, stock_location
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

LEVELS_MAX = 2_000
SKUS_MAX = 500


@dataclass(frozen=True, slots=True)
class CreateCount:
    """Count the levels of a location that meet all conditions; None: any level.

    `zone_code`: with units in a bin of this zone. `limit`: the longest uncounted ones.
    """

    location_code: str
    zone_code: str | None = None
    skus: tuple[str, ...] | None = None
    abc_class: AbcClass | None = None
    not_counted_since: datetime | None = None
    limit: int = 500
    blind: bool | None = None
    due_at: datetime | None = None

    def __post_init__(self) -> None:
        store_codes(self, "location_code", "zone_code", "skus")


@one_by_one("stockCountCreate")
async def create(tx: Transaction, command: CreateCount, caller: Caller) -> Mapping[str, Any]:
    """Open a count. Levels that another live count has are left out.

    Raises Invalid, NotFound or LimitExceeded. Records `count.created` and `task.created`.
    """
    _check_count(command)
    problems = Problems()
    location, zone_id, item_ids = None, None, None
    with problems.under():
        location = await stock_location(tx, caller, command.location_code)
        check_open(location)
    problems.each([partial(_check_limit, command), partial(_check_due, command, tx.now)])
    with problems.under("input"):
        zone_id = await _zone(tx, command, location)
    with problems.under("input"):
        item_ids = await _items(tx, command)
    problems.refuse()
    assert location is not None
    found = await candidates.candidates(
        tx.session,
        location.id,
        CandidateFilters(zone_id, item_ids, command.abc_class, command.not_counted_since),
        command.limit,
    )
    levels = [LevelToCount(row["id"], row["item_id"]) for row in found]
    new = NewCount(CountCause.PLANNED, command.blind, command.due_at)
    count_id, _ = await open_count(tx, location, levels, new, caller.actor)
    return {"count": str(count_id)}


def _check_count(command: CreateCount) -> None:
    if command.skus is not None and len(command.skus) > SKUS_MAX:
        raise LimitExceeded("SKUs", SKUS_MAX, len(command.skus), field=("input", "skus"))


def _check_limit(command: CreateCount) -> None:
    if not 1 <= command.limit <= LEVELS_MAX:
        nearest = min(max(command.limit, 1), LEVELS_MAX)
        raise LimitExceeded("levels", nearest, command.limit, field=("input", "limit"))


def _check_due(command: CreateCount, now: datetime) -> None:
    if command.due_at is not None and command.due_at <= now:
        raise Invalid(
            f"`dueAt` must be after {now.isoformat()}; {command.due_at.isoformat()} was sent.",
            field=("input", "dueAt"),
            details={"now": now.isoformat()},
        )


async def _zone(
    tx: Transaction, command: CreateCount, location: LocationFacts | None
) -> int | None:
    """The zone of the location that the command names, or None. Raises NotFound or Invalid."""
    if command.zone_code is None or location is None:
        return None
    zone = await lookups.location_by_code(tx.session, command.zone_code)
    homes = {} if zone is None else await bin_queries.homes(tx.session, [zone.id])
    if zone is None or homes.get(zone.id) != location.id:
        raise NotFound("zone", command.zone_code, field=("zoneCode",))
    if zone.kind != LocationKind.ZONE:
        raise Invalid(f"{zone.code} is a {zone.kind}; a ZONE is required.", field=("zoneCode",))
    return zone.id


async def _items(tx: Transaction, command: CreateCount) -> list[int] | None:
    if command.skus is None:
        return None
    if not command.skus:
        raise LimitExceeded("SKUs", 1, 0, field=("skus",))
    items = await lookups.items_by_sku(tx.session, command.skus)
    problems = Problems()
    for index, sku in enumerate(command.skus):
        with problems.under("skus", str(index)):
            if sku not in items:
                raise NotFound("item", sku)
    problems.refuse()
    return sorted({items[sku].id for sku in command.skus})
