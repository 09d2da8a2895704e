"""Who must agree to a refund, and who may: bands over the order's sum, four eyes by actor (5.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.access.callers import Caller
from domain.errors import GrantExceeded, SelfApproval
from domain.policies.dispositions import ConditionGrade
from domain.policies.policies import PolicyVersion
from domain.policies.refunds import RefundRules
from domain.refunds.states import RefundAction, RefundStatus, check_action
from domain.values.money import Money, to_decimal

_S = RefundStatus


class RefundKind(StrEnum):
    """Why money goes back; it decides what is asked first."""

    RETURN = "RETURN"
    """For returned units, as far as the REFUND policy's evidence has come."""
    CANCELLATION = "CANCELLATION"
    """For cancelled units that were paid for; it needs neither evidence nor approval."""
    GOODWILL = "GOODWILL"
    """Opened by a person; it needs no evidence and always an approval."""


@dataclass(frozen=True, slots=True)
class RefundDecision:
    """What a policy decided on an amount: the state it goes to, how many must agree, and why."""

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
    """How many must agree to `amount`, once its evidence is complete.

    `cumulative`: what the order's refunds that count come to with this one, so that many small
    ones do not pass. A cancellation needs nobody; goodwill and the conditions that the policy names
    need somebody whatever the amount.
    """
    if kind is RefundKind.CANCELLATION:
        told = "A cancellation needs neither evidence nor approval."
        return RefundDecision(_S.APPROVED, 0, policy, (told,))
    rules = policy.rules
    needed = rules.approvers(cumulative)
    if amount.currency in rules.bands:
        reasons = [f"{cumulative} refunded and pending on the order: {_people(needed)}."]
    else:
        reasons = [f"The policy names no bands for {amount.currency}: {_people(needed)}."]
    if kind is RefundKind.GOODWILL:
        needed = max(1, needed)
        reasons.append("Goodwill always needs an approval.")
    for condition in sorted(rules.approval_for.intersection(conditions)):
        needed = max(1, needed)
        reasons.append(f"{condition} units need an approval.")
    status = _S.NEEDS_APPROVAL if needed else _S.APPROVED
    return RefundDecision(status, needed, policy, tuple(reasons))


@dataclass(frozen=True, slots=True)
class Involvement:
    """The actors that had a part in a refund and so cannot agree to it."""

    requested: frozenset[str] = frozenset()
    authorized: frozenset[str] = frozenset()
    inspected: frozenset[str] = frozenset()
    approved: frozenset[str] = frozenset()

    def part_of(self, actor: str) -> str | None:
        """What `actor` did in the case; None: nothing."""
        for part in ("requested", "authorized", "inspected", "approved"):
            if actor in getattr(self, part):
                return part
        return None


def check_approver(
    status: RefundStatus, amount: Money, involvement: Involvement, caller: Caller
) -> None:
    """Raise unless `caller` may agree to this refund.

    IllegalTransition by its state, SelfApproval for whoever had a part in it under any key, and
    GrantExceeded above the caller's limit or in another currency than the limit's.
    """
    check_action(status, RefundAction.APPROVE)
    part = involvement.part_of(caller.actor)
    if part is not None:
        raise SelfApproval(caller.actor, part)
    if not caller.may_grant(amount):
        limit = None if caller.refund_limit is None else str(caller.refund_limit)
        raise GrantExceeded(str(to_decimal(amount)), amount.currency, limit)


def status_after_approval(approvals: int, required: int) -> RefundStatus:
    """APPROVED once enough different actors agree, else still NEEDS_APPROVAL."""
    return _S.APPROVED if approvals >= required else _S.NEEDS_APPROVAL


def check_settler(status: RefundStatus, involvement: Involvement, caller: Caller) -> None:
    """Raise unless `caller` may settle this UNKNOWN refund by hand: never who requested it."""
    check_action(status, RefundAction.SETTLE)
    if caller.actor in involvement.requested:
        raise SelfApproval(caller.actor, "requested")


def _people(count: int) -> str:
    return ("automatic", "one approver", "two approvers")[count]
