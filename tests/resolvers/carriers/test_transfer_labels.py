"""Labels and carrier events of transfers over GraphQL, for keys of either location."""

from domain.access.callers import Role
from domain.orders.carriers import CarrierStatus
from integrations.carriers.reports import CarrierReport
from tests.builders.in_process_server import UPSERT_LOCATION, InProcessServer
from tests.resolvers.carriers.test_labels import BUY, EVENTS, settled
from tests.resolvers.fulfillments.test_transfers import CREATE, SCAN, SHIP, hull, units

TRANSFER = """query ($id: ID!) { node(id: $id) { ... on Transfer { carrier trackingNumber
  label { id status trackingNumber cost { amount } subject { id } }
  tracking { status subject { id } } } } }"""
RECORD = """mutation ($input: CarrierEventInput!) { carrierEventRecord(input: $input) {
  fulfillment { id } return { id } transfer { id trackingNumber } replayed
  userErrors { code field message } } }"""


async def test_a_label_of_a_transfer_is_bought_shipped_and_followed(api: InProcessServer) -> None:
    """HULL reads the label and records events; it may not buy one. YORK sees none of it."""
    await hull(api)
    york = {"code": "YORK", "name": "York", "kind": "WAREHOUSE", "countryCode": "GB"}
    await api.done(UPSERT_LOCATION, {"input": york})
    await api.receive(9)
    wanted = {"originCode": "LEEDS", "destinationCode": "HULL", "lines": units()}
    transfer = (await api.done(CREATE, {"i": wanted}))["transfer"]["id"]
    keys = {
        place: await api.a_key(Role.WAREHOUSE, name=place, locations=(place,))
        for place in ("LEEDS", "HULL", "YORK")
    }
    given = {"input": {"subjectId": transfer}}
    for place in ("HULL", "YORK"):
        refused = await api.change(BUY, given, key=keys[place], idempotency_key=place)
        assert [each["code"] for each in refused["userErrors"]] == ["NOT_FOUND"]
    asked = (await api.done(BUY, given, key=keys["LEEDS"], idempotency_key="k"))["label"]
    assert (asked["status"], asked["service"], asked["subject"]["id"]) == (
        "REQUESTED",
        "STANDARD",
        transfer,
    )
    number = (await settled(api, asked["id"]))["trackingNumber"]
    shipped = (await api.done(SHIP, {"i": {"transferId": transfer}}))["transfer"]
    assert (shipped["carrier"], shipped["trackingNumber"]) == ("simulator", number)
    report = CarrierReport("simulator", number, "1", CarrierStatus.ACCEPTED, api.restow.clock())
    assert await api.restow.receive_reports("m-1", [report]) == ["heard"]
    event = {"carrier": "simulator", "trackingNumber": number, "eventId": "2"}
    event |= {"status": "IN_TRANSIT", "occurredAt": api.restow.clock().isoformat()}
    recorded = await api.done(RECORD, {"input": event}, key=keys["HULL"], idempotency_key="e")
    own = {"id": transfer, "trackingNumber": number}
    found = (recorded["fulfillment"], recorded["return"], recorded["transfer"])
    assert found == (None, None, own)
    for place in ("LEEDS", "HULL"):
        seen = (await api.ask(TRANSFER, {"id": transfer}, key=keys[place]))["node"]
        label = seen["label"]
        assert (label["id"], label["status"], label["trackingNumber"]) == (
            asked["id"],
            "BOUGHT",
            number,
        )
        assert label["subject"] == {"id": transfer}
        assert seen["tracking"] == [
            {"status": status, "subject": {"id": transfer}} for status in ("ACCEPTED", "IN_TRANSIT")
        ]
        listed = (await api.ask(EVENTS, {}, key=keys[place]))["carrierEvents"]["nodes"]
        assert [each["subject"] for each in listed] == [{"id": transfer}] * 2
        scan = await api.ask(SCAN, {"code": number.lower(), "at": place}, key=keys[place])
        assert scan["scan"] == [{"id": transfer}]
    away = keys["YORK"]
    assert (await api.ask(TRANSFER, {"id": transfer}, key=away))["node"] is None
    assert (await api.ask(EVENTS, {}, key=away))["carrierEvents"]["nodes"] == []
    refused = await api.change(RECORD, {"input": event}, key=away, idempotency_key="e-2")
    assert [each["code"] for each in refused["userErrors"]] == ["NOT_FOUND"]
