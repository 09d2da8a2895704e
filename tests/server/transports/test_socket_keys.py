"""Keys of WebSockets: checked while they are open, and when they connect."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from contextlib import AsyncExitStack

from domain.access.callers import Caller, Role, holder
from server.operations.errors import RequestRefused
from tests.server.socket import InProcessServer

ENDLESS = "subscription { ticks(count: 100000000) { units } }"


async def test_a_revoked_key_closes_its_sockets_only() -> None:
    api = InProcessServer()
    ids = [uuid.uuid4() for _ in range(3)]
    for number, key_id in enumerate(ids):
        api.keys[f"Bearer {number}"] = holder(Role.ADMIN, actor="x", key_id=key_id)
    requested: list[Collection[uuid.UUID]] = []

    async def live_keys(key_ids: Collection[uuid.UUID]) -> Collection[uuid.UUID]:
        requested.append(key_ids)
        return [ids[0]]

    async with (
        api.open(authorization="Bearer 0") as good,
        api.open(authorization="Bearer 1") as revoked,
        api.open(authorization="Bearer 1") as revoked_too,
        api.open() as keyless,
    ):
        revoked.subscribe("1", ENDLESS)
        await api.sockets.check(live_keys)
        assert [(await each.closed()).code for each in (revoked, revoked_too)] == [4401, 4401]
        for client in (good, keyless):
            client.send({"type": "ping"})
            assert (await client.receive())["type"] == "pong"
        assert len(api.sockets) == 2
        await api.sockets.check(live_keys)
    assert requested == [set(ids[:2]), set(ids[:1])]
    await api.sockets.check(live_keys)
    assert len(requested) == 2


async def test_a_check_judges_only_the_keys_that_it_asked_about() -> None:
    api = InProcessServer()
    ids = [uuid.uuid4() for _ in range(2)]
    for number, key_id in enumerate(ids):
        api.keys[f"Bearer {number}"] = holder(Role.ADMIN, actor="x", key_id=key_id)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(api.open(authorization="Bearer 0"))
        late = []

        async def live_keys(asked: Collection[uuid.UUID]) -> Collection[uuid.UUID]:
            """Connect with the other key after the question was asked."""
            late.append(await stack.enter_async_context(api.open(authorization="Bearer 1")))
            return asked

        await api.sockets.check(live_keys)
        late[0].send({"type": "ping"})
        assert (await late[0].receive())["type"] == "pong"
        assert len(api.sockets) == 2


async def test_a_slow_look_up_of_the_key_is_not_the_clients_delay() -> None:
    api = InProcessServer(init_seconds=0.05)
    found = api.authenticate

    async def slowly(authorization: str | None, address: str) -> Caller:
        await asyncio.sleep(0.15)
        return await found(authorization, address)

    api.endpoint.authenticate = slowly
    async with api.open() as client:
        client.send({"type": "ping"})
        assert (await client.receive())["type"] == "pong"


async def test_a_log_in_that_may_be_repeated_is_not_closed_with_4401() -> None:
    api = InProcessServer()

    async def busy(authorization: str | None, address: str) -> Caller:
        raise RequestRefused("RATE_LIMITED", 429, "Too many log-ins.")

    api.endpoint.authenticate = busy
    async with api.open(init=False) as client:
        client.send({"type": "connection_init"})
        assert (await client.closed()).code == 1013
