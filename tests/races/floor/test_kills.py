"""Server processes killed by SIGKILL in the work of the floor; the next one goes on.

RESTOW_LONG=1 kills 50 servers in each kind of work instead of 2.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from models.database.database import Database
from tests.builders.transactions import events, rows
from tests.integrations.carriers.carrier_process import CarrierProcess, run_carrier
from tests.races.floor.floor_client import (
    BUY_LABEL,
    RECORD,
    SCAN,
    FloorClient,
    Parcel,
    differences,
    until_rows,
)
from tests.races.server_life import ORDERS_MAX, SUBJECTS_MAX
from tests.races.server_processes import Cluster, Json
from tests.subscriptions.log.facts import until
from workflows.transactions.leases import JOBS_LEASE

KILLS = 50 if os.environ.get("RESTOW_LONG") == "1" else 2
# Within the first transaction of a step, after it, and within the second one.
STEP_POINTS = (1, 2, 4)
# Before, within and after the claim; before and after the call; within and after the record.
LABEL_POINTS = (0, 1, 2, 3, 4, 6, 7)
MANNERS = ("ok", "slow", "flaky")
KILL_SECONDS = 30


@pytest.fixture(scope="module")
def carrier() -> Iterator[CarrierProcess]:
    yield from run_carrier()


@pytest.fixture
async def client(database_url: str, carrier: CarrierProcess) -> AsyncIterator[FloorClient]:
    """A client of one server, which is not running yet."""
    cluster = Cluster(database_url, RESTOW_CARRIERS=f"http={carrier.url}")
    try:
        yield FloorClient(cluster, "floor")
    finally:
        await cluster.__aexit__()


async def end_lease(database: Database) -> None:
    """Let the next process take the lease of the jobs at once."""
    async with database.writer() as session:
        await session.execute("DELETE FROM lease WHERE name = $1", JOBS_LEASE)


async def die(client: FloorClient, database: Database, work: str, point: int) -> None:
    """Start a server that kills itself at a point, wait for its end, and prove the books."""
    await end_lease(database)
    client.cluster.launch({"work": work, "point": point})
    await death(client)
    assert await differences(database) == []


async def death(client: FloorClient) -> None:
    """Wait until the server has killed itself."""
    [server] = client.cluster.servers
    await until(lambda: server.poll() is not None, seconds=KILL_SECONDS)
    assert server.poll() == signal.SIGKILL, client.cluster.log_end()


async def restart(client: FloorClient, database: Database) -> None:
    """Start a server that survives, with the same short intervals of its jobs."""
    await end_lease(database)
    client.cluster.launch({"work": "scan", "point": 1_000_000})
    await client.cluster.ready()


async def test_a_killed_label_purchase_is_bought_once(
    client: FloorClient, database: Database, carrier: CarrierProcess
) -> None:
    """Each server meets the label that the one before left, and a new one."""
    await client.cluster.start(idle="label")
    await client.furnish(["TEE"], {"LEEDS": KILLS})
    for number in range(KILLS):
        parcel = await client.parcel(f"W-{number}")
        given = {"subjectId": parcel.id, "service": MANNERS[number % len(MANNERS)]}
        assert (await client.do(BUY_LABEL, i=given))["userErrors"] == []
    client.cluster.kill()
    labels = await rows(database, "SELECT id FROM shipping_label ORDER BY created_at, id")
    later = datetime.now(UTC) + timedelta(days=1)
    chance = random.Random(KILLS)
    await _set_due(database, later, [row["id"] for row in labels])
    for number, row in enumerate(labels):
        # What a killed server has claimed is due again as soon as its claim ends.
        sent = await rows(
            database,
            "SELECT id FROM shipping_label WHERE status IN ('REQUESTED', 'UNKNOWN')"
            " AND first_sent_at IS NOT NULL",
        )
        due = [row["id"], *(each["id"] for each in sent)]
        await _set_due(database, datetime.now(UTC) - timedelta(seconds=1), due)
        point = (
            LABEL_POINTS[number % len(LABEL_POINTS)] if not sent else chance.choice(LABEL_POINTS)
        )
        await die(client, database, "label", point)
    everything = [row["id"] for row in labels]
    await _set_due(database, datetime.now(UTC) - timedelta(seconds=1), everything)
    await restart(client, database)
    async with asyncio.timeout(60):
        while await rows(database, "SELECT id FROM shipping_label WHERE status <> 'BOUGHT'"):
            waiting = await rows(database, "SELECT id FROM shipping_label WHERE status = 'UNKNOWN'")
            now = datetime.now(UTC) - timedelta(seconds=1)
            await _set_due(database, now, [row["id"] for row in waiting])
            await asyncio.sleep(0.2)
    state = carrier.state()
    found = await rows(database, "SELECT key, tracking_number FROM shipping_label")
    keys = {row["key"]: row["tracking_number"] for row in found}
    numbers = {key: state["sold"][key]["trackingNumber"] for key in keys}
    assert keys == numbers
    references = Counter(
        reference
        for key, reference in {
            (each["key"], each["body"]["reference"])
            for each in state["log"]
            if each["call"] == "buy" and each["key"] in keys
        }
    )
    assert len(references) == KILLS
    assert set(references.values()) == {1}
    assert await differences(database) == []


async def _set_due(database: Database, at: datetime, ids: list[Any]) -> None:
    """Set the time of the next call of labels that are not settled and not claimed."""
    async with database.writer() as session:
        await session.execute(
            "UPDATE shipping_label SET next_at = $1, claimed_until_at = NULL"
            " WHERE id = ANY($2::uuid[]) AND status IN ('REQUESTED', 'UNKNOWN')"
            " AND (claimed_until_at IS NULL OR claimed_until_at <= $3)",
            at,
            ids,
            datetime.now(UTC),
        )


async def test_a_batch_whose_answer_was_lost_is_counted_once(
    client: FloorClient, database: Database
) -> None:
    """The server dies before or after the commit; the tablet sends its batch again."""
    batches = (KILLS + 1) // 2
    await client.cluster.start()
    await client.furnish(["TEE"], {"LEEDS": 2 * batches})
    parcels = [await client.parcel(f"W-{number}", 2) for number in range(batches)]
    client.cluster.kill()
    kills, answered = 0, []
    for parcel in parcels:
        key, answer = uuid4().hex, None
        # Inside the transaction of the scans, then after its commit, then not at all.
        for point in (0, 1, 1_000_000):
            await end_lease(database)
            client.cluster.launch({"work": "scan", "point": point})
            await client.cluster.ready()
            answer = await _scan(client, parcel, key)
            if answer is not None:
                break
            await death(client)
            kills += 1
            assert await differences(database) == []
        assert answer is not None
        assert answer["userErrors"] == []
        answered.append(answer)
        client.cluster.kill()
    assert kills == 2 * batches
    assert [each["replayed"] for each in answered] == [True] * batches
    assert all([result["quantity"] for result in each["results"]] == [1, 1] for each in answered)
    lines = await rows(database, "SELECT quantity, picked FROM fulfillment_line")
    assert {(row["quantity"], row["picked"]) for row in lines} == {(2, 2)}
    assert len(await events(database, "fulfillment.scanned")) == batches
    assert len(await events(database, "fulfillment.picked")) == batches
    assert await differences(database) == []


async def _scan(client: FloorClient, parcel: Parcel, key: str) -> Json | None:
    """Send a batch of two scans; None if the answer was lost."""
    scans = [{"code": client.own("TEE"), "fulfillmentId": parcel.id}] * 2
    try:
        return await client.do(SCAN, key=key, place=client.own("LEEDS"), scans=scans)
    except httpx.TransportError:
        return None


async def test_a_large_count_is_posted_whole(client: FloorClient, database: Database) -> None:
    """The count takes all units of many orders, a few orders in each transaction."""
    orders = ORDERS_MAX * (KILLS + 3)
    await client.cluster.start(idle="posting")
    await client.furnish(["TEE"], {"LEEDS": orders})
    await client.believe_counts()
    for first in range(0, orders, 25):
        some = range(first, min(first + 25, orders))
        await asyncio.gather(*(client.place({"TEE": 1}, f"W-{number}") for number in some))
    place = {"sku": client.own("TEE"), "quantity": 0}
    given = {"locationCode": client.own("LEEDS"), "places": [place]}
    [line] = (await client.do(RECORD, i=given))["lines"]
    assert line["status"] == "POSTING"
    client.cluster.kill()
    left = orders - ORDERS_MAX
    for number in range(KILLS):
        point = STEP_POINTS[number % len(STEP_POINTS)]
        await die(client, database, "posting", point)
        left -= ORDERS_MAX if point >= 2 else 0
        found = await rows(database, "SELECT status, unposted FROM stock_count_line")
        assert found == [{"status": "POSTING", "unposted": left}]
    await restart(client, database)
    [row] = await until_rows(
        database, "SELECT variance FROM stock_count_line WHERE status = 'POSTED'"
    )
    assert row["variance"] == -orders
    assert len(await events(database, "count.posted")) == 1
    lost = "SELECT SUM(quantity) AS units FROM stock_movement WHERE kind = 'COUNTED'"
    assert (await rows(database, lost))[0]["units"] == orders
    assert await differences(database) == []


async def test_a_sweep_opens_each_exception_once(client: FloorClient, database: Database) -> None:
    """All orders are late; a sweep opens a few exceptions in each transaction."""
    orders = SUBJECTS_MAX * (KILLS + 3)
    await client.cluster.start(idle="sweep")
    await client.furnish(["TEE"], {"LEEDS": orders})
    await asyncio.gather(*(client.place({"TEE": 1}, f"W-{number}") for number in range(orders)))
    client.cluster.kill()
    async with database.writer() as session:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        await session.execute("UPDATE sales_order SET ship_by_at = $1", yesterday)
    opened = 0
    late = "SELECT occurrences FROM operational_exception WHERE kind = 'ORDER_LATE'"
    for number in range(KILLS):
        point = STEP_POINTS[number % len(STEP_POINTS)]
        await die(client, database, "sweep", point)
        opened += SUBJECTS_MAX if point >= 2 else 0
        assert len(await rows(database, late)) == opened
    await restart(client, database)
    await until_rows(
        database,
        "SELECT number FROM (SELECT COUNT(*) AS number FROM operational_exception"
        " WHERE kind = 'ORDER_LATE') late WHERE number >= $1",
        orders,
    )
    assert [row["occurrences"] for row in await rows(database, late)] == [1] * orders
    assert len(await events(database, "exception.opened")) == orders
    assert await differences(database) == []
