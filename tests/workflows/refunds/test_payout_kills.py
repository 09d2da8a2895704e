"""Payout workers killed at every step, with an unreliable gateway: each refund is paid once.

RESTOW_LONG=1 kills 200 workers instead of 28.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.payments.simulator_journal import PaymentJournal
from models.database.database import Database
from tests.builders.refunds import FIONA, FRED, RefundDesk, open_refund_desk
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import reconcile

ROOT = Path(__file__).parents[3]
RUNS = 100 if os.environ.get("RESTOW_LONG") == "1" else 14  # on each engine
POINTS = 14  # a successful payout passes fewer points; the worker then survives
REFUNDS_AT_ONCE = 2


class WorkerForker:
    """A process that forks workers one after another."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.workflows.refunds.payout_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, **facts: Any) -> tuple[int, str]:
        """Run a worker; return the signal that ended it (0 for none) and the last time of its
        clock."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(facts) + "\n")
        self._process.stdin.flush()
        now = facts["now"]
        while True:
            line = json.loads(self._process.stdout.readline())
            now = line.get("now", now)
            if "ended" in line:
                return line["ended"], now

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


@pytest.fixture
def forker() -> Iterator[WorkerForker]:
    opened = WorkerForker()
    yield opened
    opened.close()


async def decided(refund_desk: RefundDesk, order: Any) -> str:
    """A refund of one pound with all the approvals that it needs."""
    made = await refund_desk.create(order, "1.00")
    for actor in (FIONA, FRED)[: (await refund_desk.find(made))["approvals_required"]]:
        assert not (await refund_desk.approve(made, actor)).refusals
    return str(refund_desk.id(made))


async def test_however_workers_die_each_refund_is_paid_once(
    database: Database, forker: WorkerForker, tmp_path: Path
) -> None:
    refund_desk = await open_refund_desk(database)
    await refund_desk.shop.receive(1000, "COAT")
    order = await refund_desk.desk.sold(("COAT", RUNS))
    path = str(tmp_path / "gateway.db")
    dice, deaths, refunds = random.Random(RUNS), 0, []
    for run in range(RUNS):
        refunds += [await decided(refund_desk, order) for _ in range(REFUNDS_AT_ONCE)]
        for dies_at in (run % POINTS, dice.choice([None, dice.randrange(POINTS)]), None):
            ended, now = forker.live(
                url=database.url,
                journal=path,
                seed=str(run),
                dies_at=dies_at,
                now=refund_desk.shop.clock.now.isoformat(),
            )
            assert ended in (0, signal.SIGKILL)
            deaths += ended == signal.SIGKILL
            # The killed workers' clocks are lost, so the test's clock moves well past all known
            # times.
            known = max(refund_desk.shop.clock.now, datetime.fromisoformat(now))
            refund_desk.shop.clock.now = known + timedelta(hours=1)
    journal = PaymentJournal(path)
    found = await rows(database, "SELECT id, status FROM refund")
    assert {str(row["id"]): row["status"] for row in found} == dict.fromkeys(refunds, "SUCCEEDED")
    assert [len(journal.paid(refund)) for refund in refunds] == [1] * len(refunds)
    assert len(journal.paid()) == RUNS * REFUNDS_AT_ONCE
    journal.close()
    assert deaths > RUNS // 2
    assert await refund_desk.open_exceptions("REFUND_UNKNOWN") == []
    assert [each for each in await reconcile(database) if "position" not in each.proof] == []
