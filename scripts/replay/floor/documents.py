"""GraphQL documents of the floor: work by claims and scans, moves, counts, and figures."""

from typing import Final

_ERRORS: Final = "userErrors { code field message }"

CLAIM: Final = f"""mutation ($queue: QueueKind!, $location: String!, $limit: Int!) {{
  taskClaim(queue: $queue, locationCode: $location, limit: $limit) {{
    tasks {{ id subject {{ __typename id
      ... on Fulfillment {{ number order {{ id }} lines {{ orderLineId sku quantity }} }}
      ... on StockLevel {{ unbinned item {{ sku }} }}
    }} }}
    {_ERRORS}
  }}
}}"""
RENEW: Final = f"""mutation ($ids: [ID!]!) {{
  tasksRenew(ids: $ids) {{ tasks {{ id }} {_ERRORS} }}
}}"""
CLAIMED: Final = """query ($queue: QueueKind!, $location: String!, $actor: String!) {
  tasks(queue: $queue, location: $location, claimedBy: $actor, status: CLAIMED, first: 250) {
    nodes { id subject { id ... on StockLevel { item { sku } } } }
  }
}"""

WALK: Final = """query ($location: String!) {
  pickWalk(locationCode: $location) {
    bin { code } item { sku } quantity
    parts { quantity fulfillment { id number order { id } } }
  }
}"""
SCAN: Final = f"""mutation ($location: String!, $queue: QueueKind!, $scans: [ScanInput!]!) {{
  fulfillmentScan(locationCode: $location, queue: $queue, scans: $scans) {{
    results {{ sku quantity }} {_ERRORS}
  }}
}}"""
LINES: Final = """query ($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Fulfillment { id status lines { orderLineId sku quantity picked } }
  }
}"""
PICK: Final = f"""mutation ($id: ID!, $shortages: [ShortageInput!]) {{
  fulfillmentPick(fulfillmentId: $id, shortages: $shortages) {{ fulfillment {{ id }} {_ERRORS} }}
}}"""
PACK: Final = f"""mutation ($id: ID!, $parcels: [ParcelInput!]) {{
  fulfillmentPack(fulfillmentId: $id, parcels: $parcels) {{
    fulfillments {{ id status }} {_ERRORS}
  }}
}}"""
LABELS: Final = """query ($ids: [ID!]!) {
  nodes(ids: $ids) { ... on Fulfillment { id trackingNumber } }
}"""
DISPATCH: Final = f"""mutation ($location: String!, $codes: [String!]!) {{
  fulfillmentDispatch(locationCode: $location, codes: $codes) {{
    fulfillments {{ id status shippedAt order {{ id }} }} {_ERRORS}
  }}
}}"""
PUT_AWAY: Final = f"""mutation ($input: PutAwayInput!) {{
  stockPutAway(input: $input) {{ levels {{ unbinned }} {_ERRORS} }}
}}"""

CREATE_COUNT: Final = f"""mutation ($input: StockCountCreateInput!) {{
  stockCountCreate(input: $input) {{ count {{ lineCount }} {_ERRORS} }}
}}"""
RECORD_COUNT: Final = f"""mutation ($input: StockCountRecordInput!) {{
  stockCountRecord(input: $input) {{ lines {{ id status }} {_ERRORS} }}
}}"""
APPROVE_COUNT: Final = f"""mutation ($ids: [ID!]!, $note: String!) {{
  stockCountApprove(lineIds: $ids, note: $note) {{ lines {{ id status }} {_ERRORS} }}
}}"""

_TRANSFER: Final = f"transfer {{ id number status }} {_ERRORS}"
CREATE_TRANSFER: Final = f"""mutation ($input: TransferCreateInput!) {{
  transferCreate(input: $input) {{ {_TRANSFER} }}
}}"""
SHIP_TRANSFER: Final = f"""mutation ($input: TransferShipInput!) {{
  transferShip(input: $input) {{ {_TRANSFER} }}
}}"""
RECEIVE_TRANSFER: Final = f"""mutation ($input: TransferReceiveInput!) {{
  transferReceive(input: $input) {{ {_TRANSFER} }}
}}"""

UNSHIPPED: Final = """{
  orders(statuses: [OPEN, ALLOCATED, PARTIALLY_SHIPPED, BACKORDERED], first: 1) {
    nodes { number status }
  }
}"""
SHELVES: Final = """query ($after: String) {
  stockLevels(first: 250, after: $after) {
    nodes { item { sku } location { code } available held allocated picked unbinned missing }
    pageInfo { hasNextPage endCursor }
  }
}"""
FIGURES: Final = """query ($location: String!, $from: DateTime!) {
  queueMetrics(locations: [$location], from: $from) {
    queue depth done lapsed perHour medianSeconds
  }
  floorMetrics(location: $location, from: $from) {
    shipped touches touchesPerOrder shortRate mismatchRate dockToShelfSeconds
  }
  inventoryAccuracy(location: $location, from: $from) {
    lines exact lineAccuracy unitAccuracy
  }
}"""
