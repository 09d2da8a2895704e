"""ROLLOUT policies and their cases on the stores of other tests."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import workflows.orders.placement
import workflows.policies.publishing
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.store import ADMIN, Shop, pounds
from tests.builders.transactions import rows
from workflows.orders.commands import NewLine, PlaceOrder
from workflows.policies.publishing import PublishPolicy
from workflows.transactions.outcomes import Outcome, Request

NO_REQUIREMENT = {"cases": 0, "agreement": 0.0}
CASES = """
SELECT c.domain, c.mode, c.subject_type, c.subject_key, s.outcome AS would, s.failed, k.did,
  k.decided_by, k.agrees
FROM rollout_case c LEFT JOIN shadow_decision s ON s.case_id = c.id
LEFT JOIN shadow_comparison k ON k.case_id = c.id ORDER BY c.opened_at, c.id
"""
TABLES = ("rollout_case", "shadow_decision", "shadow_comparison")


async def switch(
    shop: Shop, scope: str = "global", require: dict[str, Any] = NO_REQUIREMENT, **modes: str
) -> Outcome:
    """Publish a ROLLOUT policy; domains that are not named are LIVE."""
    rules = {"domains": {"*": "LIVE", **modes}, "require": require}
    command = PublishPolicy(PolicyKind.ROLLOUT, scope, rules)
    publish = workflows.policies.publishing.publish
    return await shop.transactions.perform(publish, Request(command, ADMIN))


async def switched(shop: Shop, scope: str = "global", **modes: Any) -> None:
    """Publish a ROLLOUT policy that is not refused, a second after the decisions before."""
    shop.clock.forward(seconds=1)
    outcome = await switch(shop, scope, **modes)
    assert not outcome.refusals, outcome.refusals


async def order(shop: Shop, *lines: tuple[str, int, str | None], **facts: Any) -> Outcome:
    """Place an order whose lines may name a location."""
    command = PlaceOrder(
        channel=facts.pop("channel", "web"),
        external_reference=facts.pop("reference", "W-1"),
        lines=tuple(
            NewLine(sku, units, pounds("10.00"), location_code=place) for sku, units, place in lines
        ),
        **facts,
    )
    place = workflows.orders.placement.place
    return await shop.transactions.perform(place, Request(command, ADMIN))


async def supplied(shop: Shop, placed: Outcome) -> dict[str, int]:
    """Units of an order by the location of their fulfillment."""
    assert not placed.refusals, placed.refusals
    found = await rows(
        shop.database,
        "SELECT l.code, SUM(fl.quantity) AS units FROM fulfillment f"
        " JOIN location l ON l.id = f.location_id"
        " JOIN fulfillment_line fl ON fl.fulfillment_id = f.id"
        " WHERE f.order_id = $1 AND f.status <> 'CANCELLED' GROUP BY l.code",
        UUID(placed.refs["order"]),
    )
    return {row["code"]: int(row["units"]) for row in found}


async def cases(database: Database, domain: str) -> list[dict[str, Any]]:
    """The cases of a domain with their shadows and comparisons, oldest first."""
    return [row for row in await rows(database, CASES) if row["domain"] == domain]


async def shadow(database: Database, domain: str) -> tuple[Any, ...]:
    """(would, did, by, agrees) of the only case of a domain."""
    [case] = await cases(database, domain)
    assert case["mode"] == "SHADOW"
    agrees = None if case["agrees"] is None else bool(case["agrees"])
    return case["would"], case["did"], case["decided_by"], agrees
