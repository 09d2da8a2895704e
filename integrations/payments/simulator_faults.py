"""Behavior of the simulated gateway: reliable, or with faults drawn from a seed.

The outcome of a key's refund depends only on the seed and the key; the faults of calls are drawn by
integrations/simulated_calls.py.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from integrations.payments.gateway import GatewayStatus
from integrations.simulated_calls import CallFault, drawn_fault


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

    return GatewayBehavior(outcome, partial(drawn_fault, seed))
