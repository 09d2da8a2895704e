"""Readers on a real server, and the delay of the events that they receive."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from datetime import datetime

from tests.races.sockets import Subscription


@dataclass(slots=True)
class Reader:
    """A reader that records the cursor and the delay of each event."""

    cursors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    async def run(self, stream: Subscription) -> None:
        """Read until cancelled."""
        while True:
            event = await stream.next()
            occurred = datetime.fromisoformat(event["occurredAt"])
            self.cursors.append(event["cursor"])
            self.seconds.append(time.time() - occurred.timestamp())


@dataclass(slots=True)
class Run:
    """Delays of all readers in one run."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """Median delay."""
        return statistics.median(self.seconds)

    @property
    def late(self) -> float:
        """99th percentile of the delay."""
        return statistics.quantiles(self.seconds, n=100)[98]
