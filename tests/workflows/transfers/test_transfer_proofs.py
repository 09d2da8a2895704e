"""Proofs of transfers: one line for each manipulation."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.floor.transfers import Transfers, open_transfers
from tests.builders.tampering import tamper
from workflows.ledger.reconciliation import reconcile

BREAKS: dict[str, tuple[str, str, str]] = {
    "a unit in two columns": (
        "UPDATE transfer_line SET lost = 1",
        "transferred units are in one column",
        "expected 4, found 5",
    ),
    "a unit that no movement shows": (
        "UPDATE transfer_line SET received = 2, in_transit = 2",
        "transfers = their movements",
        "received 1",
    ),
    "a value that is not in the books": (
        "UPDATE transfer_line SET value_minor = value_minor + 1",
        "inventory in transit = values of transfers",
        "expected 1201, found 1200",
    ),
    "units in transit that nobody expects": (
        "UPDATE stock_level SET incoming = 0",
        "incoming ≥ units in transit",
        "expected at least 3, found 0",
    ),
    "a transfer that is closed too early": (
        "UPDATE transfer SET status = 'CLOSED', closed_at = shipped_at",
        "transfer status follows its units",
        "expected PARTIALLY_RECEIVED, found CLOSED",
    ),
    "a request whose units are not allocated": (
        "UPDATE transfer SET status = 'REQUESTED', shipped_at = NULL",
        "allocated = open fulfillments and requested transfers",
        "expected 4, found 0",
    ),
}


@pytest.fixture
async def desk(database: Database) -> Transfers:
    """A transfer of four units, of which one has arrived."""
    desk = await open_transfers(database)
    transfer = await desk.sent(("TEE-M", 4))
    await desk.receive(transfer, ("TEE-M", 1))
    return desk


@pytest.mark.parametrize("what", BREAKS)
async def test_a_contradiction_is_named(desk: Transfers, what: str) -> None:
    assert await reconcile(desk.database) == []
    statement, proof, line = BREAKS[what]
    await tamper(desk.database.url, statement)
    named = [str(each) for each in await reconcile(desk.database) if each.proof == proof]
    assert len(named) == 1
    assert line in named[0]
