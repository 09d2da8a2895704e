"""Introspection and suggestions outside of the demo, by the role of the key."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator

import pytest
from graphql import get_introspection_query

from domain.access.callers import Role
from settings import SettingsError, load
from tests.builders.in_process_server import InProcessServer

SCHEMA = "{ __schema { queryType { name } } }"
TYPE = '{ __type(name: "Order") { name } }'
TYPO = "{ viewer { actr } }"
NAME = "{ viewer { __typename } }"
TURN_SECONDS_MAX = 0.05  # of CPU, in one iteration of the event loop
OPEN = frozenset({Role.SUPPLY_CHAIN, Role.ADMIN})


@pytest.fixture
async def served(database_url: str) -> AsyncIterator[InProcessServer]:
    """The program in production, with introspection for two roles."""
    server = InProcessServer(
        database_url, demo=False, introspection_roles=OPEN, anonymous_channels="web"
    )
    await server.open()
    yield server
    await server.close()


async def test_a_role_reads_the_schema_if_the_setting_names_it(served: InProcessServer) -> None:
    keys: dict[Role | None, str | None] = {role: await served.a_key(role) for role in Role}
    for _ in range(2):  # the second time from the cache, where all roles send the same texts
        for role, key in {**keys, None: None}.items():
            for text in (SCHEMA, TYPE):
                answer = (await served.post(text, key=key)).json()
                assert ("errors" not in answer) == (role in OPEN), (role, answer)
            message = (await served.post(TYPO, key=key)).json()["errors"][0]["message"]
            assert ("Did you mean" in message) == (role in OPEN), (role, message)
            if key is not None:
                assert (await served.ask(NAME, key=key))["viewer"] == {"__typename": "Viewer"}


async def test_introspection_leaves_the_event_loop_to_others(api: InProcessServer) -> None:
    """The whole schema with its descriptions is read in slices, compiled or not."""
    turns: list[float] = []

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            turns.append(now - last)
            last = now

    # A collection of all objects of the other tests is no work of this one.
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            watching = asyncio.create_task(watch())
            answer = await api.post(get_introspection_query())
            watching.cancel()
            assert len(answer.content) > 200_000
    finally:
        gc.enable()
    assert sum(turns) > TURN_SECONDS_MAX
    assert max(turns) < TURN_SECONDS_MAX


def test_the_setting_lists_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().introspection_roles == frozenset()
    monkeypatch.setenv("RESTOW_INTROSPECTION_ROLES", "SUPPLY_CHAIN, ADMIN")
    assert load().introspection_roles == OPEN
    monkeypatch.setenv("RESTOW_INTROSPECTION_ROLES", "ADMIN,ROOT")
    with pytest.raises(SettingsError, match=r"RESTOW_INTROSPECTION_ROLES.*STOREFRONT"):
        load()
