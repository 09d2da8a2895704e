"""Refunds of cancellations: the payment for cancelled units is refunded automatically.

A job opens the refunds of cancellations that were made before migration m0004, which added refunds.
"""

from __future__ import annotations

from uuid import UUID

import models.queries.refunds.refunds as refund_queries
import workflows.orders.locked_orders as locked_orders
import workflows.refunds.balances as order_balances
import workflows.refunds.opening as refund_opening
import workflows.refunds.waiting_refunds as waiting_refunds
from domain.events.orders import OrderCancelled
from domain.policies.policies import Facts, PolicyVersion, shared_category
from domain.policies.refunds import RefundRules, Tender
from domain.refunds.approvals import RefundKind
from domain.refunds.breakdowns import Breakdown, Component, ComponentKind, split
from models.queries.refunds.refunds import OwedCancellationRow
from workflows.refunds.balances import Balances
from workflows.refunds.opening import RefundDraft
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

ORDERS_MAX = 50


async def open_refunds_of_cancellation(
    tx: Transaction, event: PendingEvent[OrderCancelled]
) -> None:
    """Open the refunds of an order whose cancellation was just recorded."""
    order = await locked_orders.reload(tx, UUID(event.subject_key))
    balances = await order_balances.read(tx, order)
    await _open_missing(tx, balances)
    await waiting_refunds.revise(tx, balances)
    await order_balances.write(tx, balances)


async def open_missing(tx: Transaction, balances: Balances) -> int:
    """Open a refund for each cancellation of the order that has none; returns their number."""
    number = await _open_missing(tx, balances)
    if number:
        await waiting_refunds.revise(tx, balances)
        await order_balances.write(tx, balances)
    return number


async def _open_missing(tx: Transaction, balances: Balances) -> int:
    """Open them on payments that undecided refunds may draw on: the caller revises those."""
    owed = await refund_queries.cancellations_without_refund(tx.session, balances.order.id)
    if not owed:
        return 0
    channel = await refund_opening.channel_of(tx, balances.order)
    goods = await refund_queries.cancelled_goods(tx.session, balances.order.id)
    for row in owed:
        category = shared_category(
            each["category"] for each in goods if each["cancellation_id"] == row["id"]
        )
        policy = await refund_opening.policy_for(tx, Facts(channel.code, category))
        await refund_opening.open_refunds(
            tx,
            balances,
            _draft(row, policy),
            actor=row["actor"],
            excluded=balances.undecided(),
        )
    return len(owed)


async def open_for_old_cancellations(transactions: Transactions) -> int:
    """Open refunds for cancellations made before migration m0004. Returns the number of orders."""

    async def find(tx: Transaction) -> list[UUID]:
        return await refund_queries.orders_with_unrefunded_cancellations(tx.session, ORDERS_MAX)

    order_ids = await transactions.run(find)
    for order_id in order_ids:
        await transactions.run(lambda tx, each=order_id: _open_for_order(tx, each))  # type: ignore[misc]
    return len(order_ids)


async def _open_for_order(tx: Transaction, order_id: UUID) -> int:
    tx.locking(LockClass.ORDER)
    order = await locked_orders.lock(tx, order_id, ())
    return await open_missing(tx, await order_balances.read(tx, order))


def _draft(row: OwedCancellationRow, policy: PolicyVersion[RefundRules]) -> RefundDraft:
    amounts = {
        ComponentKind.ITEMS: row["items_minor"],
        ComponentKind.TAX: row["tax_minor"] - row["shipping_tax_minor"],
        ComponentKind.SHIPPING: row["shipping_minor"],
        ComponentKind.SHIPPING_TAX: row["shipping_tax_minor"],
    }
    parts = tuple(Component(kind, minor) for kind, minor in amounts.items() if minor)
    # If the order was paid in part, only the amount paid for the cancelled units is refunded.
    [breakdown] = split(Breakdown(parts), [row["refund_minor"]])
    return RefundDraft(
        kind=RefundKind.CANCELLATION,
        breakdown=breakdown,
        tender=Tender.ORIGINAL_PAYMENT,
        policy=policy,
        requested_by=row["actor"],
        cancellation_id=row["id"],
        reason_id=row["reason_id"],
        decided_entry_id=row["entry_id"],
    )
