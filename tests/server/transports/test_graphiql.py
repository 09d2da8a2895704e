"""GraphiQL is served from our own origin, completely, and under a strict policy."""

import hashlib
import html
import json
import re
import shutil
import subprocess
from typing import Any

import httpx
import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message, Scope

from server.transports.graphiql import WEB, GraphiQLPage, example_documents, graphiql_files

# Stands in for the browser objects of boot.js; prints the transport of each kind of operation.
BROWSER = """
const written = JSON.stringify({ endpoint: "/graphql", key: null, tabs: [] });
globalThis.window = { location: { href: "http://127.0.0.1:8000/graphql" } };
globalThis.document = { getElementById: () => ({ dataset: { config: written } }) };
globalThis.localStorage = {};
globalThis.GraphiQL = { createFetcher: () => () => "http" };
globalThis.graphqlWs = {
  createClient: () => ({ iterate: async function* () { yield "websocket"; }, dispose() {} }),
};
globalThis.React = { createElement: (_, properties) => properties };
globalThis.ReactDOM = { createRoot: () => ({ render: async ({ fetcher }) => {
  const kinds = ["query", "subscription"].map((operation) => ({
    documentAST: { definitions: [{ kind: "OperationDefinition", operation }] },
  }));
  for (const options of [undefined, {}, ...kinds]) {
    const sent = fetcher({ query: "" }, options);
    console.log(typeof sent === "string" ? sent : (await sent.next()).value);
  }
} }) };
"""
SDL = WEB.parent / "schema" / "schema.graphql"
README = WEB.parent / "README.md"
VENDORED = {
    "graphiql.min.css": "bdddd50aac5bdb0edd83e5c862ba2fed9db2964e4c75d4655ab62b0a7d5bd730",
    "graphiql.min.js": "a330a2be1d2389486840a9d0a834767d9083a23f105879e0de54e4fce83d3513",
    "graphql-ws.min.js": "deb8cd1b4feadd52ae0365a4df8a89847f2904c2a8cbdac8756b8d962c0cb8e4",
    "react-dom.production.min.js": (
        "35f4f974f4b2bcd44da73963347f8952e341f83909e4498227d4e26b98f66f0d"
    ),
    "react.production.min.js": "d949f1c3687aedadcedac85261865f29b17cd273997e7f6b2bfc53b2f9d4c4dd",
}


async def get(
    address: str,
    *,
    key: str | None = None,
    documents: list[str] | None = None,
    host: str = "127.0.0.1:8000",
) -> httpx.Response:
    page = Route("/graphql", GraphiQLPage(key=key, documents=documents))
    transport = httpx.ASGITransport(Starlette(routes=[page, graphiql_files()]))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        return await client.get(address, headers={"host": host})


def config_of(page: str) -> dict[str, Any]:
    found = re.search(r'data-config="([^"]*)"', page)
    assert found is not None
    config: dict[str, Any] = json.loads(html.unescape(found[1]))
    return config


async def test_everything_the_page_names_is_served_from_here() -> None:
    page = (await get("/graphql")).text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) == 8
    for address in addresses:
        if address != "data:,":
            assert address.startswith("/graphiql/")
            assert (await get(address)).status_code == 200


async def test_no_script_or_style_is_inline() -> None:
    page = (await get("/graphql")).text
    assert re.findall(r"<script(?![^>]* src=)|<style| style=| on\w+=", page) == []


async def test_the_policy_allows_our_own_origin_only() -> None:
    policy = (await get("/graphql")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_a_key_fills_the_tabs_and_cannot_leave_its_attribute() -> None:
    key = "\"><script>alert(1)</script>'&amp;"
    page = (await get("/graphql", key=key, documents=["{ viewer { actor } }"])).text
    assert "<script>alert" not in page
    assert config_of(page) == {
        "endpoint": "/graphql",
        "key": key,
        "tabs": [{"query": "{ viewer { actor } }"}],
    }


async def test_without_a_key_the_page_holds_none() -> None:
    assert config_of((await get("/graphql")).text)["key"] is None


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000"]
)
async def test_the_key_goes_to_this_machine_by_its_own_names(host: str) -> None:
    assert config_of((await get("/graphql", key="k", host=host)).text)["key"] == "k"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "rebound.example",
        "rebound.example:8000",
        "localhost.rebound.example",
        "127.0.0.1.rebound.example:8000",
        "rebound.example:8000, localhost",
        "localhost:8000:8000",
        "localhost:",
        "user@localhost",
        "192.168.0.7:8000",
        "0.0.0.0",
        "[::1",
        "[::2]",
    ],
)
async def test_under_any_other_name_the_page_holds_no_key(host: str) -> None:
    answer = await get("/graphql", key="the-demo-key", host=host)
    assert answer.status_code == 200
    assert "the-demo-key" not in answer.text
    assert config_of(answer.text)["key"] is None


async def test_two_names_are_none() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    names = [(b"host", b"localhost"), (b"host", b"rebound.example")]
    scope: Scope = {"type": "http", "method": "GET", "path": "/graphql", "headers": names}
    await GraphiQLPage(key="the-demo-key")(scope, _no_body, send)
    assert b"the-demo-key" not in sent[-1]["body"]


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_a_page_with_a_key_is_not_kept() -> None:
    assert (await get("/graphql", key="k")).headers["cache-control"] == "no-store"


async def test_files_outside_the_folder_are_not_served() -> None:
    assert (await get("/graphiql/%2e%2e/examples/01-availability.graphql")).status_code == 404


@pytest.mark.parametrize("name", sorted(VENDORED))
def test_a_vendored_file_is_what_was_published(name: str) -> None:
    content = (WEB / "graphiql" / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == VENDORED[name]


def test_the_first_tabs_go_from_a_promise_to_the_books() -> None:
    operations = [
        (definition.operation.value, definition.name.value if definition.name else "")
        for document in example_documents()
        for definition in parse(document).definitions
        if isinstance(definition, OperationDefinitionNode)
    ]
    assert operations == [
        ("query", "Availability"),
        ("mutation", "Hold"),
        ("mutation", "Order"),
        ("mutation", "Return"),
        ("mutation", "Receive"),
        ("mutation", "Inspect"),
        ("mutation", "Restock"),
        ("mutation", "Approve"),
        ("query", "Books"),
        ("subscription", "Live"),
    ]


async def test_a_tab_has_a_place_for_each_variable_of_its_document() -> None:
    document = "query Books($rma: String!, $first: Int) { a }"
    [tab] = config_of((await get("/graphql", documents=[document])).text)["tabs"]
    assert json.loads(tab["variables"]) == {"rma": "", "first": ""}


def test_the_readme_has_the_documents_of_the_tabs() -> None:
    shown = re.findall(
        r"(?:<<'GRAPHQL'[^\n]*|```graphql)\n(.*?)\n(?:GRAPHQL|```)\n", README.read_text(), re.DOTALL
    )
    # The README explains a document in its text, a tab explains it in a comment.
    expected = [re.sub(r"(?m)^#.*\n", "", document).strip() for document in example_documents()]
    assert shown == expected


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_all_but_subscriptions_goes_over_http_and_so_does_introspection() -> None:
    """GraphiQL requests the schema without a document, and may send no options."""
    script = BROWSER + (WEB / "graphiql" / "boot.js").read_text()
    ran = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=30)
    assert ran.stderr == ""
    assert ran.stdout.split() == ["http", "http", "http", "websocket"]


@pytest.mark.skipif(not SDL.exists(), reason="there is no SDL yet")
def test_the_examples_are_valid() -> None:
    schema = build_schema(SDL.read_text())
    for document in example_documents():
        assert validate(schema, parse(document)) == []
