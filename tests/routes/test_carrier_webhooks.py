"""The route of carrier webhooks: signatures, one report or many, malformed bodies."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from integrations.carriers.secrets import CarrierSecrets
from integrations.signed_webhooks import WebhookSecrets
from models.database.database import Database
from routes.webhooks import carrier_webhooks
from server.transports.edge import NetworkEdge
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import counts
from workflows.carriers.reports import receive_reports

SECRETS = WebhookSecrets(["whsec_c2VjcmV0c2VjcmV0c2VjcmV0"])
# Instants of which one of the database engines, or Python in UTC, knows no year.
UNSTORABLE = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00", "1899-12-31T23:59:59Z")
OTHERS = WebhookSecrets(["whsec_d3Jvbmd3cm9uZ3dyb25nd3Jvbmc="])
OF_UPS = "whsec_dXBzdXBzdXBzdXBzdXBzdXBzdXBz"
UPS = WebhookSecrets([OF_UPS])


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async def take(message_id: str, reports: Any) -> list[str]:
        return await receive_reports(shop.transactions, message_id, reports)

    secrets = CarrierSecrets(SECRETS, {"UPS": [OF_UPS]})
    app = Starlette(routes=[carrier_webhooks(secrets, NetworkEdge(), take)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://restow") as opened:
        yield opened


def report(event: str = "E-1", **facts: object) -> dict[str, object]:
    return {
        "carrier": "dhl",
        "trackingNumber": "JD0001",
        "eventId": event,
        "status": "ACCEPTED",
        "occurredAt": "2026-03-02T08:00:00Z",
        **facts,
    }


async def send(
    client: httpx.AsyncClient,
    body: object,
    *,
    secrets: WebhookSecrets = SECRETS,
    age: timedelta = timedelta(0),
    id: str = "msg-1",
) -> httpx.Response:
    content = orjson.dumps(body)
    headers = secrets.sign(id, datetime.now(UTC) - age, content)
    return await client.post("/webhooks/carriers", content=content, headers=headers)


async def test_a_message_has_one_report_or_several(client: httpx.AsyncClient) -> None:
    first = await send(client, report())
    assert (first.status_code, first.json()) == (200, {"taken": ["unmatched"]})
    again = await send(client, report())
    assert again.json() == {"taken": ["repeated"]}


async def test_several_reports_are_answered_in_their_order(client: httpx.AsyncClient) -> None:
    answer = await send(client, {"events": [report("E-1"), report("E-2"), report("E-1")]})
    assert answer.json() == {"taken": ["unmatched", "unmatched", "repeated"]}


@pytest.mark.parametrize(
    "facts",
    [{"secrets": OTHERS}, {"age": timedelta(minutes=6)}, {"age": timedelta(minutes=-6)}],
)
async def test_a_message_that_cannot_be_believed_changes_nothing(
    shop: Shop, client: httpx.AsyncClient, facts: dict[str, Any]
) -> None:
    assert (await send(client, report(), **facts)).status_code == 401
    assert await counts(shop.database, "carrier_event") == {"carrier_event": 0}


async def test_a_carrier_with_a_secret_reports_its_own_parcels_only(
    shop: Shop, client: httpx.AsyncClient
) -> None:
    of_ups, of_dhl = report(carrier="ups"), report()
    for body, secrets in (
        (of_ups, SECRETS),
        (of_dhl, UPS),
        ({"events": [of_dhl, of_ups]}, UPS),
        ({"events": [of_dhl, of_ups]}, SECRETS),
    ):
        answer = await send(client, body, secrets=secrets)
        assert answer.status_code == 401
        assert "signed it" in answer.json()["error"]
    assert await counts(shop.database, "carrier_event") == {"carrier_event": 0}
    assert (await send(client, of_ups, secrets=UPS)).json() == {"taken": ["unmatched"]}
    # A message of several carriers has a signature for each.
    both = WebhookSecrets(["whsec_c2VjcmV0c2VjcmV0c2VjcmV0", OF_UPS])
    answer = await send(client, {"events": [report("E-2"), of_ups]}, secrets=both, id="msg-2")
    assert answer.json() == {"taken": ["unmatched", "repeated"]}
    assert (await send(client, {"events": 7}, secrets=UPS)).status_code == 400


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ([], ["JSON object"]),
        ({"events": []}, ["1 to 100"]),
        ({"events": [report()] * 101}, ["1 to 100"]),
        (report(status="EATEN"), ["status must be one of ACCEPTED"]),
        (report(occurredAt="2026-03-02T08:00:00"), ["occurredAt", "time zone"]),
        *((report(occurredAt=at), ["occurredAt", "1900 to 9999"]) for at in UNSTORABLE),
        ({"events": [report(), report(occurredAt=UNSTORABLE[0])]}, ["events[1].occurredAt"]),
        (report(carrier="", eventId=None), ["carrier is missing", "eventId is missing"]),
        ({"events": [report(), report(status="x"), 7]}, ["events[1].status", "events[2]"]),
        (report(trackingNumber="a\u200bb"), ["events[0].trackingNumber"]),
    ],
)
async def test_every_fault_of_a_message_is_named(
    shop: Shop, client: httpx.AsyncClient, body: object, named: list[str]
) -> None:
    answer = await send(client, body)
    assert answer.status_code == 400
    assert all(part in answer.json()["error"] for part in named), answer.json()
    assert await counts(shop.database, "carrier_event") == {"carrier_event": 0}
