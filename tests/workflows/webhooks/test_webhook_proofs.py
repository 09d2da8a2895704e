"""The proofs of webhooks find what contradicts them."""

from __future__ import annotations

import pytest

from models.database.database import Database
from tests.builders.tampering import tamper
from tests.resolvers.integrations.webhook_desk import open_webhook_desk
from tests.resolvers.integrations.webhook_receiver import Reply
from workflows.ledger.reconciliation import reconcile

_PLACE = "(SELECT MIN(m.position) FROM message m)"

# name → (manipulating statements, the proof that detects them, its line)
BREAKS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a message that was forgotten": (
        (
            "UPDATE message SET status = 'PENDING', settled_at = NULL,"
            f" next_attempt_at = created_at WHERE position = {_PLACE}",
        ),
        "nothing is unsettled below the position of a webhook",
        "expected settled, found PENDING",
    ),
    "a position that went on too early": (
        (
            "UPDATE message SET status = 'RETRYING', reason = 'r', settled_at = NULL,"
            " next_attempt_at = created_at",
        ),
        "nothing is unsettled below the position of a webhook",
        "expected settled, found RETRYING",
    ),
    "a message of an event that was not read": (
        ("UPDATE integration SET fed_position = 0, position = 0 WHERE kind = 'WEBHOOK'",),
        "no message is ahead of its webhook",
        "expected at most 0, found a message",
    ),
    "a webhook beyond the log": (
        ("UPDATE integration SET fed_position = 999 WHERE kind = 'WEBHOOK'",),
        "webhooks are within the log",
        "found 999",
    ),
    "a webhook that nobody delivers to": (
        ("DELETE FROM webhook_delivery",),
        "webhooks have a state of delivery",
        "shop: expected a state of delivery, found none",
    ),
    "a call that left no trace": (
        ("UPDATE message SET calls = calls + 1",),
        "messages have an attempt for each call",
        "shop stock.changed: expected 2 attempts, found 1",
    ),
}


@pytest.fixture
async def delivered(database_url: str) -> str:
    """A database with messages that a webhook has got; one was refused and is PARKED."""
    async with open_webhook_desk(database_url) as desk:
        await desk.webhook(webhook={"events": ["stock.changed"]})
        await desk.api.receive(1)
        await desk.until_settled()
        desk.receiver.answer = lambda _: Reply(500)
        await desk.api.receive(1, "COAT")
        await desk.until_settled()
    return database_url


@pytest.mark.parametrize("what", BREAKS)
async def test_a_contradiction_is_named(delivered: str, what: str) -> None:
    database = Database(delivered)
    await database.open()
    try:
        assert await reconcile(database) == []
        statements, proof, line = BREAKS[what]
        await tamper(delivered, *statements)
        named = [str(each) for each in await reconcile(database) if each.proof == proof]
        assert any(line in each for each in named), named
    finally:
        await database.close()
