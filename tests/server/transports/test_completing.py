"""After a client's complete message no frame with that id is sent, and the id may be used again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.transports.send_queue import SendQueue
from tests.server.socket import Client, InProcessServer

ENDLESS = "subscription { ticks(count: 100000000) { units } }"


async def failing() -> None:
    """A failing end of an operation."""
    raise KeyError("broken")


async def some_iterations() -> None:
    """Let all tasks run that do not wait for the client."""
    for _ in range(50):
        await asyncio.sleep(0)


async def types_until_pong(client: Client) -> list[str]:
    """Types of the messages before the pong."""
    client.send({"type": "ping"})
    types = []
    while (message := await client.receive())["type"] != "pong":
        types.append(message["type"])
    return types


async def test_a_completed_operation_sends_nothing_more_under_its_id() -> None:
    async with InProcessServer().open() as client:
        client.subscribe("1", ENDLESS)
        await client.receive()
        client.member.clear()
        await some_iterations()  # one frame is being sent, the next one waits
        client.send({"id": "1", "type": "complete"})
        await some_iterations()
        client.subscribe("1", "{ echo }")
        await some_iterations()
        client.member.set()
        assert (await client.receive())["payload"]["data"]["ticks"]
        assert (await client.receive())["payload"] == {"data": {"echo": "hello"}}
        assert (await client.receive())["type"] == "complete"
        assert await types_until_pong(client) == []


async def test_no_complete_is_sent_after_the_client_completed() -> None:
    async with InProcessServer().open() as client:
        client.member.clear()
        client.subscribe("1", "{ echo }")
        await some_iterations()  # the answer is being sent, the complete message waits
        client.send({"id": "1", "type": "complete"})
        client.subscribe("1", "{ echo }")
        await some_iterations()
        client.member.set()
        types = [(await client.receive())["type"] for _ in range(3)]
        assert types == ["next", "next", "complete"]
        assert await types_until_pong(client) == []


async def test_a_completed_operation_that_fails_at_its_end_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = InProcessServer()
    async with api.open() as client:
        client.subscribe("1", ENDLESS)
        await client.receive()
        monkeypatch.setattr(api.contexts[0], "close", failing)
        client.send({"id": "1", "type": "complete"})
        assert set(await types_until_pong(client)) <= {"next"}
        await some_iterations()
        assert await types_until_pong(client) == []


async def test_a_completed_operation_is_waited_for_when_its_client_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = InProcessServer()
    cleared = asyncio.Event()
    async with api.open() as client:
        client.subscribe("1", ENDLESS)
        await client.receive()
        monkeypatch.setattr(api.contexts[0], "close", cleared.wait)
        client.send({"id": "1", "type": "complete"})
        await types_until_pong(client)
        client.send_text("")
        await some_iterations()
        assert not client.task.done()
        cleared.set()
        assert (await client.closed()).code == 4400


@pytest.mark.parametrize("is_full", [False, True])
async def test_a_socket_that_breaks_at_the_end_leaves_no_task(is_full: bool) -> None:
    """Neither if it is sent at once, nor if it waited in a full socket."""
    room = asyncio.Event()
    failures: list[Exception] = []

    async def send(message: Any) -> None:
        if message["text"] != "first":
            raise OSError("gone")
        await room.wait()

    outbox = SendQueue(send, failures.append)
    operations = {"1"}
    if is_full:
        assert outbox.send_now("first")
    task = asyncio.create_task(outbox.send("last", lambda: operations.discard("1")))
    await some_iterations()
    room.set()
    await some_iterations()
    assert failures
    # The task has ended, or the connection still knows it and will end it.
    assert task.done() or operations
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
