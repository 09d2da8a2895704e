"""The journal export over HTTP: contents, scope, and refused requests."""

import csv
import io

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import JSON, InProcessServer
from tests.builders.transactions import rows

SHIP = """mutation ($input: FulfillmentShipInput!) { fulfillmentShip(input: $input) {
  userErrors { message } } }"""


@pytest.fixture
async def order(api: InProcessServer) -> JSON:
    """An order of two shirts, paid and shipped."""
    await api.receive(5)
    placed: JSON = await api.place(2)
    parcel = {"carrier": "DHL", "trackingNumber": "JD1"}
    parcel["fulfillmentId"] = placed["fulfillments"][0]["id"]
    await api.done(SHIP, {"input": parcel})
    return placed


async def test_the_journal_is_exported_within_scope(api: InProcessServer, order: JSON) -> None:
    async def lines(key: str | None, **requested: str) -> list[dict[str, str]]:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        answer = await api.client.get("/export/journal.csv", headers=headers, params=requested)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.text)))

    finance = await api.a_key(Role.FINANCE)
    found = await lines(finance)
    stored = await rows(api.restow.database, "SELECT id FROM journal_line")
    assert len(found) == len(stored)
    assert sum(float(line["debit"] or 0) - float(line["credit"] or 0) for line in found) == 0
    sold = await lines(finance, account="sales", reference=order["number"])
    assert [(line["account"], line["channel"], line["debit"]) for line in sold] == [
        ("sales", "web", "")
    ]
    market = await api.a_key(Role.FINANCE, channels=("market",))
    assert {line["channel"] for line in await lines(market)} == {""}
    assert await lines(finance, to="2000-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("requested", "role", "status"),
    [
        ({"from": "yesterday"}, Role.FINANCE, 400),
        ({"from": "2026-01-01T00:00:00"}, Role.FINANCE, 400),
        ({"from": "0001-01-01T00:00:00+14:00"}, Role.FINANCE, 400),
        ({"to": "9999-12-31T23:00:00-14:00"}, Role.FINANCE, 400),
        ({"color": "red"}, Role.FINANCE, 400),
        ({}, Role.SUPPORT, 403),
    ],
)
async def test_the_export_refuses_what_it_cannot_serve(
    api: InProcessServer, requested: dict[str, str], role: Role, status: int
) -> None:
    headers = {"authorization": f"Bearer {await api.a_key(role)}"}
    answer = await api.client.get("/export/journal.csv", headers=headers, params=requested)
    assert (answer.status_code, set(answer.json())) == (status, {"error", "code"})
