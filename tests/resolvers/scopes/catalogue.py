"""The catalogue of root fields: the roles that may use each, and the scopes that see its object.

Written by hand, apart from the permissions in the code. Each row names an object of the second half
of the world (two_halves.py).

Roles: S STOREFRONT, P PARTNER, W WAREHOUSE, U SUPPORT, V SUPERVISOR, C SUPPLY_CHAIN, F FINANCE,
A ADMIN. Scopes of the key, in the order of the cells:
1. channel and location of the half; 2. its channel only; 3. its location only; 4. its channel and
the other location; 5. the other channel and its location; 6. channel and location of the other.

Cells: `+` exists, `-` does not exist, `F` forbidden.
"""

from __future__ import annotations

from typing import Final, NamedTuple

EVERYWHERE: Final = "++++++"
BOTH: Final = "+++---"  # of its channel, at its location
AT_PLACE: Final = "+++-+-"  # at its location, of no channel
OF_CHANNEL: Final = "++++--"  # of its channel, at no location
WHOLE: Final = "-+----"  # a fact about a whole order
NEVER: Final = "FFFFFF"  # not for a key with a limit


class Row(NamedTuple):
    """A root field: its arguments, the text that its answer has if the object exists, and cells.

    Names in capitals stand for ids of the half; `found` empty: an answer without an error. For the
    roles in `own` only objects of their own actor exist.
    """

    name: str
    arguments: str
    found: str
    roles: str
    cells: str
    own: str = ""


ALL: Final = "SPWUVCFA"
STAFF: Final = "WUVCFA"
INSIDE: Final = "PWUVCFA"

_SINCE: Final = 'from: "$yesterday"'

QUERIES: Final = (
    Row("node", 'id: "$Order"', "$Order", ALL, BOTH),
    Row("nodes", 'ids: ["$Order"]', "$Order", ALL, BOTH),
    Row("viewer", "", "", ALL, EVERYWHERE),
    Row("permissions", "", "orders.place", INSIDE, EVERYWHERE),
    Row("item", 'sku: "TEE"', "TEE", ALL, EVERYWHERE),
    Row("items", "", "TEE", ALL, EVERYWHERE),
    Row("location", 'code: "$place"', "$Location", INSIDE, AT_PLACE),
    Row("locations", "", "$Location", INSIDE, AT_PLACE),
    Row("channel", 'code: "$channel"', "$Channel", INSIDE, OF_CHANNEL),
    Row("channels", "", "$Channel", INSIDE, OF_CHANNEL),
    Row("reasonCodes", "", "UNWANTED", ALL, EVERYWHERE),
    Row("availability", 'channel: "$channel", skus: ["TEE"]', "TEE", ALL, OF_CHANNEL),
    Row("stockLevels", "", "$StockLevel", INSIDE, AT_PLACE),
    Row("scan", 'code: "$bin", locationCode: "$place"', "$Bin", INSIDE, AT_PLACE),
    Row("stockMovements", "first: 250", "$StockMovement", INSIDE, AT_PLACE),
    Row("stockCount", 'id: "$StockCount"', "$StockCount", INSIDE, AT_PLACE),
    Row("stockCounts", "", "$StockCount", INSIDE, AT_PLACE),
    Row("reservation", 'id: "$Reservation"', "$Reservation", ALL, BOTH),
    Row("reservations", "", "$Reservation", INSIDE, BOTH),
    Row("order", 'id: "$Order"', "$Order", ALL, BOTH),
    Row("orders", "", "$Order", INSIDE, BOTH),
    Row("fulfillment", 'id: "$Fulfillment"', "$Fulfillment", INSIDE, BOTH),
    Row("pickWalk", 'locationCode: "$place"', "", "PWVA", AT_PLACE),
    Row("fulfillments", "", "$Fulfillment", INSIDE, BOTH),
    Row("carrierEvents", 'trackingNumber: "$tracking"', "$tracking", INSIDE, BOTH),
    Row("tasks", "", "$Task", INSIDE, BOTH),
    Row("transfer", 'id: "$Transfer"', "$Transfer", INSIDE, AT_PLACE),
    Row("transfers", "", "$Transfer", INSIDE, AT_PLACE),
    Row("return", 'id: "$Return"', "$Return", ALL, BOTH),
    Row("returns", "", "$Return", INSIDE, BOTH),
    Row("refund", 'id: "$Refund"', "$Refund", "UVFA", BOTH),
    Row("refunds", "", "$Refund", "UVFA", BOTH),
    Row("journalEntries", "first: 250", "$JournalEntry", "FA", WHOLE),
    Row("trialBalance", "", "", "FA", EVERYWHERE),
    Row("periods", "", "", "FA", EVERYWHERE),
    Row("exceptions", "", "$OperationalException", STAFF, AT_PLACE),
    Row("exceptionMetrics", f'by: KIND, location: "$place", {_SINCE}', "", STAFF, AT_PLACE),
    Row("floorMetrics", f'location: "$place", {_SINCE}', "", STAFF, AT_PLACE),
    Row("inventoryAccuracy", f'location: "$place", {_SINCE}', "", STAFF, AT_PLACE),
    Row("queueMetrics", f'locations: ["$place"], {_SINCE}', "", STAFF, AT_PLACE),
    Row("exceptionKinds", 'location: "$place"', "ORDER_LATE", STAFF, AT_PLACE),
    Row("auditTrail", 'first: 250, action: "orderPlace"', "$AuditEntry", "VFA", WHOLE),
    Row("policies", "", "$Policy", STAFF, OF_CHANNEL),
    Row("policySchemas", "", "", STAFF, EVERYWHERE),
    Row("playbookRuns", "", "$PlaybookRun", STAFF, BOTH),
    Row("rollout", 'channel: "$channel", location: "$place"', "", "VFA", BOTH),
    Row(
        "shadowReport", 'domain: ROUTING, channel: "$channel", location: "$place"', "", "VFA", BOTH
    ),
    Row(
        "policyPreview",
        'input: {kind: RETURN, scope: "global", rules: {window: "P30D"}}',
        "",
        "VCFA",
        EVERYWHERE,
    ),
    Row("integration", 'code: "$feed"', "$Integration", STAFF, OF_CHANNEL, own="SP"),
    Row("integrations", "", "$Integration", STAFF, OF_CHANNEL, own="SP"),
    Row("messages", "", "$Message", STAFF, BOTH, own="SP"),
    Row("apiKeys", "", "$ApiKey", "A", BOTH),
    Row("actors", "", "$actor", STAFF, BOTH),
    Row("events", 'first: 250, types: ["order.placed"]', "$Order", INSIDE, WHOLE),
    Row("eventTypes", "", "order.placed", INSIDE, EVERYWHERE),
)

# Objects that `node` finds by id: per type, the roles and the cells. For other roles there is none.
NODES: Final = {
    "Item": (ALL, EVERYWHERE),
    "Supplier": (STAFF, EVERYWHERE),
    "ReasonCode": (ALL, EVERYWHERE),
    "Location": (INSIDE, AT_PLACE),
    "Channel": (INSIDE, OF_CHANNEL),
    "StockLevel": (INSIDE, AT_PLACE),
    "StockMovement": (INSIDE, AT_PLACE),
    "StockCount": (INSIDE, AT_PLACE),
    "StockCountLine": (INSIDE, AT_PLACE),
    "Reservation": (ALL, BOTH),
    "Order": (ALL, BOTH),
    "OrderLine": (ALL, BOTH),
    "Fulfillment": (INSIDE, BOTH),
    "FulfillmentHold": (ALL, BOTH),
    "ShippingLabel": (INSIDE, BOTH),
    "CarrierEvent": (INSIDE, BOTH),
    "Transfer": (INSIDE, AT_PLACE),
    "Task": (INSIDE, BOTH),
    "Return": (ALL, BOTH),
    "ReturnItem": (ALL, BOTH),
    "Refund": ("SPUVFA", BOTH),
    "JournalEntry": ("FA", WHOLE),
    "OperationalException": (STAFF, AT_PLACE),
    "AuditEntry": ("VFA", WHOLE),
    "Policy": (STAFF, OF_CHANNEL),
    "Integration": (STAFF, OF_CHANNEL),
    "Message": (STAFF, BOTH),
    "PlaybookRun": (STAFF, BOTH),
    "ApiKey": ("A", BOTH),
}

_SENT = '{originCode: "$place", destinationCode: "$place", lines: []}'
_SHIP = '{fulfillmentId: "$Fulfillment", carrier: "DHL", trackingNumber: "T"}'
_HOLD = '{channel: "$channel", lines: [{sku: "TEE", quantity: 1}]}'
_LINE = '{sku: "TEE", quantity: 1, unitPrice: {amount: "1", currencyCode: "GBP"}}'
_ORDER = f'{{channel: "$channel", externalReference: "$unique", lines: [{_LINE}]}}'
_SCAN = 'trackingNumber: "$tracking", eventId: "$unique", status: IN_TRANSIT, occurredAt: "$now"'
_RECEIPT = '{locationCode: "$place", reference: "R", lines: [{sku: "TEE", quantity: 1}]}'
_COUNT = '{locationCode: "$place", sku: "TEE", delta: 1, reasonCode: "COUNT"}'
_COUNTED = '{locationCode: "$place", places: [{sku: "TEE", quantity: 1}]}'
_PUT_AWAY = '{locationCode: "$place", lines: [{sku: "TEE", quantity: 1, binCode: "$bin"}]}'
_MOVE = (
    '{locationCode: "$place", sku: "TEE", fromState: AVAILABLE, toState: QUARANTINE, quantity: 1,'
    ' reasonCode: "QUALITY"}'
)
_UNITS = '[{sku: "TEE", quantity: 1, reasonCode: "UNWANTED"}]'
_PARCEL = '{returnId: "$Return", locationCode: "$place", items: [{sku: "TEE", quantity: 1}]}'
_GRADE = (
    '{returnId: "$Return", findings: [{returnItemId: "$ReturnItem", quantity: 1, condition: NEW}]}'
)
_WAY = '{returnItemId: "$ReturnItem", quantity: 1, disposition: SCRAP}'
_KEY = '{name: "$unique", role: WAREHOUSE, channels: ["$channel"], locations: ["$place"]}'
_PLACE = '{code: "$place", name: "$place", kind: WAREHOUSE, countryCode: "GB"}'
_CHANNEL = (
    '{code: "$channel", name: "$channel", kind: STOREFRONT, currencyCode: "GBP",'
    ' locationCodes: ["$place"]}'
)
_SORRY = (
    '{orderId: "$Order", reasonCode: "OTHER", note: "n", amount: {amount: "0.01",'
    ' currencyCode: "GBP"}}'
)
_CLOSURE = (
    '{playbook: "LOCATION_CLOSURE", reason: "r", channels: ["$channel"], locations: ["$place"],'
    " dryRun: true}"
)
_ROUTING = '{kind: RETURN, scope: "channel:$channel", rules: {window: "P30D", finalSale: false}}'
_FEED = '{code: "$feed", kind: CHANNEL, feed: {channel: "$channel"}}'

MUTATIONS: Final = (
    Row("itemsUpsert", 'items: [{sku: "TEE", name: "Tee"}]', "", "CA", EVERYWHERE),
    Row("locationUpsert", f"input: {_PLACE}", "", "CA", AT_PLACE),
    Row("channelUpsert", f"input: {_CHANNEL}", "", "CA", BOTH),
    Row("reasonCodeUpsert", 'code: "X", kind: RETURN, label: "X"', "", "CA", EVERYWHERE),
    Row("supplierUpsert", 'code: "X", name: "X"', "", "CA", EVERYWHERE),
    Row("stockReceive", f"input: {_RECEIPT}", "", "WVCA", AT_PLACE),
    Row("stockPutAway", f"input: {_PUT_AWAY}", "", "PWVA", AT_PLACE),
    Row("stockAdjust", f"input: {_COUNT}", "", "WVFA", AT_PLACE),
    Row("stockMove", f"input: {_MOVE}", "", "WVCA", AT_PLACE),
    Row(
        "safetyStockSet",
        'input: {locationCode: "$place", sku: "TEE", quantity: 1}',
        "",
        "VCA",
        AT_PLACE,
    ),
    Row("stockCountCreate", 'input: {locationCode: "$place"}', "", "VCFA", AT_PLACE),
    Row("stockCountRecord", f"input: {_COUNTED}", "", "PWVA", AT_PLACE),
    Row("stockCountApprove", 'lineIds: ["$StockCountLine"], note: "n"', "", "VFA", AT_PLACE),
    Row("stockCountRecount", 'lineIds: ["$StockCountLine"], note: "n"', "", "VFA", AT_PLACE),
    Row("stockCountCancel", 'id: "$StockCount", note: "n"', "", "VCFA", AT_PLACE),
    Row("reservationCreate", f"input: {_HOLD}", "", "SPUVA", OF_CHANNEL),
    Row("reservationExtend", 'id: "$Reservation", ttlSeconds: 900', "", "SPUVA", BOTH),
    Row("orderPlace", f"input: {_ORDER}", "", "SPUVA", OF_CHANNEL),
    Row("orderCancel", 'id: "$Order", reasonCode: "OTHER"', "", "SPUVA", BOTH),
    Row("taskClaim", 'queue: PICK, locationCode: "$place"', "", "PWVA", AT_PLACE),
    Row("taskRenew", 'id: "$Task"', "", "PWVA", BOTH),
    Row("tasksRenew", 'ids: ["$Task"]', "", "PWVA", BOTH),
    Row("taskRelease", 'id: "$Task"', "", "PWVA", BOTH),
    Row("fulfillmentPick", 'fulfillmentId: "$Fulfillment"', "", "PWVA", BOTH),
    Row("fulfillmentPack", 'fulfillmentId: "$Fulfillment"', "", "PWVA", BOTH),
    Row(
        "fulfillmentDispatch",
        'locationCode: "$place", codes: []',
        "",
        "PWVA",
        AT_PLACE,
    ),
    Row(
        "fulfillmentScan",
        'locationCode: "$place", queue: PICK,'
        ' scans: [{code: "TEE", fulfillmentId: "$Fulfillment"}]',
        "",
        "PWVA",
        BOTH,
    ),
    Row(
        "fulfillmentSplit",
        'id: "$Fulfillment", units: [{orderLineId: "$OrderLine", quantity: 1}]',
        "",
        "PWVA",
        BOTH,
    ),
    Row("fulfillmentShip", f"input: {_SHIP}", "", "PWVA", BOTH),
    Row(
        "fulfillmentHold",
        'fulfillmentId: "$Fulfillment", hold: {reason: OTHER}',
        "",
        "SPWUVA",
        BOTH,
    ),
    Row("fulfillmentRelease", 'holdId: "$FulfillmentHold"', "", "SPWUVA", BOTH),
    Row(
        "fulfillmentReroute",
        'id: "$Fulfillment", locationCode: "$place", note: "n"',
        "",
        "VA",
        BOTH,
    ),
    Row("transferCreate", f"input: {_SENT}", "", "VCA", AT_PLACE),
    Row("transferCancel", 'id: "$Transfer"', "", "VCA", AT_PLACE),
    Row("transferShip", 'input: {transferId: "$Transfer"}', "", "PWVA", AT_PLACE),
    Row(
        "transferReceive",
        'input: {transferId: "$Transfer", locationCode: "$place", lines: [], complete: true}',
        "",
        "PWVA",
        AT_PLACE,
    ),
    Row(
        "transferWriteOff",
        'id: "$Transfer", lines: [], reasonCode: "LOST_IN_TRANSIT", note: "n"',
        "",
        "WVFA",
        AT_PLACE,
    ),
    Row("carrierEventRecord", f'input: {{carrier: "DHL", {_SCAN}}}', "", "PWUVA", BOTH),
    Row("labelBuy", 'input: {subjectId: "$Fulfillment"}', "", "PWUVA", BOTH),
    Row("labelVoid", 'id: "$ShippingLabel"', "", "PWUVA", BOTH),
    Row("returnRequest", f'input: {{orderId: "$Order", items: {_UNITS}}}', "", "SPUVA", BOTH),
    Row("returnAuthorize", 'id: "$Return"', "", "UVA", BOTH),
    Row("returnDecline", 'id: "$Return", reasonCode: "ABUSE"', "", "UVA", BOTH),
    Row("returnCancel", 'id: "$Return"', "", "SPUVA", BOTH),
    Row(
        "returnTrackingSet",
        'id: "$Return", carrier: "DHL", trackingNumber: "T"',
        "",
        "SPWUVA",
        BOTH,
    ),
    # For a key of the other channel the parcel is an unidentified one, as for an unknown return.
    Row("returnReceive", f"input: {_PARCEL}", "", "PWVA", AT_PLACE),
    Row("returnInspect", f"input: {_GRADE}", "", "WVA", BOTH),
    Row("returnItemDispose", f"input: {_WAY}", "", "WVA", BOTH),
    Row(
        "unidentifiedUnitsDispose",
        'exceptionId: "$OperationalException", sku: "COAT", quantity: 9, disposition: SCRAP,'
        ' note: "n"',
        "",
        "WVA",
        AT_PLACE,
    ),
    Row("refundCreate", f"input: {_SORRY}", "", "UVFA", BOTH),
    Row("refundRetry", 'id: "$Refund"', "", "VFA", BOTH),
    Row("refundSettle", 'id: "$Refund", succeeded: true, note: "n"', "", "FA", BOTH),
    Row("refundApprove", 'id: "$Refund"', "", "VFA", BOTH),
    Row("refundReject", 'id: "$Refund", note: "n"', "", "VFA", BOTH),
    Row("refundCancel", 'id: "$Refund", note: "n"', "", "UVFA", BOTH),
    Row("exceptionAssign", 'id: "$OperationalException", owner: "$owner"', "", STAFF, AT_PLACE),
    Row("exceptionStart", 'id: "$OperationalException"', "", STAFF, AT_PLACE),
    Row(
        "exceptionWait",
        'id: "$OperationalException", until: "$tomorrow", note: "n"',
        "",
        STAFF,
        AT_PLACE,
    ),
    Row(
        "exceptionResolve",
        'id: "$OperationalException", resolution: "n"',
        "",
        STAFF,
        AT_PLACE,
    ),
    Row("exceptionComment", 'id: "$OperationalException", text: "n"', "", STAFF, AT_PLACE),
    Row("exceptionEscalate", 'id: "$OperationalException", note: "n"', "", STAFF, AT_PLACE),
    Row(
        "exceptionsAssign",
        'ids: ["$OperationalException"], owner: "$owner"',
        "",
        STAFF,
        AT_PLACE,
    ),
    Row(
        "exceptionsResolve",
        'ids: ["$OperationalException"], resolution: "n"',
        "",
        STAFF,
        AT_PLACE,
    ),
    Row("reservationRelease", 'id: "$Reservation"', "", "SPUVA", BOTH),
    Row("integrationUpsert", f"input: {_FEED}", "", "A", OF_CHANNEL),
    Row("integrationSecretRotate", 'code: "$feed"', "", "A", OF_CHANNEL, own="SP"),
    Row("integrationPause", 'code: "$feed", note: "n"', "", "VA", OF_CHANNEL, own="SP"),
    Row("integrationResume", 'code: "$feed"', "", "VA", OF_CHANNEL, own="SP"),
    Row("integrationTest", 'code: "$hook"', "", "VA", BOTH, own="SP"),
    Row("integrationReplay", 'code: "$hook", after: "0"', "", "VA", BOTH, own="SP"),
    Row("messageRetry", 'ids: ["$Message"]', "", "VA", BOTH, own="SP"),
    Row("messageSkip", 'id: "$Message", note: "n"', "", "VA", BOTH, own="SP"),
    Row("apiKeyCreate", f"input: {_KEY}", "", "A", BOTH),
    Row("apiKeyRotate", 'id: "$ApiKey"', "", "A", BOTH),
    Row("apiKeyRevoke", 'id: "$ApiKey"', "", "A", BOTH),
    Row("periodClose", 'through: "2020-01-01T00:00:00Z"', "", "FA", NEVER),
    # A policy of a channel, and of no location, may be published by a key without locations.
    Row("playbookStart", f"input: {_CLOSURE}", "", "VA", BOTH),
    Row("playbookEnd", 'id: "$PlaybookRun", note: "n"', "", "VA", BOTH),
    Row("policyPublish", f"input: {_ROUTING}", "", "VA", "F+FFFF"),
)

SUBSCRIPTIONS: Final = (
    Row("availabilityChanged", 'channel: "$channel", after: "0"', "", ALL, OF_CHANNEL),
    Row("stockChanged", 'after: "0"', "", INSIDE, EVERYWHERE),
    Row("queueChanged", 'queue: PICK, location: "$place"', "", INSIDE, AT_PLACE),
    Row("exceptionAlerts", 'after: "0"', "", STAFF, EVERYWHERE),
    Row("events", 'after: "0"', "", INSIDE, EVERYWHERE),
    Row("orderChanged", 'id: "$Order", after: "0"', "", ALL, BOTH),
    Row("returnChanged", 'id: "$Return", after: "0"', "", ALL, BOTH),
    Row("refundChanged", 'id: "$Refund", after: "0"', "", "UVFA", BOTH),
    Row("integrationChanged", 'codes: ["$feed"], after: "0"', "", STAFF, OF_CHANNEL, own="SP"),
)
