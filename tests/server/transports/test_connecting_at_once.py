"""100 keys that connect at the same time keep their sockets, while keys are checked all the time.

RESTOW_LONG=1 connects 50 times instead of 5.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from domain.access.callers import Role
from tests.builders.in_process_server import InProcessServer
from tests.server.served_program import served

ROUNDS = 50 if os.environ.get("RESTOW_LONG") == "1" else 5
KEYS = 100
SUBPROTOCOLS: Any = ["graphql-transport-ws"]
KEYS_OF_ALL = "{ apiKeys { id name } }"
REVOKE = "mutation ($id: ID!) { apiKeyRevoke(id: $id) { userErrors { message } } }"


async def _open(url: str, key: str) -> ClientConnection:
    socket = await connect(url, subprotocols=SUBPROTOCOLS, compression=None, open_timeout=60)
    init = {"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}}
    await socket.send(json.dumps(init))
    assert json.loads(await socket.recv()) == {"type": "connection_ack"}
    return socket


async def _answers(socket: ClientConnection) -> None:
    await socket.send('{"type":"ping"}')
    assert json.loads(await socket.recv()) == {"type": "pong"}


async def _check_without_pause(api: InProcessServer, checks: Counter[str]) -> None:
    """Check the keys of all sockets again and again, so that every moment is met."""
    while True:
        await api.restow.sockets.check(api.restow._live_keys)
        checks["done"] += 1
        await asyncio.sleep(0)


async def test_no_socket_is_closed_without_a_reason(api: InProcessServer) -> None:
    keys = [await api.a_key(Role.WAREHOUSE, name=f"tablet {number}") for number in range(KEYS)]
    checks: Counter[str] = Counter()
    checking = asyncio.create_task(_check_without_pause(api, checks))
    async with served(api) as program:
        for _ in range(ROUNDS):
            before = checks["done"]
            sockets = await asyncio.gather(*(_open(program.url, key) for key in keys))
            await asyncio.gather(*map(_answers, sockets))
            assert checks["done"] > before
            await asyncio.gather(*(socket.close() for socket in sockets))
        checking.cancel()
        assert set(api.restow.sockets.closes) <= {"gone", "normal"}, api.restow.sockets.closes


async def test_a_revoked_key_ends_its_sockets_within_five_seconds(api: InProcessServer) -> None:
    keys = [await api.a_key(Role.WAREHOUSE, name=name) for name in ("lost tablet", "other tablet")]
    found = (await api.ask(KEYS_OF_ALL))["apiKeys"]
    [key_id] = [key["id"] for key in found if key["name"] == "lost tablet"]
    async with served(api) as program:
        lost, other = [await _open(program.url, key) for key in keys]
        started = time.monotonic()
        await api.done(REVOKE, {"id": key_id})
        async with asyncio.timeout(10):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await lost.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        assert time.monotonic() - started < 5
        await _answers(other)
        await other.close()
