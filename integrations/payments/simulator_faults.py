"""Behavior of the simulated gateway: reliable, or with faults drawn from a seed.

The outcome of a key's refund and the fault of each call depend only on the seed, the key and the
number of the call, so that a run can be repeated. From the fourth call of a kind on, a key has no
more faults: a test must see that everything settles in the end.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from integrations.payments.gateway import GatewayStatus

BAD_CALLS_MAX: Final = 3


class CallFault(StrEnum):
    """The fault of one call, independent of the refund's outcome."""

    NONE = "NONE"
    TIMEOUT_BEFORE = "TIMEOUT_BEFORE"  # times out, nothing was done
    TIMEOUT_AFTER = "TIMEOUT_AFTER"  # times out, everything was done
    REFUSED = "REFUSED"  # cannot be reached


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """The outcome of a key's refund: immediate or delayed, and its webhooks."""

    status: GatewayStatus = GatewayStatus.SUCCEEDED
    reason: str | None = None
    is_late: bool = False
    webhooks: int = 0
    webhook_comes_first: bool = False


@dataclass(frozen=True, slots=True)
class GatewayBehavior:
    """`outcome(key)` and `fault(key, call, number)`; `call`: "refund" or "look_up"; `number`: from
    1.
    """

    outcome: Callable[[str], RefundOutcome]
    fault: Callable[[str, str, int], CallFault]


WELL_BEHAVED: Final = GatewayBehavior(
    lambda key: RefundOutcome(), lambda key, call, number: CallFault.NONE
)


def chaos(seed: str) -> GatewayBehavior:
    """Faulty behavior, drawn from `seed`."""

    def outcome(key: str) -> RefundOutcome:
        dice = random.Random(f"{seed}/{key}")
        is_paid = dice.random() < 0.8
        return RefundOutcome(
            status=GatewayStatus.SUCCEEDED if is_paid else GatewayStatus.FAILED,
            reason=None if is_paid else "account_closed",
            is_late=dice.random() < 0.35,
            webhooks=dice.choice((0, 1, 2, 2)),
            webhook_comes_first=dice.random() < 0.5,
        )

    def fault(key: str, call: str, number: int) -> CallFault:
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

    return GatewayBehavior(outcome, fault)
