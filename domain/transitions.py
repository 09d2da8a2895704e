"""One reading of all state tables: a step is in the table, or it is refused with what is."""

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
    """Give back `requested` when `table` leads there from `current`.

    Raises IllegalTransition, with the states that `current` does lead to, otherwise.
    """
    allowed = table[current]
    if requested not in allowed:
        raise IllegalTransition(entity, current, requested, allowed, field=field)
    return requested
