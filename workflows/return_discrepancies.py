"""What came and was not expected, or was and did not: told to people until it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import workflows.exceptions as exceptions
from domain.exceptions import ExceptionKind
from domain.receipts import Discrepancy
from domain.returns import ReturnItemState
from workflows.return_items import LockedReturn
from workflows.transactions import Transaction

KIND = ExceptionKind.RETURN_DISCREPANCY


async def tell(
    tx: Transaction,
    locked: LockedReturn,
    found: Sequence[Discrepancy],
    actor: str,
    *,
    location_id: int,
) -> UUID | None:
    """Open RETURN_DISCREPANCY, once for each difference; its id, or None where there is none."""
    words = " ".join(each.words for each in found)
    exception_id = None
    for _ in found:
        exception_id = await exceptions.open(
            tx,
            KIND,
            ("Return", locked.id),
            f"Return {locked.number}: {words}",
            location_id=location_id,
            channel_id=locked.channel.id,
            actor=actor,
        )
    return exception_id


async def clear_when_settled(tx: Transaction, locked: LockedReturn, actor: str) -> None:
    """Clear RETURN_DISCREPANCY once nothing is missing and no strange unit waits any more."""
    if any(group.state is ReturnItemState.MISSING for group in locked.groups):
        return
    strange = (group for group in locked.groups if group.order_line_id is None)
    if all(group.state is ReturnItemState.DISPOSED for group in strange):
        await exceptions.clear(tx, KIND, ("Return", locked.id), actor=actor)
