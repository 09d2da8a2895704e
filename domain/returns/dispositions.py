"""What becomes of an inspected unit: the policy's table, what a person may choose, and the chain.

QUARANTINE and REFURBISH keep a unit in the house and its item INSPECTED; they have exits. Every
other disposition is final. The table itself is read in `domain.policies.dispositions`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from domain.access.callers import Caller
from domain.errors import ApprovalRequired, IllegalTransition, PolicyViolation
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

# Where a unit waits after a disposition that is not final.
HOLDING: Final[Mapping[Disposition, StockState]] = MappingProxyType(
    {_D.QUARANTINE: _K.QUARANTINE, _D.REFURBISH: _K.REFURBISHING}
)
FINAL: Final = frozenset(Disposition) - frozenset(HOLDING)

# What may follow: None is a unit that was inspected and not disposed of in any way yet.
EXITS: Final[Mapping[Disposition | None, frozenset[Disposition]]] = MappingProxyType(
    {
        None: frozenset(Disposition),
        _D.QUARANTINE: frozenset(Disposition) - {_D.QUARANTINE},
        _D.REFURBISH: frozenset(Disposition) - {_D.REFURBISH},
        **{final: frozenset() for final in FINAL},
    }
)


@dataclass(frozen=True, slots=True)
class DispositionMove:
    """One executed disposition: the units' movement (to None: they leave) and the item's state."""

    disposition: Disposition
    from_state: StockState
    to_state: StockState | None
    kind: MovementKind
    item_state: ReturnItemState


@dataclass(frozen=True, slots=True)
class Choice:
    """Which disposition is executed, whether the policy or a person chose it, and why."""

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
    """The table's disposition, or the one a person wants instead.

    `wanted` None: nobody wants another. `value`: of all units of this kind in the return, not only
    of those that move, so that splitting gets nobody below the limit.
    Raises PolicyViolation for a counterfeit to be restocked, whoever asks, and ApprovalRequired
    when the caller may not go against the table for so much.
    """
    tabled = rules.decide(condition, reason)
    if wanted is None or wanted is tabled:
        told = f"The policy says {tabled} for {condition} units returned as {reason or 'extra'}."
        return Choice(tabled, True, (told,))
    if is_forbidden(condition, wanted):
        raise PolicyViolation(
            "A counterfeit is never restocked.",
            field=("disposition",),
            details={"condition": condition, "disposition": wanted},
        )
    is_above = rules.override_above_value.is_passed_by(value)
    if is_above and not caller.may("dispositions.override"):
        raise ApprovalRequired(
            f"{wanted} instead of {tabled} for units worth {value} needs a supervisor.",
            field=("disposition",),
            details={
                "policy": tabled,
                "amount": str(to_decimal(value)),
                "currencyCode": value.currency,
            },
        )
    told = f"{caller.actor} chose {wanted}; the policy says {tabled}."
    return Choice(wanted, False, (told,))


def execute(
    state: ReturnItemState, last: Disposition | None, disposition: Disposition
) -> DispositionMove:
    """What executing `disposition` does to units in `state` whose last disposition was `last`.

    Raises IllegalTransition for units that are not inspected, are disposed of, or are there
    already; `allowed` names the dispositions that may follow, or the item's next states.
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


def _to_state(disposition: Disposition) -> StockState | None:
    if disposition is _D.RESTOCK:
        return StockState.AVAILABLE
    return HOLDING.get(disposition)
