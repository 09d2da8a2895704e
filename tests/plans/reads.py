"""Every query of the API, with every filter by itself, by callers with and without a scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_object_type,
    is_required_argument,
)

import models.queries.events.event_log as event_log
import models.queries.tasks as task_queries
from domain.access.callers import Role
from resolvers.root import schema as api_schema
from tests.builders.in_process_server import InProcessServer

VALUES_MAX = 2  # of an enum
DEPTH_MAX = 2  # objects in objects in a row
PAGING = ("first", "after", "last", "before")
IDS = "{{ {root}(first: 3) {{ nodes {{ id }} pageInfo {{ endCursor }} }} }}"
# Each object by its reference, as the last rows of its list have it.
REFERENCES = {
    "order": ("orders", "externalReference", 'channel: "web", externalReference'),
    "reservation": ("reservations", "externalReference", 'channel: "web", externalReference'),
    "return": ("returns", "rmaNumber", "rmaNumber"),
    "transfer": ("transfers", "number", "number"),
    "stockCount": ("stockCounts", "number", "number"),
}
PREVIEW = """
{ policyPreview(input: {kind: RETURN, scope: "global", rules: {window: "P30D"}}, last: 20) {
  decided changed } }
"""
# Values of filters; each must find some of the rows that the actions have made.
VALUES: Mapping[str, str] = {
    "from": f'"{(datetime.now(UTC) - timedelta(days=1)).isoformat()}"',
    "channel": '"web"',
    "location": '"LEEDS"',
    "locations": '["LEEDS"]',
    "sku": '"TEE-M"',
    "skus": '["TEE-M", "TEE-S"]',
    "code": '"LEEDS"',
    "search": '"TEE-M"',
    "reference": '"PO-1"',
    "account": '"INVENTORY"',
    "actor": '"ada"',
    "owner": '"sue"',
    "action": '"orderPlace"',
    "scope": '"global"',
    "types": '["order.placed"]',
    "category": '"clothes"',
    "supplier": '"ACME"',
    "customerReference": '"customer-7"',
    "reason": '"UNWANTED"',
    "claimedBy": '"ann"',
    "kinds": '["SHORT_PICK", "OVERSOLD"]',
    "ownerRole": '"WAREHOUSE"',
    "under": '"LEEDS"',
    **dict.fromkeys(("placed", "shipBy", "created", "requested"), '{from: "2020-01-01T00:00:00Z"}'),
    **dict.fromkeys(("active", "open", "breached", "byDue", "belowSafety"), "true"),
    "decidableByMe": "true",
}
# Filters that are often used together.
PAIRS = (
    'orders(first: 20, status: ALLOCATED, location: "LEEDS")',
    'orders(first: 20, status: ALLOCATED, channel: "web")',
    'orders(first: 20, channel: "web", placed: {from: "2020-01-01T00:00:00Z"})',
    'orders(first: 20, sku: "TEE-M", statuses: [ALLOCATED, SHIPPED])',
    'orders(first: 20, sort: SHIP_BY, location: "LEEDS")',
)
# Pages that bring the lines of their rows along: from the second time on, as arrays.
WITH_LINES = (
    "{ orders(first: 20) { nodes { number lines { sku quantity } } } }",
    "{ fulfillments(first: 20) { nodes { id lines { orderLineId sku quantity } } } }",
)
# They need an id, or a reference beside the channel; `_read_node` reads the same objects.
BY_ID = frozenset({"reservation", "order", "return", "stockCount", "transfer"})


def _literals(name: str, argument: GraphQLArgument) -> list[str]:
    """Values of an argument: the first of an enum, or one that is known by its name."""
    named = get_named_type(argument.type)
    if isinstance(named, GraphQLEnumType):
        return list(named.values)[: None if name == "sort" else VALUES_MAX]
    return [VALUES[name]] if name in VALUES else []


def selection(type_: GraphQLObjectType, depth: int = 0) -> str:
    """All fields of an object that need no argument, and those of objects in it."""
    parts = ["__typename"]
    for name, each in type_.fields.items():
        named = get_named_type(each.type)
        if any(is_required_argument(argument) for argument in each.args.values()):
            continue
        if is_leaf_type(named):
            parts.append(name)
        elif is_object_type(named) and depth < DEPTH_MAX:
            assert isinstance(named, GraphQLObjectType)
            some = "(first: 5)" if "first" in each.args else ""
            # A list in a page is one level, as is an object in an object.
            deeper = depth if name == "nodes" else depth + 1
            parts.append(f"{name}{some} {selection(named, deeper)}")
    return "{ " + " ".join(parts) + " }"


def _filters(each: GraphQLField) -> Iterator[str]:
    """Arguments: none but the required ones, then each filter with each of its values."""
    required = [
        f"{name}: {_literals(name, argument)[0]}"
        for name, argument in each.args.items()
        if is_required_argument(argument) and _literals(name, argument)
    ]
    paged = ["first: 20"] if "first" in each.args else []
    yield ", ".join(required + paged)
    for name, argument in each.args.items():
        if name not in PAGING and not is_required_argument(argument):
            for literal in _literals(name, argument):
                yield ", ".join([*required, *paged, f"{name}: {literal}"])


def documents() -> Iterator[str]:
    """One document for each root field and filter that can be made from the schema."""
    query = api_schema.graphql_schema.query_type
    assert query is not None
    for name, each in query.fields.items():
        named = get_named_type(each.type)
        if not isinstance(named, GraphQLObjectType) or name in BY_ID:
            continue
        required = {n: a for n, a in each.args.items() if is_required_argument(a)}
        if any(not _literals(n, a) for n, a in required.items()):
            continue
        for arguments in _filters(each):
            given = f"({arguments})" if arguments else ""
            yield f"{{ {name}{given} {selection(named)} }}"


async def read_order_lists(api: InProcessServer) -> None:
    """Read the first page of orders with each filter, each sort, and the common pairs."""
    key = await api.a_key(Role.ADMIN, name="of lists")
    query = api_schema.graphql_schema.query_type
    assert query is not None
    for arguments in _filters(query.fields["orders"]):
        await api.ask(f"{{ orders({arguments}) {{ nodes {{ id number status }} }} }}", key=key)
    for pair in PAIRS:
        await api.ask(f"{{ {pair} {{ nodes {{ id number status }} }} }}", key=key)


async def read_all(api: InProcessServer) -> None:
    """Send every document as an administrator, and the lists as callers with a scope."""
    keys = [await api.a_key(Role.ADMIN, name="whole"), *await _scoped_keys(api)]
    await read_references(api)
    await read_streams(api)
    await read_order_lists(api)
    await read_with_lines(api, keys)
    await api.ask(PREVIEW)
    for document in documents():
        is_filtered = document.count(":") > 1
        for key in keys[:1] if is_filtered else keys:
            await api.ask(document, key=key)
    for root in _paged():
        found = (await api.ask(IDS.format(root=root)))[root]
        cursor = found["pageInfo"]["endCursor"]
        for window in (f'first: 5, after: "{cursor}"', f'last: 5, before: "{cursor}"', "last: 5"):
            await api.post(f"{{ {root}({window}) {{ nodes {{ id }} }} }}", key=keys[0])
        for node in found["nodes"][:1] if root != "events" else ():
            await _read_node(api, node["id"], keys)


async def _scoped_keys(api: InProcessServer) -> list[str]:
    return [
        await api.a_key(Role.ADMIN, channels=("web",), name="of a channel"),
        await api.a_key(Role.ADMIN, locations=("LEEDS",), name="of a location"),
    ]


async def read_scoped(api: InProcessServer) -> None:
    """Read the first page of each list as callers with a scope."""
    for key in await _scoped_keys(api):
        for root in _paged():
            await api.ask(IDS.format(root=root), key=key)


async def read_hot(api: InProcessServer) -> None:
    """Read the first page of each list, the page after it, and a node of it."""
    key = await api.a_key(Role.ADMIN, name="whole")
    await read_references(api)
    await read_streams(api)
    await read_with_lines(api, [key])
    for root in _paged():
        found = (await api.ask(IDS.format(root=root), key=key))[root]
        after = f'first: 5, after: "{found["pageInfo"]["endCursor"]}"'
        await api.post(f"{{ {root}({after}) {{ nodes {{ id }} }} }}", key=key)
        for node in found["nodes"][:1] if root != "events" else ():
            await _read_node(api, node["id"], [key])


async def read_with_lines(api: InProcessServer, keys: list[str]) -> None:
    """Read pages with the lines of their rows, twice: the second time by one statement."""
    for document in WITH_LINES:
        for key in [*keys[:1], *keys]:
            await api.ask(document, key=key)


async def read_references(api: InProcessServer) -> None:
    """Read objects by their references, which shops and clerks know."""
    for root, (rows, field, argument) in REFERENCES.items():
        nodes = (await api.ask(f"{{ {rows}(first: 20) {{ nodes {{ {field} }} }} }}"))[rows]["nodes"]
        for value in [node[field] for node in nodes if node[field] is not None][:1]:
            await api.ask(f'{{ {root}({argument}: "{value}") {{ id }} }}')


async def read_streams(api: InProcessServer) -> None:
    """Read the log and a queue as subscriptions do."""
    async with api.restow.database.snapshot() as session:
        last = await event_log.last_position(session)
        await event_log.events_after(session, last - 20, 20)
        for types in (None, ["order.placed"]):
            await event_log.events_between(session, last - 20, last, types)
        place = await session.value(int, "SELECT min(id) FROM location")
        await task_queries.open_queue(session, "PICK", place or 0, 20)


def _paged() -> Iterator[str]:
    query = api_schema.graphql_schema.query_type
    assert query is not None
    for name, each in query.fields.items():
        named: Any = get_named_type(each.type)
        if "after" in each.args and "nodes" in named.fields:
            node: Any = get_named_type(named.fields["nodes"].type)
            if "id" in node.fields:
                yield name


async def _read_node(api: InProcessServer, global_id: str, keys: list[str]) -> None:
    found = await api.ask("query ($id: ID!) { node(id: $id) { __typename } }", {"id": global_id})
    type_: Any = api_schema.graphql_schema.type_map[found["node"]["__typename"]]
    document = f"query ($id: ID!) {{ node(id: $id) {{ ... on {type_.name} {selection(type_)} }} }}"
    for key in keys:
        await api.post(document, {"id": global_id}, key=key)
