"""Task queue streams: a snapshot, then every change; alerts; streams of single objects."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import workflows.exceptions.handling
import workflows.exceptions.opening
from domain.access.callers import Role
from domain.exceptions import ExceptionKind
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.test_subscriptions import CANCEL, Screen, screen
from tests.resolvers.test_tasks import CLAIM, PICK, RELEASE, a_parcel
from tests.subscriptions.log.facts import until
from workflows.transactions.transaction import Transaction

TASK = "id queue status claimedBy leaseUntil priority subject { id }"
QUEUE = f"""
subscription ($queue: QueueKind!, $at: String!) {{
  queueChanged(queue: $queue, location: $at) {{ cursor change complete tasks {{ {TASK} }} }} }}
"""
LIVE = f"""
query ($queue: QueueKind!, $at: String!) {{
  open: tasks(queue: $queue, location: $at, status: OPEN, first: 250) {{ nodes {{ {TASK} }} }}
  claimed: tasks(queue: $queue, location: $at, status: CLAIMED, first: 250) {{
    nodes {{ {TASK} }} }} }}
"""
ALERTS = """
subscription ($severities: [ExceptionSeverity!], $kinds: [String!], $at: [String!],
    $after: String) {
  exceptionAlerts(severities: $severities, kinds: $kinds, locations: $at, after: $after) {
    cursor exception { id kind status occurrences location { code } } } }
"""
ORDER = """
subscription ($id: ID!) { orderChanged(id: $id) {
  cursor order { id status fulfillments { status } } } }
"""


class Shown:
    """A client's view of a queue from its messages: tasks by id."""

    def __init__(self) -> None:
        self.tasks: dict[str, Any] = {}

    def take(self, event: Any) -> bool:
        """Apply a message; return True if the snapshot is complete."""
        for task in event["tasks"]:
            if event["change"] == "REMOVE":
                self.tasks.pop(task["id"], None)
            else:
                self.tasks[task["id"]] = task
        return bool(event["complete"])


class Tablet(Shown):
    """A client that shows a queue and compares it with a query."""

    def __init__(self, client: Screen, api: InProcessServer, queue: str = "PICK") -> None:
        super().__init__()
        self.client = client
        self.api = api
        self.queue = queue
        self.pages = 0

    async def open(self) -> None:
        """Subscribe and apply the snapshot."""
        self.client.subscribe("s", QUEUE, variables={"queue": self.queue, "at": "Leeds"})
        while not self.take(await self.client.next()):
            self.pages += 1
        self.pages += 1

    async def follow(self) -> None:
        """Apply changes until cancelled."""
        while True:
            self.take(await self.client.next())

    async def truth(self) -> dict[str, Any]:
        """The result of a new query."""
        found = await self.api.ask(LIVE, {"queue": self.queue, "at": "LEEDS"})
        nodes = [*found["open"]["nodes"], *found["claimed"]["nodes"]]
        return {task["id"]: task for task in nodes}

    async def agrees(self) -> None:
        """Wait until the view equals the result of a new query."""
        truth = await self.truth()
        try:
            await until(lambda: self.tasks == truth)
        except TimeoutError:
            assert self.tasks == truth


async def work_at_random(api: InProcessServer, chance: random.Random, steps: int) -> None:
    """Place, claim, release, pick and cancel at random."""
    orders: list[Any] = []
    for number in range(steps):
        step = chance.random()
        if step < 0.4 or not orders:
            orders.append(await api.place(1, externalReference=f"R-{chance.random()}-{number}"))
        elif step < 0.6:
            await api.done(CLAIM, {"queue": "PICK", "at": "LEEDS", "limit": chance.randint(1, 3)})
        elif step < 0.75:
            found = await api.ask(LIVE, {"queue": "PICK", "at": "LEEDS"})
            for task in found["claimed"]["nodes"][:2]:
                await api.change(RELEASE, {"id": task["id"]})
        elif step < 0.9:
            order = orders.pop(chance.randrange(len(orders)))
            await api.change(PICK, {"id": order["fulfillments"][0]["id"]})
        else:
            order = orders.pop(chance.randrange(len(orders)))
            await api.change(CANCEL, {"id": order["id"]})


async def test_a_screen_equals_a_fresh_query_whenever_it_is_looked_at(api: InProcessServer) -> None:
    chance = random.Random(4)
    await api.receive(500)
    await work_at_random(api, chance, 15)
    async with screen(api) as first, screen(api) as second:
        early, late = Tablet(first, api), Tablet(second, api)
        await early.open()
        following = [asyncio.create_task(early.follow())]
        working = asyncio.create_task(work_at_random(api, chance, 30))
        await asyncio.sleep(0)
        await late.open()  # while there are tasks
        following.append(asyncio.create_task(late.follow()))
        await working
        for _ in range(5):
            await work_at_random(api, chance, 4)
            await early.agrees()
            await late.agrees()
        api.advance_clock(601)  # all claims expire and are swept
        await early.agrees()
        await late.agrees()
        assert all(task["status"] == "OPEN" for task in late.tasks.values())
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def test_a_snapshot_comes_in_pages(api: InProcessServer, monkeypatch: Any) -> None:
    monkeypatch.setattr("subscriptions.streams.task_queues.PAGE_MAX", 2)
    await api.receive(9)
    async with screen(api) as client:
        nothing = Tablet(client, api, "PACK")
        await nothing.open()
        assert (nothing.pages, nothing.tasks) == (1, {})
    for number in range(5):
        await a_parcel(api, externalReference=f"P-{number}")
    async with screen(api) as client:
        tablet = Tablet(client, api)
        await tablet.open()
        assert tablet.pages == 3
        await tablet.agrees()


async def test_a_queue_shows_what_the_key_may_see(api: InProcessServer) -> None:
    await api.receive(9, at="YORK")
    market = await api.a_key(Role.WAREHOUSE, channels=("market",))
    leeds = await api.a_key(Role.WAREHOUSE, locations=("LEEDS",))
    await api.place(1)
    await api.place(1, channel="market", externalReference="M-1")
    async with screen(api, market) as client:
        client.subscribe("s", QUEUE, variables={"queue": "PICK", "at": "YORK"})
        first = await client.next()
        await api.place(1, externalReference="W-2")
        await api.place(1, channel="market", externalReference="M-2")
        second = await client.next()
        if second["tasks"] == first["tasks"]:  # its event was numbered after the snapshot
            second = await client.next()
    assert [len(first["tasks"]), len(second["tasks"]), second["change"]] == [1, 1, "UPSERT"]
    assert first["tasks"] != second["tasks"]
    async with screen(api, leeds) as client:
        for at in ("YORK", "NOWHERE"):
            client.subscribe(at, QUEUE, variables={"queue": "PICK", "at": at})
            refused = await client.receive()
            assert refused["payload"][0]["message"] == f"No location '{at}' was found."


async def order_is_late(api: InProcessServer, subject: str = "Item:1") -> None:
    async def work(tx: Transaction) -> None:
        name, key = subject.split(":")
        await workflows.exceptions.opening.open_exception(
            tx, ExceptionKind.ORDER_LATE, (name, key), "It is late."
        )

    await api.restow.transactions.run(work)


async def test_alerts_come_once_each_and_again_when_escalated(api: InProcessServer) -> None:
    async with screen(api) as desk:
        await desk.watch(api, ALERTS, kinds=["ORDER_LATE"])
        await order_is_late(api)
        await order_is_late(api)  # counted as an occurrence, not sent again
        await order_is_late(api, "Item:2")
        first, other = await desk.next(), await desk.next()
        assert first["exception"]["id"] != other["exception"]["id"]
        api.advance_clock(40 * 86_400)
        again = [await desk.next(), await desk.next()]
        assert {event["exception"]["status"] for event in again} == {"ESCALATED"}
    async with screen(api) as back:
        back.subscribe("s", ALERTS, variables={"after": first["cursor"]})
        seen = [await back.next() for _ in range(3)]
        back.subscribe("none", ALERTS, variables={"kinds": ["OVERSOLD"], "after": "0"})
        back.subscribe("bad", ALERTS, variables={"after": "-1"})
        assert (await back.receive())["payload"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert [event["cursor"] for event in seen] == [event["cursor"] for event in (other, *again)]


async def test_an_order_is_followed_with_its_parcels(api: InProcessServer) -> None:
    await api.receive(9)
    order = await api.place(1)
    await api.place(1, externalReference="W-2")
    stranger = await api.a_key(Role.STOREFRONT, channels=("market",))
    shop = await api.a_key(Role.STOREFRONT, channels=("web",))
    async with screen(api, shop) as owner, screen(api, stranger) as other:
        await owner.watch(api, ORDER, id=order["id"])
        other.subscribe("s", ORDER, variables={"id": order["id"]})
        refused = await other.receive()
        await api.done(PICK, {"id": order["fulfillments"][0]["id"]})
        picked = await owner.next()
        await api.done(CANCEL, {"id": order["id"]})
        while (last := await owner.next())["order"]["status"] != "CANCELLED":
            pass
    assert refused["payload"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert picked["order"]["fulfillments"] == [{"status": "PICKED"}]
    assert last["order"]["fulfillments"] == [{"status": "CANCELLED"}]
