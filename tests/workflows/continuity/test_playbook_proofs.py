"""The proofs of playbooks find what contradicts them."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.tampering import tamper
from tests.workflows.continuity.playbooks import open_playbooks
from workflows.ledger.reconciliation import reconcile

BREAKS = {
    "units that no movement shows": (
        "UPDATE quarantined_unit SET taken = taken + 1",
        "quarantined units of playbooks = movements",
        "TEST TEE-M @ LEEDS: expected taken 10, given back 0, found taken 11, given back 0",
    ),
    "a movement that nothing accounts for": (
        "DELETE FROM quarantined_unit",
        "quarantined units of playbooks = movements",
        "expected taken 10, given back 0, found taken 0, given back 0",
    ),
    "units that came later and are available": (
        "UPDATE stock_level SET quarantine = quarantine - 1, available = available + 1"
        " WHERE quarantine > 5",
        "active quarantines have all available units",
        "TEST TEE-M @ LEEDS: expected available 0, found available 1",
    ),
    "a parcel without the hold of an active run": (
        "UPDATE fulfillment_hold SET released_by = 'x', released_at = placed_at",
        "active playbooks hold their parcels",
        "expected a hold of the playbook, found none",
    ),
    "units of a run that has ended": (
        "UPDATE playbook_run SET status = 'ENDED', ended_by = 'x', ended_at = started_at",
        "nothing is left of ended playbooks",
        "expected nothing, found quarantined units",
    ),
    "a hold of a run that has ended": (
        "UPDATE playbook_run SET status = 'ENDED', ended_by = 'x', ended_at = started_at",
        "nothing is left of ended playbooks",
        "expected nothing, found fulfillment holds",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_a_contradiction_is_named(database: Database, what: str) -> None:
    playbooks = await open_playbooks(database)
    assert not (await playbooks.shop.place(("TEE-M", 1))).refusals
    await playbooks.shop.receive(1)
    await playbooks.publish(QUARANTINE=True, HOLD_PARCELS=True)
    await playbooks.started(skus=("TEE-M",))
    assert await reconcile(database) == []
    statement, proof, line = BREAKS[what]
    await tamper(database.url, statement)
    named = [str(each) for each in await reconcile(database) if each.proof == proof]
    assert any(line in each for each in named), named
