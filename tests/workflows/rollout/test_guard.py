"""The step from SHADOW to LIVE requires compared cases that agree, of the last 14 days."""

from __future__ import annotations

from typing import Any

import pytest

from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import codes, counts
from tests.workflows.rollout.rollouts import order, switch, switched

REQUIRED = {"cases": 3, "agreement": 0.6}
ROUTING = ("input", "rules", "domains", "ROUTING")


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A store with stock in Leeds and York; the policy takes Leeds."""
    shop = await open_shop(database)
    for place in ("LEEDS", "YORK"):
        await shop.receive(50, "TEE-M", place)
    prefers_leeds = {"order": ["preference"], "preference": ["LEEDS"]}
    await shop.publish(PolicyKind.ROUTING, prefers_leeds)
    return shop


async def tried(shop: Shop, agreeing: int, differing: int, channel: str = "web") -> None:
    """Place orders of which so many agree with the policy, and so many do not."""
    shop.clock.forward(seconds=1)
    for number in range(agreeing + differing):
        place = "LEEDS" if number < agreeing else "YORK"
        reference = f"{channel}-{shop.clock.now.isoformat()}-{number}"
        placed = await order(shop, ("TEE-M", 1, place), channel=channel, reference=reference)
        assert not placed.refusals, placed.refusals


async def refused(shop: Shop, scope: str = "global", **facts: Any) -> dict[str, Any]:
    """Publish LIVE, which is refused for ROUTING. Returns the details."""
    before = await counts(shop.database, "policy", "event", "audit_entry")
    outcome = await switch(shop, scope, **facts)
    assert codes(outcome) == [("POLICY_VIOLATION", ROUTING)]
    assert await counts(shop.database, *before) == before
    return dict(outcome.refusals[0].details)


async def test_too_few_cases_are_refused(shop: Shop) -> None:
    await switched(shop, ROUTING="SHADOW", require=REQUIRED)
    await tried(shop, agreeing=2, differing=0)
    details = await refused(shop)
    assert (details["cases"], details["agreed"], details["requiredCases"]) == (2, 2, 3)
    await tried(shop, agreeing=1, differing=0)
    await switched(shop)


async def test_too_little_agreement_is_refused(shop: Shop) -> None:
    await switched(shop, ROUTING="SHADOW", require=REQUIRED)
    await tried(shop, agreeing=2, differing=2)
    await refused(shop)
    await tried(shop, agreeing=1, differing=0)
    await switched(shop)


async def test_old_cases_do_not_count(shop: Shop) -> None:
    await switched(shop, ROUTING="SHADOW", require=REQUIRED)
    await tried(shop, agreeing=3, differing=0)
    shop.clock.forward(days=14, seconds=1)
    await refused(shop)


async def test_both_documents_must_be_met(shop: Shop) -> None:
    """A document cannot lower its own requirement, and may set a higher one."""
    await switched(shop, ROUTING="SHADOW")
    await refused(shop, require=REQUIRED)
    await switched(shop, ROUTING="SHADOW", require=REQUIRED)
    await refused(shop, require={"cases": 0})
    await switched(shop, ROUTING="SHADOW")
    await switched(shop)


async def test_only_cases_of_the_scope_count(shop: Shop) -> None:
    await switched(shop, "channel:web", ROUTING="SHADOW", require=REQUIRED)
    await switched(shop, "channel:market", ROUTING="SHADOW", require=REQUIRED)
    await tried(shop, agreeing=3, differing=0, channel="market")
    await refused(shop, "channel:web")
    await switched(shop, "channel:market")


async def test_a_new_scope_cannot_hide_a_shadow(shop: Shop) -> None:
    """A channel's policy decides before a location's, so it would make the location LIVE."""
    await switched(shop, "location:LEEDS", RETURNS="SHADOW", require=REQUIRED)
    outcome = await switch(shop, "channel:web")
    assert codes(outcome) == [("POLICY_VIOLATION", ("input", "rules", "domains", "RETURNS"))]


async def test_other_steps_are_free(shop: Shop) -> None:
    high = {"cases": 1_000, "agreement": 1.0}
    for modes in ({"ROUTING": "OFF"}, {}, {"ROUTING": "SHADOW"}, {"ROUTING": "OFF"}, {}):
        await switched(shop, require=high, **modes)
