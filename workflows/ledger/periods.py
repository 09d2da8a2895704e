"""Closes the books up to an instant; what happened before it is booked behind it from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import workflows.transactions.journal as journal
import workflows.transactions.outbox as outbox
from domain.access.callers import Caller
from domain.errors import Forbidden
from workflows.transactions.runner import Transaction, one_by_one


@dataclass(frozen=True, slots=True)
class ClosePeriod:
    """Book nothing more up to and including this instant."""

    through: datetime


@one_by_one("periodClose")
async def close(tx: Transaction, command: ClosePeriod, caller: Caller) -> Mapping[str, Any]:
    """Close the books. Raises PeriodClosed for what is closed or lies ahead, and Forbidden for
    a caller that sees a part of the house only."""
    if caller.channels is not None or caller.locations is not None:
        raise Forbidden(f"{caller.actor} sees a part of the books only and cannot close them.")
    period_id = await journal.close(tx, command.through, caller.actor)
    facts = {"through": command.through.isoformat()}
    subject = ("Period", period_id)
    outbox.record(tx, "period.closed", subject, actor=caller.actor, data=facts)
    outbox.audit(tx, caller.actor, "periodClose", subject, after=facts)
    return {"period": str(period_id)}
