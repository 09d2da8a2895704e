"""Workers of labels killed before, within and after their calls, against a carrier over HTTP.

The carrier stores a purchase and does not answer, answers late, or loses the request. Whatever
happens, each key is sold at most once. RESTOW_LONG=1 kills 50 workers instead of 3.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from integrations.carriers.http import HttpCarrier
from models.database.database import Database
from tests.builders.floor.transfers import Transfers, id_of
from tests.builders.transactions import rows, transactions_on
from tests.forks.forker import Forker
from tests.integrations.carriers.carrier_process import CarrierProcess, run_carrier
from tests.workflows.carriers.label_desk import LabelDesk, open_label_desk
from workflows.carriers.label_purchases import LabelPurchases
from workflows.ledger.reconciliation import reconcile
from workflows.reactions import REACTIONS
from workflows.transactions.outcomes import Outcome

RUNS = 50 if os.environ.get("RESTOW_LONG") == "1" else 3
POINTS = 6
MANNERS = ("ok", "slow", "lost")


@pytest.fixture(scope="module")
def carrier() -> Iterator[CarrierProcess]:
    yield from run_carrier()


@pytest.fixture
async def desk(database: Database) -> LabelDesk:
    return await open_label_desk(database)


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    opened = Forker("tests.workflows.carriers.label_worker")
    yield opened
    opened.close()


def work_until(
    forker: Forker, desk: LabelDesk, carrier: CarrierProcess, dies_at: int | None
) -> int:
    """Run a worker in a process of its own; the signal that ended it, 0 for none."""
    now = desk.shop.clock.now.isoformat()
    return forker.run(url=desk.database.url, carrier=carrier.url, now=now, dies_at=dies_at)


async def ask_for_label(desk: LabelDesk, run: int) -> Outcome:
    """A label of a new fulfillment; in every second run, of a transfer."""
    service = MANNERS[run % len(MANNERS)]
    if run % 2:
        transfer = await Transfers(desk.warehouse).create(("TEE-M", 1))
        return await desk.buy(id_of(transfer), "Transfer", service=service)
    return await desk.buy(await desk.parcel(f"K-{run}"), service=service)


async def test_however_workers_die_each_label_is_bought_once(
    desk: LabelDesk, carrier: CarrierProcess, forker: Forker
) -> None:
    deaths, labels = 0, []
    for run in range(RUNS):
        labels.append(await ask_for_label(desk, run))
        for dies_at in ((2 * run + 1) % POINTS, None):
            ended = await asyncio.to_thread(work_until, forker, desk, carrier, dies_at)
            assert ended in (0, signal.SIGKILL)
            deaths += ended == signal.SIGKILL
            desk.shop.clock.forward(seconds=120)
    state = carrier.state()
    for label in labels:
        row = await desk.find(label)
        bought = state["sold"].get(row["key"])
        if row["service"] == "lost":
            assert (row["status"], bought) == ("UNKNOWN", None)
        else:
            assert row["status"] == "BOUGHT"
            assert row["tracking_number"] == bought["trackingNumber"]
    assert deaths > 0
    assert await desk.owed() == 395 * len([1 for n in range(RUNS) if n % len(MANNERS) != 2])
    assert await reconcile(desk.database) == []


async def test_two_workers_buy_each_label_once(desk: LabelDesk, carrier: CarrierProcess) -> None:
    """Both have connections of their own; each label is claimed by one of them."""
    labels = [await desk.buy(await desk.parcel(f"T-{number}"), service="ok") for number in range(8)]
    other = transactions_on(desk.database, clock=desk.shop.clock, reactions=REACTIONS)
    clients = [HttpCarrier(carrier.url) for _ in range(2)]
    workers = [
        LabelPurchases(transactions, {"simulator": client})
        for transactions, client in zip((desk.shop.transactions, other), clients, strict=True)
    ]
    await asyncio.gather(*(worker.work() for worker in workers))
    keys = [(await desk.find(label))["key"] for label in labels]
    calls = [each["key"] for each in carrier.state()["log"] if each["call"] == "buy"]
    assert [calls.count(key) for key in keys] == [1] * len(keys)
    assert [await desk.status(label) for label in labels] == ["BOUGHT"] * len(labels)
    await asyncio.gather(*(client.close() for client in clients))


async def test_an_answer_that_comes_after_another_worker_has_taken_over_changes_nothing(
    desk: LabelDesk,
) -> None:
    """The first worker is slower than its claim: both get the same label, which is booked once."""
    label = await desk.buy(await desk.parcel())
    key = UUID(label.refs["label"])
    run = desk.shop.transactions.run
    claimed = await run(lambda tx: desk.worker._claim(tx, key))
    assert claimed is not None
    late = await desk.worker._call(claimed)
    desk.shop.clock.now += timedelta(seconds=100)
    assert await desk.work() == 1
    assert await desk.status(label) == "BOUGHT"
    await desk.worker._record(claimed, late)
    assert await desk.owed() == 395
    found = await rows(desk.database, "SELECT id FROM journal_entry WHERE memo LIKE 'Bought%'")
    assert len(found) == 1
    assert await reconcile(desk.database) == []
