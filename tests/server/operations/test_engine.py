"""The engine without HTTP: subscriptions, serial mutations, cached names."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.operations.engine import Engine, MemoisedNameConverter, Operation, Subscription
from server.operations.errors import DocumentRefused, RequestRefused
from server.operations.request import GraphQLRequest
from tests.server.conftest import SCHEMA
from tests.server.sample import SampleContext


@pytest.fixture
def engine() -> Engine:
    """An engine for the sample schema."""
    return Engine(SCHEMA.graphql_schema)


def prepared(engine: Engine, text: str, **variables: Any) -> Operation:
    """The prepared operation of `text`."""
    return engine.prepare(GraphQLRequest(text, variables), request_id="req-1")


async def answers(engine: Engine, text: str, **variables: Any) -> list[Any]:
    """All answers of a subscription."""
    stream = await engine.subscribe(prepared(engine, text, **variables), SampleContext())
    assert not isinstance(stream, dict)
    return [answer async for answer in stream]


async def test_a_subscription_answers_once_per_event(engine: Engine) -> None:
    text = "subscription($n: Int!) { ticks(count: $n) { units sku places { code } } }"
    found = await answers(engine, text, n=2)
    assert [answer["data"]["ticks"]["units"] for answer in found] == [0, 1]
    assert found[0]["data"]["ticks"]["places"][0] == {"code": "L0"}


async def test_the_events_of_a_subscription_are_projected(engine: Engine) -> None:
    operation = prepared(engine, "subscription { ticks { units } }")
    opened = await engine.open(operation, SampleContext())
    assert isinstance(opened, Subscription)
    async for event in opened.source:
        await opened.respond(event)
    [shape] = operation.document.memory["shapes"].values()
    assert all(shape.values.values())


async def test_a_source_that_fails_ends_the_stream_with_an_error(engine: Engine) -> None:
    with capture_logs() as logs:
        found = await answers(engine, "subscription { ticks(count: 1, broken: true) { units } }")
    assert found[0] == {"data": {"ticks": {"units": 0}}}
    assert found[1]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert len(found) == 2
    assert len(logs) == 1


async def test_an_event_that_fails_leaves_the_stream_open(engine: Engine) -> None:
    found = await answers(engine, "subscription { ticks { units facts required { amount } } }")
    assert len(found) == 3


async def test_a_source_that_cannot_open_is_an_answer(engine: Engine) -> None:
    text = "subscription($n: Int = 2) { ticks(count: $n) { units } }"
    operation = prepared(engine, text, n=None)
    opened = await engine.subscribe(operation, SampleContext())
    assert isinstance(opened, dict)
    assert opened["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_closing_the_stream_closes_its_source(engine: Engine) -> None:
    operation = prepared(engine, "subscription { ticks(count: 100) { units } }")
    opened = await engine.open(operation, SampleContext())
    assert isinstance(opened, Subscription)
    closed: list[bool] = []

    async def source() -> AsyncGenerator[Any, None]:
        try:
            async for event in opened.source:
                yield event
        finally:
            closed.append(True)

    stream = await engine.subscribe(operation, SampleContext())
    assert isinstance(stream, AsyncGenerator)
    assert await anext(stream)
    await stream.aclose()
    follower = source()
    await anext(follower)
    await follower.aclose()
    assert closed == [True]


async def test_kinds_of_operations_are_not_confused(engine: Engine) -> None:
    with pytest.raises(RequestRefused):
        await engine.subscribe(prepared(engine, "{ echo }"), SampleContext())
    operation = prepared(engine, "subscription { ticks { units } }")
    with pytest.raises(RequestRefused):
        await engine.execute(operation, SampleContext())


async def test_mutations_run_one_after_another_and_fail_apart(engine: Engine) -> None:
    text = (
        'mutation { a: pick(input: {sku: "a"}) { sku } '
        'b: pick(input: {sku: "b", quantity: -1}) { sku } c: pick(input: {sku: "c"}) { sku } }'
    )
    operation = prepared(engine, text)
    with capture_logs():
        answer = await engine.execute(operation, SampleContext(operation=operation))
    assert answer["data"] == {"a": {"sku": "a"}, "b": None, "c": {"sku": "c"}}
    assert [error["path"] for error in answer["errors"]] == [["b"]]


def test_variables_are_coerced_before_a_context_exists(engine: Engine) -> None:
    text = "query($n: Int!) { echo(number: $n) }"
    with pytest.raises(DocumentRefused) as caught:
        prepared(engine, text, n="x")
    assert caught.value.errors[0]["extensions"] == {"code": "BAD_REQUEST"}
    assert "locations" in caught.value.errors[0]
    assert "original" not in str(caught.value.errors)


def test_the_number_of_variable_errors_is_bounded(engine: Engine) -> None:
    names = [f"v{number}" for number in range(29)]
    definitions = " ".join(f"${name}: Int!" for name in names)
    fields = " ".join(f"{name}: echo(number: ${name})" for name in names)
    with pytest.raises(DocumentRefused) as caught:
        prepared(engine, f"query({definitions}) {{ {fields} }}")
    assert len(caught.value.errors) == 21  # the last error says that there are more


def test_names_are_computed_once() -> None:
    names = MemoisedNameConverter()
    first = names.apply_naming_config("available_to_promise")
    assert first == "availableToPromise"
    assert names.apply_naming_config("available_to_promise") is first
