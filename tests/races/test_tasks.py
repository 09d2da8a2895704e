"""Many tablets at real servers, and some of them die: each task is done once, each screen is right.

RESTOW_LONG=1: 50 tablets, 2,000 tasks, looked at in 100 moments.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from websockets.exceptions import WebSocketException

from models.database import Database
from tests import databases
from tests.builders.transactions import rows
from tests.conftest import session_directory
from tests.graphql.test_queues import LIVE, QUEUE, Shown
from tests.races.house import House, Stall
from tests.races.sockets import Subscription, subscribed
from tests.subscriptions.log import opened, until
from workflows.reconcile import reconcile

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
TABLETS, PARCELS, LOOKS = (50, 2_000, 100) if IS_LONG else (8, 60, 5)
SCREENS = 4
IDLE_SECONDS = TABLETS / 25  # before a tablet that found nothing asks again
OPEN_MAX = 240  # more than a page of a snapshot, and no more than a page of a query
CLAIM = """mutation($at: String!, $limit: Int!) {
  taskClaim(queue: PICK, locationCode: $at, limit: $limit) {
    tasks { id subject { id } } userErrors { code } } }"""
PICK = """mutation($id: ID!) { fulfillmentPick(fulfillmentId: $id) {
  fulfillment { status } userErrors { code } } }"""


@pytest.fixture
def database_url(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if engine == "sqlite":
        yield databases.fresh_sqlite(session_directory(), tmp_path_factory.mktemp("races"))
        return
    url = databases.fresh_postgres(session_directory())
    yield url
    databases.drop_postgres(url)


@pytest.fixture
async def house(engine: str, database_url: str) -> AsyncIterator[House]:
    """Two server processes on PostgreSQL; one on SQLite."""
    processes, broadcast = (2, database_url) if engine == "postgres" else (1, "memory://")
    async with House(database_url, processes=processes, broadcast=broadcast) as opened:
        yield opened


class Gate:
    """Lets steps through. While it is shut there are none."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._inside = 0

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """A step of somebody's work."""
        while not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    @asynccontextmanager
    async def shut(self) -> AsyncIterator[None]:
        """Nobody steps; those under way have ended."""
        self._open.clear()
        await until(lambda: not self._inside, seconds=30)
        try:
            yield
        finally:
            self._open.set()


class Hall:
    """A warehouse where orders come in while tablets pick them, and some tablets die."""

    def __init__(self, house: House, stall: Stall, database: Database) -> None:
        self.house = house
        self.stall = stall
        self.gate = Gate()
        self.placed = 0
        self.done: list[str] = []
        self.dead: list[str] = []
        self.is_over = False
        self._database = database
        self._chance = random.Random(50)
        self._tablets = 0

    async def take_orders(self) -> None:
        """All of them, a few at a time, while there is room in the queue."""
        while self.placed < PARCELS:
            few = range(self.placed, min(self.placed + 20, PARCELS))
            async with self.gate.step():
                places = (self.stall.place({"TEE": 1}, f"W-{n}", at=n) for n in few)
                self.placed += len(await asyncio.gather(*places))
            await until(lambda: self.placed - len(self.done) <= OPEN_MAX, seconds=120)

    async def work(self) -> None:
        """A place for a tablet: when one dies another one comes, with a key of its own."""
        while not self.is_over:
            self._tablets += 1
            number = self._tablets
            key = await self.house.a_key(number, "WAREHOUSE")
            try:
                await self._pick(number, key)
            except TimeoutError:
                self.dead.append(f"warehouse-{number}")

    async def _pick(self, number: int, key: str) -> None:
        """Claim and pick until all is done. Raises TimeoutError: this one died."""
        while not self.is_over:
            given = {"at": self.stall.own("LEEDS"), "limit": 1 + number % 4}
            claimed = (await self._ask(CLAIM, given, number, key))["tasks"]
            if not claimed:
                await asyncio.sleep(IDLE_SECONDS)
            for task in claimed:
                if self._chance.random() < 0.01:
                    raise TimeoutError
                done = await self._ask(PICK, {"id": task["subject"]["id"]}, number, key)
                assert done["userErrors"] == []
                self.done.append(task["id"])

    async def _ask(self, query: str, given: Mapping[str, Any], at: int, key: str) -> Any:
        """A step of a tablet, which may die before it has the answer."""
        life = self._chance.uniform(0, 0.02) if self._chance.random() < 0.02 else None
        async with self.gate.step(), asyncio.timeout(life):
            return await self.house.ask(query, given, at=at, by=key)

    async def sweep(self) -> None:
        """Have the claims of the dead run out, until everything is done."""
        while not self.is_over:
            await asyncio.sleep(0.5)
            over = datetime.now(UTC) - timedelta(seconds=1)
            async with self._database.writer() as session:
                for actor in self.dead:
                    await session.execute(
                        "UPDATE task SET lease_until_at = $1"
                        " WHERE claimed_by = $2 AND status = 'CLAIMED' AND lease_until_at > $1",
                        over,
                        actor,
                    )
            if self.placed == PARCELS:
                live = await rows(
                    self._database,
                    "SELECT id FROM task WHERE status IN ('OPEN', 'CLAIMED') AND queue = 'PICK'",
                )
                self.is_over = not live


class Screen(Shown):
    """A screen in the hall; now and then it loses its connection and begins anew anywhere."""

    def __init__(self, hall: Hall, seed: int) -> None:
        super().__init__()
        self.begun = 0
        self._hall = hall
        self._chance = random.Random(seed)
        self._stream: Subscription | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            port = self._chance.choice(self._hall.house.ports)
            at = self._hall.stall.own("LEEDS")
            self.tasks = {}
            self.begun += 1
            with suppress(OSError, WebSocketException):
                async with subscribed(port, QUEUE, queue="PICK", at=at) as self._stream:
                    while True:
                        self.take(await self._stream.next())

    async def agrees(self) -> None:
        """Wait until it shows what a fresh query says, asked at either process."""
        async with asyncio.timeout(20):
            while True:
                truth = await self._truth()
                with suppress(TimeoutError):
                    await until(partial(self._shows, truth), seconds=0.5)
                    return

    def _shows(self, truth: Mapping[str, Any]) -> bool:
        return self.tasks == truth

    async def _truth(self) -> dict[str, Any]:
        variables = {"queue": "PICK", "at": self._hall.stall.own("LEEDS")}
        at = self._chance.randrange(2)
        found = await self._hall.house.data(LIVE, variables, at=at)
        return {task["id"]: task for each in found.values() for task in each["nodes"]}

    def lose(self) -> None:
        """Lose the connection, perhaps."""
        if self._stream is not None and self._chance.random() < 0.1:
            self._stream.drop()


async def look(hall: Hall, screens: list[Screen]) -> int:
    """Compare at random moments of the run; how many tasks were on the screens in all."""
    chance = random.Random(100)
    seen = 0
    for moment in sorted(chance.sample(range(1, PARCELS * 9 // 10), LOOKS)):
        await until(lambda moment=moment: len(hall.done) >= moment, seconds=120)  # type: ignore[misc]
        async with hall.gate.shut():
            await asyncio.gather(*(screen.agrees() for screen in screens))
        seen += len(screens[0].tasks)
        for screen in screens:
            screen.lose()
    return seen


async def test_each_task_is_done_once_and_each_screen_shows_it(
    house: House, database_url: str, tell: Callable[[str], None]
) -> None:
    stall = Stall(house, "stall")
    await stall.furnish(["TEE"], {"LEEDS": PARCELS})
    async with opened(database_url) as database:
        hall = Hall(house, stall, database)
        screens = [Screen(hall, seed) for seed in range(SCREENS)]
        async with asyncio.TaskGroup() as tasks:
            showing = [tasks.create_task(screen.run()) for screen in screens]
            for _ in range(TABLETS):
                tasks.create_task(hall.work())
            tasks.create_task(hall.take_orders())
            tasks.create_task(hall.sweep())
            seen = await look(hall, screens)
            await until(lambda: hall.is_over, seconds=600)
            await asyncio.gather(*(screen.agrees() for screen in screens))
            for each in showing:
                each.cancel()
        assert all(screen.tasks == {} for screen in screens)
        assert max(Counter(hall.done).values()) == 1
        for fact, subject in (("task.done", "Task"), ("fulfillment.picked", "Fulfillment")):
            told = await rows(
                database, "SELECT subject_key FROM event WHERE type = $1 AND subject_type = $2",
                fact, subject,
            )  # fmt: skip
            assert len(told) == len({row["subject_key"] for row in told}) == PARCELS, fact
        assert [str(each) for each in await reconcile(database)] == []
    tell(
        f"tablets: {PARCELS} tasks done once each, {len(hall.dead)} tablets died; {SCREENS} screens"
        f" right in {LOOKS} moments ({seen / LOOKS:.0f} tasks each), begun"
        f" {sum(screen.begun for screen in screens)} times"
    )
