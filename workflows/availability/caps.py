"""CAP_LOCATION: the parcels of a location are counted, and given to it, under one lock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import models.queries.continuity.measures as measure_queries
import workflows.availability.atp_context as atp_context
from workflows.availability.atp_context import AtpContext
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction


async def lock(tx: Transaction, context: AtpContext) -> AtpContext:
    """The context with the room that locations have under the lock of their caps.

    Without an active cap nothing is locked or read.
    """
    if not context.room:
        return context
    tx.locking(LockClass.MEASURES)
    await measure_queries.lock_caps(tx.session)
    return await _counted(tx, context)


async def try_lock(tx: Transaction, context: AtpContext) -> AtpContext:
    """As `lock`, at any time. Where it would wait, the limited locations have no room."""
    if not context.room:
        return context
    tx.unit.trying(LockClass.MEASURES)
    if await measure_queries.try_lock_caps(tx.session):
        return await _counted(tx, context)
    return replace(context, room=dict.fromkeys(context.room, 0))


async def _counted(tx: Transaction, context: AtpContext) -> AtpContext:
    await tx.flush()
    return await atp_context.made_of(
        tx.session,
        context.channels,
        context.routing,
        context.backordered,
        context.measures,
        context.now,
    )


def take(context: AtpContext, location_ids: Iterable[int]) -> None:
    """Take the room of one parcel at each of these locations."""
    for location_id in location_ids:
        if location_id in context.room:
            context.room[location_id] -= 1
