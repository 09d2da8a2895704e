"""Each proof of counts names what was changed."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.floor.counts import BEN, Counting, open_counting
from tests.builders.tampering import tamper
from workflows.ledger.reconciliation import reconcile

# what was changed → statement, proof, part of the line that names it
BREAKS = {
    "the difference of a posted line": (
        "UPDATE stock_count_line SET variance = -2 WHERE status = 'POSTED'",
        "posted counts = their movements",
        "expected -2, found -1",
    ),
    "a count's number of lines": (
        "UPDATE stock_count SET lines_done = 0 WHERE cause = 'SPOT'",
        "lines of a count are as many as it says",
        "expected 1 lines, 1 of them done, found 1 lines, 0 done",
    ),
    "a task that was ended by hand": (
        "UPDATE task SET status = 'DONE', ended_at = created_at WHERE queue = 'COUNT'",
        "COUNT tasks = lines to count",
        "TEE-L @ LEEDS: expected 1 COUNT tasks, found 0",
    ),
    "a missing unit that no picker has missed": (
        "UPDATE stock_level SET missing = 3 WHERE missing = 1",
        "missing units ≤ short units that no count has settled",
        "TEE-L @ LEEDS: expected at most 1, found 3",
    ),
    "a missing unit that was settled without a movement": (
        "UPDATE stock_level SET missing = 0 WHERE missing = 1",
        "missing units = Σ their changes",
        "TEE-L @ LEEDS: expected 1, found 0",
    ),
    "a change that was added without a movement": (
        "INSERT INTO missing_change (level_id, units) SELECT level_id, 2 FROM missing_change",
        "missing units = Σ their changes",
        "TEE-L @ LEEDS: expected 3, found 1",
    ),
    "the movement of a change": (
        "UPDATE missing_change SET movement_id = (SELECT m.id FROM stock_movement m"
        " JOIN item i ON i.id = m.item_id WHERE m.kind = 'RECEIVED' AND i.sku = 'TEE-L')",
        "changes of missing units = their movements",
        "TEE-L @ LEEDS: expected 1 units that came into QUARANTINE, found 5 units, outside to",
    ),
    "the level of a change": (
        "UPDATE missing_change SET level_id = (SELECT s.id FROM stock_level s"
        " JOIN item i ON i.id = s.item_id WHERE i.sku = 'TEE-M')",
        "changes of missing units = their movements",
        "TEE-M @ LEEDS: expected 1 units that came into QUARANTINE, found no movement",
    ),
}


@pytest.fixture
async def counting(database: Database) -> Counting:
    counting = await open_counting(database)
    await counting.shop.receive(5)
    await counting.record(("TEE-M", 4))
    await counting.shop.receive(5, "TEE-L")
    order = await counting.shop.place(("TEE-L", 2))
    [parcel] = await counting.shop.fulfillments(order)
    [line] = await counting.shop.lines(order)
    await counting.warehouse.pick(parcel["id"], (line["id"], 1), by=BEN)
    assert await reconcile(database) == []
    return counting


@pytest.mark.parametrize("what", BREAKS)
async def test_what_was_changed_is_named(counting: Counting, what: str) -> None:
    statement, proof, line = BREAKS[what]
    await tamper(counting.database.url, statement)
    named = [str(each) for each in await reconcile(counting.database) if each.proof == proof]
    assert any(line in text for text in named), named
