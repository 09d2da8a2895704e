"""Introspection and suggestions outside of the demo, by the role of the key."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.access.callers import Role
from settings import SettingsError, load
from tests.builders.in_process_server import InProcessServer

SCHEMA = "{ __schema { queryType { name } } }"
TYPE = '{ __type(name: "Order") { name } }'
TYPO = "{ viewer { actr } }"
NAME = "{ viewer { __typename } }"
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


def test_the_setting_lists_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().introspection_roles == frozenset()
    monkeypatch.setenv("RESTOW_INTROSPECTION_ROLES", "SUPPLY_CHAIN, ADMIN")
    assert load().introspection_roles == OPEN
    monkeypatch.setenv("RESTOW_INTROSPECTION_ROLES", "ADMIN,ROOT")
    with pytest.raises(SettingsError, match=r"RESTOW_INTROSPECTION_ROLES.*STOREFRONT"):
        load()
