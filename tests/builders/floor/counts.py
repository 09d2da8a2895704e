"""Counts on the store of `tests.builders.floor.bins`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import workflows.counts.creation
import workflows.counts.decisions
import workflows.counts.recording
import workflows.tasks.claims
from domain.access.callers import Caller, Role, holder
from domain.policies.policies import PolicyKind
from domain.tasks import QueueKind
from models.database.database import Database
from tests.builders.floor.bins import Floor, open_floor
from tests.builders.store import ADMIN, Shop
from tests.builders.transactions import rows
from tests.builders.warehouse import Warehouse
from workflows.counts.counted_items import CountedPlace, RecordCount
from workflows.counts.creation import CreateCount
from workflows.counts.decisions import ApproveLines, CancelCount, RecountLines
from workflows.counts.posting import PostingRounds
from workflows.tasks.claims import ClaimTasks, RenewTask
from workflows.transactions.outcomes import Outcome, Request

ANN = holder(Role.WAREHOUSE, actor="ann")
BEN = holder(Role.WAREHOUSE, actor="ben")
CLEO = holder(Role.WAREHOUSE, actor="cleo")
SUE = holder(Role.SUPERVISOR, actor="sue")

Place = tuple[str, int] | tuple[str, int, str]


@dataclass
class Counting:
    """Operations of counts on a test's store."""

    floor: Floor

    @property
    def shop(self) -> Shop:
        return self.floor.shop

    @property
    def database(self) -> Database:
        return self.floor.database

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.shop)

    async def policy(self, **rules: Any) -> None:
        """Publish a COUNT policy."""
        await self.shop.publish(PolicyKind.COUNT, rules)

    async def adjustments_above(self, amount: str) -> None:
        """Publish the value of a difference above which it needs an approval."""
        rules = {"approvalAbove": {"GBP": amount}}
        await self.shop.publish(PolicyKind.ADJUSTMENT, rules)

    async def create(self, at: str = "LEEDS", by: Caller = SUE, **facts: Any) -> Outcome:
        request = Request(CreateCount(at, **facts), by)
        return await self.shop.transactions.perform(workflows.counts.creation.create, request)

    async def record(
        self, *places: Place, at: str = "LEEDS", by: Caller = ANN, key: str | None = None
    ) -> Outcome:
        """Record (SKU, units, bin) of places."""
        command = RecordCount(at, tuple(CountedPlace(*place) for place in places))
        return await self.shop.transactions.perform(
            workflows.counts.recording.record, Request(command, by, key)
        )

    async def approve(self, *line_ids: object, by: Caller = SUE, key: str | None = None) -> Outcome:
        command = ApproveLines(tuple(UUID(str(each)) for each in line_ids), "Checked the shelf.")
        return await self.shop.transactions.perform(
            workflows.counts.decisions.approve, Request(command, by, key)
        )

    async def recount(self, *line_ids: object, by: Caller = SUE) -> Outcome:
        command = RecountLines(tuple(UUID(str(each)) for each in line_ids), "Count again.")
        return await self.shop.transactions.perform(
            workflows.counts.decisions.recount, Request(command, by)
        )

    async def cancel(self, created: Outcome, by: Caller = SUE) -> Outcome:
        command = CancelCount(UUID(created.refs["count"]), "No longer needed.")
        return await self.shop.transactions.perform(
            workflows.counts.decisions.cancel, Request(command, by)
        )

    async def claim(self, by: Caller = ANN, limit: int = 1) -> Outcome:
        request = Request(ClaimTasks(QueueKind.COUNT, "LEEDS", limit), by)
        return await self.shop.transactions.perform(workflows.tasks.claims.claim, request)

    async def renew(self, task_id: object, by: Caller = ANN) -> Outcome:
        request = Request(RenewTask(UUID(str(task_id))), by)
        return await self.shop.transactions.perform(workflows.tasks.claims.renew, request)

    async def post_rest(self) -> int:
        """Let the job take all that postings have left. Returns the number of its rounds."""
        job, rounds = PostingRounds(self.shop.transactions), 0
        while await job.work():
            rounds += 1
        return rounds

    async def lines(self, sku: str = "TEE-M") -> list[tuple[str, int | None]]:
        """(status, variance) of the lines of a SKU, oldest first."""
        return [(row["status"], row["variance"]) for row in await self.line_rows(sku)]

    async def line_rows(self, sku: str = "TEE-M") -> list[dict[str, Any]]:
        return await rows(
            self.database,
            "SELECT l.* FROM stock_count_line l JOIN item i ON i.id = l.item_id"
            " JOIN stock_count c ON c.id = l.count_id WHERE i.sku = $1 ORDER BY c.created_at",
            sku,
        )

    async def counts(self) -> list[tuple[str, str, int, int]]:
        """(cause, status, lines, lines done) of all counts, oldest first."""
        found = await rows(self.database, "SELECT * FROM stock_count ORDER BY created_at, cause")
        return [
            (row["cause"], row["status"], row["line_count"], row["lines_done"]) for row in found
        ]

    async def tasks(self) -> list[tuple[str, str | None]]:
        """(status, worker) of all COUNT tasks, in the order of their creation."""
        found = await rows(
            self.database,
            "SELECT status, claimed_by FROM task WHERE queue = 'COUNT'"
            " ORDER BY created_at, ended_at NULLS LAST, id",
        )
        return [(row["status"], row["claimed_by"]) for row in found]

    async def level(self, sku: str = "TEE-M", at: str = "LEEDS") -> dict[str, int]:
        """Units of a level by state, with its missing ones; without zeros."""
        found = await rows(
            self.database,
            "SELECT s.available, s.held, s.allocated, s.quarantine, s.picked, s.missing, s.binned"
            " FROM stock_level s JOIN item i ON i.id = s.item_id"
            " JOIN location l ON l.id = s.location_id WHERE i.sku = $1 AND l.code = $2",
            sku,
            at,
        )
        return {name: units for name, units in found[0].items() if units}

    async def variances(self) -> list[str]:
        """Statuses of the COUNT_VARIANCE exceptions, oldest first."""
        found = await rows(
            self.database,
            "SELECT status FROM operational_exception WHERE kind = 'COUNT_VARIANCE'"
            " ORDER BY opened_at, id",
        )
        return [row["status"] for row in found]


async def open_counting(database: Database, **rules: Any) -> Counting:
    """A store with bins in LEEDS. `rules`: of a COUNT policy; none: the default."""
    counting = Counting(await open_floor(database))
    if rules:
        await counting.policy(**rules)
    return counting


__all__ = ["ADMIN", "ANN", "BEN", "CLEO", "SUE", "Counting", "open_counting"]
