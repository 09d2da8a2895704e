"""Selections: a list reads only the columns shown and the rows that they refer to."""

from __future__ import annotations

from contextvars import ContextVar
from inspect import getattr_static
from random import Random
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_leaf_type
from strawberry.types.field import StrawberryField

import server.operations.engine as engine
from models.database.postgres_session import PostgresSession
from models.database.sqlite_session import SqliteSession
from resolvers.root import schema
from server.operations.executor import Executor, build_executor
from server.projection.records import Column, Derived, edge_of
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.refunds.test_refunds import a_refund
from tests.resolvers.test_returns import RECEIVE, requested

DOCUMENTS_PER_LIST = 12
USES = 4  # interpreted, compiled, and then read by selection

ROOT: Any = schema.graphql_schema.query_type
LISTS = {
    name: get_named_type(field.type)
    for name, field in ROOT.fields.items()
    if "totalCount" in getattr(get_named_type(field.type), "fields", {})
    or name in ("stockMovements", "reservations", "fulfillments", "journalEntries", "auditTrail")
}


ASKING: ContextVar[bool] = ContextVar("asking", default=False)


@pytest.fixture
async def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Statements of either engine while `ASKING` is set, so without those of jobs.

    The look-up of an API key is left out: a request makes it only if the cached key is too old.
    """
    seen: list[str] = []
    for kind in (PostgresSession, SqliteSession):
        fetch = kind.fetch

        async def noted(self: Any, sql: str, *args: object, _fetch: Any = fetch) -> Any:
            if ASKING.get() and "FROM api_key" not in sql:
                seen.append(sql)
            return await _fetch(self, sql, *args)

        monkeypatch.setattr(kind, "fetch", noted)
    return seen


@pytest.fixture
def executors(monkeypatch: pytest.MonkeyPatch) -> list[Executor]:
    """Executors of the following requests."""
    seen: list[Executor] = []

    def noted(*args: Any, **facts: Any) -> Executor:
        seen.append(build_executor(*args, **facts))
        return seen[-1]

    monkeypatch.setattr(engine, "build_executor", noted)
    return seen


async def busy(api: InProcessServer) -> None:
    """Create rows for every list."""
    made = await requested(api)
    shown = await api.ask("query ($id: ID!) { return(id: $id) { order { id } } }", made)
    await a_refund(api, shown["return"]["order"])
    await api.receive(9, at="YORK")
    await api.hold(2)
    await api.place(2, externalReference="W-2")
    await api.place(400, externalReference="W-3", backorder=True)
    unknown = {"locationCode": "LEEDS", "items": [{"sku": "TEE", "quantity": 1}]}
    await api.done(RECEIVE, {"input": {**unknown, "trackingNumber": "JD-?"}})


def fields_of(type_: Any, chance: Random, depth: int = 0) -> str:
    """Random fields of an object and of the objects that they lead to."""
    names = [name for name, field in type_.fields.items() if may_stand(field, depth)]
    chosen = chance.sample(names, min(len(names), chance.randint(1, 5)))
    written = []
    for number, name in enumerate(chosen):
        inner = get_named_type(type_.fields[name].type)
        alias = f"a{number}: " if chance.random() < 0.2 else ""
        deeper = "" if is_leaf_type(inner) else f" {{ {fields_of(inner, chance, depth + 1)} }}"
        written.append(f"{alias}{name}{deeper}")
    return " ".join([*written, "__typename"] if chance.random() < 0.1 else written)


def may_stand(field: GraphQLField, depth: int) -> bool:
    inner = get_named_type(field.type)
    if field.args:
        return False
    return is_leaf_type(inner) or (depth < 2 and isinstance(inner, GraphQLObjectType))


def document_on(name: str, chance: Random) -> str:
    """A document that shows a list in one of several ways, sometimes with a second list."""
    node = get_named_type(LISTS[name].fields["nodes"].type)

    def shown() -> str:
        parts = [f"nodes {{ {fields_of(node, chance)} }}"]
        if chance.random() < 0.4:
            parts.append(f"edges {{ cursor node {{ {fields_of(node, chance)} }} }}")
        if chance.random() < 0.2:
            parts.append("pageInfo { hasNextPage endCursor }")
        return " ".join(parts)

    other = f" other: {name}(last: 2) {{ {shown()} }}" if chance.random() < 0.4 else ""
    return f"{{ {name} {{ {shown()} }}{other} }}"


async def test_what_is_shown_is_the_same_however_it_is_read(
    api: InProcessServer, executors: list[Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    await busy(api)
    # Ages of exceptions count seconds.
    stopped = api.restow.clock()
    monkeypatch.setattr(api.restow.clock, "_read", lambda: stopped)
    chance = Random(11)
    filled = 0
    for name in LISTS:
        for _ in range(DOCUMENTS_PER_LIST):
            document = document_on(name, chance)
            first = await api.ask(document)
            filled += bool(first[name]["nodes"])
            for _ in range(USES - 1):
                executors.clear()
                assert await api.ask(document) == first, document
                assert executors[0].walked_again == 0, document
    assert filled == DOCUMENTS_PER_LIST * len(LISTS)


async def test_a_page_and_what_it_refers_to_are_one_statement(
    api: InProcessServer, statements: list[str]
) -> None:
    await busy(api)
    document = """{ stockLevels { nodes { id available item { sku price { amount } }
      location { code } } } }"""
    first = await api.ask(document)
    assert first["stockLevels"]["nodes"][0]["item"]["sku"]
    await api.ask(document)
    ASKING.set(True)
    assert await api.ask(document) == first
    [read] = statements
    assert "quarantine" not in read
    assert "time_zone" not in read
    assert "supplier_id" not in read


async def test_however_often_an_edge_is_shown_its_table_is_read_once(
    api: InProcessServer, statements: list[str]
) -> None:
    await busy(api)
    fields = ("id", "sku", "name", "barcode", "category", "returnable", "price { amount }")
    aliases = " ".join(f"a{n}: item {{ {fields[n % 7]} {fields[n // 7 % 7]} }}" for n in range(70))
    document = f"""{{ stockLevels(first: 3) {{ nodes {{ {aliases} }}
      edges {{ node {{ item {{ sku }} location {{ code }} }} }} }} }}"""
    first = await api.ask(document)
    await api.ask(document)
    ASKING.set(True)
    assert await api.ask(document) == first
    [read] = statements
    assert read.count("JOIN") == 2


def test_a_join_has_every_column_that_its_table_s_type_reads() -> None:
    seen = set()
    for type_ in schema.graphql_schema.type_map.values():
        for field in getattr(type_, "fields", {}).values():
            declared = getattr(field, "extensions", {}).get("strawberry-definition")
            edge = edge_of(declared) if isinstance(declared, StrawberryField) else None
            if edge is None or edge.join is None:
                continue
            for inner in get_named_type(field.type).fields.values():
                definition = inner.extensions["strawberry-definition"]
                origin = get_named_type(field.type).extensions["strawberry-definition"].origin
                source = getattr_static(origin, definition.python_name, None)
                further = edge_of(definition)
                columns = set() if further is None else {further.key}
                if isinstance(source, Column):
                    columns = {source.name}
                if isinstance(source, Derived):
                    columns = set(source.of)
                assert columns <= set(edge.join.columns), (edge.join.table, columns)
                seen |= columns
    assert {"sku", "time_zone", "currency", "parent_id", "supplier_id"} <= seen


async def test_what_two_lists_refer_to_is_shown_by_each_as_it_asks(api: InProcessServer) -> None:
    await busy(api)
    document = """{ stockLevels { nodes { item { sku } } }
      stockMovements { nodes { item { name } } } orders { nodes { channel { code } } }
      reservations { nodes { channel { name priority } } } item(sku: "TEE") { returnable name } }"""
    first = await api.ask(document)
    assert first["stockMovements"]["nodes"][0]["item"]["name"]
    for _ in range(USES):
        assert await api.ask(document) == first


async def test_an_odd_row_is_walked_over_the_columns_that_were_read(api: InProcessServer) -> None:
    await busy(api)
    async with api.restow.database.writer() as session:
        # above the range of a GraphQL Int
        await session.execute("UPDATE stock_level SET incoming = 3000000000")
    document = "{ stockLevels { nodes { incoming item { sku } } } }"
    answers = [(await api.post(document)).json() for _ in range(USES)]
    assert answers[0]["errors"]
    for answer in answers[1:]:
        assert answer["data"] == answers[0]["data"]
        assert [each["path"] for each in answer["errors"]] == [
            each["path"] for each in answers[0]["errors"]
        ]
