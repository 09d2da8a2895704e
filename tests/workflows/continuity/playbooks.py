"""Playbooks on the store of `tests.builders.store`: published, started, moved and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import models.queries.continuity.reads as run_reads
import workflows.continuity.ends
import workflows.continuity.starts
from domain.access.callers import Caller, Role, holder
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.store import Shop, open_shop
from tests.builders.transactions import rows
from workflows.continuity.commands import EndPlaybook, StartPlaybook
from workflows.continuity.moves import Moves
from workflows.orders.backorders import BackorderRounds
from workflows.transactions.outcomes import Outcome, Request

SUE = holder(Role.SUPERVISOR, actor="sue")
SID = holder(Role.SUPERVISOR, actor="sid")
TURNS_MAX = 50
WAITS_MAX = 200
WAIT_SECONDS = 0.05
UNFINISHED = "SELECT id FROM playbook_run WHERE status IN ('STARTING', 'ENDING')"


@dataclass
class Playbooks:
    """Starts and ends playbooks of a test's store."""

    shop: Shop

    @property
    def database(self) -> Database:
        return self.shop.database

    async def publish(self, scope: str = "global", **measures: Any) -> None:
        """Publish a policy whose one playbook, TEST, takes these measures."""
        rules = {"playbooks": {"TEST": measures}}
        await self.shop.publish(PolicyKind.CONTINUITY, rules, scope)

    async def publish_all(self, playbooks: Mapping[str, Mapping[str, Any]]) -> None:
        """Publish a policy with these playbooks."""
        rules = {"playbooks": {name: dict(each) for name, each in playbooks.items()}}
        await self.shop.publish(PolicyKind.CONTINUITY, rules)

    async def start(
        self,
        playbook: str = "TEST",
        *,
        by: Caller = SUE,
        key: str | None = None,
        skus: tuple[str, ...] | None = None,
        ends_at: datetime | None = None,
        **facts: Any,
    ) -> Outcome:
        command = StartPlaybook(playbook, "Practice.", skus=skus, ends_at=ends_at, **facts)
        return await self.shop.transactions.perform(
            workflows.continuity.starts.start, Request(command, by, key)
        )

    async def started(self, playbook: str = "TEST", **facts: Any) -> Outcome:
        """Start a playbook and let the job move what it moves."""
        outcome = await self.start(playbook, **facts)
        assert not outcome.refusals, outcome.refusals
        await self.move()
        assert (await self.run(outcome))["status"] == "ACTIVE"
        return outcome

    async def end(self, run: Outcome, *, by: Caller = SID, note: str = "Over.") -> Outcome:
        command = EndPlaybook(UUID(run.refs["run"]), note)
        return await self.shop.transactions.perform(
            workflows.continuity.ends.end, Request(command, by)
        )

    async def ended(self, run: Outcome) -> None:
        """End a run, and let the jobs move back and serve."""
        outcome = await self.end(run)
        assert not outcome.refusals, outcome.refusals
        await self.move()
        assert (await self.run(run))["status"] == "ENDED"
        await self.serve()

    async def move(self) -> None:
        """Run the jobs until nothing is left.

        On PostgreSQL a run waits for older transactions, those of other tests on the server too.
        """
        moves = Moves(self.shop.transactions)
        waited = 0
        for _ in range(TURNS_MAX + WAITS_MAX):
            await self.shop.transactions.run(workflows.continuity.ends.end_by_clock)
            if await moves.work():
                continue
            if waited == WAITS_MAX or not await rows(self.database, UNFINISHED):
                return
            waited += 1
            await asyncio.sleep(WAIT_SECONDS)
        raise AssertionError("the runs do not come to an end")

    async def step_until(self, run: Outcome, status: str) -> None:
        """Run the job until a run has this status, whatever the other runs do."""
        moves = Moves(self.shop.transactions)
        for _ in range(WAITS_MAX):
            await moves.work()
            if (await self.run(run))["status"] == status:
                return
            await asyncio.sleep(WAIT_SECONDS)
        raise AssertionError(f"the run does not become {status}")

    async def serve(self) -> None:
        """Serve the backorders, as the job does."""
        rounds = BackorderRounds(self.shop.transactions)
        while await rounds.serve():
            pass

    async def run(self, run: Outcome) -> dict[str, Any]:
        found = await rows(
            self.database, "SELECT * FROM playbook_run WHERE id = $1", UUID(run.refs["run"])
        )
        return found[0]

    async def affected(self, run: Outcome) -> dict[str, int]:
        run_id = UUID(run.refs["run"])
        async with self.database.snapshot() as session:
            found = await run_reads.measures_by_run(session, [run_id])
        return {row["kind"]: row["affected"] for row in found[run_id]}


async def open_playbooks(database: Database) -> Playbooks:
    """A store with ten shirts in LEEDS and five in YORK."""
    shop = await open_shop(database)
    await shop.receive(10)
    await shop.receive(5, at="YORK")
    return Playbooks(shop)
