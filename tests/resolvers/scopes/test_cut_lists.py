"""Look-ups by a number that many objects have: those outside the scope take no places.

The numbers of parcels are reused, so that other channels may have newer ones with the same number.
"""

from __future__ import annotations

from typing import Any

import pytest

import models.queries.returns.returns as return_queries
import models.queries.stock.scans as scans
from domain.access.callers import Role
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.floor.test_bins import SCAN
from tests.resolvers.test_returns import RECEIVE, REQUEST, SHIP, TRACK

REPORT = """mutation ($input: CarrierEventInput!) { carrierEventRecord(input: $input) {
  fulfillment { id } return { id } userErrors { code field message } } }"""


async def a_parcel(api: InProcessServer, channel: str, reference: str, place: str) -> Any:
    """A shipped order and its return. All parcels have the same two numbers."""
    await api.receive(1, at=place)
    order = await api.place(1, channel=channel, externalReference=reference)
    [parcel] = order["fulfillments"]
    sent = {"fulfillmentId": parcel["id"], "carrier": "DHL", "trackingNumber": "JD-1"}
    await api.done(SHIP, {"input": sent})
    item = {"sku": "TEE", "quantity": 1, "reasonCode": "UNWANTED"}
    wanted = {"orderId": order["id"], "items": [item]}
    made = (await api.done(REQUEST, {"input": wanted}))["return"]
    await api.done(TRACK, {"id": made["id"]})
    return parcel["id"], made["id"]


async def test_newer_parcels_of_other_channels_hide_none(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "FOUND_MAX", 2)
    monkeypatch.setattr(return_queries, "NAMED_MAX", 2)
    parcel, returning = await a_parcel(api, "web", "W-1", "LEEDS")
    for number in range(2):
        await a_parcel(api, "market", f"M-{number}", "YORK")
    key = await api.a_key(Role.ADMIN, channels=("web",))
    found = await api.ask(SCAN, {"code": "JD-B", "at": "LEEDS"}, key=key)
    assert [each["id"] for each in found["scan"]] == [returning]
    seen = {
        "carrier": "DHL",
        "eventId": "1",
        "status": "IN_TRANSIT",
        "occurredAt": api.restow.clock().isoformat(),
    }
    reported = await api.done(REPORT, {"input": {**seen, "trackingNumber": "JD-1"}}, key=key)
    assert reported["fulfillment"] == {"id": parcel}
    reported = await api.done(REPORT, {"input": {**seen, "trackingNumber": "JD-B"}}, key=key)
    assert reported["return"] == {"id": returning}
    arrived = {
        "trackingNumber": "JD-B",
        "locationCode": "LEEDS",
        "items": [{"sku": "TEE", "quantity": 1}],
    }
    came = await api.done(RECEIVE, {"input": arrived}, key=key)
    assert came["return"]["id"] == returning
    assert came["exception"] is None
