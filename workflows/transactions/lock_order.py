"""The order in which every transaction takes its locks, which prevents deadlocks."""

from __future__ import annotations

from enum import IntEnum


class LockClass(IntEnum):
    """Classes of rows, in the order in which every transaction locks them."""

    KEYS = 1
    ORDER = 2
    RETURN = 3
    REFUND = 4
    TRANSFER = 5
    STOCK = 6
    HOLDS = 7
    MEASURES = 8
    COST = 9
    LEDGER = 10
    INTEGRATION = 11


class LockOrderBroken(RuntimeError):
    """A workflow asked for a lock class before one that it already holds."""


class LockOrder:
    """The last lock class that a transaction has taken."""

    def __init__(self) -> None:
        self._locked = LockClass.KEYS

    def locking(self, lock_class: LockClass) -> None:
        """Announce that rows of this class are locked next. Raises LockOrderBroken."""
        if lock_class < self._locked:
            raise LockOrderBroken(f"{lock_class.name} after {self._locked.name}")
        self._locked = lock_class

    def trying(self, lock_class: LockClass) -> None:
        """Announce that rows of this class are locked next without waiting, at any time."""
        self._locked = max(self._locked, lock_class)
