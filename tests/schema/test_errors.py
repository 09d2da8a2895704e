"""Errors have a code and reveal no internals."""

import json

import pytest

from domain.errors import BadRequest, Forbidden, Invalid, Unauthenticated
from domain.events.cursors import CursorTooOld
from models.database.sessions import Contention, DatabaseUnavailable, OutcomeUnknown
from schema.errors import top_level
from tests.builders.in_process_server import HOLD, PLACE, InProcessServer, an_order
from workflows.transactions.group_commit import QueueFull


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Unauthenticated("no"), "UNAUTHENTICATED", 401),
        (Forbidden("no"), "FORBIDDEN", 403),
        (BadRequest("no"), "BAD_REQUEST", 400),
        (CursorTooOld(7), "CURSOR_TOO_OLD", 400),
        (Invalid("no"), "BAD_REQUEST", 400),
        (DatabaseUnavailable("host 10.0.0.1"), "UNAVAILABLE", 503),
        (OutcomeUnknown("host 10.0.0.1"), "UNAVAILABLE", 503),
        (Contention("deadlock"), "UNAVAILABLE", 503),
        (TimeoutError(), "UNAVAILABLE", 503),
        (QueueFull("10000 requests wait already"), "UNAVAILABLE", 503),
    ],
)
def test_each_kind_of_failure_has_its_code(error: Exception, code: str, status: int) -> None:
    found = top_level(error)
    assert found is not None
    assert (found.code, found.status) == (code, status)
    assert "10.0.0.1" not in found.message


def test_our_own_mistakes_are_not_explained() -> None:
    assert top_level(KeyError("secret")) is None
    assert top_level(AssertionError()) is None


def test_a_streams_refusal_brings_its_facts() -> None:
    found = top_level(CursorTooOld(7))
    assert found is not None
    assert found.details == {"oldest": "7"}


async def test_text_that_no_database_keeps_is_refused_at_the_gate(api: InProcessServer) -> None:
    for sku in ("a\0b", "a\ud800b"):
        wanted = {"channel": "web", "lines": [{"sku": "X", "quantity": 1}]}
        payload = {"query": HOLD, "variables": {"input": wanted}}
        body = _json_of(payload).replace('"X"', _json_of(sku))
        answer = await api.client.post(
            "/graphql",
            content=body,
            headers={
                "content-type": "application/json",
                "authorization": "Bearer bootstrap-secret-of-the-tests",
            },
        )
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_numbers_beyond_an_int_are_a_bad_request(api: InProcessServer) -> None:
    for quantity in (2**31, -(2**31) - 1, 2**63, 10**30, 1.5, "1", True, None):
        wanted = {"channel": "web", "lines": [{"sku": "TEE", "quantity": quantity}]}
        assert await api.code(HOLD, {"input": wanted}) == "BAD_REQUEST", quantity


async def test_errors_say_where_in_the_request_they_are(api: InProcessServer) -> None:
    wanted = {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}, {"sku": "a\0"}]}
    [error] = (await api.post(HOLD, {"input": wanted})).json()["errors"]
    assert error["message"].startswith("variables.input.lines.1.sku: ")
    document = '{ trialBalance(asOf: "yesterday") { balanced } }'
    [error] = (await api.post(document)).json()["errors"]
    assert error["locations"] == [{"line": 1, "column": document.index('"yesterday') + 1}]


@pytest.mark.parametrize("country", ["gb", "GBR", "G1", "United Kingdom", ""])
async def test_a_country_is_one_wherever_it_is_named(api: InProcessServer, country: str) -> None:
    to = {"countryCode": country}
    wanted = {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}], "shipTo": to}
    field = "input.shipTo.countryCode"
    assert await api.refusals(HOLD, {"input": wanted}) == [("INVALID", field)]
    assert await api.refusals(PLACE, {"input": an_order(shipTo=to)}) == [("INVALID", field)]
    promised = """query ($to: AddressInput!) {
      availability(channel: "web", skus: ["TEE"], shipTo: $to) { sku } }"""
    assert await api.code(promised, {"to": to}) == "BAD_REQUEST"
    made = "{ orders { totalCount } reservations { nodes { id } } }"
    assert await api.ask(made) == {"orders": {"totalCount": 0}, "reservations": {"nodes": []}}


async def test_a_failing_database_is_unavailable_and_says_no_more(api: InProcessServer) -> None:
    await api.restow.database.close()
    answer = await api.post('{ item(sku: "TEE") { sku } }')
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] in ("UNAVAILABLE", "INTERNAL")
    ready = await api.client.get("/readyz")
    assert ready.status_code == 503
    await api.restow.database.open()


def _json_of(value: object) -> str:
    return json.dumps(value)
