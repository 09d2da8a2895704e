"""Check of a state transition against a state table."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from domain.errors import IllegalTransition, Path

State = TypeVar("State", bound=StrEnum)


def step(
    entity: str,
    table: Mapping[State, frozenset[State]],
    current: State,
    requested: State,
    *,
    field: Path = (),
) -> State:
    """Return `requested` if `table` has a transition from `current` to it.

    Otherwise raises IllegalTransition with the states that `current` may move to.
    """
    allowed = table[current]
    if requested not in allowed:
        raise IllegalTransition(entity, current, requested, allowed, field=field)
    return requested
