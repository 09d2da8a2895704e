"""Storage of the database: notices that writes fail because the disk is full."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from models.database.errors import StorageFull

logger = structlog.get_logger(__name__)

# A commit does not end this state: small changes still fit where large ones do not.
FULL_SECONDS: Final = 30.0


class Storage:
    """The state of the disk, as the last transactions found it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._full_until = 0.0

    @property
    def is_full(self) -> bool:
        """True if a write found no space in the last FULL_SECONDS."""
        return self._now() < self._full_until

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Watch one writing transaction. The first failure for lack of space is logged."""
        try:
            yield
        except Exception as error:
            if (full := _cause(error)) is not None:
                if not self.is_full:
                    logger.error("database.disk_full", error=str(full))
                self._full_until = self._now() + FULL_SECONDS
            raise


def _cause(error: BaseException | None) -> StorageFull | None:
    while error is not None and not isinstance(error, StorageFull):
        error = error.__cause__
    return error
