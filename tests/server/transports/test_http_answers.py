"""Answers over HTTP: media types, status codes, errors, lifetime of the context."""

from typing import Any

import pytest
from starlette.responses import HTMLResponse
from structlog.testing import capture_logs

from server.operations.errors import RequestRefused
from tests.server.conftest import SampleClient

NEW = "application/graphql-response+json"
OLD = "application/json"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, OLD),
        ("*/*", OLD),
        ("application/*", OLD),
        (OLD, OLD),
        (NEW, NEW),
        (f"{NEW}; charset=utf-8", NEW),
        (f"{NEW}, {OLD};q=0.9", NEW),
        (f"{OLD}, {NEW}", NEW),
        (f"{OLD}, {NEW};q=0.5", OLD),
        (f"text/html, {OLD};q=0.1", OLD),
        (f"{OLD};q=0, */*", NEW),
        ("text/html,*/*;q=0.8", OLD),
    ],
)
async def test_the_answer_has_the_media_type_asked_for(
    client: SampleClient, accept: str | None, media_type: str
) -> None:
    del client.client.headers["accept"]
    response = await client.post(
        {"query": "{ echo }"}, headers={"accept": accept} if accept else {}
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", f"{OLD};q=0"])
async def test_what_cannot_be_answered_is_not_acceptable(client: SampleClient, accept: str) -> None:
    response = await client.post({"query": "{ echo }"}, headers={"accept": accept})
    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "payload",
    [
        {"query": "{"},
        {"query": "{ nope }"},
        {"query": "query($n: Int!) { echo(number: $n) }", "variables": {"n": "x"}},
        {"query": "query($n: Int!) { echo(number: $n) }"},
    ],
    ids=["syntax", "validation", "variable", "missing variable"],
)
@pytest.mark.parametrize(("accept", "status"), [(NEW, 400), (OLD, 200)])
async def test_a_document_that_cannot_run_has_the_status_of_its_media_type(
    client: SampleClient, payload: Any, accept: str, status: int
) -> None:
    response = await client.post(payload, headers={"accept": accept})
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"errors"}
    assert body["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert body["errors"][0]["locations"]
    assert not client.contexts


@pytest.mark.parametrize("accept", [NEW, OLD])
async def test_malformed_requests_are_400_under_both_media_types(
    client: SampleClient, accept: str
) -> None:
    for payload in ({}, {"query": 1}, {"query": "{ echo }", "variables": [1]}):
        response = await client.post(payload, headers={"accept": accept})
        assert response.status_code == 400


@pytest.mark.parametrize("name", ["variables", "operationName", "extensions"])
async def test_null_parameters_are_as_good_as_absent(client: SampleClient, name: str) -> None:
    response = await client.post({"query": "{ echo }", name: None})
    assert response.json() == {"data": {"echo": "hello"}}


async def test_a_failed_field_leaves_its_siblings_and_the_status(client: SampleClient) -> None:
    query = '{ echo fails(kind: "refused") }'
    response = await client.post({"query": query}, headers={"accept": NEW})
    assert response.status_code == 200
    assert response.json() == {
        "errors": [
            {
                "message": "You may not.",
                "locations": [{"line": 1, "column": 8}],
                "path": ["fails"],
                "extensions": {"code": "FORBIDDEN"},
            }
        ],
        "data": {"echo": "hello", "fails": None},
    }


async def test_an_error_with_a_code_goes_out_as_it_is(client: SampleClient) -> None:
    with capture_logs() as logs:
        response = await client.post({"query": '{ fails(kind: "coded") }'})
    [error] = response.json()["errors"]
    assert error["message"] == "Too old."
    assert error["extensions"] == {"code": "CURSOR_TOO_OLD", "oldest": "7"}
    assert not logs


async def test_what_no_resolver_expected_is_masked_and_logged_once(client: SampleClient) -> None:
    query = '{ fails(kind: "domain") }'
    with capture_logs() as logs:
        response = await client.post({"query": query})
    [error] = response.json()["errors"]
    assert "secret" not in response.text
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "req-1"}
    assert "req-1" in error["message"]
    [entry] = logs
    assert entry["event"] == "graphql.internal_error"
    assert entry["request_id"] == "req-1"
    assert entry["path"] == "fails"
    assert isinstance(entry["exc_info"], ValueError)


async def test_an_error_without_a_code_inside_a_resolver_is_ours(client: SampleClient) -> None:
    with capture_logs() as logs:
        response = await client.post({"query": '{ fails(kind: "other") }'})
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert len(logs) == 1


async def test_an_argument_that_fails_while_running_is_the_clients(client: SampleClient) -> None:
    query = 'query($t: String = "x") { echo(text: $t) skipped: echo @skip(if: $s) }'
    query = "query($s: Boolean = false) { echo @skip(if: $s) }"
    with capture_logs() as logs:
        response = await client.post({"query": query, "variables": {"s": None}})
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert not logs


async def test_a_lower_rooms_exception_can_be_translated() -> None:
    def translate(error: Exception) -> RequestRefused | None:
        if isinstance(error, ValueError):
            return RequestRefused("UNAVAILABLE", 503, "Try again.")
        return None

    client = SampleClient(translate=translate)
    response = await client.post({"query": '{ fails(kind: "domain") }'})
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
    client.refusal = ValueError("no connection")
    response = await client.post({"query": "{ echo }"})
    assert response.status_code == 503


@pytest.mark.parametrize("accept", [NEW, OLD])
async def test_a_refused_context_is_the_whole_answer(client: SampleClient, accept: str) -> None:
    client.refusal = RequestRefused(
        "UNAUTHENTICATED", 401, "Send a key.", headers={"WWW-Authenticate": "Bearer"}
    )
    response = await client.post({"query": "{ echo }"}, headers={"accept": accept})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json() == {
        "errors": [{"message": "Send a key.", "extensions": {"code": "UNAUTHENTICATED"}}]
    }


async def test_a_broken_context_is_an_internal_error(client: SampleClient) -> None:
    client.refusal = KeyError("inside")
    with capture_logs() as logs:
        response = await client.post({"query": "{ echo }"})
    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert len(logs) == 1


async def test_a_value_that_json_cannot_hold_is_an_internal_error(client: SampleClient) -> None:
    def make_context(caller: Any, operation: Any) -> Any:
        context = SampleClient.make_context(client, caller, operation)
        context.rows[0].facts = {"when": object()}
        return context

    client.endpoint._context_factory = make_context
    with capture_logs() as logs:
        response = await client.post({"query": "{ first { facts } }"})
    assert response.status_code == 500
    assert len(logs) == 1
    assert client.contexts[0].closed == 1


async def test_the_context_is_closed_once_whatever_happens(client: SampleClient) -> None:
    with capture_logs():
        for query in ("{ echo }", '{ fails(kind: "domain") }', "{ firm { strict } }"):
            await client.post({"query": query})
    assert [context.closed for context in client.contexts] == [1, 1, 1]


async def test_every_answer_is_observed(client: SampleClient) -> None:
    await client.post({"query": "query Hello { echo }"})
    await client.post({"query": "{ nope }"})
    await client.post({})
    first, second, third = client.observed
    assert first.operation is not None
    assert (first.operation.name, first.status, first.codes) == ("Hello", 200, [])
    assert (second.operation, second.status, second.codes) == (None, 200, ["BAD_REQUEST"])
    assert (third.status, third.codes) == (400, ["BAD_REQUEST"])
    assert first.seconds > 0


async def test_introspection_can_be_switched_off() -> None:
    for query in ("{ __schema { queryType { name } } }", '{ __type(name: "Stock") { name } }'):
        response = await SampleClient().post({"query": query})
        assert "errors" not in response.json()
        response = await SampleClient(introspection=False).post(
            {"query": query}, headers={"accept": NEW}
        )
        assert response.status_code == 400
    response = await SampleClient(introspection=False).post({"query": "{ stock { __typename } }"})
    assert "Did you mean" not in response.text
    response = await SampleClient(introspection=False).post({"query": "{ first { __typename } }"})
    assert response.json() == {"data": {"first": {"__typename": "Stock"}}}


async def test_a_browser_gets_the_page_and_a_query_gets_an_answer() -> None:
    client = SampleClient(page=HTMLResponse("<p>hello"))
    html = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert (await client.get(headers=html)).text == "<p>hello"
    assert (await client.get(query="{echo}", headers=html)).json() == {"data": {"echo": "hello"}}
    assert (await client.get(headers={"accept": "*/*"})).status_code == 400
