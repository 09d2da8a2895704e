"""Disposition of inspected units: the policy's choice, manual overrides, and their order.

QUARANTINE and REFURBISH keep a unit at the location and its item INSPECTED; another disposition may
follow. Every other disposition is final. The policy's table is read in
`domain.policies.dispositions`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from domain.access.callers import Caller
from domain.errors import ApprovalRequired, DomainError, IllegalTransition, PolicyViolation
from domain.policies.dispositions import (
    ConditionGrade,
    Disposition,
    DispositionRules,
    is_forbidden,
)
from domain.returns.states import ITEM_TRANSITIONS, ReturnItemState
from domain.stock.states import MovementKind, StockState
from domain.values.money import Money, to_decimal

_D, _K = Disposition, StockState

# The stock state of a unit after a disposition that is not final.
HOLDING: Final[Mapping[Disposition, StockState]] = MappingProxyType(
    {_D.QUARANTINE: _K.QUARANTINE, _D.REFURBISH: _K.REFURBISHING}
)
FINAL: Final = frozenset(Disposition) - frozenset(HOLDING)

# The dispositions that may follow each one; None: inspected, without a disposition yet.
EXITS: Final[Mapping[Disposition | None, frozenset[Disposition]]] = MappingProxyType(
    {
        None: frozenset(Disposition),
        _D.QUARANTINE: frozenset(Disposition) - {_D.QUARANTINE},
        _D.REFURBISH: frozenset(Disposition) - {_D.REFURBISH},
        **{final: frozenset() for final in FINAL},
    }
)


# Dispositions of units that came for a declined or cancelled return. They were not inspected, so
# they cannot be sold.
FOR_ENDED_RETURNS: Final = frozenset({_D.RETURN_TO_CUSTOMER, _D.SCRAP, _D.LIQUIDATE, _D.QUARANTINE})


@dataclass(frozen=True, slots=True)
class DispositionMove:
    """One executed disposition: stock movement (`to_state` None: units leave) and item state."""

    disposition: Disposition
    from_state: StockState
    to_state: StockState | None
    kind: MovementKind
    item_state: ReturnItemState


@dataclass(frozen=True, slots=True)
class Choice:
    """The disposition to execute, its reasons, and whether the policy or a person chose it."""

    disposition: Disposition
    is_by_policy: bool
    reasons: tuple[str, ...]


def choose(
    rules: DispositionRules,
    condition: ConditionGrade,
    reason: str | None,
    wanted: Disposition | None,
    value: Money,
    caller: Caller,
) -> Choice:
    """Choose the policy's disposition, or the different one that a person wants.

    `wanted` None: no other one is wanted. `value`: of all units of this kind in the return, not
    only of those that move, so that splitting them does not bypass the limit. Raises
    PolicyViolation if a counterfeit would be restocked, for every caller. Raises ApprovalRequired
    if the caller may not override the policy for this value.
    """
    tabled = rules.decide(condition, reason)
    if wanted is None or wanted is tabled:
        return Choice(tabled, True, (says(tabled, condition, reason),))
    if is_forbidden(condition, wanted):
        raise PolicyViolation(
            "A COUNTERFEIT unit cannot be restocked; choose another disposition.",
            field=("disposition",),
            details={"condition": condition, "disposition": wanted},
        )
    is_above = rules.override_above_value.is_passed_by(value)
    if is_above and not caller.may("dispositions.override"):
        raise ApprovalRequired(
            f"{wanted} instead of the policy's {tabled} for units worth {value} requires a "
            "caller with dispositions.override.",
            field=("disposition",),
            details={
                "policy": tabled,
                "amount": str(to_decimal(value)),
                "currencyCode": value.currency,
            },
        )
    why = f"{caller.actor} chose {wanted}; the policy says {tabled}."
    return Choice(wanted, False, (why,))


def says(tabled: Disposition, condition: ConditionGrade, reason: str | None) -> str:
    """The reason of the policy's choice."""
    return f"The policy says {tabled} for {condition} units returned as {reason or 'extra'}."


def execute(
    state: ReturnItemState, last: Disposition | None, disposition: Disposition
) -> DispositionMove:
    """The effects of `disposition` on units in `state` whose last disposition was `last`.

    Raises IllegalTransition for units that are not inspected, already disposed of, or already in
    this disposition. Its `allowed` lists the dispositions that may follow, or the item's next
    states.
    """
    if state is not ReturnItemState.INSPECTED:
        raise IllegalTransition(
            "return item", state, ReturnItemState.DISPOSED, ITEM_TRANSITIONS[state]
        )
    if disposition not in EXITS[last]:
        raise IllegalTransition("return item", last or state, disposition, EXITS[last])
    from_state = StockState.QUALITY_CONTROL if last is None else HOLDING[last]
    return DispositionMove(
        disposition,
        from_state,
        _to_state(disposition),
        MovementKind.SCRAPPED if disposition is _D.SCRAP else MovementKind.DISPOSED,
        ReturnItemState.DISPOSED if disposition in FINAL else ReturnItemState.INSPECTED,
    )


def leave_quarantine(disposition: Disposition) -> DispositionMove:
    """The effects of `disposition` on units that are in quarantine and were not inspected.

    Raises IllegalTransition for QUARANTINE: they are there.
    """
    return execute(ReturnItemState.INSPECTED, _D.QUARANTINE, disposition)


def check_ended_return(last: Disposition | None, disposition: Disposition) -> None:
    """Raise IllegalTransition unless units of a declined or cancelled return may go this way.

    `last`: the units' last disposition.
    """
    allowed = FOR_ENDED_RETURNS & EXITS[last]
    if disposition not in allowed:
        current = last or ReturnItemState.EXPECTED
        raise IllegalTransition("return item", current, disposition, allowed)


def check_unidentified(disposition: Disposition, caller: Caller) -> DispositionMove:
    """The effects of `disposition` on units of an unmatched parcel.

    Raises IllegalTransition for QUARANTINE, and ApprovalRequired if the caller may not restock
    units without an inspection.
    """
    try:
        effect = leave_quarantine(disposition)
    except DomainError as error:
        raise error.under("disposition") from None
    if disposition is _D.RESTOCK and not caller.may("dispositions.override"):
        raise ApprovalRequired(
            "Restocking units of an unidentified parcel requires a caller with"
            " dispositions.override.",
            field=("disposition",),
            details={"disposition": disposition},
        )
    return effect


def _to_state(disposition: Disposition) -> StockState | None:
    if disposition is _D.RESTOCK:
        return StockState.AVAILABLE
    return HOLDING.get(disposition)
