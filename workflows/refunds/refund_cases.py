"""REFUNDS cases: refunds of returns that are paid only after an approval, and their shadows.

A refund's case begins when the refund is opened, and it keeps the mode. So a refund that waits for
evidence is decided later in the mode of its beginning. Refunds that were opened together have the
same mode.

Cancellations and goodwill are no cases: no policy decides them. What a cancellation owes is owed
already, and goodwill always needs an approval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.rollout.cases as case_queries
import workflows.policies.publishing as policies
import workflows.rollout.cases as cases
import workflows.rollout.modes as modes
from domain.policies.policies import Facts, PolicyKind, choose
from domain.policies.rollout import RolloutDomain, RolloutMode
from domain.policies.shadows import Shadow, shadow
from domain.refunds.approvals import RefundDecision
from domain.refunds.states import RefundStatus
from models.policies import RolloutCaseRow
from workflows.orders.locked_orders import LockedOrder
from workflows.rollout.modes import Switch
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class RefundCase:
    """The mode of refunds that are opened together, where it is not LIVE.

    `known`: the cases of refunds that waited for evidence, by the refund's key.
    """

    switch: Switch
    channel_id: int
    location_id: int | None
    known: Mapping[str, RolloutCaseRow] = field(default_factory=dict)

    async def would(self, tx: Transaction, decision: RefundDecision) -> Shadow | None:
        """The policy's decision that people make instead; None unless SHADOW."""
        if self.switch.mode is not RolloutMode.SHADOW or not _is_decided(decision):
            return None

        async def would_decide() -> Shadow:
            needs_people = decision.approvals_required > 0
            outcome = RefundStatus.NEEDS_APPROVAL if needs_people else RefundStatus.APPROVED
            return shadow(decision.policy, outcome, decision.reasons)

        return await cases.attempt(tx, decision.policy, would_decide)

    def store(self, tx: Transaction, refund_id: UUID, would: Shadow | None) -> None:
        """Store the case of a refund, and its shadow once the refund is decided."""
        case = self.known.get(str(refund_id))
        if case is None:
            case = cases.open_case(
                tx,
                self.switch,
                ("Refund", refund_id),
                channel_id=self.channel_id,
                location_id=self.location_id,
            )
        if would is not None:
            cases.add_shadow(tx, case, would)


def _is_decided(decision: RefundDecision) -> bool:
    """False for a refund that neither pays nor takes back anything: nothing is decided."""
    return decision.status is not RefundStatus.SUCCEEDED


async def begin(
    tx: Transaction, order: LockedOrder, return_id: UUID, waiting: Sequence[UUID]
) -> RefundCase | None:
    """The case of refunds of a return; None if it is LIVE.

    `waiting`: the refunds that waited for evidence and are decided or estimated again.
    """
    keys = [str(refund_id) for refund_id in waiting]
    if keys:
        known = await case_queries.of_subjects(tx.session, "Refund", keys)
        first = known.get(keys[0])
        if first is None:
            return None
        switch = cases.switch_of(first)
        return RefundCase(switch, first["channel_id"], first["location_id"], known)
    in_force = await policies.in_force(tx.session, PolicyKind.ROLLOUT, tx.now)
    domain = RolloutDomain.REFUNDS
    if all(policy.rules.mode(domain) is RolloutMode.LIVE for policy in in_force):
        return None
    channel = (await lookups.channels_by_id(tx.session, [order.channel_id]))[order.channel_id]
    place = await case_queries.destination_of(tx.session, return_id)
    facts = Facts(channel.code, location=place["code"])
    switch = modes.switch(choose(in_force, facts, tx.now), domain)
    return None if switch.is_live else RefundCase(switch, order.channel_id, place["location_id"])
