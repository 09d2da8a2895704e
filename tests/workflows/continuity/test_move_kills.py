"""The job of playbooks, killed by SIGKILL while runs start and end.

RESTOW_LONG=1 kills it at 40 points of each run instead of 2.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from models.database.database import Database
from tests.builders.transactions import rows
from tests.forks.forker import Forker
from tests.workflows.continuity.playbooks import Playbooks, open_playbooks
from workflows.ledger.reconciliation import reconcile

POINTS = range(1, 41) if os.environ.get("RESTOW_LONG") == "1" else (2, 7)
LEVELS = "SELECT available, held, allocated, quarantine FROM stock_level ORDER BY id"
HOLDS = "SELECT COUNT(*) AS number FROM fulfillment_hold WHERE released_at IS NULL"


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    opened = Forker("tests.workflows.continuity.move_worker")
    yield opened
    opened.close()


def work_until(forker: Forker, playbooks: Playbooks, dies_at: int | None) -> int:
    """Run the job in a process of its own; the signal that ended it, 0 for none."""
    now = playbooks.shop.clock.now.isoformat()
    return forker.run(url=playbooks.database.url, now=now, dies_at=dies_at)


async def test_however_the_job_dies_all_is_moved_once_and_comes_back(
    database: Database, forker: Forker
) -> None:
    playbooks = await open_playbooks(database)
    shop = playbooks.shop
    for number in range(5):
        assert not (await shop.place(("TEE-M", 1), reference=f"K-{number}")).refusals
    before = await rows(database, LEVELS)
    await playbooks.publish(STOP_SALE=True, QUARANTINE=True, HOLD_PARCELS=True)
    deaths = 0
    for dies_at in POINTS:
        run = await playbooks.start(skus=("TEE-M",))
        assert not run.refusals
        for ends_at in (dies_at, None):
            deaths += (
                await asyncio.to_thread(work_until, forker, playbooks, ends_at) == signal.SIGKILL
            )
        assert (await playbooks.run(run))["status"] == "ACTIVE"
        assert await playbooks.affected(run) == {
            "STOP_SALE": 1,
            "QUARANTINE": 10,
            "HOLD_PARCELS": 5,
        }
        assert (await rows(database, HOLDS))[0]["number"] == 5
        assert await reconcile(database) == []
        assert not (await playbooks.end(run)).refusals
        for ends_at in (dies_at, None):
            deaths += (
                await asyncio.to_thread(work_until, forker, playbooks, ends_at) == signal.SIGKILL
            )
        assert (await playbooks.run(run))["status"] == "ENDED"
        assert await rows(database, LEVELS) == before
        assert (await rows(database, HOLDS))[0]["number"] == 0
        assert await reconcile(database) == []
    assert deaths > len(POINTS)
