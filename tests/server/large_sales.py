"""A large amount of sales over the API: many orders with lines, and one order with many returns."""

from __future__ import annotations

from typing import Any

from tests.builders.in_process_server import RECEIVE, UPSERT_ITEMS, InProcessServer, gbp

ITEMS, ORDERS, LINES, RETURNS = 200, 40, 12, 40
REFERENCE = "MANY-RETURNS"

_PLACE = """mutation ($input: OrderPlaceInput!) { orderPlace(input: $input) {
  order { id fulfillments { id } } userErrors { message } } }"""
_SHIP = """mutation ($input: FulfillmentShipInput!) { fulfillmentShip(input: $input) {
  userErrors { message } } }"""
_RETURN = """mutation ($input: ReturnRequestInput!) { returnRequest(input: $input) {
  userErrors { message } } }"""


async def open_large_sales(api: InProcessServer) -> None:
    """Receive stock, place and ship the orders, and request the returns."""
    await api.create_master_data()
    skus = [f"L-{number:03}" for number in range(ITEMS)]
    items = [{"sku": sku, "name": f"Large {sku}", "unitCost": gbp("1.00")} for sku in skus]
    await api.done(UPSERT_ITEMS, {"items": items})
    for place in ("LEEDS", "YORK"):
        lines = [{"sku": sku, "quantity": 500} for sku in skus]
        given = {"locationCode": place, "reference": f"PO-{place}", "lines": lines}
        await api.done(RECEIVE, {"input": given})
    for number in range(ORDERS):
        chosen = [skus[(number * 7 + step) % ITEMS] for step in range(LINES)]
        order = await _shipped(api, f"L-{number}", dict.fromkeys(chosen, 1 + number % 3))
        await _return(api, order, chosen[0])
    order = await _shipped(api, REFERENCE, {skus[0]: RETURNS})
    for _ in range(RETURNS):
        await _return(api, order, skus[0])


async def _shipped(api: InProcessServer, reference: str, units: dict[str, int]) -> Any:
    lines = [
        {"sku": sku, "quantity": quantity, "unitPrice": gbp("5.00")}
        for sku, quantity in units.items()
    ]
    given = {"channel": "web", "externalReference": reference, "lines": lines}
    order = (await api.done(_PLACE, {"input": given}))["order"]
    for parcel in order["fulfillments"]:
        tracking = f"T-{reference}-{parcel['id'][-12:]}"
        sent = {"fulfillmentId": parcel["id"], "carrier": "DHL", "trackingNumber": tracking}
        await api.done(_SHIP, {"input": sent})
    return order


async def _return(api: InProcessServer, order: Any, sku: str) -> None:
    items = [{"sku": sku, "quantity": 1, "reasonCode": "UNWANTED"}]
    await api.done(_RETURN, {"input": {"orderId": order["id"], "items": items}})
