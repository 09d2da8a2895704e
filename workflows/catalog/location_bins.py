"""Bins and zones that are created, closed or moved: units in them, and put-away tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import models.queries.catalog.catalog as catalog_queries
import models.queries.stock.bins as bin_queries
from domain.catalog.commands import UpsertLocation
from domain.errors import Invalid
from domain.problems import Problems
from domain.stock.states import ADDRESSES, LocationKind
from models.catalog import Location
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class AffectedHomes:
    """Locations whose bins a change affects, and those of them that had an active bin before."""

    ids: frozenset[int] = frozenset()
    with_bins: frozenset[int] = frozenset()


async def lock(
    tx: Transaction,
    command: UpsertLocation,
    current: Location | None,
    facts: Mapping[str, object],
) -> AffectedHomes:
    """Lock the locations whose first or last bin may change, before the bin itself.

    The lock waits for transactions that make stock levels there, and blocks later ones. So the
    round over the levels misses none. A put-away locks in the same order: location, then bin.
    """
    is_address = command.kind in ADDRESSES or (current is not None and current.kind in ADDRESSES)
    if not is_address:
        return AffectedHomes()
    places = (
        [facts.get("parent_id")]
        if current is None
        else [
            current.id,
            facts.get("parent_id", current.parent_id),
        ]
    )
    found = await bin_queries.homes(tx.session, [p for p in places if isinstance(p, int)])
    ids = frozenset(found.values())
    had = await bin_queries.with_bins(tx.session, ids)
    is_rearranged = current is not None and bool(_rearranged(command, current, facts))
    if is_rearranged or (command.kind is LocationKind.BIN and ids - had):
        for home_id in sorted(ids):
            await catalog_queries.claim_location(tx.session, home_id)
    return AffectedHomes(ids, had)


def _rearranged(
    command: UpsertLocation, current: Location, facts: Mapping[str, object]
) -> list[str]:
    """The fields of the input that close or move a zone or bin, or make it another kind."""
    found = []
    if current.active and facts.get("active") is False:
        found.append("active")
    if facts.get("parent_id", current.parent_id) != current.parent_id:
        found.append("parentCode")
    if command.kind != current.kind:
        found.append("kind")
    return found


async def check_empty(
    tx: Transaction,
    command: UpsertLocation,
    current: Location,
    facts: Mapping[str, object],
    problems: Problems,
) -> None:
    """Refuse to close a bin with units, to move it, or to take a zone with units elsewhere.

    A zone may be closed, and moved within its location: its bins stay where they are.
    """
    fields = _rearranged(command, current, facts)
    if current.kind == LocationKind.ZONE:
        fields = [field for field in fields if field != "active"]
        if fields == ["parentCode"]:
            parent_id = facts["parent_id"]
            assert isinstance(parent_id, int)  # a zone has a parent
            homes = await bin_queries.homes(tx.session, [current.id, parent_id])
            fields = fields if len(set(homes.values())) > 1 else []
    if current.kind not in ADDRESSES or not fields:
        return
    await catalog_queries.claim_location(tx.session, current.id)
    units = await bin_queries.units_within(tx.session, current.id)
    for field in fields if units else ():
        with problems.under():
            raise Invalid(
                f"{current.code} has {units} units in bins. Move them first.",
                field=(field,),
                details={"units": units},
            )


async def begin_rounds(tx: Transaction, affected: AffectedHomes, location_id: int) -> None:
    """Let the levels of a location get or lose put-away tasks if its first or last bin changed."""
    if not affected.ids:
        return
    now_in = (await bin_queries.homes(tx.session, [location_id])).values()
    ids = affected.ids.union(now_in)
    has = await bin_queries.with_bins(tx.session, ids)
    for home_id in sorted(ids):
        if (home_id in has) is not (home_id in affected.with_bins):
            await bin_queries.begin_round(tx.session, home_id)
