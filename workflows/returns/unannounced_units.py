"""Units beyond the request: they join the return if their order line and the policy allow it."""

from __future__ import annotations

import workflows.returns.evaluation as return_evaluation
import workflows.rollout.cases as cases
from domain.returns.receipts import Parcel, Receipt, receive
from domain.returns.states import ReturnItemState, ReturnStatus
from workflows.returns.evaluation import Evaluation, RequestedLine
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.transaction import Transaction


async def match(
    tx: Transaction, locked: LockedReturn, parcel: Parcel
) -> tuple[Receipt, list[ReturnUnits]]:
    """Match a parcel with a return. Returns the receipt, and the groups of units that join.

    The RETURN policy judges units that were not requested, as if they had been requested with the
    return and for the same reason. Units that it does not authorize are extra units, and so are
    all of a return that people decide. Raises what `receive` raises.
    """
    returnable = await return_evaluation.returnable_lines(tx.session, locked.order)
    room = {line.id: line.returnable for line in returnable}
    items = [group.units for group in locked.groups]
    lines = [(line.id, line.sku) for line in returnable if line.returnable]
    receipt = receive(locked.status, items, parcel, room, lines)
    if not receipt.unannounced:
        return receipt, []
    wanted, joining = _requested(tx, locked, receipt)
    evaluation = await return_evaluation.evaluate(
        tx.session, locked.order, locked.channel, wanted, locked.requested_at, tx.now
    )
    is_left = await cases.case_of(tx, ("Return", locked.id)) is not None
    if is_left or evaluation.verdict.outcome is not ReturnStatus.AUTHORIZED:
        return receive(locked.status, items, parcel, room), []
    for group, is_fast in zip(joining, evaluation.fast_lane, strict=True):
        group.fast_lane = is_fast
    _record(locked, receipt, evaluation)
    return receipt, joining


def _requested(
    tx: Transaction, locked: LockedReturn, receipt: Receipt
) -> tuple[list[RequestedLine], list[ReturnUnits]]:
    """The unannounced units as a request, and as new groups without a position."""
    wanted, joining = [], []
    for units in receipt.unannounced:
        line = locked.order.line(units.order_line_id)
        like = _most_alike(locked, units.order_line_id)
        assert line is not None
        assert like.reason is not None
        wanted.append(RequestedLine(line, units.quantity, like.reason))
        group = ReturnUnits(
            id=tx.new_id(),
            position=len(locked.groups),
            item_id=line.item_id,
            sku=line.sku,
            category=like.category if like.item_id == line.item_id else None,
            quantity=units.quantity,
            state=ReturnItemState.RECEIVED,
            order_line_id=line.id,
            reason_id=like.reason_id,
            reason=like.reason,
            since_version=locked.next_version,
            is_new=True,
        )
        joining.append(group)
    return wanted, joining


def _most_alike(locked: LockedReturn, line_id: object) -> ReturnUnits:
    """The requested group whose reason the units share: of their order line, else the first."""
    sold = [group for group in locked.groups if group.order_line_id is not None]
    return next((group for group in sold if group.order_line_id == line_id), sold[0])


def _record(locked: LockedReturn, receipt: Receipt, evaluation: Evaluation) -> None:
    """Add the units that join, and the policy's reasons, to the decision of the return."""
    decision = locked.decision
    joined = [
        f"unannounced: {units.quantity} of {units.sku} joined the return when they were received."
        for units in receipt.unannounced
    ]
    reasons = dict.fromkeys((*decision["reasons"], *joined, *evaluation.verdict.reasons))
    locked.decide({**decision, "reasons": list(reasons)})
