"""Payout workers killed at every step, with an unreliable gateway: each refund is paid once.

RESTOW_LONG=1 kills 200 workers instead of 28.
"""

import os
import random
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.payments.simulator_journal import PaymentJournal
from models.database.database import Database
from tests.builders.refunds import FIONA, FRED, RefundDesk, open_refund_desk
from tests.builders.transactions import rows
from tests.forks.forker import Forker
from workflows.ledger.reconciliation import reconcile

RUNS = 100 if os.environ.get("RESTOW_LONG") == "1" else 14  # on each engine
POINTS = 14  # a successful payout passes fewer points; the worker then survives
REFUNDS_AT_ONCE = 2


@pytest.fixture
def forker() -> Iterator[Forker]:
    opened = Forker("tests.workflows.refunds.payout_worker")
    yield opened
    opened.close()


async def decided(refund_desk: RefundDesk, order: Any) -> str:
    """A refund of one pound with all the approvals that it needs."""
    made = await refund_desk.create(order, "1.00")
    for actor in (FIONA, FRED)[: (await refund_desk.find(made))["approvals_required"]]:
        assert not (await refund_desk.approve(made, actor)).refusals
    return str(refund_desk.id(made))


async def test_however_workers_die_each_refund_is_paid_once(
    database: Database, forker: Forker, tmp_path: Path
) -> None:
    refund_desk = await open_refund_desk(database)
    await refund_desk.shop.receive(1000, "COAT")
    order = await refund_desk.desk.sold(("COAT", RUNS))
    path = str(tmp_path / "gateway.db")
    dice, deaths, refunds = random.Random(RUNS), 0, []
    for run in range(RUNS):
        refunds += [await decided(refund_desk, order) for _ in range(REFUNDS_AT_ONCE)]
        for dies_at in (run % POINTS, dice.choice([None, dice.randrange(POINTS)]), None):
            now = refund_desk.shop.clock.now
            ended = forker.run(
                url=database.url,
                journal=path,
                seed=str(run),
                dies_at=dies_at,
                now=now.isoformat(),
            )
            assert ended in (0, signal.SIGKILL)
            deaths += ended == signal.SIGKILL
            # The killed workers' clocks are lost, so the test's clock moves well past all known
            # times.
            known = max([now, *map(datetime.fromisoformat, forker.results)])
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
