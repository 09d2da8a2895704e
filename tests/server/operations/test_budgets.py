"""Budgets of a running query: its time, its objects, its bytes, and its share of the event loop."""

import asyncio
import gc
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest
import strawberry
from hypothesis import given
from hypothesis import strategies as st

import server.operations.encoding as encoding
from server.operations.answers import encoded
from server.operations.encoding import encoded_in_slices
from server.operations.engine import Engine, Schema
from server.operations.errors import RequestRefused
from server.operations.limits import RequestLimits
from server.operations.request import GraphQLRequest
from server.projection.pace import Pace
from server.projection.slices import Abandonable
from tests.builders.in_process_server import InProcessServer
from tests.server.large_sales import ORDERS, REFERENCE, RETURNS, open_large_sales
from tests.server.sample import SampleContext

BYTES = 8 * 1024 * 1024
HELD_MAX = 0.05  # seconds of CPU without a turn of the event loop


@strawberry.type
class Query:
    @strawberry.field
    async def stuck(self) -> int:
        """Never returns."""
        await asyncio.Event().wait()
        return 0

    @strawberry.field
    async def text(self, length: int) -> str:
        """A text of this length."""
        return "x" * length


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def write(self, length: int) -> str:
        """A text of this length."""
        return "x" * length


SCHEMA = Schema(Query, Mutation)


async def respond(text: str, **limits: Any) -> bytes:
    engine = Engine(SCHEMA.graphql_schema, limits=RequestLimits(**limits))
    operation = engine.prepare(GraphQLRequest(text, {}, None), request_id="test")
    return (await engine.respond(operation, SampleContext())).body


async def test_a_query_is_stopped_after_its_time() -> None:
    with pytest.raises(RequestRefused) as refused:
        await respond("{ stuck }", seconds=0.01)
    assert (refused.value.code, refused.value.status) == ("UNAVAILABLE", 503)
    assert "stopped after 0.01 seconds" in refused.value.message
    assert refused.value.headers == {"Retry-After": "1"}


async def test_an_answer_of_a_query_has_a_largest_size() -> None:
    body = await respond("{ text(length: 100) }", answer_bytes=200)
    assert orjson.loads(body) == {"data": {"text": "x" * 100}}
    with pytest.raises(RequestRefused, match="more than 200 bytes") as refused:
        await respond("{ text(length: 200) }", answer_bytes=200)
    assert (refused.value.code, refused.value.status) == ("BAD_REQUEST", 400)


async def test_the_answer_of_a_mutation_is_always_sent() -> None:
    body = await respond("mutation { write(length: 300) }", answer_bytes=200)
    assert orjson.loads(body) == {"data": {"write": "x" * 300}}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text('aé"', max_size=3),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text('ab"', max_size=2), inner),
    max_leaves=40,
)


@given(JSON_VALUES)
def test_slices_of_json_are_the_same_json(value: Any) -> None:
    small = encoding.ELEMENTS
    encoding.ELEMENTS = 2  # type: ignore[misc]
    try:
        assert asyncio.run(encoded_in_slices(value, BYTES, Pace())) == encoded(value)
    finally:
        encoding.ELEMENTS = small  # type: ignore[misc]


def nested(levels: int, fields: str = "id") -> str:
    """Returns of the order with many returns, their order, its returns, and so on."""
    text = fields
    for _ in range(levels):
        text = f"returns {{ order {{ {text} }} }}"
    return f'{{ order(channel: "web", externalReference: "{REFERENCE}") {{ {text} }} }}'


@asynccontextmanager
async def longest_hold() -> AsyncIterator[list[float]]:
    """The CPU time of each turn of the event loop in this block."""
    held: list[float] = []

    async def watch() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            held.append(time.thread_time() - before)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield held
    finally:
        watching.cancel()


async def test_large_answers_are_whole_and_hold_the_event_loop_briefly(
    api: InProcessServer,
) -> None:
    await open_large_sales(api)
    pages = "{ orders(first: 250) { nodes { id number lines { sku quantity item { name } } } } }"
    for text in (nested(3), pages):
        await api.ask(text)  # compiles it, and opens connections
        async with longest_hold() as held:
            answer = (await api.post(text)).content
        assert max(held) < HELD_MAX
        assert len(answer) > 30_000
    found = await api.ask(nested(3))
    order = found["order"]
    for _ in range(3):
        assert len(order["returns"]) == RETURNS
        order = order["returns"][-1]["order"]
    orders = (await api.ask(pages))["orders"]["nodes"]
    assert len(orders) == ORDERS + 1

    engine = api.restow.engine
    engine.limits = replace(engine.limits, rows=RETURNS * RETURNS)
    refused = (await api.post(nested(2))).json()
    assert refused["data"] == {"order": None}
    assert refused["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "more than 1,600 objects" in refused["errors"][0]["message"]
    engine.limits = replace(engine.limits, rows=10**6, answer_bytes=100_000)
    refused = (await api.post(nested(3))).json()
    assert "data" not in refused
    assert "more than 100,000 bytes" in refused["errors"][0]["message"]


async def test_a_coroutine_that_is_dropped_before_it_starts_causes_no_warning() -> None:
    async def answer() -> int:
        return 7

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Abandonable(answer())  # dropped
        waiting = asyncio.ensure_future(Abandonable(answer()))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        del waiting
        gc.collect()
    assert await Abandonable(answer()) == 7


async def test_slices_change_no_answer(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_large_sales(api)
    texts = [
        nested(2, "number status lines { sku item { name } }"),
        "{ orders(first: 9) { edges { cursor node { number lines { sku } } } totalCount } }",
        "{ returns { nodes { rmaNumber items { sku inspections { note } order { number } } } } }",
        '{ node(id: "T3JkZXI6MQ==") { id ... on Order { number } } locations { code } }',
        'query { availability(channel: "web", skus: ["L-001", "no", "L-002"]) { sku inStock } }',
    ]
    whole = [(await api.post(text)).json() for text in texts]
    monkeypatch.setattr("server.operations.engine.LARGE_FROM_COST", 0)
    monkeypatch.setattr("server.operations.engine.ENCODED_AT_ONCE", 0)
    monkeypatch.setattr("server.projection.slices.ELEMENTS", 1)
    monkeypatch.setattr("server.projection.pace.SLICE_SECONDS", 0.0)
    assert [(await api.post(text)).json() for text in texts] == whole
