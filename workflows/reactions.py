"""Reactions: what one area does because of another area's event, before the event commits.

The composition root (app.py) passes this map to Transactions. So areas need not import each other.
"""

from __future__ import annotations

import workflows.orders.backorders as backorders
import workflows.refunds.cancellation_refunds as cancellation_refunds
import workflows.refunds.return_refunds as return_refunds
import workflows.returns.closing as return_closing
import workflows.returns.undelivered_parcels as undelivered_parcels
import workflows.tasks.lifecycle as task_lifecycle
import workflows.warehouse.shortages as shortages
from domain.events.fulfillments import (
    CarrierRecorded,
    FulfillmentCancelled,
    FulfillmentCreated,
    FulfillmentPacked,
    FulfillmentPicked,
    FulfillmentReduced,
    FulfillmentShipped,
)
from domain.events.orders import OrderAllocated, OrderCancelled
from domain.events.refunds import (
    RefundCancelled,
    RefundRejected,
    RefundReversed,
    RefundSucceeded,
)
from domain.events.returns import (
    ReturnAuthorized,
    ReturnCancelled,
    ReturnDeclined,
    ReturnDisposed,
    ReturnExpired,
    ReturnInspected,
    ReturnInspectionRecorded,
    ReturnInTransit,
    ReturnReceived,
)
from workflows.transactions.actions import Reactions, after

_FOLLOW = (return_refunds.follow_return, task_lifecycle.follow_return)
# Refunds are opened first, because a return closes only if all its refunds are settled.
_SETTLE = (*_FOLLOW, return_closing.close_when_settled)

REACTIONS = Reactions(
    after_event=dict(
        (
            after(CarrierRecorded, undelivered_parcels.follow_tracking),
            after(FulfillmentCreated, task_lifecycle.add_first_task),
            after(FulfillmentPicked, task_lifecycle.advance),
            after(FulfillmentPacked, task_lifecycle.advance),
            after(FulfillmentShipped, task_lifecycle.advance),
            after(FulfillmentReduced, task_lifecycle.report_change),
            after(FulfillmentCancelled, task_lifecycle.cancel_tasks),
            after(OrderAllocated, shortages.settle),
            after(OrderCancelled, shortages.settle, cancellation_refunds.follow_cancellation),
            after(ReturnAuthorized, *_FOLLOW),
            after(ReturnDeclined, *_FOLLOW),
            after(ReturnCancelled, *_FOLLOW),
            after(ReturnInTransit, *_FOLLOW),
            after(ReturnExpired, *_FOLLOW),
            after(ReturnInspectionRecorded, *_FOLLOW),
            after(ReturnReceived, *_SETTLE),
            after(ReturnInspected, *_SETTLE),
            after(ReturnDisposed, *_SETTLE),
            after(RefundSucceeded, return_closing.close_when_settled),
            after(RefundRejected, return_closing.close_when_settled),
            after(RefundReversed, return_closing.close_when_settled),
            after(RefundCancelled, return_closing.close_when_settled),
        )
    ),
    after_available=(backorders.serve,),
)
