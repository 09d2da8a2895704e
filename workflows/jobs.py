"""The jobs of the program, and the interval of each in seconds.

Each job is a bounded step that returns how many objects it processed; 0: nothing is left. The
scheduler (workflows/scheduler.py) runs them in one process at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import workflows.carriers.label_purchases as label_purchases
import workflows.carriers.waiting_reports as waiting_reports
import workflows.continuity.ends as playbook_ends
import workflows.continuity.outages as outages
import workflows.counts.cycles as count_cycles
import workflows.events.webhook_messages as webhook_messages
import workflows.exceptions.escalation as exception_escalation
import workflows.orders.fulfillment_holds as fulfillment_holds
import workflows.orders.picks as picks
import workflows.policies.activation as policy_activation
import workflows.refunds.cancellation_refunds as cancellation_refunds
import workflows.reservations.expiry as reservation_expiry
import workflows.returns.expiry as return_expiry
import workflows.stock.putaway_tasks as putaway_tasks
import workflows.tasks.claims as task_claims
import workflows.transactions.idempotency as idempotency
import workflows.transactions.statistics as statistics
import workflows.webhooks.retention as message_retention
from workflows.carriers.label_purchases import LabelPurchases
from workflows.continuity.moves import Moves
from workflows.counts.cycles import Classification
from workflows.counts.posting import PostingRounds
from workflows.exceptions.ledger_drift import LedgerDrift
from workflows.exceptions.return_spikes import ReturnSpikes
from workflows.exceptions.sweep import ExceptionSweep
from workflows.integrations.watch import IntegrationWatch
from workflows.ledger.sealing import Sealing
from workflows.orders.backorders import BackorderRounds
from workflows.refunds.payouts import Payouts
from workflows.scheduler import Job
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction


class JobContext:
    """The services that jobs use."""

    def __init__(
        self,
        transactions: Transactions,
        payouts: Payouts,
        labels: LabelPurchases,
        watch: IntegrationWatch,
    ) -> None:
        self.transactions = transactions
        self.payouts = payouts
        self.labels = labels
        self.watch = watch
        self.backorders = BackorderRounds(transactions)
        self.sealing = Sealing(transactions)
        self.exceptions = ExceptionSweep(transactions)
        self.postings = PostingRounds(transactions)
        self.moves = Moves(transactions)
        self.classification = Classification(transactions)
        self.return_spikes = ReturnSpikes(transactions)
        self.ledger_drift = LedgerDrift(transactions)


def transaction(
    step: Callable[[Transaction], Awaitable[int]],
) -> Callable[[JobContext], Awaitable[int]]:
    """Turn a step inside one transaction into the step of a job."""
    return lambda context: context.transactions.run(step)


JOBS: Final[tuple[Job[JobContext], ...]] = (
    Job("pay refunds", 0.5, lambda context: context.payouts.work()),
    Job("buy labels", 0.5, lambda context: context.labels.work()),
    Job("watch integrations", 1.0, lambda context: context.watch.watch()),
    Job("probe integrations", 0.5, lambda context: context.watch.probe()),
    Job("expire holds", 0.25, lambda context: reservation_expiry.sweep(context.transactions)),
    Job("book picks", 0.1, lambda context: picks.book_waiting(context.transactions)),
    Job("seal audit entries", 0.5, lambda context: context.sealing.seal()),
    Job("release fulfillment holds", 1.0, transaction(fulfillment_holds.release_due)),
    Job("activate policies", 1.0, transaction(policy_activation.start)),
    Job("start playbooks of outages", 1.0, transaction(outages.start_due)),
    Job("end playbooks", 0.5, transaction(playbook_ends.end_by_clock)),
    Job("move units of playbooks", 0.25, lambda context: context.moves.work()),
    Job("serve backorders", 2.0, lambda context: context.backorders.serve()),
    Job("release expired claims", 2.0, transaction(task_claims.release_expired)),
    Job("open overdue exceptions", 30.0, lambda context: context.exceptions.step()),
    Job("watch returns of items", 30.0, lambda context: context.return_spikes.step()),
    Job("prove the books", 20.0, lambda context: context.ledger_drift.step()),
    Job("escalate exceptions", 5.0, transaction(exception_escalation.escalate_overdue)),
    Job("resume exceptions", 5.0, transaction(exception_escalation.resume)),
    Job("open put-away tasks", 1.0, transaction(putaway_tasks.go_round)),
    Job("post counts", 1.0, lambda context: context.postings.work()),
    Job("classify levels", 60.0, lambda context: context.classification.work()),
    Job("open cycle counts", 600.0, lambda context: count_cycles.count_due(context.transactions)),
    Job("expire returns", 60.0, lambda context: return_expiry.expire_returns(context.transactions)),
    Job(
        "refund old cancellations",
        60.0,
        lambda context: cancellation_refunds.open_for_old_cancellations(context.transactions),
    ),
    Job(
        "analyze new tables",
        15.0,
        lambda context: statistics.analyze_new(context.transactions.database),
    ),
    Job(
        "delete old idempotency keys",
        600.0,
        transaction(lambda tx: idempotency.delete_old_keys(tx.unit)),
    ),
    Job(
        "match carrier events",
        2.0,
        lambda context: waiting_reports.match_recent(context.transactions),
    ),
    Job("delete unmatched carrier events", 600.0, transaction(waiting_reports.delete_unmatched)),
    Job("delete old label documents", 600.0, transaction(label_purchases.delete_old_documents)),
    Job("delete old webhook messages", 600.0, transaction(webhook_messages.delete_old_messages)),
    Job("delete old messages", 60.0, transaction(message_retention.delete_old_messages)),
)
