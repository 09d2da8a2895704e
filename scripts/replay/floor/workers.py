"""Workers of the floor, each with its own key, and the counts of what they did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import scripts.replay.floor.documents as documents
import scripts.replay.return_documents as return_documents
from scripts.replay.client import Api
from scripts.replay.floor.plan import WORKERS
from scripts.replay.order_plan import WAREHOUSE


@dataclass
class Worker:
    """A worker with its client. `calls` makes the idempotency keys of its calls."""

    api: Api
    actor: str
    calls: int = 0

    def key(self) -> str:
        """The idempotency key of the next call."""
        self.calls += 1
        return f"replay-{self.actor}-{self.calls}"

    async def do(self, document: str, **variables: Any) -> Mapping[str, Any]:
        """Perform a mutation. Raises Refused for any user error."""
        return await self.api.mutate(document, variables, key=self.key())

    async def claim(
        self, queue: str, limit: int, location: str = WAREHOUSE
    ) -> Sequence[Mapping[str, Any]]:
        """Claim the first tasks of a queue."""
        claimed = await self.do(documents.CLAIM, queue=queue, location=location, limit=limit)
        tasks: Sequence[Mapping[str, Any]] = claimed["tasks"]
        return tasks


@dataclass
class FloorDone:
    """Counts of the work on the floor, from the replay's own record.

    `shipped_at`: the first shipment of each order, by its id. `transfers` counts those received.
    """

    scans: int = 0
    refused: int = 0
    picked: int = 0
    short: int = 0
    parcels: int = 0
    put_away: int = 0
    transfers: int = 0
    transferred: int = 0
    damaged: int = 0
    counted: int = 0
    exact: int = 0
    approved: int = 0
    recounts: int = 0
    shipped_at: dict[str, datetime] = field(default_factory=dict)
    scans_by_queue: Counter[str] = field(default_factory=Counter)


async def hire(clerk: Api) -> list[Worker]:
    """Create the keys of the workers."""
    workers = []
    for number in range(1, WORKERS + 1):
        actor = f"floor-{number}"
        key = {"name": f"replay {actor}", "role": "WAREHOUSE", "actor": actor}
        made = await clerk.mutate(
            return_documents.KEY, {"input": key}, key=f"replay-floor-key-{number}"
        )
        workers.append(Worker(clerk.with_key(made["secret"]), actor))
    return workers
