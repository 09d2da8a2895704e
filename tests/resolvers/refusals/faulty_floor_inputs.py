"""Arguments of mutations of the floor, of exceptions and of policies with several faults.

`<Transfer>` stands for the id of a transfer: one that no object has, or one that cannot be read.
"""

INVALID, MISSING, LIMIT = "INVALID", "NOT_FOUND", "LIMIT_EXCEEDED"
UNREAD = "UNREAD"  # NOT_FOUND for an id that cannot be read; else the id is not looked up
LONG = "x" * 2_001
PAST = "2000-01-01T00:00:00Z"

# The mutation, its arguments, and their faults.
FAULTS: list[tuple[str, str, list[tuple[str, str]]]] = [
    (
        "stockReceive",
        'input: {locationCode: "LEEDS", reference: "", lines: ['
        '{sku: "NONE", quantity: 1, binCode: "B"}, {sku: "TEE", quantity: 0, binCode: "C"}]}',
        [
            (INVALID, "input.reference"),
            (MISSING, "input.lines.0.sku"),
            (MISSING, "input.lines.0.binCode"),
            (INVALID, "input.lines.1.quantity"),
            (MISSING, "input.lines.1.binCode"),
        ],
    ),
    (
        "returnReceive",
        'input: {locationCode: "LEEDS", binCode: "B", rmaNumber: "", items: ['
        '{sku: "NONE", quantity: 0}]}',
        [
            (MISSING, "input.binCode"),
            (INVALID, "input.rmaNumber"),
            (INVALID, "input.items.0.quantity"),
            (MISSING, "input.items.0.sku"),
        ],
    ),
    (
        "stockPutAway",
        'input: {locationCode: "NONE", lines: [{sku: "NONE", quantity: 0, binCode: "A"},'
        ' {sku: "TEE", quantity: 1, binCode: "a", fromBinCode: "A"}]}',
        [
            (MISSING, "input.locationCode"),
            (INVALID, "input.lines.0.quantity"),
            (MISSING, "input.lines.0.sku"),
            (INVALID, "input.lines.1.binCode"),
        ],
    ),
    (
        "stockPutAway",
        'input: {locationCode: "LEEDS", lines: ['
        '{sku: "NONE", quantity: 1, binCode: "A", fromBinCode: "B"},'
        ' {sku: "TEE", quantity: -1, binCode: "C"}]}',
        [
            (MISSING, "input.lines.0.sku"),
            (MISSING, "input.lines.0.binCode"),
            (MISSING, "input.lines.0.fromBinCode"),
            (INVALID, "input.lines.1.quantity"),
            (MISSING, "input.lines.1.binCode"),
        ],
    ),
    (
        "stockPutAway",
        'input: {locationCode: "NONE", lines: []}',
        [(MISSING, "input.locationCode"), (INVALID, "input.lines")],
    ),
    (
        "fulfillmentHold",
        f'orderId: <Order>, hold: {{reason: MEASURE, note: "{LONG}", until: "{PAST}"}}',
        [
            (MISSING, "orderId"),
            (INVALID, "hold.reason"),
            (INVALID, "hold.note"),
            (INVALID, "hold.until"),
        ],
    ),
    (
        "fulfillmentHold",
        f'fulfillmentId: <Fulfillment>, hold: {{reason: OTHER, note: "{LONG}"}}',
        [(MISSING, "fulfillmentId"), (INVALID, "hold.note")],
    ),
    (
        "fulfillmentHold",
        f'hold: {{reason: OTHER, note: "{LONG}"}}',
        [(INVALID, "orderId"), (INVALID, "hold.note")],
    ),
    (
        "fulfillmentRelease",
        f'holdId: <FulfillmentHold>, note: "{LONG}"',
        [(MISSING, "holdId"), (INVALID, "note")],
    ),
    (
        "fulfillmentSplit",
        "id: <Fulfillment>, units: [{orderLineId: <OrderLine>, quantity: 0}]",
        [
            (MISSING, "id"),
            (UNREAD, "units.0.orderLineId"),
            (INVALID, "units.0.quantity"),
        ],
    ),
    (
        "fulfillmentSplit",
        "id: <Fulfillment>, units: []",
        [(MISSING, "id"), (INVALID, "units")],
    ),
    (
        "labelBuy",
        'input: {subjectId: <Fulfillment>, carrier: "none", service: ""}',
        [
            (MISSING, "input.subjectId"),
            (INVALID, "input.carrier"),
            (INVALID, "input.service"),
        ],
    ),
    (
        "labelVoid",
        f'id: <ShippingLabel>, note: "{LONG}"',
        [(MISSING, "id"), (INVALID, "note")],
    ),
    (
        "fulfillmentScan",
        'locationCode: "NONE", queue: SHIP, scans: ['
        '{code: "NONE", quantity: 0, tote: "", binCode: "B"}, {code: "TEE"}]',
        [
            (MISSING, "locationCode"),
            (INVALID, "queue"),
            (MISSING, "scans.0.code"),
            (INVALID, "scans.0.quantity"),
            (INVALID, "scans.0.tote"),
        ],
    ),
    (
        "fulfillmentScan",
        'locationCode: "LEEDS", queue: PICK, scans: [{code: "NONE", quantity: 2000000000,'
        ' tote: "", binCode: "B", fulfillmentId: <Fulfillment>}, {code: "TEE", quantity: 0}]',
        [
            (MISSING, "scans.0.code"),
            (INVALID, "scans.0.quantity"),
            (INVALID, "scans.0.tote"),
            (MISSING, "scans.0.binCode"),
            (MISSING, "scans.0.fulfillmentId"),
            (INVALID, "scans.1.quantity"),
        ],
    ),
    (
        "fulfillmentScan",
        'locationCode: "NONE", queue: PACK, scans: []',
        [(MISSING, "locationCode"), (INVALID, "scans")],
    ),
    (
        "exceptionAssign",
        'id: <OperationalException>, owner: "no such actor"',
        [(MISSING, "id"), (MISSING, "owner")],
    ),
    (
        "exceptionAssign",
        'id: <OperationalException>, owner: ""',
        [(MISSING, "id"), (INVALID, "owner")],
    ),
    (
        "exceptionWait",
        f'id: <OperationalException>, until: "{PAST}", note: ""',
        [(MISSING, "id"), (INVALID, "note"), (INVALID, "until")],
    ),
    (
        "exceptionResolve",
        'id: <OperationalException>, resolution: ""',
        [(MISSING, "id"), (INVALID, "resolution")],
    ),
    (
        "exceptionComment",
        f'id: <OperationalException>, text: "{LONG}"',
        [(MISSING, "id"), (INVALID, "text")],
    ),
    (
        "exceptionsAssign",
        'ids: [<OperationalException>, <OperationalException>], owner: ""',
        [(MISSING, "ids.0"), (MISSING, "ids.1"), (INVALID, "owner")],
    ),
    (
        "exceptionsResolve",
        'ids: [<OperationalException>, <OperationalException>], resolution: ""',
        [(MISSING, "ids.0"), (MISSING, "ids.1"), (INVALID, "resolution")],
    ),
    (
        "stockCountCreate",
        'input: {locationCode: "NONE", zoneCode: "Z", skus: ["NONE", "TEE", "NIX"], limit: 0,'
        f' dueAt: "{PAST}"}}',
        [
            (MISSING, "input.locationCode"),
            (MISSING, "input.skus.0"),
            (MISSING, "input.skus.2"),
            (LIMIT, "input.limit"),
            (INVALID, "input.dueAt"),
        ],
    ),
    (
        "stockCountCreate",
        'input: {locationCode: "LEEDS", zoneCode: "Z", skus: [], limit: 9999}',
        [
            (MISSING, "input.zoneCode"),
            (LIMIT, "input.skus"),
            (LIMIT, "input.limit"),
        ],
    ),
    (
        "stockCountRecord",
        'input: {locationCode: "NONE", places: [{sku: "NONE", quantity: -1, binCode: "B"}]}',
        [
            (MISSING, "input.locationCode"),
            (MISSING, "input.places.0.sku"),
            (INVALID, "input.places.0.quantity"),
        ],
    ),
    (
        "stockCountRecord",
        'input: {locationCode: "LEEDS", places: [{sku: "NONE", quantity: -1, binCode: "B"},'
        ' {sku: "TEE", quantity: 1, binCode: "C"}]}',
        [
            (MISSING, "input.places.0.sku"),
            (INVALID, "input.places.0.quantity"),
            (MISSING, "input.places.0.binCode"),
            (MISSING, "input.places.1.binCode"),
        ],
    ),
    (
        "stockCountRecord",
        'input: {locationCode: "NONE", places: []}',
        [(MISSING, "input.locationCode"), (INVALID, "input.places")],
    ),
    (
        "stockCountApprove",
        'lineIds: [<StockCountLine>, <StockCountLine>], note: ""',
        [(MISSING, "lineIds.0"), (MISSING, "lineIds.1"), (INVALID, "note")],
    ),
    (
        "stockCountRecount",
        f'lineIds: [], note: "{LONG}"',
        [(INVALID, "lineIds"), (INVALID, "note")],
    ),
    (
        "stockCountCancel",
        f'id: <StockCount>, note: "{LONG}"',
        [(MISSING, "id"), (INVALID, "note")],
    ),
    (
        "transferCreate",
        f'input: {{originCode: "NONE", destinationCode: "NIX", reference: "", expectedBy: "{PAST}",'
        ' lines: [{sku: "NONE", quantity: 0}, {sku: "TEE", quantity: 1},'
        ' {sku: "tee", quantity: 1}]}',
        [
            (MISSING, "input.originCode"),
            (MISSING, "input.destinationCode"),
            (INVALID, "input.reference"),
            (INVALID, "input.expectedBy"),
            (MISSING, "input.lines.0.sku"),
            (INVALID, "input.lines.0.quantity"),
            (INVALID, "input.lines.2.sku"),
        ],
    ),
    (
        "transferCreate",
        'input: {originCode: "LEEDS", destinationCode: "leeds", lines: []}',
        [(INVALID, "input.destinationCode"), (INVALID, "input.lines")],
    ),
    (
        "transferShip",
        'input: {transferId: <Transfer>, carrier: "", trackingNumber: "",'
        ' shortages: [{sku: "NONE", quantity: 0}, {sku: "TEE", quantity: 1}]}',
        [
            (MISSING, "input.transferId"),
            (INVALID, "input.carrier"),
            (INVALID, "input.trackingNumber"),
            (MISSING, "input.shortages.0.sku"),
            (INVALID, "input.shortages.0.quantity"),
        ],
    ),
    (
        "transferReceive",
        'input: {transferId: <Transfer>, locationCode: "NONE", lines: ['
        '{sku: "NONE", quantity: -1, damaged: -1, binCode: "B"}]}',
        [
            (MISSING, "input.transferId"),
            (MISSING, "input.lines.0.sku"),
            (INVALID, "input.lines.0.quantity"),
            (INVALID, "input.lines.0.damaged"),
        ],
    ),
    (
        "transferReceive",
        'input: {transferId: <Transfer>, locationCode: "LEEDS", lines: []}',
        [(MISSING, "input.transferId"), (INVALID, "input.lines")],
    ),
    (
        "transferWriteOff",
        'id: <Transfer>, lines: [{sku: "NONE", quantity: 0}], reasonCode: "NONE", note: ""',
        [
            (MISSING, "id"),
            (MISSING, "lines.0.sku"),
            (INVALID, "lines.0.quantity"),
            (MISSING, "reasonCode"),
            (INVALID, "note"),
        ],
    ),
    (
        "transferWriteOff",
        'id: <Transfer>, lines: [], reasonCode: "NONE", note: "lost"',
        [(MISSING, "id"), (INVALID, "lines"), (MISSING, "reasonCode")],
    ),
    (
        "policyPublish",
        'input: {kind: REFUND, scope: "location:LEEDS", rules: {colour: 1, evidence: ["SEEN"],'
        ' deductions: {USED: 2, WET: 0.1}, bands: {GBP: [{upTo: "x", approvers: 7}], EUR: []}}}',
        [
            (INVALID, "input.scope"),
            (INVALID, "input.rules.colour"),
            (INVALID, "input.rules.evidence.0"),
            (INVALID, "input.rules.deductions.USED"),
            (INVALID, "input.rules.deductions.WET"),
            (INVALID, "input.rules.bands.GBP.0.upTo"),
            (INVALID, "input.rules.bands.GBP.0.approvers"),
            (INVALID, "input.rules.bands.EUR"),
        ],
    ),
]
