"""ROUTING cases: orders and holds whose locations the caller chooses, and shadows of the policy."""

from __future__ import annotations

from collections.abc import Sequence

import workflows.availability.routing as routing
import workflows.rollout.cases as cases
from domain.policies.rollout import RolloutMode
from domain.policies.shadows import Shadow, places, shadow
from models.queries.catalog.lookups import ChannelFacts
from workflows.availability.atp_context import AtpContext
from workflows.availability.demands import Demand
from workflows.rollout.cases import Subject
from workflows.rollout.modes import Switch
from workflows.transactions.transaction import Transaction


async def decide(
    tx: Transaction,
    context: AtpContext,
    channel: ChannelFacts,
    demands: Sequence[Demand],
    terms: tuple[str | None, str],
    switch: Switch | None,
) -> Shadow | None:
    """The choice of the policy for these demands, before their units move; None unless SHADOW."""
    if switch is None or switch.mode is not RolloutMode.SHADOW:
        return None
    policy = context.rules_for(channel, [demand.item for demand in demands])

    async def would_choose() -> Shadow:
        codes = await routing.would_route(tx, context, channel, demands, *terms)
        return shadow(policy, places(codes), [f"The policy takes units from {places(codes)}."])

    return await cases.attempt(tx, policy, would_choose)


def store(
    tx: Transaction,
    channel: ChannelFacts,
    subject: Subject,
    switch: Switch | None,
    would: Shadow | None,
    chosen: Sequence[str],
    actor: str,
) -> None:
    """Store a case that is not LIVE. The caller has decided it: `chosen` are its locations.

    The case belongs to a location if only this one supplies it.
    """
    if switch is None:
        return
    used = [place.id for place in channel.locations if place.code in chosen]
    case = cases.open_case(
        tx,
        switch,
        subject,
        channel_id=channel.id,
        location_id=used[0] if len(used) == 1 else None,
        shadow=would,
    )
    if would is not None:
        cases.add_comparison(tx, case, would.outcome, places(chosen), actor)
