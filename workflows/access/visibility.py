"""Whether something exists for a caller: one rule for what it reads and for what it does."""

from __future__ import annotations

from uuid import UUID

import models.queries.reads.orders as orders
import models.queries.reads.reservations as reservations
import models.queries.reads.returns as returns
from domain.access.callers import Caller
from models.database.sessions import Session
from models.queries.listing.scopes import scope_of


async def sees_order(session: Session, caller: Caller, order_id: UUID) -> bool:
    """Whether an order that is there exists for a caller."""
    scope = await scope_of(session, caller)
    return scope.is_whole or bool(await orders.orders_by_id(session, scope, [order_id]))


async def sees_hold(session: Session, caller: Caller, reservation_id: UUID) -> bool:
    """Whether a hold exists for a caller."""
    scope = await scope_of(session, caller)
    return bool(await reservations.reservations_by_id(session, scope, [reservation_id]))


async def sees_return(session: Session, caller: Caller, return_id: UUID) -> bool:
    """Whether a return that is there exists for a caller."""
    scope = await scope_of(session, caller)
    return scope.is_whole or bool(await returns.returns_by_id(session, scope, [return_id]))
