"""Reactions: what one area does because of another area's event, before the event commits.

The composition root (app.py) passes this map to Transactions. So areas need not import each other.
"""

from __future__ import annotations

import workflows.carriers.label_choices as label_choices
import workflows.carriers.label_reactions as label_reactions
import workflows.carriers.waiting_reports as waiting_reports
import workflows.continuity.outages as outages
import workflows.counts.variance as count_variance
import workflows.exceptions.facts as exception_facts
import workflows.integrations.webhook_keys as webhook_keys
import workflows.orders.backorders as backorders
import workflows.orders.fulfillment_holds as fulfillment_holds
import workflows.orders.measure_holds as measure_holds
import workflows.refunds.cancellation_refunds as cancellation_refunds
import workflows.refunds.found_parcels as found_parcels
import workflows.refunds.return_refunds as return_refunds
import workflows.refunds.waiting_refunds as waiting_refunds
import workflows.returns.closing as return_closing
import workflows.returns.tracking as return_tracking
import workflows.returns.undelivered_parcels as undelivered_parcels
import workflows.stock.putaway_tasks as putaway_tasks
import workflows.tasks.lifecycle as task_lifecycle
import workflows.transfers.discrepancies as transfer_discrepancies
import workflows.warehouse.shortages as shortages
import workflows.webhooks.reactions as webhook_reactions
from domain.events.access import KeyRotated
from domain.events.catalog import LocationUpserted
from domain.events.exceptions import ExceptionOpened, ExceptionReopened, ExceptionRepeated
from domain.events.fulfillments import (
    CarrierRecorded,
    FulfillmentCancelled,
    FulfillmentCreated,
    FulfillmentDelivered,
    FulfillmentFound,
    FulfillmentHeld,
    FulfillmentLost,
    FulfillmentPacked,
    FulfillmentPicked,
    FulfillmentReduced,
    FulfillmentReleased,
    FulfillmentShipped,
    FulfillmentSplit,
)
from domain.events.integrations.systems import (
    IntegrationHealthy,
    IntegrationOff,
    IntegrationRecovering,
    IntegrationUpserted,
)
from domain.events.labels import LabelBought, LabelFailed, LabelVoided, LabelVoiding
from domain.events.orders import (
    OrderAllocated,
    OrderCancelled,
    OrderChargedBack,
    OrderPlaced,
    OrderShipped,
)
from domain.events.refunds import (
    RefundApproved,
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
    ReturnRequested,
    ReturnTracked,
)
from domain.events.stock import (
    TransferCancelled,
    TransferClosed,
    TransferReceived,
    TransferRequested,
    TransferShipped,
    TransferWrittenOff,
)
from domain.events.tasks import TaskCancelled, TaskClaimed, TaskDone, TaskRenewed
from workflows.transactions.actions import Reactions, after, after_all

_UPDATE_REFUNDS_AND_TASKS = (
    return_refunds.update_refunds_of_return,
    task_lifecycle.update_tasks_of_return,
)
# Refunds are opened first, because a return closes only if all its refunds are settled.
_UPDATE_AND_CLOSE = (*_UPDATE_REFUNDS_AND_TASKS, return_closing.close_when_settled)
_REVISE_AND_CLOSE = (
    waiting_refunds.revise_after_refund,
    return_closing.close_when_settled,
)

REACTIONS = Reactions(
    after_event=dict(
        (
            after(
                CarrierRecorded,
                undelivered_parcels.handle_carrier_event,
                transfer_discrepancies.report_loss,
            ),
            after(
                FulfillmentCreated,
                task_lifecycle.add_first_task,
                label_choices.buy_when_packed,
                measure_holds.hold_new_parcel,
            ),
            after(FulfillmentHeld, task_lifecycle.follow_hold),
            after(FulfillmentReleased, task_lifecycle.follow_hold),
            after(FulfillmentPicked, count_variance.follow_short_pick),
            after(FulfillmentPacked, task_lifecycle.advance, label_choices.buy_when_packed),
            after(
                FulfillmentShipped,
                task_lifecycle.advance,
                label_reactions.end_unneeded,
                waiting_reports.apply_at_shipment,
                exception_facts.end_need_of_label,
            ),
            after(FulfillmentDelivered, found_parcels.handle_delivery, exception_facts.end_loss),
            after(FulfillmentLost, exception_facts.report_loss),
            after(FulfillmentFound, exception_facts.end_loss),
            after(FulfillmentReduced, task_lifecycle.report_change),
            after(FulfillmentSplit, task_lifecycle.report_change),
            after(OrderPlaced, exception_facts.report_oversold),
            after(OrderShipped, exception_facts.end_lateness),
            after(
                FulfillmentCancelled,
                task_lifecycle.cancel_tasks,
                fulfillment_holds.end_with_units,
                label_reactions.end_unneeded,
                count_variance.follow_short_pick,
                exception_facts.end_need_of_label,
            ),
            after(ExceptionOpened, count_variance.follow_doubt),
            after(ExceptionReopened, count_variance.follow_doubt),
            after(ExceptionRepeated, count_variance.follow_doubt),
            after(TaskClaimed, count_variance.begin),
            after(TaskRenewed, count_variance.begin),
            after(LocationUpserted, putaway_tasks.begin_round),
            after(KeyRotated, webhook_keys.follow_rotation),
            after(IntegrationUpserted, webhook_reactions.prepare),
            after(IntegrationRecovering, webhook_reactions.resume),
            after(IntegrationHealthy, outages.end),
            after(IntegrationOff, webhook_reactions.end, outages.end),
            after(LabelFailed, exception_facts.report_failed_label),
            after(
                LabelBought,
                return_tracking.follow_label,
                waiting_reports.match_label,
                exception_facts.end_label_failure,
            ),
            after(LabelVoided, exception_facts.end_label_failure),
            after(LabelVoiding, return_tracking.follow_label),
            after(TaskDone, exception_facts.end_wait_for_bin),
            after(TaskCancelled, exception_facts.end_wait_for_bin),
            after(OrderAllocated, shortages.settle),
            after(
                OrderCancelled,
                shortages.settle,
                exception_facts.end_lateness,
                fulfillment_holds.end_with_units,
                cancellation_refunds.open_refunds_of_cancellation,
            ),
            after(OrderChargedBack, waiting_refunds.revise_after_chargeback),
            after(TransferRequested, task_lifecycle.update_task_of_transfer),
            after(
                TransferShipped,
                task_lifecycle.update_task_of_transfer,
                label_reactions.end_unneeded,
                waiting_reports.apply_at_transfer,
                exception_facts.end_need_of_label,
            ),
            after(TransferReceived, task_lifecycle.update_task_of_transfer),
            after(TransferWrittenOff, task_lifecycle.update_task_of_transfer),
            after(
                TransferClosed,
                transfer_discrepancies.clear_when_closed,
                exception_facts.end_wait_for_transfer,
            ),
            after(
                TransferCancelled,
                task_lifecycle.update_task_of_transfer,
                count_variance.follow_cancelled_transfer,
                label_reactions.end_unneeded,
                exception_facts.end_need_of_label,
            ),
            after(ReturnAuthorized, *_UPDATE_REFUNDS_AND_TASKS),
            after(ReturnDeclined, *_UPDATE_REFUNDS_AND_TASKS, label_reactions.end_unneeded),
            after(
                ReturnCancelled,
                *_UPDATE_REFUNDS_AND_TASKS,
                exception_facts.end_wait_for_return,
                label_reactions.end_unneeded,
                exception_facts.end_need_of_label,
            ),
            after(ReturnInTransit, *_UPDATE_REFUNDS_AND_TASKS, waiting_reports.match_return),
            after(ReturnRequested, waiting_reports.match_return),
            after(ReturnTracked, waiting_reports.match_return),
            after(
                ReturnExpired,
                *_UPDATE_REFUNDS_AND_TASKS,
                exception_facts.end_wait_for_return,
                exception_facts.end_need_of_label,
            ),
            after(ReturnInspectionRecorded, *_UPDATE_REFUNDS_AND_TASKS),
            after(
                ReturnReceived,
                *_UPDATE_AND_CLOSE,
                exception_facts.end_wait_for_return,
                exception_facts.end_need_of_label,
            ),
            after(ReturnInspected, *_UPDATE_AND_CLOSE, exception_facts.end_wait_for_inspection),
            after(ReturnDisposed, *_UPDATE_AND_CLOSE, exception_facts.end_wait_for_inspection),
            after(RefundApproved, waiting_refunds.revise_after_refund),
            after(
                RefundSucceeded, return_closing.close_when_settled, exception_facts.settle_losses
            ),
            after(RefundRejected, *_REVISE_AND_CLOSE),
            after(RefundReversed, *_REVISE_AND_CLOSE),
            after(RefundCancelled, *_REVISE_AND_CLOSE),
        )
    ),
    after_events=dict((after_all(FulfillmentPicked, task_lifecycle.advance_all),)),
    after_available=(backorders.serve,),
    after_reshelved=(putaway_tasks.follow_shelves,),
    after_settled=(count_variance.clear_settled, transfer_discrepancies.clear_counted),
)
