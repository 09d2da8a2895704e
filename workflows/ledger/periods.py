"""Closes the books up to an instant; what happened before it is booked behind it from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.access.callers import Caller
from domain.errors import Forbidden
from domain.events.ledger import PeriodClosed
from domain.events.payloads import encode
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ClosePeriod:
    """Book nothing more up to and including this instant."""

    through: datetime


@one_by_one("periodClose")
async def close(tx: Transaction, command: ClosePeriod, caller: Caller) -> Mapping[str, Any]:
    """Close the books. Raises PeriodNotOpen for what is closed or lies ahead, and Forbidden for
    a caller that sees a part of the house only."""
    if caller.channels is not None or caller.locations is not None:
        raise Forbidden(f"{caller.actor} sees a part of the books only and cannot close them.")
    period_id = await tx.journal.close(command.through, caller.actor)
    event = PeriodClosed(through=command.through)
    subject = ("Period", period_id)
    tx.outbox.record(event, period_id, actor=caller.actor)
    tx.outbox.audit(caller.actor, "periodClose", subject, after=encode(event))
    return {"period": str(period_id)}
