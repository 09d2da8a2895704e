"""Arguments of mutations with several independent faults, and these faults."""

NONE = '"none"'  # an id that names nothing

INVALID, MISSING = "INVALID", "NOT_FOUND"
LONG = "x" * 2_001

# Per mutation: arguments with several independent faults, and the faults, sorted by path.
FAULTS = {
    "locationUpsert": (
        'input: {code: "a b", name: "", kind: ZONE, parentCode: "NONE", countryCode: "England"}',
        [
            (INVALID, "input.code"),
            (INVALID, "input.countryCode"),
            (INVALID, "input.name"),
            (MISSING, "input.parentCode"),
        ],
    ),
    "channelUpsert": (
        'input: {code: "web", name: "", kind: STOREFRONT, currencyCode: "EUR", priority: 0,'
        ' locationCodes: ["LEEDS", "NONE", "YORK", "NIX"]}',
        [
            (INVALID, "input.currencyCode"),
            (MISSING, "input.locationCodes.1"),
            (MISSING, "input.locationCodes.3"),
            (INVALID, "input.name"),
            (INVALID, "input.priority"),
        ],
    ),
    "itemsUpsert": (
        'items: [{sku: "", name: ""}, {sku: "OK", name: "fine", supplierCode: "NONE",'
        ' price: {amount: "0.001", currencyCode: "GBP"}}]',
        [
            (INVALID, "items.0.name"),
            (INVALID, "items.0.sku"),
            (INVALID, "items.1.price.amount"),
            (MISSING, "items.1.supplierCode"),
        ],
    ),
    "stockReceive": (
        'input: {locationCode: "NONE", reference: "", lines: [{sku: "TEE", quantity: 0,'
        ' unitCost: {amount: "0.001", currencyCode: "GBP"}}, {sku: "NONE", quantity: 1},'
        ' {sku: "TEE", quantity: 1, unitCost: {amount: "1", currencyCode: "JPY"}}]}',
        [
            (INVALID, "input.lines.0.quantity"),
            (INVALID, "input.lines.0.unitCost.amount"),
            (MISSING, "input.lines.1.sku"),
            (INVALID, "input.lines.2.unitCost.currencyCode"),
            (MISSING, "input.locationCode"),
            (INVALID, "input.reference"),
        ],
    ),
    "stockAdjust": (
        'input: {locationCode: "NONE", sku: "NONE", delta: 0, reasonCode: "NONE", state: HELD}',
        [
            (INVALID, "input.delta"),
            (MISSING, "input.locationCode"),
            (MISSING, "input.reasonCode"),
            (MISSING, "input.sku"),
            (INVALID, "input.state"),
        ],
    ),
    "stockMove": (
        'input: {locationCode: "NONE", sku: "NONE", fromState: HELD, toState: HELD, quantity: 0,'
        ' reasonCode: "NONE"}',
        [
            (INVALID, "input.fromState"),
            (MISSING, "input.locationCode"),
            (INVALID, "input.quantity"),
            (MISSING, "input.reasonCode"),
            (MISSING, "input.sku"),
            (INVALID, "input.toState"),
        ],
    ),
    "safetyStockSet": (
        'input: {locationCode: "NONE", sku: "NONE", quantity: -1}',
        [
            (MISSING, "input.locationCode"),
            (INVALID, "input.quantity"),
            (MISSING, "input.sku"),
        ],
    ),
    "reservationCreate": (
        'input: {channel: "none", ttlSeconds: 0, externalReference: "", lines: ['
        '{sku: "NONE", quantity: 0}, {sku: "TEE", quantity: 1}, {sku: "NIX", quantity: 1}],'
        ' shipTo: {countryCode: "England"}}',
        [
            (MISSING, "input.channel"),
            (INVALID, "input.externalReference"),
            (INVALID, "input.lines.0.quantity"),
            (MISSING, "input.lines.0.sku"),
            (MISSING, "input.lines.2.sku"),
            (INVALID, "input.shipTo.countryCode"),
            ("LIMIT_EXCEEDED", "input.ttlSeconds"),
        ],
    ),
    "fulfillmentShip": (
        f'input: {{fulfillmentId: {NONE}, carrier: "", trackingNumber: "",'
        ' shippedAt: "2999-01-01T00:00:00Z"}',
        [
            (INVALID, "input.carrier"),
            (MISSING, "input.fulfillmentId"),
            (INVALID, "input.shippedAt"),
            (INVALID, "input.trackingNumber"),
        ],
    ),
    "fulfillmentReroute": (
        f'id: {NONE}, locationCode: "LEEDS", note: ""',
        [(MISSING, "id"), (INVALID, "note")],
    ),
    "carrierEventRecord": (
        'input: {carrier: "", trackingNumber: "", eventId: "", status: DELIVERED,'
        ' occurredAt: "2999-01-01T00:00:00Z"}',
        [
            (INVALID, "input.carrier"),
            (INVALID, "input.eventId"),
            (INVALID, "input.occurredAt"),
            (INVALID, "input.trackingNumber"),
        ],
    ),
    "returnRequest": (
        f'input: {{orderId: {NONE}, carrier: "", customerNote: "{LONG}",'
        f' requestedAt: "2999-01-01T00:00:00Z", items: ['
        f'{{orderLineId: {NONE}, quantity: 0, reasonCode: "NONE"}},'
        '{sku: "TEE", quantity: 1, reasonCode: "NIX", evidence: [""]}]}',
        [
            (INVALID, "input.carrier"),
            (INVALID, "input.customerNote"),
            (MISSING, "input.items.0.orderLineId"),
            (INVALID, "input.items.0.quantity"),
            (MISSING, "input.items.0.reasonCode"),
            (INVALID, "input.items.1.evidence.0"),
            (MISSING, "input.items.1.reasonCode"),
            (MISSING, "input.orderId"),
            (INVALID, "input.requestedAt"),
        ],
    ),
    "returnDecline": (
        f'id: {NONE}, reasonCode: "NONE", note: "{LONG}"',
        [(MISSING, "id"), (INVALID, "note"), (MISSING, "reasonCode")],
    ),
    "returnTrackingSet": (
        f'id: {NONE}, carrier: "", trackingNumber: ""',
        [(INVALID, "carrier"), (MISSING, "id"), (INVALID, "trackingNumber")],
    ),
    "returnReceive": (
        f'input: {{locationCode: "NONE", returnId: {NONE}, rmaNumber: "", items: ['
        f'{{sku: "NONE", quantity: 0, returnItemId: {NONE}}}, {{sku: "TEE", quantity: 1}}]}}',
        [
            (INVALID, "input.items.0.quantity"),
            (MISSING, "input.items.0.returnItemId"),
            (MISSING, "input.items.0.sku"),
            (MISSING, "input.locationCode"),
            (MISSING, "input.returnId"),
            (INVALID, "input.rmaNumber"),
        ],
    ),
    "returnInspect": (
        f"input: {{returnId: {NONE}, findings: ["
        f'{{returnItemId: {NONE}, quantity: 0, condition: NEW, evidence: [""]}},'
        f'{{returnItemId: {NONE}, quantity: 1, condition: NEW, note: "{LONG}"}}]}}',
        [
            (INVALID, "input.findings.0.evidence.0"),
            (INVALID, "input.findings.0.quantity"),
            (MISSING, "input.findings.0.returnItemId"),
            (INVALID, "input.findings.1.note"),
            (MISSING, "input.findings.1.returnItemId"),
            (MISSING, "input.returnId"),
        ],
    ),
    "returnItemDispose": (
        f'input: {{returnItemId: {NONE}, quantity: 0, disposition: SCRAP, note: "{LONG}"}}',
        [
            (INVALID, "input.note"),
            (INVALID, "input.quantity"),
            (MISSING, "input.returnItemId"),
        ],
    ),
    "unidentifiedUnitsDispose": (
        f'exceptionId: {NONE}, sku: "TEE", quantity: 0, disposition: SCRAP, note: ""',
        [(MISSING, "exceptionId"), (INVALID, "note"), (INVALID, "quantity")],
    ),
    "refundCreate": (
        f'input: {{orderId: {NONE}, returnId: {NONE}, reasonCode: "NONE", note: "",'
        ' amount: {amount: "0.001", currencyCode: "GBP"},'
        f" lines: [{{orderLineId: {NONE}, quantity: 0}}]}}",
        [
            (INVALID, "input.amount.amount"),
            (INVALID, "input.lines.0.quantity"),
            (MISSING, "input.lines.0.orderLineId"),
            (INVALID, "input.note"),
            (MISSING, "input.orderId"),
            (MISSING, "input.reasonCode"),
            (MISSING, "input.returnId"),
        ],
    ),
    "refundSettle": (
        f'id: {NONE}, succeeded: true, note: "", gatewayReference: ""',
        [(INVALID, "gatewayReference"), (MISSING, "id"), (INVALID, "note")],
    ),
    "refundReject": (f'id: {NONE}, note: ""', [(MISSING, "id"), (INVALID, "note")]),
    "returnAuthorize": (
        f'id: {NONE}, note: "{LONG}"',
        [(MISSING, "id"), (INVALID, "note")],
    ),
    "taskClaim": (
        'queue: PICK, locationCode: "NONE", limit: 0',
        [("LIMIT_EXCEEDED", "limit"), (MISSING, "locationCode")],
    ),
    "reservationExtend": (
        f"id: {NONE}, ttlSeconds: 0",
        [(MISSING, "id"), ("LIMIT_EXCEEDED", "ttlSeconds")],
    ),
    "apiKeyRotate": (
        f"id: {NONE}, overlapSeconds: -1",
        [(MISSING, "id"), ("LIMIT_EXCEEDED", "overlapSeconds")],
    ),
    "exceptionWait": (
        f'id: {NONE}, until: "2000-01-01T00:00:00Z", note: ""',
        [(MISSING, "id"), (INVALID, "note"), (INVALID, "until")],
    ),
    "apiKeyCreate": (
        'input: {name: "", role: PARTNER, channels: ["none"], locations: ["NONE"],'
        ' refundLimit: {amount: "0.001", currencyCode: "GBP"}, expiresAt: "2000-01-01T00:00:00Z"}',
        [
            (MISSING, "input.channels.0"),
            (INVALID, "input.expiresAt"),
            (MISSING, "input.locations.0"),
            (INVALID, "input.name"),
            (INVALID, "input.refundLimit.amount"),
        ],
    ),
    "policyPublish": (
        'input: {kind: RETURN, scope: "channel:none", rules: {}, '
        'effectiveFrom: "2000-01-01T00:00:00Z"}',
        [
            (INVALID, "input.effectiveFrom"),
            (INVALID, "input.rules.window"),
            (MISSING, "input.scope"),
        ],
    ),
}
