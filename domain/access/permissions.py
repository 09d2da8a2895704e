"""The permissions, and the one that each operation, node type and event requires.

A permission is a noun and a verb (`orders.place`). The schema looks up each of its root fields here
and fails to build if one is missing, so no operation is open by mistake.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

QUERIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "node": "node.read",
        "nodes": "node.read",
        "viewer": "viewer.read",
        "permissions": "permissions.read",
        "item": "items.read",
        "items": "items.read",
        "location": "locations.read",
        "locations": "locations.read",
        "channel": "channels.read",
        "channels": "channels.read",
        "reasonCodes": "reasons.read",
        "availability": "availability.read",
        "stockCount": "stock.read",
        "stockCounts": "stock.read",
        "stockLevels": "stock.read",
        "stockMovements": "stock.read",
        "scan": "locations.read",
        "reservation": "reservations.read",
        "reservations": "reservations.list",
        "order": "orders.read",
        "orders": "orders.list",
        "fulfillment": "fulfillments.list",
        "fulfillments": "fulfillments.list",
        "carrierEvents": "fulfillments.list",
        "pickWalk": "tasks.work",
        "tasks": "tasks.read",
        "transfer": "transfers.read",
        "transfers": "transfers.read",
        "return": "returns.read",
        "returns": "returns.list",
        "refund": "refunds.list",
        "refunds": "refunds.list",
        "journalEntries": "ledger.read",
        "trialBalance": "ledger.read",
        "periods": "ledger.read",
        "exceptions": "exceptions.read",
        "exceptionKinds": "exceptions.read",
        "exceptionMetrics": "metrics.read",
        "floorMetrics": "metrics.read",
        "inventoryAccuracy": "metrics.read",
        "queueMetrics": "metrics.read",
        "auditTrail": "audit.read",
        "policies": "policies.read",
        "policyPreview": "policies.preview",
        "policySchemas": "policies.read",
        "rollout": "rollout.read",
        "shadowReport": "rollout.read",
        "integration": "integrations.read",
        "integrations": "integrations.read",
        "messages": "integrations.read",
        "playbookRuns": "playbooks.read",
        "apiKeys": "keys",
        "actors": "exceptions.read",
        "eventTypes": "events.read",
        "events": "events.read",
    }
)

MUTATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "itemsUpsert": "catalog.write",
        "locationUpsert": "catalog.write",
        "channelUpsert": "catalog.write",
        "reasonCodeUpsert": "catalog.write",
        "supplierUpsert": "catalog.write",
        "stockReceive": "stock.receive",
        "stockPutAway": "stock.putaway",
        "stockAdjust": "stock.adjust",
        "stockMove": "stock.move",
        "safetyStockSet": "stock.safety",
        "stockCountCreate": "counts.plan",
        "stockCountRecord": "counts.record",
        "stockCountApprove": "stock.approve",
        "stockCountRecount": "stock.approve",
        "stockCountCancel": "counts.plan",
        "reservationCreate": "reservations.hold",
        "reservationExtend": "reservations.hold",
        "reservationRelease": "reservations.hold",
        "orderPlace": "orders.place",
        "orderCancel": "orders.cancel",
        "taskClaim": "tasks.work",
        "taskRenew": "tasks.work",
        "tasksRenew": "tasks.work",
        "taskRelease": "tasks.work",
        "fulfillmentPick": "fulfillments.work",
        "fulfillmentPack": "fulfillments.work",
        "fulfillmentShip": "fulfillments.work",
        "fulfillmentDispatch": "fulfillments.work",
        "fulfillmentScan": "fulfillments.work",
        "fulfillmentSplit": "fulfillments.work",
        "fulfillmentReroute": "fulfillments.reroute",
        "fulfillmentHold": "fulfillments.hold",
        "fulfillmentRelease": "fulfillments.hold",
        "carrierEventRecord": "carriers.record",
        "labelBuy": "labels.work",
        "labelVoid": "labels.work",
        "transferCreate": "transfers.write",
        "transferCancel": "transfers.write",
        "transferShip": "transfers.work",
        "transferReceive": "transfers.work",
        "transferWriteOff": "stock.adjust",
        "returnRequest": "returns.request",
        "returnAuthorize": "returns.authorize",
        "returnDecline": "returns.authorize",
        "returnCancel": "returns.cancel",
        "returnTrackingSet": "returns.track",
        "returnReceive": "returns.receive",
        "returnInspect": "returns.inspect",
        "returnItemDispose": "returns.dispose",
        "unidentifiedUnitsDispose": "returns.dispose",
        "refundCreate": "refunds.create",
        "refundCancel": "refunds.cancel",
        "refundApprove": "refunds.approve",
        "refundReject": "refunds.approve",
        "refundRetry": "refunds.retry",
        "refundSettle": "refunds.settle",
        "exceptionAssign": "exceptions.work",
        "exceptionStart": "exceptions.work",
        "exceptionWait": "exceptions.work",
        "exceptionResolve": "exceptions.work",
        "exceptionComment": "exceptions.work",
        "exceptionEscalate": "exceptions.work",
        "exceptionsAssign": "exceptions.work",
        "exceptionsResolve": "exceptions.work",
        "integrationUpsert": "webhooks.write",
        "integrationSecretRotate": "webhooks.write",
        "integrationPause": "integrations.operate",
        "integrationResume": "integrations.operate",
        "integrationTest": "integrations.operate",
        "integrationReplay": "integrations.operate",
        "messageRetry": "integrations.operate",
        "messageSkip": "integrations.operate",
        "apiKeyCreate": "keys",
        "apiKeyRotate": "keys",
        "apiKeyRevoke": "keys",
        "periodClose": "ledger.close",
        "policyPublish": "policies.publish",
        "playbookStart": "playbooks.run",
        "playbookEnd": "playbooks.run",
    }
)

SUBSCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "availabilityChanged": "availability.read",
        "stockChanged": "stock.read",
        "queueChanged": "tasks.read",
        "exceptionAlerts": "exceptions.read",
        "events": "events.read",
        "orderChanged": "orders.read",
        "returnChanged": "returns.read",
        "refundChanged": "refunds.list",
        "integrationChanged": "integrations.read",
    }
)

# Required by `node(id:)` in addition to `node.read`: the permission to see the object elsewhere.
NODE_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Item": "items.read",
        "Supplier": "suppliers.read",
        "Location": "locations.read",
        "Channel": "channels.read",
        "ReasonCode": "reasons.read",
        "StockLevel": "stock.read",
        "StockMovement": "stock.read",
        "StockCount": "stock.read",
        "StockCountLine": "stock.read",
        "Reservation": "reservations.read",
        "Order": "orders.read",
        "OrderLine": "orders.read",
        "Fulfillment": "fulfillments.list",
        "FulfillmentHold": "orders.read",
        "ShippingLabel": "fulfillments.list",
        "CarrierEvent": "fulfillments.list",
        "Task": "tasks.read",
        "Transfer": "transfers.read",
        "Return": "returns.read",
        "ReturnItem": "returns.read",
        "Refund": "refunds.read",
        "JournalEntry": "ledger.read",
        "OperationalException": "exceptions.read",
        "AuditEntry": "audit.read",
        "Integration": "integrations.read",
        "Message": "integrations.read",
        "ApiKey": "keys",
        "Policy": "policies.read",
        "PlaybookRun": "playbooks.read",
    }
)

# The first part of an event's type → the permission required in addition to `events.read`.
EVENT_NOUNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "item": "items.read",
        "supplier": "suppliers.read",
        "location": "locations.read",
        "channel": "channels.read",
        "reason": "reasons.read",
        "stock": "stock.read",
        "count": "stock.read",
        "reservation": "reservations.read",
        "order": "orders.read",
        "fulfillment": "fulfillments.list",
        "carrier": "fulfillments.list",
        "label": "fulfillments.list",
        "task": "tasks.read",
        "transfer": "transfers.read",
        "return": "returns.read",
        "refund": "refunds.read",
        "period": "ledger.read",
        "exception": "exceptions.read",
        "policy": "policies.read",
        "integration": "internals.read",  # its owner follows it with integrationChanged
        "message": "internals.read",
        "playbook": "playbooks.read",
        "key": "keys",
    }
)

# Permissions that no operation requires: each extends what an operation may do or show.
POWERS: Final[frozenset[str]] = frozenset(
    {
        "backdate",  # client times further back than a day
        "internals.read",  # cost, supplier, routing, risk, all buffers, reasons, approvals
        "fulfillments.release",  # release a fulfillment hold that another actor placed
        "fulfillments.release.FRAUD_RISK",
        "integrations.write",  # integrations of other actors, and channels
        "tasks.override",  # act on a task that another worker holds
        "returns.override",  # authorize against the policy, or a declined return
        "dispositions.override",  # other dispositions above the policy's value; restock unmatched
        "policies.publish.ROUTING",
        "policies.publish.RETURN",
        "policies.publish.DISPOSITION",
        "policies.publish.REFUND",
        "policies.publish.ADJUSTMENT",
        "policies.publish.EXCEPTION",
        "policies.publish.FULFILLMENT",
        "policies.publish.COUNT",
        "policies.publish.CONTINUITY",
        "policies.publish.ROLLOUT",
    }
)

PERMISSIONS: Final[frozenset[str]] = (
    frozenset(QUERIES.values())
    | frozenset(MUTATIONS.values())
    | frozenset(SUBSCRIPTIONS.values())
    | frozenset(NODE_TYPES.values())
    | frozenset(EVENT_NOUNS.values())
    | POWERS
)
