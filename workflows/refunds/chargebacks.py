"""Chargebacks: the customer's bank takes a captured payment back."""

from __future__ import annotations

import models.queries.refunds.chargebacks as chargeback_queries
import models.queries.refunds.refunds as refund_queries
import workflows.exceptions.opening as exceptions
import workflows.orders.locked_orders as locked_orders
import workflows.refunds.stopped_refunds as stopped_refunds
from domain.events.orders import OrderChargedBack
from domain.events.payloads import encode
from domain.exceptions import ExceptionKind
from domain.ledger.entries import Occasion
from domain.ledger.refund_entries import charged_back
from integrations.payments.gateway import Chargeback
from models.queries.refunds.chargebacks import NamedPaymentRow
from models.refunds import PaymentChargeback
from workflows.transactions.transaction import Transaction


async def record(
    tx: Transaction, payment: NamedPaymentRow, chargeback: Chargeback, actor: str
) -> bool:
    """Record a chargeback of a payment: the customer owes the amount, and REFUND_RECOVERY opens.

    Refunds that were not sent yet are stopped (workflows/refunds/stopped_refunds.py). The exception
    is about the order's newest refund that was not, else about the order. Returns False for a
    chargeback whose id was recorded before. Locks the order. Raises ValueError for another
    currency than the payment's, or for more than was captured. Records `order.charged_back`.
    """
    order = await locked_orders.lock(tx, payment["order_id"], ())
    named = chargeback.id
    if named and await chargeback_queries.is_recorded(tx.session, payment["id"], named):
        return False
    amount = chargeback.amount
    if amount.currency != payment["currency"]:
        raise ValueError(f"currency must be {payment['currency']}, the payment's currency")
    left = payment["amount_minor"] - await chargeback_queries.charged_back_minor(
        tx.session, payment["id"]
    )
    if amount.minor > left:
        raise ValueError(f"amountMinor must be at most {left}, the rest of the payment")
    refunds = await refund_queries.refunds_of_order(tx.session, order.id)
    refund_id = refunds[-1]["id"] if refunds else None
    occasion = Occasion(order.number, order.time_of(tx.now))
    entry_id = tx.journal.post(
        charged_back(amount, occasion), actor=actor, channel_id=order.channel_id
    )
    assert entry_id is not None
    row = {
        "id": tx.new_id(),
        "payment_id": payment["id"],
        "refund_id": refund_id,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "reason": chargeback.reason,
        "gateway_reference": named,
        "entry_id": entry_id,
        "received_at": tx.now,
    }
    await tx.session.insert(PaymentChargeback, [row])
    event = OrderChargedBack(
        **await locked_orders.write(tx, order),
        amount_minor=amount.minor,
        currency=amount.currency,
    )
    locked_orders.record(tx, order, event, actor)
    tx.outbox.audit(actor, OrderChargedBack.type, ("Order", order.id), after=encode(event))
    stopped = await stopped_refunds.stop(tx, order, actor)
    others = [each["id"] for each in refunds if each["id"] not in stopped]
    await exceptions.open_exception(
        tx,
        ExceptionKind.REFUND_RECOVERY,
        ("Refund", others[-1]) if others else ("Order", order.id),
        f"The customer's bank took back {amount} of order {order.number}."
        " Recover the money, or contest the chargeback.",
        channel_id=order.channel_id,
        actor=actor,
    )
    return True
