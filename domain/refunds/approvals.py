"""Approvals of refunds: number required by amount, and callers that may approve."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.access.callers import Caller
from domain.errors import GrantExceeded, SelfApproval
from domain.policies.dispositions import ConditionGrade
from domain.policies.policies import PolicyVersion
from domain.policies.refunds import RefundRules
from domain.refunds.states import RefundAction, RefundStatus, check_action
from domain.values.codes import same_code
from domain.values.money import Money, to_decimal

_S = RefundStatus


class RefundKind(StrEnum):
    """Cause of a refund; it determines evidence and approval."""

    RETURN = "RETURN"
    """For returned units, once the evidence required by the REFUND policy is reached."""
    CANCELLATION = "CANCELLATION"
    """For cancelled units that were paid for; needs neither evidence nor approval."""
    GOODWILL = "GOODWILL"
    """Opened by a person; needs no evidence, but always an approval."""


@dataclass(frozen=True, slots=True)
class RefundDecision:
    """The policy's decision on an amount: next state, approvals required, and reasons."""

    status: RefundStatus
    approvals_required: int
    policy: PolicyVersion[RefundRules]
    reasons: tuple[str, ...]


def decide(
    kind: RefundKind,
    policy: PolicyVersion[RefundRules],
    amount: Money,
    cumulative: Money,
    conditions: Iterable[ConditionGrade] = (),
) -> RefundDecision:
    """Decide how many approvals `amount` needs, once its evidence is complete.

    `cumulative`: the order's refunds that count, including this one, so that many small refunds do
    not bypass a limit. A cancellation needs no approval. Goodwill, and the conditions listed in the
    policy, need at least one, whatever the amount.
    """
    if kind is RefundKind.CANCELLATION:
        reason = "A cancellation needs neither evidence nor approval."
        return RefundDecision(_S.APPROVED, 0, policy, (reason,))
    rules = policy.rules
    needed = rules.approvers(cumulative)
    if amount.currency in rules.bands:
        reasons = [f"{cumulative} refunded and pending on the order: {_people(needed)}."]
    else:
        reasons = [f"The policy has no bands for {amount.currency}: {_people(needed)}."]
    if kind is RefundKind.GOODWILL:
        needed = max(1, needed)
        reasons.append("Goodwill always needs an approval.")
    for condition in sorted(rules.approval_for.intersection(conditions)):
        needed = max(1, needed)
        reasons.append(f"{condition} units need an approval.")
    status = _S.NEEDS_APPROVAL if needed else _S.APPROVED
    return RefundDecision(status, needed, policy, tuple(reasons))


def decide_zero(
    kind: RefundKind,
    policy: PolicyVersion[RefundRules],
    value: Money,
    conditions: Iterable[ConditionGrade] = (),
) -> RefundDecision:
    """Decide how many approvals a refund that pays nothing needs.

    `value`: what it takes back from the order, which then owes less. Bands limit money that leaves,
    so none applies. Goodwill, and the conditions listed in the policy, need an approval to take
    back any value: else a person could cancel a debt alone.
    """
    reasons = ["Nothing is left to refund."]
    needed = 0
    if value.minor > 0:
        if kind is RefundKind.GOODWILL:
            needed = 1
            reasons.append(f"It lowers what the order owes by {value}: one approver.")
        for condition in sorted(policy.rules.approval_for.intersection(conditions)):
            needed = 1
            reasons.append(f"{condition} units need an approval.")
    status = _S.NEEDS_APPROVAL if needed else _S.SUCCEEDED
    return RefundDecision(status, needed, policy, tuple(reasons))


def left_to_people(decision: RefundDecision, reason: str) -> RefundDecision:
    """The decision where REFUNDS is not LIVE: one approver at least. `reason`: why people decide.

    A refund that neither pays nor takes back anything has nothing to approve: it succeeds at once.
    """
    if decision.status is _S.SUCCEEDED:
        return decision
    needed = max(1, decision.approvals_required)
    reasons = (*decision.reasons, reason)
    return RefundDecision(_S.NEEDS_APPROVAL, needed, decision.policy, reasons)


@dataclass(frozen=True, slots=True)
class Involvement:
    """Actors that took part in a refund and so cannot approve it."""

    requested: frozenset[str] = frozenset()
    authorized: frozenset[str] = frozenset()
    inspected: frozenset[str] = frozenset()
    approved: frozenset[str] = frozenset()

    def part_of(self, actor: str) -> str | None:
        """The part that `actor` had in the case, or None."""
        for part in ("requested", "authorized", "inspected", "approved"):
            if any(same_code(actor, each) for each in getattr(self, part)):
                return part
        return None


def check_approver(
    status: RefundStatus, amount: Money, earlier: Money, involvement: Involvement, caller: Caller
) -> None:
    """Raise unless `caller` may approve this refund.

    `earlier`: what its actor has approved on the order before, which counts with `amount`, so that
    many small refunds do not bypass its limit.

    IllegalTransition because of its state; SelfApproval for an actor that took part, under any key;
    GrantExceeded above the caller's limit, or in another currency than the limit's.
    """
    check_action(status, RefundAction.APPROVE)
    part = involvement.part_of(caller.actor)
    if part is not None:
        raise SelfApproval(caller.actor, part)
    total = amount + earlier
    if not caller.may_grant(total):
        raise GrantExceeded(
            str(to_decimal(total)),
            total.currency,
            None if caller.refund_limit is None else str(caller.refund_limit),
            earlier=str(to_decimal(earlier)) if earlier.minor else None,
        )


def status_after_approval(approvals: int, required: int) -> RefundStatus:
    """APPROVED once enough different actors have approved, else still NEEDS_APPROVAL."""
    return _S.APPROVED if approvals >= required else _S.NEEDS_APPROVAL


def check_settler(involvement: Involvement, caller: Caller) -> None:
    """Raise SelfApproval if `caller` requested the refund and may not settle it by hand."""
    if any(map(caller.acts_as, involvement.requested)):
        raise SelfApproval(caller.actor, "requested")


def _people(count: int) -> str:
    return ("automatic", "one approver", "two approvers")[count]
