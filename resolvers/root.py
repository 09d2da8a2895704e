"""The root of the schema: a plain map from fields to resolvers."""

from collections.abc import Mapping
from typing import Final

from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type

import resolvers.access as access
import resolvers.audit as audit
import resolvers.availability as availability
import resolvers.carriers as carriers
import resolvers.catalog as catalog
import resolvers.counts as counts
import resolvers.events as events
import resolvers.exceptions as exceptions
import resolvers.fulfillments as fulfillments
import resolvers.integrations.messages as messages
import resolvers.integrations.systems as integrations
import resolvers.ledger as ledger
import resolvers.metrics.figures as metrics
import resolvers.nodes as nodes
import resolvers.orders as orders
import resolvers.policies as policies
import resolvers.refunds as refunds
import resolvers.reservations as reservations
import resolvers.returns as returns
import resolvers.stock as stock
import resolvers.tasks as tasks
import resolvers.transfers as transfers
from schema.context import Resolver, Stream
from schema.fields.scalars import SCALARS
from schema.permissions import mutation_fields, query_fields, stream_fields
from server.operations.engine import MemoisedNameConverter, Schema
from server.operations.idempotency_keys import idempotent

# The root types have no class, so their descriptions stand here.
QUERY: Final = """All queries.

Objects outside the scope of the caller's key are null, or left out of lists. A list returns 50 rows
by default and at most 250; a larger page size is BAD_REQUEST."""
MUTATION: Final = """All mutations.

A refusal by a rule is an entry in `userErrors`, and nothing was changed. A request that cannot be
served is a top-level error with `extensions.code`. The fields of a document are performed one after
the other; each succeeds or is refused by itself. With `@idempotent`, or the header
`Idempotency-Key`, a mutation is safe to repeat."""
SUBSCRIPTION: Final = """All subscriptions.

They are served by WebSocket (subprotocol graphql-transport-ws) and as server-sent events. To resume
a stream, send its last `cursor` as `after`, to any process: the stream continues after that event,
without a gap or a repeat. CURSOR_TOO_OLD: events after the cursor are no longer kept."""

QUERIES: Final[Mapping[str, Resolver]] = {
    "node": nodes.node,
    "nodes": nodes.nodes,
    "viewer": access.viewer,
    "permissions": access.permissions,
    "item": catalog.item,
    "items": catalog.items,
    "location": catalog.location,
    "locations": catalog.locations,
    "channel": catalog.channel,
    "channels": catalog.channels,
    "reasonCodes": catalog.reason_codes,
    "availability": availability.availability,
    "stockCount": counts.stock_count,
    "stockCounts": counts.stock_counts,
    "stockLevels": stock.stock_levels,
    "stockMovements": stock.stock_movements,
    "scan": stock.scan,
    "reservation": reservations.reservation,
    "reservations": reservations.reservations,
    "order": orders.order,
    "orders": orders.orders,
    "fulfillment": fulfillments.fulfillment,
    "fulfillments": fulfillments.fulfillments,
    "carrierEvents": carriers.carrier_events,
    "pickWalk": fulfillments.pick_walk,
    "tasks": tasks.tasks,
    "transfer": transfers.transfer,
    "transfers": transfers.transfers,
    "return": returns.return_,
    "returns": returns.returns,
    "refund": refunds.refund,
    "refunds": refunds.refunds,
    "journalEntries": ledger.journal_entries,
    "trialBalance": ledger.trial_balance,
    "periods": ledger.periods,
    "exceptions": exceptions.exceptions,
    "exceptionKinds": exceptions.exception_kinds,
    "exceptionMetrics": metrics.exception_metrics,
    "floorMetrics": metrics.floor_metrics,
    "inventoryAccuracy": metrics.inventory_accuracy,
    "queueMetrics": metrics.queue_metrics,
    "auditTrail": audit.audit_trail,
    "policies": policies.policies,
    "policyPreview": policies.policy_preview,
    "policySchemas": policies.policy_schemas,
    "rollout": policies.rollout,
    "shadowReport": policies.shadow_report,
    "integration": integrations.integration,
    "integrations": integrations.integrations,
    "messages": messages.messages,
    "playbookRuns": policies.playbook_runs,
    "apiKeys": access.api_keys,
    "actors": access.actors,
    "eventTypes": events.event_types,
    "events": events.events,
}

MUTATIONS: Final[Mapping[str, Resolver]] = {
    "itemsUpsert": catalog.items_upsert,
    "locationUpsert": catalog.location_upsert,
    "channelUpsert": catalog.channel_upsert,
    "reasonCodeUpsert": catalog.reason_code_upsert,
    "supplierUpsert": catalog.supplier_upsert,
    "stockReceive": stock.stock_receive,
    "stockPutAway": stock.stock_put_away,
    "stockAdjust": stock.stock_adjust,
    "stockMove": stock.stock_move,
    "safetyStockSet": stock.safety_stock_set,
    "stockCountCreate": counts.stock_count_create,
    "stockCountRecord": counts.stock_count_record,
    "stockCountApprove": counts.stock_count_approve,
    "stockCountRecount": counts.stock_count_recount,
    "stockCountCancel": counts.stock_count_cancel,
    "reservationCreate": reservations.reservation_create,
    "reservationExtend": reservations.reservation_extend,
    "reservationRelease": reservations.reservation_release,
    "orderPlace": orders.order_place,
    "orderCancel": orders.order_cancel,
    "taskClaim": tasks.task_claim,
    "taskRenew": tasks.task_renew,
    "tasksRenew": tasks.tasks_renew,
    "taskRelease": tasks.task_release,
    "fulfillmentPick": fulfillments.fulfillment_pick,
    "fulfillmentPack": fulfillments.fulfillment_pack,
    "fulfillmentDispatch": fulfillments.fulfillment_dispatch,
    "fulfillmentScan": fulfillments.fulfillment_scan,
    "fulfillmentSplit": fulfillments.fulfillment_split,
    "fulfillmentReroute": fulfillments.fulfillment_reroute,
    "fulfillmentShip": fulfillments.fulfillment_ship,
    "fulfillmentHold": fulfillments.fulfillment_hold,
    "fulfillmentRelease": fulfillments.fulfillment_release,
    "carrierEventRecord": fulfillments.carrier_event_record,
    "labelBuy": carriers.label_buy,
    "labelVoid": carriers.label_void,
    "transferCreate": transfers.transfer_create,
    "transferCancel": transfers.transfer_cancel,
    "transferShip": transfers.transfer_ship,
    "transferReceive": transfers.transfer_receive,
    "transferWriteOff": transfers.transfer_write_off,
    "returnRequest": returns.return_request,
    "returnAuthorize": returns.return_authorize,
    "returnDecline": returns.return_decline,
    "returnCancel": returns.return_cancel,
    "returnTrackingSet": returns.return_tracking_set,
    "returnReceive": returns.return_receive,
    "returnInspect": returns.return_inspect,
    "returnItemDispose": returns.return_item_dispose,
    "unidentifiedUnitsDispose": returns.unidentified_units_dispose,
    "refundCreate": refunds.refund_create,
    "refundApprove": refunds.refund_approve,
    "refundReject": refunds.refund_reject,
    "refundCancel": refunds.refund_cancel,
    "refundRetry": refunds.refund_retry,
    "refundSettle": refunds.refund_settle,
    "exceptionAssign": exceptions.exception_assign,
    "exceptionStart": exceptions.exception_start,
    "exceptionWait": exceptions.exception_wait,
    "exceptionResolve": exceptions.exception_resolve,
    "exceptionComment": exceptions.exception_comment,
    "exceptionEscalate": exceptions.exception_escalate,
    "exceptionsAssign": exceptions.exceptions_assign,
    "exceptionsResolve": exceptions.exceptions_resolve,
    "integrationUpsert": integrations.integration_upsert,
    "integrationSecretRotate": integrations.integration_secret_rotate,
    "integrationPause": integrations.integration_pause,
    "integrationResume": integrations.integration_resume,
    "integrationTest": messages.integration_test,
    "integrationReplay": messages.integration_replay,
    "messageRetry": messages.message_retry,
    "messageSkip": messages.message_skip,
    "apiKeyCreate": access.api_key_create,
    "apiKeyRotate": access.api_key_rotate,
    "apiKeyRevoke": access.api_key_revoke,
    "periodClose": ledger.period_close,
    "policyPublish": policies.policy_publish,
    "playbookStart": policies.playbook_start,
    "playbookEnd": policies.playbook_end,
}

SUBSCRIPTIONS: Final[Mapping[str, Stream]] = {
    "availabilityChanged": availability.availability_changed,
    "stockChanged": stock.stock_changed,
    "queueChanged": tasks.queue_changed,
    "exceptionAlerts": exceptions.exception_alerts,
    "events": events.event_stream,
    "orderChanged": orders.order_changed,
    "returnChanged": returns.return_changed,
    "refundChanged": refunds.refund_changed,
    "integrationChanged": integrations.integration_changed,
}

# Streams that join one execution shared by all subscribers with the same arguments. Of these, the
# snapshot streams start with a snapshot that is made for each subscriber.
SHARED_STREAMS: Final = frozenset(SUBSCRIPTIONS)
SNAPSHOT_STREAMS: Final = frozenset({"queueChanged"})

schema = Schema(
    query=create_type("Query", query_fields(QUERIES), description=QUERY),
    mutation=create_type("Mutation", mutation_fields(MUTATIONS), description=MUTATION),
    subscription=create_type(
        "Subscription", stream_fields(SUBSCRIPTIONS), description=SUBSCRIPTION
    ),
    directives=[idempotent],
    config=StrawberryConfig(name_converter=MemoisedNameConverter(), scalar_map=dict(SCALARS)),
)
