"""Closing of accounting periods. An entry for a time in a closed period is posted after it."""

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
    """Allow no postings up to and including this instant."""

    through: datetime


@one_by_one("periodClose")
async def close(tx: Transaction, command: ClosePeriod, caller: Caller) -> Mapping[str, Any]:
    """Close the books up to an instant.

    Raises PeriodNotOpen if the instant is already closed or in the future, and Forbidden for a
    caller limited to some channels or locations. Records `period.closed`.
    """
    if caller.channels is not None or caller.locations is not None:
        raise Forbidden(
            f"{caller.actor} cannot close the books: its key is limited to some channels or"
            " locations."
        )
    period_id = await tx.journal.close(command.through, caller.actor)
    event = PeriodClosed(through=command.through)
    subject = ("Period", period_id)
    tx.outbox.record(event, period_id, actor=caller.actor)
    tx.outbox.audit(caller.actor, "periodClose", subject, after=encode(event))
    return {"period": str(period_id)}
