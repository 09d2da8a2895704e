"""Labels and carrier events over GraphQL: bought by the running program, shown to each role."""

import asyncio
import base64
from typing import Any

import pytest

from domain.access.callers import Role
from domain.orders.carriers import CarrierStatus
from integrations.carriers.reports import CarrierReport
from tests.builders.in_process_server import JSON, PLACE, RECEIVE, InProcessServer, gbp

BUY = """mutation ($input: LabelBuyInput!) { labelBuy(input: $input) {
  label { id status carrier service format subject { id } cost { amount } }
  replayed userErrors { code field message details } } }"""
VOID = """mutation ($id: ID!) { labelVoid(id: $id) {
  label { id status } userErrors { code field message } } }"""
LABEL = """query ($id: ID!) { node(id: $id) { ... on ShippingLabel {
  status trackingNumber document settledAt failure cost { amount currencyCode }
  subject { ... on Fulfillment { id carrier trackingNumber label { id }
    tracking { status subject { id } } } } } } }"""
EVENTS = """query ($matched: Boolean) { carrierEvents(matched: $matched) {
  nodes { id carrier trackingNumber status subject { id } } } }"""
SHIP = """mutation ($input: FulfillmentShipInput!) { fulfillmentShip(input: $input) {
  fulfillment { status trackingNumber } userErrors { code field message } } }"""


async def parcel(api: InProcessServer) -> str:
    """The id of an open fulfillment."""
    lines = [{"sku": "TEE", "quantity": 1, "unitPrice": gbp("10.00")}]
    given = {"channel": "web", "externalReference": "L-1", "lines": lines}
    placed = await api.done(PLACE, {"input": given})
    return str(placed["order"]["fulfillments"][0]["id"])


async def settled(api: InProcessServer, label: str) -> Any:
    """The label once a job has bought it or given it back."""
    for _ in range(100):
        found = (await api.ask(LABEL, {"id": label}))["node"]
        if found["settledAt"] is not None:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


@pytest.fixture
async def fulfillment(api: InProcessServer) -> str:
    stock: JSON = {"locationCode": "LEEDS", "reference": "PO-L"}
    stock["lines"] = [{"sku": "TEE", "quantity": 5, "unitCost": gbp("4.00")}]
    await api.done(RECEIVE, {"input": stock})
    return await parcel(api)


async def test_a_job_buys_a_label_and_the_parcel_ships_with_it(
    api: InProcessServer, fulfillment: str
) -> None:
    asked = await api.done(BUY, {"input": {"subjectId": fulfillment, "format": "ZPL"}})
    label = asked["label"]
    assert (label["status"], label["subject"]["id"]) == ("REQUESTED", fulfillment)
    [again] = (await api.change(BUY, {"input": {"subjectId": fulfillment}}))["userErrors"]
    assert (again["code"], again["details"]["existing"]) == ("ALREADY_EXISTS", label["id"])
    found = await settled(api, label["id"])
    assert found["status"] == "BOUGHT"
    assert found["cost"] == {"amount": "3.95", "currencyCode": "GBP"}
    assert base64.b64decode(found["document"]).startswith(b"^XA")
    number = found["trackingNumber"]
    assert found["subject"]["trackingNumber"] == number
    assert found["subject"]["label"]["id"] == label["id"]
    shipped = await api.done(SHIP, {"input": {"fulfillmentId": fulfillment}})
    expected = {"status": "SHIPPED", "trackingNumber": number}
    assert shipped["fulfillment"] == expected
    report = CarrierReport("simulator", number, "1", CarrierStatus.DELIVERED, api.restow.clock())
    assert await api.restow.receive_reports("m-1", [report]) == ["heard"]
    tracked = (await api.ask(LABEL, {"id": label["id"]}))["node"]["subject"]["tracking"]
    assert tracked == [{"status": "DELIVERED", "subject": {"id": fulfillment}}]


async def test_what_each_role_sees(api: InProcessServer, fulfillment: str) -> None:
    """A partner buys labels and sees no cost; a shop's server does neither."""
    partner = await api.a_key(Role.PARTNER, name="partner", channels=("web",))
    given = {"input": {"subjectId": fulfillment}}
    asked = await api.done(BUY, given, key=partner, idempotency_key="k-1")
    assert asked["label"]["cost"] is None
    await settled(api, asked["label"]["id"])
    seen = (await api.ask(LABEL, {"id": asked["label"]["id"]}, key=partner))["node"]
    assert (seen["status"], seen["cost"]) == ("BOUGHT", None)
    shop = await api.a_key(Role.STOREFRONT, name="shop", channels=("web",))
    assert await api.code(BUY, given, key=shop) == "FORBIDDEN"
    assert (await api.ask(LABEL, {"id": asked["label"]["id"]}, key=shop))["node"] is None


async def test_waiting_events_exist_for_keys_without_a_limit(api: InProcessServer) -> None:
    report = CarrierReport("dhl", "NOBODY", "1", CarrierStatus.ACCEPTED, api.restow.clock())
    assert await api.restow.receive_reports("m-1", [report]) == ["unmatched"]
    [event] = (await api.ask(EVENTS, {"matched": False}))["carrierEvents"]["nodes"]
    assert (event["trackingNumber"], event["subject"]) == ("NOBODY", None)
    assert (await api.ask(EVENTS, {"matched": True}))["carrierEvents"]["nodes"] == []
    limited = await api.a_key(Role.WAREHOUSE, name="leeds", locations=("LEEDS",))
    assert (await api.ask(EVENTS, {}, key=limited))["carrierEvents"]["nodes"] == []


async def test_a_label_that_is_not_there_and_one_of_another_type(
    api: InProcessServer, fulfillment: str
) -> None:
    for subject in (fulfillment[:-4] + "AAA=", "nonsense"):
        refused = await api.change(BUY, {"input": {"subjectId": subject}})
        assert [each["code"] for each in refused["userErrors"]] == ["NOT_FOUND"]
    refused = await api.change(VOID, {"id": fulfillment})
    assert [each["code"] for each in refused["userErrors"]] == ["NOT_FOUND"]
