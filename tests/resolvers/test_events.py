"""Event log over the API: in order, from a cursor, limited to the role's permissions."""

import asyncio
import re
from typing import Any

import orjson

from domain.access.callers import Role
from schema.fields.node import decode
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.test_returns import came, requested

EVENTS = """query ($types: [String!], $after: String, $first: Int) {
  events(types: $types, after: $after, first: $first) {
    nodes { cursor id type occurredAt actor subject subjectVersion data }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""

CANCEL_PART = """mutation ($id: ID!, $lines: [OrderCancelLineInput!]) {
  orderCancel(id: $id, lines: $lines, reasonCode: "OTHER") { userErrors { code field } } }"""
RAW = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def log(api: InProcessServer, key: str | None = None, **narrow: Any) -> Any:
    """A page of the log, after every committed event has a position."""
    for _ in range(100):
        async with api.restow.database.reading() as session:
            if not await session.fetch_value("SELECT count(*) FROM event_pending"):
                break
        await asyncio.sleep(0.02)
    given = {} if key is None else {"key": key}
    return (await api.ask(EVENTS, narrow, **given))["events"]


async def test_facts_come_in_their_order(api: InProcessServer) -> None:
    await api.receive(5)
    order = await api.place(1)
    found = await log(api, first=250)
    cursors = [int(event["cursor"]) for event in found["nodes"]]
    assert cursors == list(range(1, len(cursors) + 1))
    placed = [event for event in found["nodes"] if event["type"] == "order.placed"]
    assert [event["subject"] for event in placed] == [order["id"]]
    assert placed[0]["actor"] == "bootstrap"
    assert found["pageInfo"]["hasNextPage"] is False


async def test_the_log_is_read_on_from_a_cursor(api: InProcessServer) -> None:
    await api.receive(5)
    whole = [event["cursor"] for event in (await log(api, first=250))["nodes"]]
    seen: list[str] = []
    after = "0"
    while True:
        found = await log(api, first=3, after=after)
        seen += [event["cursor"] for event in found["nodes"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    assert seen == whole
    assert (await log(api, after=whole[-1]))["nodes"] == []


async def test_the_log_is_narrowed_by_type(api: InProcessServer) -> None:
    await api.receive(5)
    await api.hold(1)
    types = ["stock.changed", "no.such"]
    found = await log(api, types=types, first=250)
    assert {event["type"] for event in found["nodes"]} == {"stock.changed"}


async def test_a_role_reads_the_nouns_that_it_may(api: InProcessServer) -> None:
    await api.receive(5)
    partner = await api.a_key(Role.PARTNER)
    found = await log(api, partner, first=250)
    nouns = {event["type"].partition(".")[0] for event in found["nodes"]}
    assert "stock" in nouns
    assert not nouns & {"supplier", "policy", "journal", "key"}
    shop = await api.a_key(Role.STOREFRONT, channels=("web",))
    assert await api.code(EVENTS, {}, key=shop) == "FORBIDDEN"


async def test_a_cursor_that_is_none_is_a_bad_request(api: InProcessServer) -> None:
    for after in ("", "x", "-1", "1.5", "9" * 30):
        assert await api.code(EVENTS, {"after": after}) == "BAD_REQUEST"
    for first in (-1, 251):
        assert await api.code(EVENTS, {"first": first}) == "BAD_REQUEST"


async def test_ids_in_facts_are_such_as_node_takes(api: InProcessServer) -> None:
    """Ids of orders, order lines, parcels, returns and return items, in all events."""
    made = await requested(api, 2)
    await came(api, made, 1)
    await api.receive(3, at="YORK")
    kept = await api.place(3, externalReference="W-9")
    part = {"id": kept["id"], "lines": [{"orderLineId": kept["lines"][0]["id"], "quantity": 1}]}
    await api.done(CANCEL_PART, part)
    facts = (await log(api, first=250))["nodes"]
    assert not RAW.search(orjson.dumps([fact["data"] for fact in facts]).decode())
    ids = {text for fact in facts for text in texts_in(fact["data"]) if decode(text) is not None}
    kinds = set()
    for each in ids:
        found = await api.ask("query ($id: ID!) { node(id: $id) { __typename } }", {"id": each})
        kinds.add(found["node"]["__typename"])
    assert kinds == {"Order", "OrderLine", "Fulfillment", "Return", "ReturnItem"}


def texts_in(data: Any) -> list[str]:
    """All texts in a JSON value, including names of members."""
    if isinstance(data, dict):
        return [text for each in (*data, *data.values()) for text in texts_in(each)]
    if isinstance(data, list):
        return [text for each in data for text in texts_in(each)]
    return [data] if isinstance(data, str) else []
