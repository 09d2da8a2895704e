"""Screens of a task queue on real servers: a snapshot and the changes after it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from websockets.exceptions import WebSocketException

from tests.races.server_processes import TradingClient
from tests.races.sockets import Subscription, subscribed
from tests.resolvers.test_task_queues import QUEUE, TASK, Shown
from tests.subscriptions.log.facts import until

PAGE = f"""
query ($queue: QueueKind!, $at: String!, $status: TaskStatus!, $after: String) {{
  tasks(queue: $queue, location: $at, status: $status, first: 250, after: $after) {{
    nodes {{ {TASK} }} pageInfo {{ hasNextPage endCursor }} }} }}
"""


class Screen(Shown):
    """A queue screen that at times loses its connection and starts again on any server."""

    def __init__(self, client: TradingClient, seed: int, queue: str = "PICK") -> None:
        super().__init__()
        self.queue = queue
        self.begun = 0
        self._client = client
        self._chance = random.Random(seed)
        self._stream: Subscription | None = None

    async def run(self) -> None:
        """Follow the queue until cancelled."""
        while True:
            port = self._chance.choice(self._client.cluster.ports)
            at = self._client.own("LEEDS")
            self.tasks = {}
            self.begun += 1
            with suppress(OSError, WebSocketException):
                async with subscribed(port, QUEUE, queue=self.queue, at=at) as self._stream:
                    while True:
                        self.take(await self._stream.next())

    async def agrees(self) -> None:
        """Wait until the screen equals a fresh query at one of the servers."""
        async with asyncio.timeout(20):
            while True:
                truth = await self._truth()
                with suppress(TimeoutError):
                    await until(partial(self._shows, truth), seconds=0.5)
                    return

    def _shows(self, truth: Mapping[str, Any]) -> bool:
        return self.tasks == truth

    async def _truth(self) -> dict[str, Any]:
        """The tasks of the queue as one of the servers shows them, page by page."""
        at, tasks = self._chance.randrange(2), {}
        for status in ("OPEN", "CLAIMED"):
            given = {"queue": self.queue, "at": self._client.own("LEEDS"), "status": status}
            page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
            while page["pageInfo"]["hasNextPage"]:
                given["after"] = page["pageInfo"]["endCursor"]
                page = await self._client.cluster.ask(PAGE, given, at=at)
                tasks.update({task["id"]: task for task in page["nodes"]})
        return tasks

    def lose(self) -> None:
        """Drop the connection with a probability of 10 %."""
        if self._stream is not None and self._chance.random() < 0.1:
            self._stream.drop()
