"""What one noun must do because of another's fact, before the fact commits.

The map is handed to Transactions by whoever composes the program, so that the nouns of this room
never import each other in a circle.
"""

from __future__ import annotations

import workflows.orders.backorders as backorders
import workflows.refunds.cancellation_refunds as cancellation_refunds
import workflows.refunds.return_refunds as return_refunds
import workflows.returns.closing as return_closing
import workflows.returns.undelivered_parcels as undelivered_parcels
import workflows.tasks.lifecycle as task_lifecycle
import workflows.warehouse.shortages as shortages
from workflows.transactions.actions import Reactions

_FOLLOW = (return_refunds.follow_return, task_lifecycle.follow_return)
# Whoever opens refunds stands in front: a return closes over those that there are.
_CLOSE = (return_closing.close_when_over,)
_SETTLE = (*_FOLLOW, return_closing.close_when_over)

REACTIONS = Reactions(
    after_event={
        "carrier.recorded": (undelivered_parcels.hear_carrier,),
        "fulfillment.created": (task_lifecycle.made,),
        "fulfillment.picked": (task_lifecycle.moved_on,),
        "fulfillment.packed": (task_lifecycle.moved_on,),
        "fulfillment.shipped": (task_lifecycle.moved_on,),
        "fulfillment.reduced": (task_lifecycle.changed,),
        "fulfillment.cancelled": (task_lifecycle.called_off,),
        "order.allocated": (shortages.settle,),
        "order.cancelled": (shortages.settle, cancellation_refunds.follow_cancellation),
        "return.authorized": _FOLLOW,
        "return.declined": _FOLLOW,
        "return.cancelled": _FOLLOW,
        "return.in_transit": _FOLLOW,
        "return.expired": _FOLLOW,
        "return.looked_at": _FOLLOW,
        "return.received": _SETTLE,
        "return.inspected": _SETTLE,
        "return.disposed": _SETTLE,
        "refund.succeeded": _CLOSE,
        "refund.rejected": _CLOSE,
        "refund.reversed": _CLOSE,
        "refund.cancelled": _CLOSE,
    },
    after_available=(backorders.serve,),
)
