"""A client of real servers that works on the floor: picks, scans, counts and transfers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.database.database import Database
from tests.builders.books import faults
from tests.builders.transactions import rows
from tests.races.server_processes import KEY, WAREHOUSE, Json, TradingClient, gbp
from workflows.ledger.reconciliation import reconcile

_ERRORS = "userErrors { code field message }"
PLACE = f"""mutation($i: OrderPlaceInput!) {{ orderPlace(input: $i) {{
  order {{ id lines {{ id }} fulfillments {{ id location {{ code }} }} }} {_ERRORS} }} }}"""
PICK = f"""mutation($id: ID!, $short: [ShortageInput!]) {{
  fulfillmentPick(fulfillmentId: $id, shortages: $short) {{ fulfillment {{ id }} {_ERRORS} }} }}"""
HOLD_BACK = f"""mutation($id: ID!) {{ fulfillmentHold(orderId: $id, hold: {{reason: OTHER}}) {{
  hold {{ id }} {_ERRORS} }} }}"""
CANCEL = f"""mutation($id: ID!) {{ orderCancel(id: $id, reasonCode: "CUSTOMER_REQUEST") {{
  order {{ id }} {_ERRORS} }} }}"""
REROUTE = f"""mutation($id: ID!, $to: String!) {{
  fulfillmentReroute(id: $id, locationCode: $to, note: "York is quiet.") {{
    order {{ id }} {_ERRORS} }} }}"""
SHIP = f"""mutation($i: FulfillmentShipInput!) {{ fulfillmentShip(input: $i) {{
  fulfillment {{ id }} {_ERRORS} }} }}"""
SCAN = f"""mutation($place: String!, $scans: [ScanInput!]!) {{
  fulfillmentScan(locationCode: $place, queue: PICK, scans: $scans) {{
    results {{ sku quantity remaining complete }} replayed {_ERRORS} }} }}"""
LINES = """query($id: ID!) { node(id: $id) { ... on Fulfillment {
  status lines { sku quantity picked } } } }"""
STATUSES = """query($id: ID!) { node(id: $id) { ... on Order {
  status fulfillments { status location { code } } } } }"""
PUT_AWAY = f"""mutation($i: PutAwayInput!) {{ stockPutAway(input: $i) {{
  levels {{ id }} {_ERRORS} }} }}"""
RECORD = f"""mutation($i: StockCountRecordInput!) {{ stockCountRecord(input: $i) {{
  lines {{ id status variance }} {_ERRORS} }} }}"""
SEND = f"""mutation($i: TransferCreateInput!) {{ transferCreate(input: $i) {{
  transfer {{ id }} {_ERRORS} }} }}"""
SHIP_TRANSFER = f"""mutation($i: TransferShipInput!) {{ transferShip(input: $i) {{
  transfer {{ id }} {_ERRORS} }} }}"""
ARRIVE = f"""mutation($i: TransferReceiveInput!) {{ transferReceive(input: $i) {{
  transfer {{ status lines {{ shipped inTransit received extra }} }} {_ERRORS} }} }}"""
BUY_LABEL = f"""mutation($i: LabelBuyInput!) {{ labelBuy(input: $i) {{
  label {{ id }} {_ERRORS} }} }}"""
LEVELS = """query($skus: [String!]) { stockLevels(skus: $skus, first: 50) { nodes {
  id available held allocated quarantine picked missing unbinned incoming
  item { sku } location { code } } } }"""
PUBLISH = f"mutation($i: PolicyInput!) {{ policyPublish(input: $i) {{ {_ERRORS} }} }}"
# Differences of any size are booked at once.
COUNTS_ARE_BELIEVED = (
    {
        "kind": "COUNT",
        "scope": "global",
        "rules": {"blind": False, "recountAbove": {"units": None}},
    },
    {"kind": "ADJUSTMENT", "scope": "global", "rules": {"approvalAbove": {"GBP": "999999.00"}}},
)


@dataclass(frozen=True, slots=True)
class Parcel:
    """The only fulfillment of an order with one line; `at`: the code of its location."""

    order: str
    line: str
    id: str
    at: str


class FloorClient(TradingClient):
    """A trading client with the operations of a warehouse."""

    async def do(
        self, query: str, *, at: int = 0, key: str | None = None, by: str = KEY, **variables: Any
    ) -> Json:
        """The payload of a request to the server with this number."""
        return await self.cluster.ask(query, variables, at=at, key=key, by=by)

    async def order(self, lines: Mapping[str, int], reference: str, **facts: Any) -> Json:
        """Place an order; its payload."""
        at = facts.pop("at", 0)
        wanted = [
            {"sku": self.own(sku), "quantity": units, "unitPrice": gbp("10.00")}
            for sku, units in lines.items()
        ]
        given = {"channel": self.name, "externalReference": reference, "lines": wanted, **facts}
        return await self.do(PLACE, at=at, i=given)

    async def parcel(self, reference: str, units: int = 1, sku: str = "TEE") -> Parcel:
        """A new order with one open fulfillment."""
        placed = await self.order({sku: units}, reference)
        assert placed["userErrors"] == []
        order = placed["order"]
        [line], [parcel] = order["lines"], order["fulfillments"]
        return Parcel(order["id"], line["id"], parcel["id"], parcel["location"]["code"])

    async def statuses(self, order: str, at: int = 0) -> Json:
        """The status of an order, and those of its fulfillments with their locations."""
        return await self.do(STATUSES, at=at, id=order)

    async def believe_counts(self) -> None:
        """Publish policies with which a count of any difference is booked at once."""
        for rules in COUNTS_ARE_BELIEVED:
            assert (await self.do(PUBLISH, i=rules))["userErrors"] == []

    async def bins(self, at: str, *codes: str) -> None:
        """Open bins of a location."""
        for code in codes:
            given = {"code": code, "name": code, "kind": "BIN", "parentCode": self.own(at)}
            assert (await self.do(WAREHOUSE, i=given))["userErrors"] == []

    async def levels(self, *skus: str, at: int = 0) -> dict[str, Json]:
        """The levels of some SKUs by location and SKU, as one server shows them."""
        found = await self.do(LEVELS, at=at, skus=[self.own(sku) for sku in skus])
        return {
            f"{each['location']['code']} {each['item']['sku']}": each for each in found["nodes"]
        }


async def differences(database: Database) -> list[str]:
    """Differences that the reconciliation and independent checks of the books find."""
    return [*(str(each) for each in await reconcile(database)), *await faults(database)]


async def until_rows(
    database: Database, sql: str, *args: object, seconds: float = 60
) -> list[dict[str, Any]]:
    """Wait until a query finds rows, and return them."""
    async with asyncio.timeout(seconds):
        while True:
            if found := await rows(database, sql, *args):
                return found
            await asyncio.sleep(0.05)
