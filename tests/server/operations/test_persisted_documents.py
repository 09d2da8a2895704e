"""Persisted documents over HTTP and WebSocket: ids, and keys that may use no others."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.access.callers import Role
from scripts.serve import check_persisted_documents
from server.operations.persisted_documents import (
    DocumentsUnreadable,
    document_id,
    read_documents,
)
from settings import Settings
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.test_subscriptions import screen

VIEWER = "query Who { viewer { actor role } }\n"
ORDER = "query Order($id: ID!) { order(id: $id) { id } }"
CHANGES = 'subscription { availabilityChanged(channel: "web", after: "0") { cursor } }'
OTHER = "{ viewer { actor } }"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with three documents, and a file of another kind."""
    found = tmp_path / "documents"
    found.mkdir()
    for name, text in (("viewer", VIEWER), ("order", ORDER), ("changes", CHANGES)):
        (found / f"{name}.graphql").write_text(text)
    (found / "README.md").write_text("Documents of the shop.")
    return found


@pytest.fixture
async def limited(database_url: str, directory: Path) -> AsyncIterator[InProcessServer]:
    """The program with persisted documents."""
    server = InProcessServer(database_url, persisted_documents=directory)
    await server.open()
    try:
        await server.create_master_data()
        yield server
    finally:
        await server.close()


async def send(api: InProcessServer, key: str, **payload: Any) -> Any:
    """The answer to a payload over HTTP, with its status."""
    headers = {"authorization": f"Bearer {key}", "accept": "application/graphql-response+json"}
    answer = await api.client.post("/graphql", json=payload, headers=headers)
    return answer.status_code, answer.json()


def code_of(answer: Any) -> str:
    [error] = answer["errors"]
    return str(error["extensions"]["code"])


def test_an_id_is_the_hash_of_the_bytes_of_the_file() -> None:
    assert document_id("{ a }") == "sha256:" + hashlib.sha256(b"{ a }").hexdigest()
    assert document_id("{ a }") != document_id("{ a }\n")


async def test_a_shop_uses_the_documents_of_the_list_and_no_others(
    limited: InProcessServer,
) -> None:
    shop = await limited.a_key(Role.STOREFRONT)
    named = await send(limited, shop, documentId=document_id(VIEWER))
    viewer = {"viewer": {"actor": "STOREFRONT key", "role": "STOREFRONT"}}
    assert (named[0], named[1]["data"]) == (200, viewer)
    sent = await send(limited, shop, query=VIEWER)
    assert (sent[0], sent[1]["data"]) == (200, viewer)
    variables = {"id": "nothing"}
    found = await send(limited, shop, documentId=document_id(ORDER), variables=variables)
    assert (found[0], found[1]["data"]) == (200, {"order": None})
    for text in (OTHER, VIEWER.strip(), "{ __schema { types { name } } }", "mutation { nothing }"):
        status, answer = await send(limited, shop, query=text)
        assert (status, code_of(answer)) == (403, "FORBIDDEN")
        assert "persisted documents only" in answer["errors"][0]["message"]


async def test_keys_of_other_roles_may_use_any_document(limited: InProcessServer) -> None:
    for role in set(Role) - {Role.STOREFRONT}:
        key = await limited.a_key(role)
        for payload in ({"query": OTHER}, {"documentId": document_id(VIEWER)}):
            status, answer = await send(limited, key, **payload)
            assert (status, "errors" in answer) == (200, False), answer


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"documentId": "sha256:" + "0" * 64}, "There is no persisted document"),
        ({"documentId": document_id(VIEWER).upper()}, "There is no persisted document"),
        ({"documentId": document_id(VIEWER).removeprefix("sha256:")}, "There is no persisted"),
        ({"documentId": ""}, "There is no persisted document"),
        ({"documentId": 7}, "The parameter documentId must be a string"),
        ({"documentId": document_id(VIEWER), "query": VIEWER}, "not both"),
    ],
)
async def test_an_unknown_or_wrong_id_is_a_bad_request(
    limited: InProcessServer, payload: Any, message: str
) -> None:
    for role in (Role.STOREFRONT, Role.ADMIN):
        status, answer = await send(limited, await limited.a_key(role), **payload)
        assert (status, code_of(answer)) == (400, "BAD_REQUEST")
        assert message in answer["errors"][0]["message"]


async def test_a_get_names_a_document(limited: InProcessServer) -> None:
    headers = {"authorization": f"Bearer {await limited.a_key(Role.STOREFRONT)}"}
    asked = {"documentId": document_id(VIEWER)}
    answer = await limited.client.get("/graphql", params=asked, headers=headers)
    assert answer.json()["data"]["viewer"]["role"] == "STOREFRONT"


async def test_sockets_use_the_same_list(limited: InProcessServer) -> None:
    await limited.receive(3)
    shop = await limited.a_key(Role.STOREFRONT)
    async with screen(limited, shop) as client:
        payloads = {"named": {"documentId": document_id(CHANGES)}, "text": {"query": OTHER}}
        for name, payload in payloads.items():
            client.send({"type": "subscribe", "id": name, "payload": payload})
        messages = [await client.receive() for _ in payloads]
    found = {message["id"]: message for message in messages}
    assert found["named"]["type"] == "next"
    assert found["text"]["type"] == "error"
    assert found["text"]["payload"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_without_a_list_a_shop_may_use_any_document(api: InProcessServer) -> None:
    shop = await api.a_key(Role.STOREFRONT)
    status, answer = await send(api, shop, query=OTHER)
    assert (status, "errors" in answer) == (200, False)
    status, answer = await send(api, shop, documentId=document_id(OTHER))
    assert (status, code_of(answer)) == (400, "BAD_REQUEST")


def test_a_directory_without_usable_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentsUnreadable, match="has no file"):
        read_documents(tmp_path / "missing")
    with pytest.raises(DocumentsUnreadable, match="has no file"):
        read_documents(tmp_path)
    (tmp_path / "bad.graphql").write_text("query {")
    with pytest.raises(DocumentsUnreadable, match=r"bad\.graphql cannot be used"):
        read_documents(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ viewer { actor shoeSize } }", r"shop\.graphql cannot be used: .*shoeSize"),
        ("query One { viewer { actor } } query Two { nothing }", "nothing"),
        ("fragment F on Order { id }", "The document has no operation"),
        ("{ __schema { types { name } } }", "introspection"),
    ],
)
def test_documents_of_another_schema_are_refused_at_start(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "viewer.graphql").write_text(VIEWER)
    settings = Settings(persisted_documents=tmp_path)
    check_persisted_documents(settings)
    (tmp_path / "shop.graphql").write_text(text)
    with pytest.raises(DocumentsUnreadable, match=message):
        check_persisted_documents(settings)
