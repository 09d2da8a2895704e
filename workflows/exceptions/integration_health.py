"""INTEGRATION_DOWN: opened while an outside system does not answer, cleared when it answers."""

from __future__ import annotations

from typing import Final

import workflows.exceptions.opening as exceptions
from domain.exceptions import ExceptionKind
from workflows.transactions.runner import Transactions

FAILURES_MAX: Final = 5


class IntegrationHealth:
    """Counts calls without an answer; `name` is the system in a sentence: "The payment gateway".

    `key` names the system in the subject of the exception.
    """

    def __init__(self, transactions: Transactions, key: str, name: str) -> None:
        self._transactions = transactions
        self._subject = ("Integration", key)
        self._name = name
        self._failures = 0
        # None: not known, because another process may have opened the exception.
        self._is_down: bool | None = None

    async def record_silence(self) -> None:
        """Count a call without an answer; after FAILURES_MAX in a row open INTEGRATION_DOWN."""
        self._failures += 1
        if self._failures < FAILURES_MAX or self._is_down:
            return
        message = f"{self._name} did not answer {self._failures} calls in a row."
        kind, subject = ExceptionKind.INTEGRATION_DOWN, self._subject
        await self._transactions.run(
            lambda tx: exceptions.open_exception(tx, kind, subject, message)
        )
        self._is_down = True

    async def record_answer(self) -> None:
        """Clear INTEGRATION_DOWN if it may be open."""
        self._failures = 0
        if self._is_down is False:
            return
        kind, subject = ExceptionKind.INTEGRATION_DOWN, self._subject
        await self._transactions.run(lambda tx: exceptions.clear(tx, kind, subject))
        self._is_down = False
