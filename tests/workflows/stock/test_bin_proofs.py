"""Proofs of bins: no difference by themselves, one line for each manipulation."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.floor.bins import Floor, open_floor
from tests.builders.tampering import tamper
from workflows.ledger.reconciliation import reconcile

# name → (manipulating statements, the proof that detects them, its line)
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "units in a bin": (
        ("UPDATE bin_stock SET quantity = quantity + 1",),
        "bins = Σ bin movements",
        "TEE-M @ LEEDS in A-2: expected 3, found 4",
    ),
    "units that are binned": (
        ("UPDATE stock_level SET binned = 2 WHERE binned = 3",),
        "Σ bins = binned units of the level",
        "TEE-M @ LEEDS: expected 3, found 2",
    ),
    "more units in bins than on the shelf": (
        ("UPDATE stock_level SET available = 1 WHERE binned = 3",),
        "binned ≤ shelf, picked ≤ ALLOCATED, missing ≤ QUARANTINE",
        "TEE-M @ LEEDS binned: expected at most 1, found 3",
    ),
    "more missing units than quarantined ones": (
        ("UPDATE stock_level SET missing = 1 WHERE binned = 3",),
        "binned ≤ shelf, picked ≤ ALLOCATED, missing ≤ QUARANTINE",
        "TEE-M @ LEEDS missing: expected at most 0, found 1",
    ),
    "a bin that is closed with its units": (
        ("UPDATE location SET active = FALSE WHERE code = 'A-2'",),
        "units are in active bins of their location",
        "TEE-M @ LEEDS in A-2: expected an active bin of the location, found another place",
    ),
    "a task that was ended by hand": (
        ("UPDATE task SET status = 'DONE' WHERE queue = 'PUTAWAY'",),
        "PUTAWAY tasks = levels with unbinned units",
        "TEE-M @ LEEDS: expected 1 PUTAWAY tasks, found 0",
    ),
    "a movement's actor": (
        ("UPDATE bin_movement SET actor = 'somebody else'",),
        "bin_movement digests",
        "expected",
    ),
}


@pytest.fixture
async def floor(database: Database) -> Floor:
    floor = await open_floor(database)
    await floor.shop.receive(5)
    assert not (await floor.put_away(("TEE-M", 3, "A-2"))).refusals
    assert await reconcile(database) == []
    return floor


@pytest.mark.parametrize("what", BREAKS)
async def test_what_was_changed_is_named(floor: Floor, what: str) -> None:
    statements, proof, line = BREAKS[what]
    await tamper(floor.database.url, *statements)
    named = [str(each) for each in await reconcile(floor.database) if each.proof == proof]
    assert any(line in text for text in named), named
