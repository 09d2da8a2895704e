"""Locations: hierarchy, time zones, and the rules for closing one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

import models.queries.catalog.catalog as catalog_queries
import workflows.catalog.location_bins as location_bins
from domain.access.callers import Caller
from domain.catalog.commands import Absent, UpsertLocation
from domain.catalog.validation import (
    DEPTH_MAX,
    LOCATION_DEFAULTS,
    Facts,
    LocationInUse,
    check_place,
    location_facts,
)
from domain.errors import Invalid, NotFound
from domain.events.catalog import LocationUpserted
from domain.problems import Problems
from domain.stock.states import ADDRESSES, STOCK_KEEPING, LocationKind
from domain.values.codes import same_code
from models.catalog import Location
from workflows.catalog.master_data import LOCATION, code_of, lock, report, write
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """IANA time zone names known to this machine or to the tzdata package."""
    return frozenset(available_timezones())


@one_by_one("locationUpsert")
async def upsert(tx: Transaction, command: UpsertLocation, caller: Caller) -> Mapping[str, Any]:
    """Create or change a location.

    A caller that is limited to locations may change these, and the zones and bins in them. Locks
    the location hierarchy, then the location. All faults are reported together: Invalid or
    NotFound, with the field; LocationInUse (field `active`) if a location is closed while it has
    units, open holds or fulfillments. Records `location.upserted`.
    """
    problems = Problems()
    facts = location_facts(command, time_zones(), problems)
    await catalog_queries.lock_hierarchy(tx.session)
    current = await lock(tx, LOCATION, {"code_key": command.code})
    with problems.under():
        if not await _may_upsert(tx, command, current, caller):
            raise NotFound("location", command.code, field=("code",))
    key = {"code": code_of(current, command.code)}
    with problems.under():
        facts |= await _parent_facts(tx, command, caller)
    if not problems.errors:
        with problems.under():
            await _check_place(tx, command, current, facts)
        if current is not None:
            await _check_use(tx, command, current, facts, problems)
    problems.refuse("input")
    bins = await location_bins.lock(tx, command, current, facts)
    if current is not None:
        await location_bins.check_empty(tx, command, current, facts, problems)
    problems.refuse("input")
    upserted = await write(tx, LOCATION, current, key, facts, LOCATION_DEFAULTS)
    await location_bins.begin_rounds(tx, bins, upserted.id)
    event = LocationUpserted(code=key["code"], **upserted.step)
    place = await _place_of(tx, upserted.id, command.kind)
    report(tx, LOCATION, key, upserted, caller, event, place)
    return {"location": upserted.id}


async def _may_upsert(
    tx: Transaction, command: UpsertLocation, current: Location | None, caller: Caller
) -> bool:
    """True if the location is in the caller's scope: its own, or a zone or bin in one of them.

    The parent of a new zone or bin is checked by `_parent_facts`.
    """
    if caller.sees_location(command.code):
        return True
    kinds = {command.kind} if current is None else {command.kind, LocationKind(current.kind)}
    if not kinds <= ADDRESSES:
        return False
    return current is None or await _is_within_scope(tx, current.id, caller)


async def _is_within_scope(tx: Transaction, location_id: int, caller: Caller) -> bool:
    """True if the caller sees the location, or the one that keeps the stock of a zone or bin."""
    above = await catalog_queries.upwards(tx.session, location_id, DEPTH_MAX)
    for row in above:
        if caller.sees_location(row["code"]):
            return True
        if LocationKind(row["kind"]) not in ADDRESSES:
            return False
    return False


async def _place_of(tx: Transaction, location_id: int, kind: LocationKind) -> int:
    """The location whose keys see an event: for a zone or a bin, the one that keeps its stock."""
    if kind not in ADDRESSES:
        return location_id
    above = await catalog_queries.upwards(tx.session, location_id, DEPTH_MAX)
    keeping = (row["id"] for row in above if LocationKind(row["kind"]) in STOCK_KEEPING)
    return next(keeping, location_id)


async def _parent_facts(tx: Transaction, command: UpsertLocation, caller: Caller) -> Facts:
    code = command.parent_code
    if isinstance(code, Absent):
        return {}
    if code is None:
        return {"parent_id": None}
    found = await catalog_queries.locations_named(tx.session, [code])
    if code not in found or not await _is_within_scope(tx, found[code]["id"], caller):
        # A new location does not exist yet: naming itself as its parent is a circle.
        if same_code(code, command.code):
            raise Invalid("A location cannot be its own parent.", field=("parentCode",))
        raise NotFound("location", code, field=("parentCode",))
    return {"parent_id": found[code]["id"]}


async def _check_place(
    tx: Transaction, command: UpsertLocation, current: Location | None, facts: Facts
) -> None:
    inherited = None if current is None else current.parent_id
    parent_id: Any = facts.get("parent_id", inherited)
    above = (
        [] if parent_id is None else await catalog_queries.upwards(tx.session, parent_id, DEPTH_MAX)
    )
    within = [] if current is None else await catalog_queries.kinds_within(tx.session, current.id)
    check_place(
        code_of(current, command.code),
        command.kind,
        [(row["code"], LocationKind(row["kind"])) for row in above],
        [LocationKind(kind) for kind in within],
    )


async def _check_use(
    tx: Transaction, command: UpsertLocation, current: Location, facts: Facts, problems: Problems
) -> None:
    """Refuse to close a location in use, or to make its kind one that cannot hold stock."""
    is_closed = current.active and facts.get("active") is False
    is_address = current.kind in STOCK_KEEPING and command.kind not in STOCK_KEEPING
    if not (is_closed or is_address):
        return
    await catalog_queries.claim_location(tx.session, current.id)
    use = await catalog_queries.location_use(tx.session, current.id)
    is_needed = bool(use["units"] or use["holds"] or use["fulfillments"] or use["transfers"])
    for is_refused, field in (
        (is_closed and is_needed, "active"),
        (is_address and (is_needed or use["channels"]), "kind"),
    ):
        if is_refused:
            problems.errors.append(LocationInUse(command.code, use, field=(field,)))
