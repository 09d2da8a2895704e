"""Sealing: committed audit rows get their place in one chain, whatever ends or competes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import models.queries.events.leases as leases
import workflows.ledger.sealing as sealing
from models.database.database import Database
from models.database.sessions import DatabaseError
from tests.builders.store import Shop, open_shop
from tests.builders.tampering import tamper
from tests.builders.transactions import rows
from workflows.ledger.audit_chain import STILL_SECONDS
from workflows.ledger.reconciliation import CHAINED, SEALED_IN_TIME, reconcile
from workflows.ledger.sealing import FIRST_PREVIOUS, Sealing, seal_hash
from workflows.transactions.leases import JOBS_LEASE

ROOT = Path(__file__).parents[3]
SEALED_OR_PENDING = "audit rows are sealed or pending"
CHAIN = """SELECT s.sequence, s.audit_id, s.previous_hash, s.hash, a.digest
FROM audit_seal s JOIN audit_entry a ON a.id = s.audit_id ORDER BY s.sequence"""


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A store whose set-up is not sealed."""
    return await open_shop(database)


async def _unsealed(shop: Shop) -> int:
    (row,) = await rows(shop.database, "SELECT count(*) AS number FROM audit_pending")
    return int(row["number"])


async def _is_one_chain(shop: Shop) -> int:
    """Assert that the seals are one chain over all audit rows; returns their number."""
    assert await reconcile(shop.database) == []
    chain = await rows(shop.database, CHAIN)
    previous = FIRST_PREVIOUS
    for sequence, seal in enumerate(chain, start=1):
        assert (seal["sequence"], seal["previous_hash"]) == (sequence, previous)
        previous = seal_hash(previous, sequence, seal["audit_id"], seal["digest"])
        assert seal["hash"] == previous
    (entries,) = await rows(shop.database, "SELECT count(*) AS number FROM audit_entry")
    assert len(chain) + await _unsealed(shop) == entries["number"]
    return len(chain)


async def test_rows_are_sealed_once_in_their_order(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH_MAX", 2)
    for units in (1, 2, 3):
        await shop.receive(units)
    waiting, job, counts = await _unsealed(shop), Sealing(shop.transactions), []
    while sealed := await job.seal():
        counts.append(sealed)
    assert set(counts[:-1]) == {2}
    assert sum(counts) == waiting == await _is_one_chain(shop)
    ids = [row["audit_id"] for row in await rows(shop.database, CHAIN)]
    assert ids == sorted(ids)
    await shop.receive(4)
    assert await job.seal() == 1
    assert await _is_one_chain(shop) == waiting + 1


async def test_a_refused_transaction_leaves_nothing_to_seal(shop: Shop) -> None:
    await Sealing(shop.transactions).seal()
    assert (await shop.adjust(-1)).refusals
    assert await _unsealed(shop) == 0


async def test_dead_rows_of_the_queue_are_swept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "SWEEP_SEALS", 1)
    await shop.receive(1)
    assert await Sealing(shop.transactions).seal() > 0
    assert await _is_one_chain(shop) > 0


def _worker(database_url: str, point: str) -> subprocess.Popen[str]:
    """A sealing process that has reached the point."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.workflows.ledger.sealing_worker", database_url, point],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "reached\n"
    return worker


@pytest.mark.parametrize("point", ["before", "within", "after"])
async def test_a_killed_sealer_leaves_rows_sealed_or_pending(shop: Shop, point: str) -> None:
    waiting = await _unsealed(shop)
    worker = await asyncio.to_thread(_worker, shop.database.url, point)
    worker.kill()
    worker.communicate()
    assert await _unsealed(shop) == (0 if point == "after" else waiting)
    assert await _is_one_chain(shop) == (waiting if point == "after" else 0)
    await shop.receive(1)
    assert await Sealing(shop.transactions).seal() > 0
    assert await _is_one_chain(shop) == waiting + 1


async def test_two_processes_that_seal_at_once_make_one_chain(shop: Shop) -> None:
    workers = [await asyncio.to_thread(_worker, shop.database.url, "loop") for _ in range(2)]
    for _ in range(60):
        assert not (await shop.receive(1)).refusals
    totals = [int((await asyncio.to_thread(worker.communicate))[0]) for worker in workers]
    rest = await Sealing(shop.transactions).seal()
    assert await _unsealed(shop) == 0
    assert await _is_one_chain(shop) == sum(totals) + rest


async def test_sealing_that_stands_still_is_reported(shop: Shop) -> None:
    async def hold(holder: str, seconds: float) -> None:
        until = shop.clock() + timedelta(seconds=seconds)
        async with shop.database.writer(lambda: None) as session:
            await leases.make_lease(session, JOBS_LEASE, shop.clock())
            await leases.hold_lease(session, JOBS_LEASE, holder, until, 0)

    shop.clock.forward(seconds=STILL_SECONDS)
    assert await reconcile(shop.database, now=shop.clock()) == []
    shop.clock.forward(seconds=1)
    assert await reconcile(shop.database, now=shop.clock()) == []  # no process runs the jobs
    await hold("a process", 5)
    [found] = await reconcile(shop.database, now=shop.clock())
    assert (found.proof, found.place) == (SEALED_IN_TIME, "sealing")
    assert await Sealing(shop.transactions).seal() > 0
    assert await reconcile(shop.database, now=shop.clock()) == []


# name → (manipulating statement, the proof that detects it, a part of its line)
BREAKS = {
    "a removed seal": ("DELETE FROM audit_seal WHERE sequence = 2", CHAINED, "seal 2: expected"),
    "a removed last seal": (
        "DELETE FROM audit_seal WHERE sequence = (SELECT MAX(sequence) FROM audit_seal)",
        CHAINED,
        "end of the chain: expected",
    ),
    "a removed audit row": (
        "DELETE FROM audit_entry WHERE id = (SELECT audit_id FROM audit_seal WHERE sequence = 2)",
        CHAINED,
        "expected an audit row, found none",
    ),
    "an audit row with a digest of its own": (
        f"UPDATE audit_entry SET digest = '{FIRST_PREVIOUS}' WHERE id ="
        " (SELECT audit_id FROM audit_seal WHERE sequence = 3)",
        CHAINED,
        "seal 3 of audit_entry",
    ),
    "a row that was never noted": ("DELETE FROM audit_pending", SEALED_OR_PENDING, "found neither"),
    "a sealed row that is noted again": (
        "INSERT INTO audit_pending SELECT audit_id FROM audit_seal WHERE sequence = 1",
        SEALED_OR_PENDING,
        "found both",
    ),
    "a noted row that is gone": (
        "DELETE FROM audit_entry WHERE id IN (SELECT audit_id FROM audit_pending)",
        SEALED_OR_PENDING,
        "expected an audit row",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_a_broken_chain_is_named(shop: Shop, what: str) -> None:
    assert await Sealing(shop.transactions).seal() > 3
    await shop.receive(1)
    statement, proof, part = BREAKS[what]
    await tamper(shop.database.url, statement)
    lines = [str(each) for each in await reconcile(shop.database)]
    assert any(line.startswith(f"{proof}: ") and part in line for line in lines), lines


async def test_the_database_refuses_changes_and_forks(shop: Shop) -> None:
    assert await Sealing(shop.transactions).seal() > 1
    before = await rows(shop.database, CHAIN)
    for statement in (
        "UPDATE audit_seal SET hash = previous_hash WHERE sequence = 1",
        "DELETE FROM audit_seal",
        "INSERT INTO audit_seal (sequence, audit_id, previous_hash, hash)"
        " SELECT 1, id, hash, previous_hash FROM audit_seal, audit_entry WHERE sequence = 1",
        "INSERT INTO audit_seal (sequence, audit_id, previous_hash, hash)"
        " SELECT sequence + 1000, audit_id, hash, previous_hash FROM audit_seal",
    ):
        with pytest.raises(DatabaseError):
            async with shop.database.writer(lambda: None) as session:
                await session.execute(statement)
    assert await rows(shop.database, CHAIN) == before
