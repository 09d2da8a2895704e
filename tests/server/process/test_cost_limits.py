"""Cost of operations over HTTP and sockets: what is taken, what answers say, and refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.access.callers import Role
from server.process.rate_limits import RateLimit
from server.transports.protocol import SUBPROTOCOL
from tests.builders.in_process_server import HOLD, InProcessServer
from tests.builders.transactions import rows
from tests.server.socket import Client

LIMITS = {
    "ANONYMOUS": RateLimit(70_000, 60),
    "SUPPORT": RateLimit(200, 60),
    "ADMIN": None,
}
ITEM = '{ item(sku: "TEE") { sku name } }'  # costs 3
PAGE = "{ items(first: 90) { nodes { sku } } }"  # costs 181


@pytest.fixture
async def limited(database_url: str) -> AsyncIterator[InProcessServer]:
    api = InProcessServer(database_url, anonymous_channels="web", cost_limits=LIMITS)
    await api.open()
    try:
        await api.create_master_data()
        await api.receive(100)
        yield api
    finally:
        await api.close()


def cost_in(answer: Any) -> Any:
    return answer.json()["extensions"]["cost"]


async def test_each_answer_says_what_it_cost_and_what_is_left(limited: InProcessServer) -> None:
    key = await limited.a_key(Role.SUPPORT)
    first = cost_in(await limited.post(ITEM, key=key))
    assert first == {"requested": 3, "remaining": 197, "refillPerSecond": 3.33}
    page = cost_in(await limited.post(PAGE, key=key))
    assert page["requested"] == 181
    assert page["remaining"] > 197 - 181  # three items are in the answer
    unlimited = cost_in(await limited.post(ITEM))
    assert unlimited == {"requested": 3, "remaining": None, "refillPerSecond": None}


async def test_too_little_left_is_refused_with_the_time_to_wait(limited: InProcessServer) -> None:
    key = await limited.a_key(Role.SUPPORT)
    failing = "{ orders(first: 60) { nodes { number } } reasonCodes { code } }"
    limited.restow.costs.charge(await limited.restow.callers.find(f"Bearer {key}", None), 150)
    answer = await limited.post(PAGE, key=key)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 30
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["extensions"]["cost"]["requested"] == 181
    assert (await limited.post(failing, key=key)).status_code == 429
    assert (await limited.post(ITEM, key=key)).status_code == 200
    assert (await limited.post(PAGE)).status_code == 200  # another key


async def test_a_mutation_without_a_budget_changes_nothing(limited: InProcessServer) -> None:
    limited.restow.costs.take(("ANONYMOUS", "127.0.0.1"), 70_000)
    given = {"input": {"channel": "web", "lines": [{"sku": "TEE", "quantity": 1}]}}
    answer = await limited.post(HOLD, given, key=None)
    assert answer.status_code == 429
    assert await rows(limited.restow.database, "SELECT id FROM reservation") == []


async def test_aliases_of_availability_cost_their_skus(limited: InProcessServer) -> None:
    fields = " ".join(f'a{n}: availability(channel: "web", skus: $s) {{ sku }}' for n in range(30))
    text = f"query ($s: [String!]!) {{ {fields} }}"
    skus = {"s": ["TEE"] * 1_000}
    answer = await limited.post(text, skus, key=None)
    assert answer.status_code == 200
    cost = cost_in(answer)
    assert cost["requested"] == 30 * 1_000 * 2
    assert 70_000 - cost["remaining"] >= 30_000
    assert (await limited.post(text, skus, key=None)).status_code == 429


async def test_operations_and_subscriptions_of_a_socket_take_their_cost(
    limited: InProcessServer,
) -> None:
    key = await limited.a_key(Role.SUPPORT)
    stream = "subscription { stockChanged { level { available } } }"  # costs a few
    client = Client(limited.restow.asgi, [SUBPROTOCOL])
    try:
        payload = {"authorization": f"Bearer {key}"}
        client.send({"type": "connection_init", "payload": payload})
        assert (await client.receive())["type"] == "connection_ack"
        client.subscribe("1", ITEM)
        answer = (await client.receive())["payload"]
        assert answer["extensions"]["cost"]["requested"] == 3
        assert (await client.receive())["type"] == "complete"
        caller = await limited.restow.callers.find(f"Bearer {key}", None)
        limited.restow.costs.charge(caller, 196)
        for number, text in enumerate((PAGE, stream)):
            client.subscribe(f"r{number}", text)
            refused = await client.receive()
            assert (refused["type"], refused["id"]) == ("error", f"r{number}")
            assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
    finally:
        await client.leave()
