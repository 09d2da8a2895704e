"""Visibility checks: one rule decides which objects a caller may read and act on."""

from __future__ import annotations

from uuid import UUID

import models.queries.reads.fulfillments as fulfillment_reads
import models.queries.reads.orders as order_reads
import models.queries.reads.refunds as refund_reads
import models.queries.reads.reservations as reservation_reads
import models.queries.reads.returns as return_reads
from domain.access.callers import Caller
from models.database.sessions import Session
from models.queries.listing.scopes import scope_of


async def sees_order(session: Session, caller: Caller, order_id: UUID) -> bool:
    """True if the caller's scope contains this existing order."""
    scope = await scope_of(session, caller)
    return scope.is_whole or bool(await order_reads.orders_by_id(session, scope, [order_id]))


async def sees_fulfillment(session: Session, caller: Caller, fulfillment_id: UUID) -> bool:
    """True if the caller's scope contains this existing fulfillment."""
    scope = await scope_of(session, caller)
    if scope.is_whole:
        return True
    return bool(await fulfillment_reads.fulfillments_by_id(session, scope, [fulfillment_id]))


async def sees_fulfillment_hold(session: Session, caller: Caller, hold_id: UUID) -> bool:
    """True if the caller's scope contains this existing fulfillment hold."""
    scope = await scope_of(session, caller)
    if scope.is_whole:
        return True
    return bool(await fulfillment_reads.holds_by_id(session, scope, [hold_id]))


async def sees_hold(session: Session, caller: Caller, reservation_id: UUID) -> bool:
    """True if the reservation exists and the caller's scope contains it."""
    scope = await scope_of(session, caller)
    return bool(await reservation_reads.reservations_by_id(session, scope, [reservation_id]))


async def sees_refund(session: Session, caller: Caller, refund_id: UUID) -> bool:
    """True if the caller's scope contains this existing refund."""
    scope = await scope_of(session, caller)
    return scope.is_whole or bool(await refund_reads.refunds_by_id(session, scope, [refund_id]))


async def sees_place(session: Session, caller: Caller, location_id: int | None) -> bool:
    """True if the caller's scope contains units at this location; None: they are at none yet."""
    return (await scope_of(session, caller)).sees_location(location_id)


async def sees_return(session: Session, caller: Caller, return_id: UUID) -> bool:
    """True if the caller's scope contains this existing return."""
    scope = await scope_of(session, caller)
    return scope.is_whole or bool(await return_reads.returns_by_id(session, scope, [return_id]))
