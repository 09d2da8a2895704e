"""How a simulated gateway behaves: well, or badly in a way that a seed decides.

What a key's refund comes to and how the gateway acts at each call are drawn from the seed, the key
and the number of the call alone, so that a run can be repeated. From the fourth call of a kind on,
a key is treated well: chaos must end for a test to see that everything settles.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from integrations.payments.gateway import GatewayStatus

BAD_CALLS_MAX: Final = 3


class Manner(StrEnum):
    """How a call goes, apart from what it comes to."""

    ANSWERS = "ANSWERS"
    SILENT_BEFORE = "SILENT_BEFORE"  # times out, nothing was done
    SILENT_AFTER = "SILENT_AFTER"  # times out, everything was done
    REFUSED = "REFUSED"  # cannot be reached


@dataclass(frozen=True, slots=True)
class Fate:
    """What a key's refund comes to: at once or late, and how often and when webhooks tell it."""

    status: GatewayStatus = GatewayStatus.SUCCEEDED
    reason: str | None = None
    is_late: bool = False
    webhooks: int = 0
    webhook_comes_first: bool = False


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`fate(key)` and `manner(key, call, number)`; `call` is "refund" or "look_up", from 1 on."""

    fate: Callable[[str], Fate]
    manner: Callable[[str, str, int], Manner]


WELL_BEHAVED: Final = Behaviour(lambda key: Fate(), lambda key, call, number: Manner.ANSWERS)


def chaos(seed: str) -> Behaviour:
    """The bad behaviour that `seed` names."""

    def fate(key: str) -> Fate:
        dice = random.Random(f"{seed}/{key}")
        is_paid = dice.random() < 0.8
        return Fate(
            status=GatewayStatus.SUCCEEDED if is_paid else GatewayStatus.FAILED,
            reason=None if is_paid else "account_closed",
            is_late=dice.random() < 0.35,
            webhooks=dice.choice((0, 1, 2, 2)),
            webhook_comes_first=dice.random() < 0.5,
        )

    def manner(key: str, call: str, number: int) -> Manner:
        if number > BAD_CALLS_MAX:
            return Manner.ANSWERS
        dice = random.Random(f"{seed}/{key}/{call}/{number}")
        weights = {
            Manner.ANSWERS: 5,
            Manner.SILENT_BEFORE: 2,
            Manner.SILENT_AFTER: 2,
            Manner.REFUSED: 1,
        }
        return dice.choices(list(weights), list(weights.values()))[0]

    return Behaviour(fate, manner)
