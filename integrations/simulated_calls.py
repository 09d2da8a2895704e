"""Faults of calls to a simulated system, drawn from a seed.

The fault of a call depends only on the seed, the key and the number of the call, so that a run can
be repeated. From the fourth call of a kind on, a key has no more faults: a test must see that
everything settles in the end.
"""

import random
from enum import StrEnum
from typing import Final

BAD_CALLS_MAX: Final = 3


class CallFault(StrEnum):
    """The fault of one call, independent of its outcome."""

    NONE = "NONE"
    TIMEOUT_BEFORE = "TIMEOUT_BEFORE"  # times out, nothing was done
    TIMEOUT_AFTER = "TIMEOUT_AFTER"  # times out, everything was done
    REFUSED = "REFUSED"  # cannot be reached


def drawn_fault(seed: str, key: str, call: str, number: int) -> CallFault:
    """The fault of the call with this number, from 1, about a key."""
    if number > BAD_CALLS_MAX:
        return CallFault.NONE
    dice = random.Random(f"{seed}/{key}/{call}/{number}")
    weights = {
        CallFault.NONE: 5,
        CallFault.TIMEOUT_BEFORE: 2,
        CallFault.TIMEOUT_AFTER: 2,
        CallFault.REFUSED: 1,
    }
    return dice.choices(list(weights), list(weights.values()))[0]
