"""Decided refunds that were not sent when a payment of their order is charged back.

The customer's bank has paid the customer already, so a refund could pay a second time.

1. A return's refund is withdrawn and decided anew for the same units. What the customer owes since
   the chargeback is taken off it first. The result is that of the other order of the facts.
2. Other refunds are withdrawn, newest first, while the payment cannot bear what draws on it. A
   person may open them again.
3. Refunds that were sent stay. So do refunds of a family of which one was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import workflows.refunds.balances as order_balances
import workflows.refunds.return_refunds as return_refunds
import workflows.refunds.unearned_units as unearned_units
from domain.refunds.approvals import RefundKind
from domain.refunds.states import UNDECIDED, RefundStatus
from models.refunds import RefundRow
from workflows.orders.locked_orders import LockedOrder
from workflows.refunds.balances import Balances
from workflows.transactions.transaction import Transaction

_NOTE: Final = "The customer's bank took a payment of the order back before this was paid."


async def stop(tx: Transaction, order: LockedOrder, actor: str) -> frozenset[UUID]:
    """Withdraw the unsent refunds of a charged back order; decide those of returns anew.

    Returns the ids of the withdrawn refunds. The order must be locked.
    """
    balances = await order_balances.read(tx, order)
    stopped: set[UUID] = set()
    returns: list[UUID] = []
    for family in _unsent(balances):
        return_id = family[0]["return_id"] if family[0]["kind"] == RefundKind.RETURN else None
        if return_id is None and not _is_overdrawn(balances, family):
            continue
        if await unearned_units.may_withdraw(tx, family):
            await unearned_units.withdraw(tx, balances, family, _NOTE)
            stopped |= {row["id"] for row in family}
            returns += [] if return_id is None else [return_id]
    if stopped:
        await order_balances.write(tx, balances)
    for return_id in dict.fromkeys(returns):
        await return_refunds.decide_again(tx, return_id, actor)
    return frozenset(stopped)


def _unsent(balances: Balances) -> list[list[RefundRow]]:
    """Decided refunds by family, newest first. Refunds of 0 have nothing to send."""
    families: dict[UUID, list[RefundRow]] = {}
    for row in sorted(balances.live(), key=lambda each: (each["created_at"], each["id"])):
        families.setdefault(row["family_id"], []).append(row)
    return [
        rows
        for rows in reversed(families.values())
        if any(RefundStatus(row["status"]) not in UNDECIDED for row in rows)
        and any(row["amount_minor"] for row in rows)
    ]


def _is_overdrawn(balances: Balances, family: Sequence[RefundRow]) -> bool:
    """True if refunds take more of a payment of these refunds than the bank has left."""
    drawn_on = {row["payment_id"] for row in family}
    return any(
        payment["id"] in drawn_on
        and each.drawn_minor + each.charged_back_minor > each.captured_minor
        for payment, each in zip(balances.payments, balances.of_payments(), strict=True)
    )
