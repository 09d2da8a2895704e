"""Readers at a real server, and how late what they read is."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from datetime import datetime

from tests.races.sockets import Subscription


@dataclass(slots=True)
class Reader:
    """One that reads, and how late what it reads is."""

    cursors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    async def run(self, stream: Subscription) -> None:
        """Until cancelled."""
        while True:
            event = await stream.next()
            occurred = datetime.fromisoformat(event["occurredAt"])
            self.cursors.append(event["cursor"])
            self.seconds.append(time.time() - occurred.timestamp())


@dataclass(slots=True)
class Run:
    """What those who read met in one run."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """Of half of what came, the lag was below it."""
        return statistics.median(self.seconds)

    @property
    def late(self) -> float:
        """Of 99 in 100."""
        return statistics.quantiles(self.seconds, n=100)[98]
