"""GraphQL over HTTP, fact by fact, against a server process in production mode.

The table has what the draft of GraphQL over HTTP requires (MUST), recommends (SHOULD) and allows
(MAY, where the stricter answer is ours), by a role with introspection and by one without. A fact
that the draft states once as a range of statuses and once as a status is one row.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlencode

import httpx
import pytest

from tests.races.server_processes import KEY, Cluster

NEW: Final = "application/graphql-response+json"
OLD: Final = "application/json"
NAME: Final = "{ __typename }"
NAMED: Final = "query Name { __typename }"
GIVEN: Final = "query Given($given: Boolean!) { __typename @include(if: $given) }"
SYNTAX, UNKNOWN = "{", "{ noSuchField }"
SCHEMA: Final = "{ __schema { queryType { name } } }"

Answer = Literal["data", "errors", "any"]


@dataclass(frozen=True)
class Fact:
    """A request and its answer. `body` None: as a GET, with the parameters in the URL.

    `answer`: data without errors, errors without data, or not checked.
    """

    what: str
    body: object = field(default_factory=lambda: {"query": NAME})
    parameters: Mapping[str, str] = field(default_factory=dict)
    accept: str | None = NEW
    content_type: str | None = OLD
    status: int = 200
    answer: Answer = "data"
    media_type: str | None = None


def _odd(name: str, *values: object) -> list[Fact]:
    """A parameter of another JSON type is refused."""
    return [
        Fact(
            f"{name} that is a {type(value).__name__} is refused",
            {"query": NAME, name: value},
            status=400,
            answer="errors",
        )
        for value in values
    ]


def _both(what: str, **parts: Any) -> list[Fact]:
    """A fact under both media types."""
    return [
        Fact(f"{what} ({media})", accept=media, media_type=media, **parts) for media in (NEW, OLD)
    ]


FACTS: Final = [
    # media types and encoding
    *_both("the answer has the media type asked for"),
    Fact("any media type is answered as JSON", accept="*/*", media_type=OLD),
    Fact("without an accept header the answer is JSON", accept=None, media_type=OLD),
    Fact("a charset of UTF-8 is read", content_type=f"{OLD}; charset=utf-8"),
    Fact("without a charset the request is UTF-8", {"query": f"{NAME} # \u00e9\U0001f455"}),
    # methods
    Fact("a query may be sent by GET", None, {"query": NAME}),
    Fact("a mutation by GET is refused", None, {"query": "mutation { __typename }"}, status=405,
         answer="any"),
    Fact("a body without a content type is refused", content_type=None, status=415, answer="any"),
    Fact("a body of another content type is refused", content_type="text/plain", status=415,
         answer="any"),
    # parameters
    Fact("an empty body is refused", b"", status=400, answer="errors"),
    Fact("a body that is no JSON is refused", b'{"query":', status=400, answer="errors"),
    Fact("a request without a query is refused", {"notquery": NAME}, status=400, answer="errors"),
    Fact("a wrong parameter is refused", {"qeury": NAME}, status=400, answer="errors"),
    *_odd("query", {"ob": "ject"}, 0, False, ["array"]),
    *_odd("operationName", {"ob": "ject"}, 0, False, ["array"]),
    *_odd("variables", "string", 0, False, ["array"]),
    *_odd("extensions", "string", 0, False, ["array"]),
    *_both("a text is a query", body={"query": NAME}),
    *_both("a text is an operationName", body={"query": NAMED, "operationName": "Name"}),
    *[
        fact
        for name in ("variables", "operationName", "extensions")
        for fact in _both(f"{name} may be null", body={"query": NAME, name: None})
    ],
    *_both("an object is variables", body={"query": GIVEN, "variables": {"given": True}}),
    *_both(
        "variables are JSON in a URL",
        body=None,
        parameters={"query": GIVEN, "variables": '{"given": true}'},
    ),
    *_both("an object is extensions", body={"query": NAME, "extensions": {"some": "value"}}),
    # failures before the execution
    *[
        Fact(f"{what} has the status {status} ({media})", body, accept=media, status=status,
             answer="errors", media_type=media)
        for media, status in ((OLD, 200), (NEW, 400))
        for what, body in (
            ("a document with a fault of syntax", {"query": SYNTAX}),
            ("a document that is not valid", {"query": UNKNOWN}),
            ("a variable of a wrong type", {"query": GIVEN, "variables": {"given": "yes"}}),
        )
    ],
]  # fmt: skip


@pytest.fixture
async def production(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A server process in production mode, where ADMIN may read the schema."""
    url = f"sqlite://{tmp_path}/facts.db"
    async with Cluster(url, RESTOW_INTROSPECTION_ROLES="ADMIN") as cluster:
        yield cluster


async def test_the_server_speaks_graphql_over_http(production: Cluster) -> None:
    assert len({fact.what for fact in FACTS}) == len(FACTS)
    shop = await production.a_key(1, "STOREFRONT")
    wrong: dict[tuple[str, str], str] = {}
    base = f"http://127.0.0.1:{production.ports[0]}"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        client.headers.pop("accept")
        for role, key in (("ADMIN", KEY), ("STOREFRONT", shop)):
            client.headers["authorization"] = f"Bearer {key}"
            for fact in FACTS:
                why = _difference(fact, await _send(client, fact))
                if why:
                    wrong[role, fact.what] = why
            read = await client.post("/graphql", json={"query": SCHEMA})
            assert ("errors" in read.json()) == (role == "STOREFRONT")
    assert wrong == {}
    assert "Traceback" not in production.log_end()


async def _send(client: httpx.AsyncClient, fact: Fact) -> httpx.Response:
    headers = {} if fact.accept is None else {"accept": fact.accept}
    if fact.body is None:
        return await client.get(f"/graphql?{urlencode(fact.parameters)}", headers=headers)
    if fact.content_type is not None:
        headers["content-type"] = fact.content_type
    content = fact.body if isinstance(fact.body, bytes) else _in_json(fact.body)
    return await client.post("/graphql", content=content, headers=headers)


def _in_json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _difference(fact: Fact, answer: httpx.Response) -> str | None:
    """In what an answer differs from the fact; None: in nothing."""
    kind = answer.headers["content-type"]
    if answer.status_code != fact.status:
        return f"status {answer.status_code}: {answer.text[:200]}"
    if kind.partition(";")[0] not in (fact.media_type or NEW, fact.media_type or OLD):
        return f"content type {kind}"
    if "charset=utf-8" not in kind.lower():
        return f"no charset: {kind}"
    if fact.answer == "any":
        return None
    body = answer.json()
    if fact.answer == "data" and ("errors" in body or "data" not in body):
        return f"no data: {body}"
    if fact.answer == "errors" and ("data" in body or not body["errors"]):
        return f"no plain errors: {body}"
    return None
