"""Refunds of units that will not stay: withdrawn if not sent to the gateway, else recovered.

Units of a return stop earning a refund when they are missing, when they go back to the customer,
or when the return expires or is cancelled.

1. Present units are matched with the decided refunds by order line and grade, sent refunds first.
2. A refund that has more units than are present is withdrawn if it was not sent, or is of 0. What
   they owed is owed again. Its other units are then refunded anew.
3. If it was sent, REFUND_RECOVERY asks FINANCE to get the money back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

import models.queries.exceptions.exceptions as exception_queries
import models.queries.refunds.payouts as payout_queries
import models.queries.refunds.refunds as refund_queries
import workflows.exceptions.opening as exceptions
import workflows.refunds.locked_refunds as locked_refunds
from domain.events.returns import ReturnDisposed, ReturnExpired, ReturnPayload, ReturnReceived
from domain.exceptions import ExceptionKind
from domain.policies.dispositions import Disposition
from domain.refunds.approvals import RefundKind
from domain.refunds.states import UNSENT, WITHDRAWN, RefundStatus
from domain.refunds.unearned_units import GradedUnits, unearned_units
from domain.returns.states import ReturnItemState
from models.queries.returns.returns import RefundableUnits
from models.refunds import RefundRow
from workflows.refunds.balances import Balances
from workflows.refunds.locked_refunds import LockedRefund
from workflows.refunds.opening import POLICY
from workflows.transactions.transaction import Transaction

_PENDING: Final = RefundStatus.EVIDENCE_PENDING
_WHY: Final = "missing, not received, or sent back to the customer."
_NOTE: Final = f"Units of it do not stay: {_WHY}"


async def follow(
    tx: Transaction,
    balances: Balances,
    return_id: UUID,
    units: Iterable[RefundableUnits],
    payload: ReturnPayload,
) -> int:
    """Withdraw or recover the return's refunds that have more units than the return has.

    `units`: of the return, with their evidence. Returns the number of units without a refund now.
    """
    unearned = _unearned(balances, return_id, units)
    for refund_id, quantity in unearned.items():
        family_id = balances.refunds[refund_id]["family_id"]
        family = [each for each in _live(balances, return_id) if each["family_id"] == family_id]
        if await may_withdraw(tx, family):
            await withdraw(tx, balances, family, _NOTE)
        elif _ends_claims(payload):
            await recover(tx, balances, refund_id, f"{quantity} units of {{}} do not stay: {_WHY}")
    return sum(unearned.values())


def _live(balances: Balances, return_id: UUID) -> list[RefundRow]:
    """The return's decided refunds of units that count, those sent to the gateway first."""
    decided = [
        refund
        for refund in balances.live()
        if refund["return_id"] == return_id
        and refund["kind"] == RefundKind.RETURN
        and refund["status"] != _PENDING
    ]
    return sorted(decided, key=paid_nothing)


def paid_nothing(row: RefundRow) -> bool:
    """True if the refund was not sent to the gateway, or is of 0."""
    return RefundStatus(row["status"]) in UNSENT or not row["amount_minor"]


def _unearned(
    balances: Balances, return_id: UUID, units: Iterable[RefundableUnits]
) -> Mapping[UUID, int]:
    """Units in each decided refund beyond those that the return has with any evidence."""
    in_refunds = [
        (
            refund["id"],
            [
                GradedUnits(row["order_line_id"], row["condition"], row["quantity"])
                for row in balances.units
                if row["refund_id"] == refund["id"]
            ],
        )
        for refund in _live(balances, return_id)
    ]
    present = [
        GradedUnits(unit.order_line_id, unit.condition, unit.quantity)
        for unit in units
        if unit.evidence
    ]
    return unearned_units(in_refunds, present)


def _ends_claims(payload: ReturnPayload) -> bool:
    """True if this event is the one by which units stop earning a refund."""
    if isinstance(payload, ReturnExpired):
        return True
    sold = [each for each in payload.items if each.order_line is not None]
    if isinstance(payload, ReturnDisposed):
        return any(each.disposition is Disposition.RETURN_TO_CUSTOMER for each in sold)
    if isinstance(payload, ReturnReceived):
        return any(each.state is ReturnItemState.MISSING for each in sold)
    return False


async def may_withdraw(tx: Transaction, family: Sequence[RefundRow]) -> bool:
    """True if nothing of these refunds was paid: not sent, refused by the gateway, or of 0."""
    for row in family:
        if not paid_nothing(row) or await payout_queries.is_contradicted(tx.session, row["id"]):
            return False
    return True


async def withdraw(
    tx: Transaction, balances: Balances, family: Sequence[RefundRow], note: str
) -> None:
    """Withdraw refunds that paid nothing. `note` gives the reason. Their units are free again."""
    for row in family:
        refund = LockedRefund({**row}, balances.order)
        await refund_queries.release_units(tx.session, refund.id)
        refund.set_closing_note(note)
        is_over = refund.status is RefundStatus.SUCCEEDED
        status = RefundStatus.REVERSED if is_over else RefundStatus.CANCELLED
        await locked_refunds.advance(tx, refund, status, POLICY)
        balances.put(refund.row)


async def asked_back(tx: Transaction, refund_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the refunds about which REFUND_RECOVERY was opened."""
    subjects = {
        exceptions.subject_key(("Refund", refund_id)): refund_id for refund_id in refund_ids
    }
    found = await exception_queries.subjects_with(
        tx.session, ExceptionKind.REFUND_RECOVERY, list(subjects)
    )
    return {subjects[key] for key in found}


async def recover(tx: Transaction, balances: Balances, refund_id: UUID, message: str) -> None:
    """Open REFUND_RECOVERY about a refund; `{}` in the message stands for its name."""
    refund = LockedRefund(balances.refunds[refund_id], balances.order)
    assert refund.status not in WITHDRAWN
    await exceptions.open_exception(
        tx,
        ExceptionKind.REFUND_RECOVERY,
        ("Refund", refund.id),
        message.format(f"the refund of {refund.amount} on order {balances.order.number}")
        + " Recover the money.",
        channel_id=balances.order.channel_id,
    )
