"""What one noun must do because of another's fact, before the fact commits.

The map is handed to Transactions by whoever composes the program, so that the nouns of this room
never import each other in a circle.
"""

from __future__ import annotations

import workflows.backorders as backorders
import workflows.queues as queues
import workflows.shortages as shortages
from workflows.transactions import Reactions

REACTIONS = Reactions(
    after_event={
        "fulfillment.created": (queues.made,),
        "fulfillment.picked": (queues.moved_on,),
        "fulfillment.packed": (queues.moved_on,),
        "fulfillment.shipped": (queues.moved_on,),
        "fulfillment.reduced": (queues.changed,),
        "fulfillment.cancelled": (queues.called_off,),
        "order.allocated": (shortages.settle,),
        "order.cancelled": (shortages.settle,),
    },
    after_available=(backorders.serve,),
)
