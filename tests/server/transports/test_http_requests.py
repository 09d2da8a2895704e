"""Malformed requests: each is answered with BAD_REQUEST, and no context is created."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.operations.errors import RequestRefused
from server.transports.http import GraphQLEndpoint
from tests.server.conftest import LIMITS, SampleClient

DEEP = b"[" * 3_000 + b"]" * 3_000
ECHO = "query($t: String!) { echo(text: $t) }"

BAD_BODIES = {
    "a string": b'"x"',
    "a number": b"7",
    "a boolean": b"true",
    "null": b"null",
    "nothing": b"",
    "not JSON": b"{query}",
    "bad UTF-8": b'{"query": "{ echo \xff }"}',
    "a lone surrogate": b'{"query": "{ echo }", "operationName": "\\ud800"}',
    "an encoded surrogate": b'{"query": "{ echo }", "operationName": "\xed\xa0\x80"}',
    "a byte order mark": b'\xef\xbb\xbf{"query": "{ echo }"}',
    "deep JSON": DEEP,
    "deep variables": b'{"query": "{ echo }", "variables": {"a": ' + DEEP + b"}}",
    "a 5,000-digit integer": b'{"query": "{ echo }", "variables": {"a": ' + b"1" * 5_000 + b"}}",
    "NaN": b'{"query": "{ echo }", "variables": {"a": NaN}}',
    "an infinite number": b'{"query": "{ echo }", "variables": {"a": 1e999}}',
    "a batch": b'[{"query": "{ echo }"}]',
    "an empty batch": b"[]",
    "no query": b"{}",
    "query null": b'{"query": null}',
    "query a number": b'{"query": 1}',
    "query a list": b'{"query": ["{ echo }"]}',
    "query empty": b'{"query": " "}',
    "variables a string": b'{"query": "{ echo }", "variables": "{}"}',
    "variables a list": b'{"query": "{ echo }", "variables": []}',
    "operationName a number": b'{"query": "{ echo }", "operationName": 0}',
    "operationName an object": b'{"query": "{ echo }", "operationName": {}}',
    "extensions a list": b'{"query": "{ echo }", "extensions": []}',
    "NUL in a variable": json.dumps({"query": ECHO, "variables": {"t": "a\0b"}}).encode(),
    "NUL in a variable's key": json.dumps({"query": ECHO, "variables": {"t\0": 1}}).encode(),
    "NUL deep in a variable": json.dumps(
        {"query": ECHO, "variables": {"t": [{"x": "\0"}]}}
    ).encode(),
    "a lone surrogate in a variable": b'{"query": "{ echo }", "variables": {"t": "\\udfff"}}',
}

BAD_DOCUMENTS = {
    "NUL in a literal": r'{ echo(text: "a\u0000b") }',
    "NUL in a braced escape": r'{ echo(text: "a\u{0}b") }',
    "a lone surrogate in a literal": r'{ echo(text: "\ud800") }',
    "a lone low surrogate in a literal": r'{ echo(text: "\udc00") }',
    "a 5,000-digit literal": "{ echo(number: %s) }" % ("9" * 5_000),
    "an infinite literal": "{ echo(number: 1e400) }",
    "several operations without a name": "query A { echo } query B { echo }",
    "no operation": "fragment F on Query { echo }",
    "too many tokens": "{ %s }" % ("echo " * 1_000),
    "too deep": "{ first %s }" % ("{ twin " * 20 + "{ sku }" + "}" * 20),
    "too many aliases": "{" + " ".join(f"a{n}: echo" for n in range(101)) + "}",
    "too many root fields": "{" + " ".join(f"a{n}: echo" for n in range(31)) + "}",
    "too many directives": "{ echo %s }" % ("@skip(if: false) " * 101),
    "too many repetitions": "{ first {" + "sku " * 42 + "} }",
    "a fragment in itself": "{ ...F } fragment F on Query { echo ...F }",
    "nested lists": "{ echo(text: " + "[" * 300 + "]" * 300 + ") }",
    "a long comment": "{ echo } #" + "x" * 70_000,
}


def assert_refused(response: Any, status: int = 400) -> None:
    """Assert that there are top-level BAD_REQUEST errors and no data."""
    assert response.status_code == status, response.text
    payload = response.json()
    assert set(payload) == {"errors"}
    assert {error["extensions"]["code"] for error in payload["errors"]} == {"BAD_REQUEST"}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_a_malformed_body_is_a_bad_request(client: SampleClient, body: bytes) -> None:
    with capture_logs() as logs:
        assert_refused(await client.post(content=body))
    assert not client.contexts
    assert not logs  # client errors are not logged


@pytest.mark.parametrize("document", BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS.keys())
async def test_a_document_beyond_the_gate_is_a_bad_request(
    client: SampleClient, document: str
) -> None:
    for _ in range(2):  # the second answer comes from the cache
        assert_refused(await client.post({"query": document}))
    assert not client.contexts


async def test_the_fragment_bomb_is_refused_at_once(client: SampleClient) -> None:
    # 776 bytes that usual limiters of depth and aliases walk for seconds.
    names = [f"F{n}" for n in range(30)]
    fragments = "".join(
        f"fragment {name} on Stock {{ a: twin {{ ...{after} }} b: twin {{ ...{after} }} }} "
        for name, after in pairwise(names)
    )
    bomb = "{ first { ...F0 } } " + fragments + "fragment F29 on Stock { sku }"
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert_refused(await client.post({"query": bomb}))
    assert loop.time() - started < 0.25


async def test_an_unknown_operation_name_is_a_bad_request(client: SampleClient) -> None:
    assert_refused(await client.post({"query": "query A { echo }", "operationName": "B"}))


async def test_the_named_one_of_several_operations_runs(client: SampleClient) -> None:
    query = 'query A { echo(text: "a") } query B { echo(text: "b") }'
    response = await client.post({"query": query, "operationName": "B"})
    assert response.json() == {"data": {"echo": "b"}}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/jsonp",
        "text/application/json",
        "multipart/form-data; boundary=application/json",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/graphql",
        "",
    ],
)
async def test_only_the_exact_content_type_is_read(client: SampleClient, content_type: str) -> None:
    headers = {"content-type": content_type}
    assert_refused(await client.post(content=b'{"query": "{ echo }"}', headers=headers), 415)


@pytest.mark.parametrize(
    "content_type",
    ["application/json;charset=UTF-8", "Application/JSON", 'application/json; charset="utf-8"'],
)
async def test_json_in_utf8_is_read(client: SampleClient, content_type: str) -> None:
    body = '{"query": "{ echo(text: \\"ü😀\\") }"}'.encode()
    response = await client.post(content=body, headers={"content-type": content_type})
    assert response.json() == {"data": {"echo": "ü😀"}}


async def test_a_compressed_body_is_refused(client: SampleClient) -> None:
    headers = {"content-encoding": "gzip"}
    assert_refused(await client.post(content=b"\x1f\x8b", headers=headers), 415)


async def test_a_body_above_the_limit_is_refused(client: SampleClient) -> None:
    assert_refused(await client.post(content=b" " * 200_001), 413)


async def test_a_body_without_a_length_is_cut_off_at_the_limit(client: SampleClient) -> None:
    async def chunks() -> Any:
        for _ in range(1_000):
            yield b" " * 1_000

    response = await client.post(content=chunks())
    assert_refused(response, 413)
    assert response.headers["connection"] == "close"


async def raw_answer(endpoint: GraphQLEndpoint, receive: Any) -> list[Any]:
    """ASGI messages of the answer to a POST whose body comes from `receive`."""
    sent: list[Any] = []
    headers = [(b"content-type", b"application/json")]

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": headers, "query_string": b"", "path": "/"}
    await endpoint(scope, receive, send)
    return sent


async def test_a_body_that_never_ends_is_given_up(client: SampleClient) -> None:
    async def receive() -> Any:
        await asyncio.Event().wait()

    start, body = await raw_answer(client.endpoint, receive)
    assert start["status"] == 408
    assert b"BAD_REQUEST" in body["body"]


async def test_a_client_that_left_is_not_answered(client: SampleClient) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    assert await raw_answer(client.endpoint, receive) == []


async def test_a_query_runs_over_get(client: SampleClient) -> None:
    response = await client.get(
        query=ECHO, variables='{"t": "ü"}', operationName="", extensions="{}"
    )
    assert response.status_code == 200
    assert response.json() == {"data": {"echo": "ü"}}


@pytest.mark.parametrize(
    "url",
    [
        "/graphql",
        "/graphql?query=",
        "/graphql?query={echo}&query={echo}",
        "/graphql?query={echo}&variables=7",
        "/graphql?query={echo}&variables={",
        "/graphql?query={echo}&variables={%22a%22:%22%5Cu0000%22}",
        "/graphql?query={echo}&operationName=%00",
        "/graphql?query=%ff",
        "/graphql?query=%ED%A0%80",
        "/graphql?query={echo}&" + "&".join(f"p{n}=1" for n in range(40)),
    ],
)
async def test_a_malformed_get_is_a_bad_request(client: SampleClient, url: str) -> None:
    assert_refused(await client.client.get(url))


async def test_a_mutation_over_get_is_refused(client: SampleClient) -> None:
    response = await client.get(query='mutation { pick(input: {sku: "a"}) { sku } }')
    assert_refused(response, 405)
    assert response.headers["allow"] == "POST"
    assert not client.contexts


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(client: SampleClient, method: str) -> None:
    response = await client.client.request(method, "/graphql")
    assert_refused(response, 405)
    assert response.headers["allow"] == "GET, POST"


async def test_a_subscription_over_http_is_a_bad_request(client: SampleClient) -> None:
    assert_refused(await client.post({"query": "subscription { ticks { sku } }"}))
    assert not client.contexts


async def test_admission_comes_before_the_body_is_read() -> None:
    async def receive() -> Any:
        raise AssertionError("the body was read")

    client = SampleClient()
    client.refusal = RequestRefused("RATE_LIMITED", 429, "Slower.", headers={"Retry-After": "1"})
    start, _ = await raw_answer(client.endpoint, receive)
    assert start["status"] == 429
    assert (b"retry-after", b"1") in start["headers"]


async def test_a_caller_who_is_refused_makes_no_document(client: SampleClient) -> None:
    client.refusal = RequestRefused("UNAUTHENTICATED", 401, "No.")
    for send in (client.post({"query": "{ echo }"}), client.get(query="{ echo }")):
        assert (await send).status_code == 401
    assert (client.admitted, client.charged, client.contexts) == (2, [], [])
    assert len(client.engine.documents) == 0


async def test_a_new_document_costs_tokens_once_before_it_is_parsed(client: SampleClient) -> None:
    for text in ("{ echo } #" + "x" * 3_000, "{ wrong } #" + "x" * 4_000):
        for _ in range(3):
            await client.post({"query": text})
    assert client.charged == [3, 4]
    await client.post({"query": "{ echo }"})  # a short one costs no more than its request
    assert client.charged == [3, 4]

    def charge(caller: Any, tokens: int) -> None:
        raise RequestRefused("RATE_LIMITED", 429, "Slower.")

    client.endpoint._charge = charge
    cached = len(client.engine.documents)
    assert (await client.post({"query": "{ echo } #" + "y" * 3_000})).status_code == 429
    assert len(client.engine.documents) == cached


def test_the_limits_of_these_tests_are_tighter_than_the_defaults() -> None:
    assert LIMITS.tokens < type(LIMITS)().tokens
