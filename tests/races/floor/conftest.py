"""Servers for the races of the floor: two processes on PostgreSQL, one on SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integrations.test_signed_webhooks import a_secret
from tests.races.floor.floor_client import FloorClient
from tests.races.server_processes import Cluster

SECRET = a_secret("f")


@pytest.fixture
async def client(engine: str, database_url: str) -> AsyncIterator[FloorClient]:
    """A client of servers on a database of their own, which broadcast through it."""
    processes, broadcast = (2, database_url) if engine == "postgres" else (1, "memory://")
    servers = Cluster(
        database_url,
        processes=processes,
        broadcast=broadcast,
        RESTOW_WEBHOOK_SECRETS=SECRET,
    )
    async with servers as cluster:
        yield FloorClient(cluster, "floor")
