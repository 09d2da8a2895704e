"""Returns on their way: the number of their parcel, and what a carrier says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
from domain.access.callers import Caller
from domain.events.returns import ReturnInTransit, ReturnTracked
from domain.returns.states import ReturnAction, ReturnStatus
from domain.values.texts import check_text
from workflows.returns.locked_returns import LockedReturn
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class SetTracking:
    """The parcel in which units come back has a number."""

    return_id: UUID
    carrier: str
    tracking_number: str


@one_by_one("returnTrackingSet")
async def set_tracking(tx: Transaction, command: SetTracking, caller: Caller) -> Mapping[str, Any]:
    """Note the parcel's number; an authorized return is on its way from then on.

    Raises IllegalTransition, Invalid or NotFound.
    """
    check_text(command.carrier, "carrier")
    check_text(command.tracking_number, "trackingNumber")
    locked = await locked_returns.lock(tx, command.return_id, caller, ("id",))
    locked.check(ReturnAction.SET_TRACKING, "id")
    before = locked.status
    locked.set_tracking(command.carrier, command.tracking_number)
    if before is ReturnStatus.AUTHORIZED:
        locked.go_to(ReturnStatus.IN_TRANSIT)
    await return_records.write(tx, locked)
    event = ReturnTracked if before is locked.status else ReturnInTransit
    tracked = event(**return_records.step(locked, locked.groups, before))
    return_records.record(tx, tracked, locked, caller.actor)
    return_records.audit(tx, caller.actor, "returnTrackingSet", locked, before=before)
    return {"return": str(locked.id)}


async def carry(tx: Transaction, locked: LockedReturn, at: datetime, actor: str) -> bool:
    """A carrier has the parcel, which is evidence of its own; whether this changed anything.

    Never backwards: a return that is here, or off, stays as it is.
    """
    on_its_way = (ReturnStatus.AUTHORIZED, ReturnStatus.IN_TRANSIT)
    if locked.status not in on_its_way or locked.scanned_at is not None:
        return False
    before = locked.status
    locked.set_scanned(at)
    locked.go_to(ReturnStatus.IN_TRANSIT)
    await return_records.write(tx, locked)
    event = ReturnInTransit(**return_records.step(locked, locked.groups, before))
    return_records.record(tx, event, locked, actor)
    return True
