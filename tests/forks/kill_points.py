"""Points at which a process kills itself by SIGKILL."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from integrations.carriers.carrier import LabelOrder, Purchase
from integrations.carriers.http import HttpCarrier
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

T = TypeVar("T")


def always() -> bool:
    return True


class KillPoint:
    """Counts the points that a process has passed, and kills it at the one with this number.

    `is_armed` is false where points do not count. None: the process survives.
    """

    def __init__(self, dies_at: int | None, is_armed: Callable[[], bool] = always) -> None:
        self._left = dies_at
        self._is_armed = is_armed

    def point(self) -> None:
        """Kill this process if this is the chosen point."""
        if self._left is None or not self._is_armed():
            return
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


class MortalTransactions(Transactions):
    """Transactions with three points each: before, inside (all is written) and after the commit."""

    kill_point: KillPoint

    async def _once(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        writing: Callable[[], None],
        *,
        is_first: bool,
    ) -> T:
        async def mortal(tx: Transaction) -> T:
            result = await work(tx)
            await tx.flush()
            self.kill_point.point()
            return result

        self.kill_point.point()
        result = await super()._once(mortal, writing, is_first=is_first)
        self.kill_point.point()
        return result


class MortalCarrier(HttpCarrier):
    """A carrier with points before and after each purchase."""

    kill_point: KillPoint

    async def buy(self, label: LabelOrder) -> Purchase:
        self.kill_point.point()
        answer = await super().buy(label)
        self.kill_point.point()
        return answer
