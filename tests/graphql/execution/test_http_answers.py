"""Answers over HTTP: media types, status codes, errors by fault, and the context's life."""

from typing import Any

import pytest
from starlette.responses import HTMLResponse
from structlog.testing import capture_logs

from server.operations.errors import RequestRefused
from tests.graphql.execution.conftest import Desk

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
    desk: Desk, accept: str | None, media_type: str
) -> None:
    del desk.client.headers["accept"]
    response = await desk.post({"query": "{ echo }"}, headers={"accept": accept} if accept else {})
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", f"{OLD};q=0"])
async def test_what_cannot_be_answered_is_not_acceptable(desk: Desk, accept: str) -> None:
    response = await desk.post({"query": "{ echo }"}, headers={"accept": accept})
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
    desk: Desk, payload: Any, accept: str, status: int
) -> None:
    response = await desk.post(payload, headers={"accept": accept})
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"errors"}
    assert body["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert body["errors"][0]["locations"]
    assert not desk.contexts


@pytest.mark.parametrize("accept", [NEW, OLD])
async def test_malformed_requests_are_400_under_both_media_types(desk: Desk, accept: str) -> None:
    for payload in ({}, {"query": 1}, {"query": "{ echo }", "variables": [1]}):
        response = await desk.post(payload, headers={"accept": accept})
        assert response.status_code == 400


@pytest.mark.parametrize("name", ["variables", "operationName", "extensions"])
async def test_null_parameters_are_as_good_as_absent(desk: Desk, name: str) -> None:
    response = await desk.post({"query": "{ echo }", name: None})
    assert response.json() == {"data": {"echo": "hello"}}


async def test_a_failed_field_leaves_its_siblings_and_the_status(desk: Desk) -> None:
    query = '{ echo fails(kind: "refused") }'
    response = await desk.post({"query": query}, headers={"accept": NEW})
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


async def test_an_error_with_a_code_goes_out_as_it_is(desk: Desk) -> None:
    with capture_logs() as logs:
        response = await desk.post({"query": '{ fails(kind: "coded") }'})
    [error] = response.json()["errors"]
    assert error["message"] == "Too old."
    assert error["extensions"] == {"code": "CURSOR_TOO_OLD", "oldest": "7"}
    assert not logs


async def test_what_no_resolver_expected_is_masked_and_logged_once(desk: Desk) -> None:
    query = '{ fails(kind: "domain") }'
    with capture_logs() as logs:
        response = await desk.post({"query": query})
    [error] = response.json()["errors"]
    assert "secret" not in response.text
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "req-1"}
    assert "req-1" in error["message"]
    [entry] = logs
    assert entry["event"] == "graphql.internal_error"
    assert entry["request_id"] == "req-1"
    assert entry["path"] == "fails"
    assert isinstance(entry["exc_info"], ValueError)


async def test_an_error_without_a_code_inside_a_resolver_is_ours(desk: Desk) -> None:
    with capture_logs() as logs:
        response = await desk.post({"query": '{ fails(kind: "other") }'})
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert len(logs) == 1


async def test_an_argument_that_fails_while_running_is_the_clients(desk: Desk) -> None:
    query = 'query($t: String = "x") { echo(text: $t) skipped: echo @skip(if: $s) }'
    query = "query($s: Boolean = false) { echo @skip(if: $s) }"
    with capture_logs() as logs:
        response = await desk.post({"query": query, "variables": {"s": None}})
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert not logs


async def test_a_lower_rooms_exception_can_be_translated() -> None:
    def translate(error: Exception) -> RequestRefused | None:
        if isinstance(error, ValueError):
            return RequestRefused("UNAVAILABLE", 503, "Try again.")
        return None

    desk = Desk(translate=translate)
    response = await desk.post({"query": '{ fails(kind: "domain") }'})
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
    desk.refusal = ValueError("no connection")
    response = await desk.post({"query": "{ echo }"})
    assert response.status_code == 503


@pytest.mark.parametrize("accept", [NEW, OLD])
async def test_a_refused_context_is_the_whole_answer(desk: Desk, accept: str) -> None:
    desk.refusal = RequestRefused(
        "UNAUTHENTICATED", 401, "Send a key.", headers={"WWW-Authenticate": "Bearer"}
    )
    response = await desk.post({"query": "{ echo }"}, headers={"accept": accept})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json() == {
        "errors": [{"message": "Send a key.", "extensions": {"code": "UNAUTHENTICATED"}}]
    }


async def test_a_broken_context_is_an_internal_error(desk: Desk) -> None:
    desk.refusal = KeyError("inside")
    with capture_logs() as logs:
        response = await desk.post({"query": "{ echo }"})
    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert len(logs) == 1


async def test_a_value_that_json_cannot_hold_is_an_internal_error(desk: Desk) -> None:
    async def make_context(request: Any, operation: Any) -> Any:
        context = await Desk.make_context(desk, request, operation)
        context.rows[0].facts = {"when": object()}
        return context

    desk.endpoint._context_factory = make_context
    with capture_logs() as logs:
        response = await desk.post({"query": "{ first { facts } }"})
    assert response.status_code == 500
    assert len(logs) == 1
    assert desk.contexts[0].closed == 1


async def test_the_context_is_closed_once_whatever_happens(desk: Desk) -> None:
    with capture_logs():
        for query in ("{ echo }", '{ fails(kind: "domain") }', "{ firm { strict } }"):
            await desk.post({"query": query})
    assert [context.closed for context in desk.contexts] == [1, 1, 1]


async def test_every_answer_is_observed(desk: Desk) -> None:
    await desk.post({"query": "query Hello { echo }"})
    await desk.post({"query": "{ nope }"})
    await desk.post({})
    first, second, third = desk.observed
    assert first.operation is not None
    assert (first.operation.name, first.status, first.codes) == ("Hello", 200, [])
    assert (second.operation, second.status, second.codes) == (None, 200, ["BAD_REQUEST"])
    assert (third.status, third.codes) == (400, ["BAD_REQUEST"])
    assert first.seconds > 0


async def test_introspection_can_be_switched_off() -> None:
    for query in ("{ __schema { queryType { name } } }", '{ __type(name: "Stock") { name } }'):
        response = await Desk().post({"query": query})
        assert "errors" not in response.json()
        response = await Desk(introspection=False).post({"query": query}, headers={"accept": NEW})
        assert response.status_code == 400
    response = await Desk(introspection=False).post({"query": "{ stock { __typename } }"})
    assert "Did you mean" not in response.text
    response = await Desk(introspection=False).post({"query": "{ first { __typename } }"})
    assert response.json() == {"data": {"first": {"__typename": "Stock"}}}


async def test_a_browser_gets_the_page_and_a_query_gets_an_answer() -> None:
    desk = Desk(page=HTMLResponse("<p>hello"))
    html = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert (await desk.get(headers=html)).text == "<p>hello"
    assert (await desk.get(query="{echo}", headers=html)).json() == {"data": {"echo": "hello"}}
    assert (await desk.get(headers={"accept": "*/*"})).status_code == 400
