"""RETURN_DISCREPANCY exceptions: opened for missing, wrong or extra units, closed when resolved."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import models.queries.returns.unidentified_parcels as parcel_queries
import workflows.exceptions.opening as exceptions
from domain.exceptions import ExceptionKind
from domain.returns.receipts import Discrepancy
from domain.returns.states import ReturnItemState
from workflows.returns.locked_returns import LockedReturn
from workflows.transactions.transaction import Transaction

KIND = ExceptionKind.RETURN_DISCREPANCY


async def open_exception(
    tx: Transaction,
    locked: LockedReturn,
    found: Sequence[Discrepancy],
    actor: str,
    *,
    location_id: int,
) -> UUID | None:
    """Open RETURN_DISCREPANCY, once for each difference. Returns its id, or None."""
    description = " ".join(each.description for each in found)
    exception_id = None
    for _ in found:
        exception_id = await exceptions.open_exception(
            tx,
            KIND,
            ("Return", locked.id),
            f"Return {locked.number}: {description}",
            location_id=location_id,
            channel_id=locked.channel.id,
            actor=actor,
        )
    return exception_id


async def clear_when_settled(tx: Transaction, locked: LockedReturn, actor: str) -> None:
    """Clear RETURN_DISCREPANCY when no unit is missing and all unexpected units are disposed of.

    It stays open while a parcel that came for an ended return is still in quarantine.
    """
    unexpected = [group for group in locked.groups if group.order_line_id is None]
    is_settled = all(group.state is ReturnItemState.DISPOSED for group in unexpected) and all(
        group.state is not ReturnItemState.MISSING for group in locked.groups
    )
    if is_settled and not await parcel_queries.is_waiting(tx.session, locked.id):
        await exceptions.clear(tx, KIND, ("Return", locked.id), actor=actor)
