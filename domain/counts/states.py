"""Stock counts and their lines: causes, statuses, and the transitions of a line."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from domain.orders.orders import number_of
from domain.values.codes import number_key


class CountCause(StrEnum):
    """Reason for which levels are counted."""

    PLANNED = "PLANNED"
    """A person asked for the count."""
    CYCLE = "CYCLE"
    """The COUNT policy counts every level again after some time."""
    VARIANCE = "VARIANCE"
    """Units of the level are in doubt: a picker did not find them."""
    SPOT = "SPOT"
    """A worker counted a level that no count had asked for."""


class CountStatus(StrEnum):
    """Progress of a count."""

    OPEN = "OPEN"
    """At least one line is not settled."""
    DONE = "DONE"
    """Every line is posted. Final."""
    CANCELLED = "CANCELLED"
    """Given up; lines that were posted before stay posted. Final."""


class CountLineStatus(StrEnum):
    """Progress of the count of one stock level."""

    OPEN = "OPEN"
    """Not counted yet."""
    RECOUNT = "RECOUNT"
    """To be counted again; `askedAgainBecause` says why."""
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    """Counted; the difference waits for the approval of another person."""
    POSTING = "POSTING"
    """Being booked: the last of the missing units are taken from orders in steps."""
    POSTED = "POSTED"
    """The difference is booked. Final."""
    CANCELLED = "CANCELLED"
    """Given up. Final."""


def count_number(count_id: UUID) -> str:
    """The number of a count that people can read out; unique as the id is."""
    return f"CNT-{number_of(count_id)[1:]}"


def issued_count_number(typed: str) -> str:
    """The form in which the number of a count was issued, for one that a person typed."""
    key = number_key(typed)
    return f"{key[:3]}-{key[3:9]}-{key[9:]}"


_L = CountLineStatus
_COUNTED: Final = frozenset({_L.RECOUNT, _L.NEEDS_APPROVAL, _L.POSTING, _L.POSTED})

LINE_TRANSITIONS: Final[Mapping[CountLineStatus, frozenset[CountLineStatus]]] = MappingProxyType(
    {
        _L.OPEN: _COUNTED | {_L.CANCELLED},
        _L.RECOUNT: _COUNTED | {_L.CANCELLED},
        _L.NEEDS_APPROVAL: frozenset({_L.RECOUNT, _L.POSTING, _L.POSTED, _L.CANCELLED}),
        _L.POSTING: frozenset({_L.POSTED}),
        _L.POSTED: frozenset(),
        _L.CANCELLED: frozenset(),
    }
)

# A level has at most one line in these statuses.
LIVE: Final = frozenset({_L.OPEN, _L.RECOUNT, _L.NEEDS_APPROVAL, _L.POSTING})
# Lines that wait to be counted: each has a COUNT task.
TO_COUNT: Final = frozenset({_L.OPEN, _L.RECOUNT})
# Lines that a cancelled count gives up; a posting cannot be stopped half-way.
CANCELLABLE: Final = frozenset({_L.OPEN, _L.RECOUNT, _L.NEEDS_APPROVAL})
