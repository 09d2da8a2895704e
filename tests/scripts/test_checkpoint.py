"""Checkpoints of the audit chain: what a consistent database hides, an older checkpoint shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import workflows.catalog.locations
import workflows.ledger.audit_chain as audit_chain
from models.database.database import Database
from scripts.checkpoint import CheckpointUnreadable, read, verify, write
from tests.builders.catalog import a_location
from tests.builders.store import Shop, open_shop
from tests.builders.tampering import tamper
from tests.builders.transactions import rows
from workflows.ledger.audit_chain import START, Checkpoint
from workflows.ledger.reconciliation import AS_AT_CHECKPOINT, Difference, reconcile
from workflows.ledger.sealing import Sealing

ROOT = Path(__file__).parents[2]
# Remove the last transaction, with its seal, and move the end of the chain: no difference is left.
LAST = "(SELECT audit_id FROM audit_seal WHERE sequence = (SELECT MAX(sequence) FROM audit_seal))"
FORGET_LAST = (
    f"DELETE FROM event_pending WHERE event_id IN (SELECT id FROM event WHERE transaction_id ="
    f" (SELECT transaction_id FROM audit_entry WHERE id = {LAST}))",
    f"DELETE FROM event WHERE transaction_id ="
    f" (SELECT transaction_id FROM audit_entry WHERE id = {LAST})",
    f"DELETE FROM audit_entry WHERE id = {LAST}",
    "DELETE FROM audit_seal WHERE sequence = (SELECT MAX(sequence) FROM audit_seal)",
    "UPDATE audit_chain SET sequence = (SELECT MAX(sequence) FROM audit_seal), hash ="
    " (SELECT hash FROM audit_seal ORDER BY sequence DESC LIMIT 1)",
)


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A store whose audit rows are sealed; the last is the only one of its transaction."""
    shop = await open_shop(database)
    assert await Sealing(shop.transactions).seal() > 2
    await shop.transactions.perform(workflows.catalog.locations.upsert, a_location("HULL"))
    assert await Sealing(shop.transactions).seal() == 1
    return shop


async def _faults(shop: Shop, since: Checkpoint) -> list[str]:
    _, found = await verify(shop.database, since)
    return [place for place, _, _ in found]


async def test_a_removed_last_row_is_found_by_the_checkpoint(shop: Shop) -> None:
    checkpoint, found = await verify(shop.database, START)
    assert found == []
    before = await reconcile(shop.database, checkpoint)
    assert before == []
    await tamper(shop.database.url, *FORGET_LAST)
    assert await reconcile(shop.database) == []
    expected = Difference(AS_AT_CHECKPOINT, f"seal {checkpoint.sequence}", checkpoint.hash, "none")
    assert await reconcile(shop.database, checkpoint) == [expected]
    assert await _faults(shop, checkpoint) == [f"seal {checkpoint.sequence}"]


async def test_another_chain_is_found_by_the_checkpoint(shop: Shop) -> None:
    checkpoint = Checkpoint(2, "a" * 64)
    assert await _faults(shop, checkpoint) == ["seal 2"]
    [found] = await reconcile(shop.database, checkpoint)
    assert (found.proof, found.expected) == (AS_AT_CHECKPOINT, "a" * 64)


async def test_only_what_follows_the_checkpoint_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_chain, "PAGE", 2)
    first, _ = await verify(shop.database, START)
    for units in (1, 2, 3):
        await shop.receive(units)
    await Sealing(shop.transactions).seal()
    second, found = await verify(shop.database, first)
    assert (second.sequence, found) == (first.sequence + 3, [])
    change = (
        "UPDATE audit_entry SET actor = 'else' WHERE id = (SELECT audit_id FROM audit_seal WHERE"
    )
    await tamper(shop.database.url, f"{change} sequence = 2)")
    assert await _faults(shop, first) == []
    await tamper(shop.database.url, f"{change} sequence = {first.sequence + 2})")
    (row,) = await rows(
        shop.database, f"SELECT audit_id FROM audit_seal WHERE sequence = {first.sequence + 2}"
    )
    assert await _faults(shop, first) == [f"audit_entry {row['audit_id']}"]
    assert len(await _faults(shop, START)) == 2


async def test_an_empty_chain_is_no_contradiction(database: Database) -> None:
    checkpoint, found = await verify(database, START)
    assert (checkpoint, found) == (START, [])
    assert await reconcile(database, START) == []


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.json"
    write(file, Checkpoint(7, "0a" * 32))
    assert read(file) == Checkpoint(7, "0a" * 32)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "JSON"),
        ('{"sequence": -1, "hash": "x"}', "sequence, hash, taken_at"),
        ('{"sequence": 1, "taken_at": "2026-03-02T23:00:00Z"}', "hash"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "checkpoint.json"
    file.write_text(text)
    with pytest.raises(CheckpointUnreadable, match=f"wrong or missing {named};"):
        read(file)


async def test_the_command_keeps_the_file_if_there_is_a_difference(
    shop: Shop, tmp_path: Path
) -> None:
    file = tmp_path / "checkpoint.json"

    def run(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"scripts.{command}", str(file)],
            cwd=ROOT,
            env={"RESTOW_DATABASE_URL": shop.database.url},
            capture_output=True,
            text=True,
            check=False,
        )

    first = run("checkpoint")
    assert (first.returncode, first.stderr) == (0, "")
    assert "sealed audit rows; written to" in first.stdout
    assert run("reconcile").returncode == 0
    kept = file.read_bytes()
    await tamper(shop.database.url, *FORGET_LAST)
    again = run("checkpoint")
    assert again.returncode == 1
    assert again.stdout.startswith("checkpoint: seal ")
    assert f"{file} was not changed" in again.stderr
    assert file.read_bytes() == kept
    assert run("reconcile").stdout.startswith(f"reconcile: {AS_AT_CHECKPOINT}: ")
