"""Measures that start by themselves while an integration is DOWN, and end with its outage."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest

from domain.integrations.figures import TryResult
from domain.integrations.states import IntegrationStatus
from domain.policies.policies import PolicyKind
from models.database.database import Database
from models.database.sessions import UniqueConflict
from models.integrations import Integration
from tests.builders.tampering import tamper
from tests.builders.transactions import rows
from tests.workflows.continuity.playbooks import SID, Playbooks, open_playbooks
from tests.workflows.integrations.call_desk import make_calls, open_integrations
from workflows.continuity.commands import EndPlaybook
from workflows.continuity.ends import end
from workflows.continuity.outages import start_due
from workflows.integrations.health import HealthMonitor
from workflows.integrations.records import set_status
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Request
from workflows.transactions.transaction import Transaction

FAILED, CARRIER = TryResult.FAILED, "carriers/simulator"


@pytest.fixture
async def playbooks(database: Database) -> Playbooks:
    return await open_playbooks(database)


@pytest.fixture
async def monitor(playbooks: Playbooks) -> HealthMonitor:
    return await open_integrations(playbooks.shop)


async def runs(playbooks: Playbooks) -> list[dict[str, Any]]:
    """All runs with their measures, oldest first."""
    sql = (
        "SELECT r.*, m.kind, m.units FROM playbook_run r JOIN playbook_measure m ON m.run_id = r.id"
        " ORDER BY r.started_at, r.id"
    )
    return await rows(playbooks.shop.database, sql)


async def give(playbooks: Playbooks, code: str, status: IntegrationStatus) -> None:
    """Give an integration a status, as its calls would."""

    async def work(tx: Transaction) -> None:
        row = await Integration.filter(code_key=code).using_db(tx.session.client).get()
        await set_status(tx, row, status, [], "system")

    await playbooks.shop.transactions.run(work)


async def test_a_gateway_that_is_down_holds_refunds_until_it_is_healthy(
    playbooks: Playbooks, monitor: HealthMonitor
) -> None:
    transactions = playbooks.shop.transactions
    assert await transactions.run(start_due) == 0
    await make_calls(monitor, FAILED, 5)
    assert await transactions.run(start_due) == 1
    assert await transactions.run(start_due) == 0
    [run] = await runs(playbooks)
    assert (run["playbook"], run["kind"], run["status"]) == (
        "onDown.PAYMENTS",
        "HOLD_REFUNDS",
        "ACTIVE",
    )
    assert (run["started_by"], run["reason"]) == ("system", "The integration payments is DOWN.")
    [row] = await rows(
        playbooks.shop.database, "SELECT id FROM integration WHERE code = 'payments'"
    )
    assert run["integration_id"] == row["id"]
    assert await reconcile(playbooks.shop.database) == []
    await give(playbooks, "payments", IntegrationStatus.RECOVERING)
    assert [run["status"] for run in await runs(playbooks)] == ["ACTIVE"]
    await give(playbooks, "payments", IntegrationStatus.HEALTHY)
    [run] = await runs(playbooks)
    assert (run["status"], run["ended_by"]) == ("ENDED", "system")
    assert await reconcile(playbooks.shop.database) == []


async def test_a_carrier_that_is_down_stops_its_own_labels(
    playbooks: Playbooks, monitor: HealthMonitor
) -> None:
    await make_calls(monitor, FAILED, 5, CARRIER)
    await playbooks.shop.transactions.run(start_due)
    [run] = await runs(playbooks)
    assert (run["playbook"], run["kind"]) == ("onDown.CARRIER", "MANUAL_LABELS")
    carriers = run["carriers"]
    assert (orjson.loads(carriers) if isinstance(carriers, str) else carriers) == ["simulator"]


async def test_a_run_that_a_person_ended_is_not_started_again_in_the_same_outage(
    playbooks: Playbooks, monitor: HealthMonitor
) -> None:
    transactions = playbooks.shop.transactions
    await make_calls(monitor, FAILED, 5)
    await transactions.run(start_due)
    [run] = await runs(playbooks)
    command = EndPlaybook(UUID(str(run["id"])), "We pay by hand.")
    assert not (await transactions.perform(end, Request(command, SID))).refusals
    await give(playbooks, "payments", IntegrationStatus.RECOVERING)
    await give(playbooks, "payments", IntegrationStatus.DOWN)
    playbooks.shop.clock.forward(minutes=1)
    assert await transactions.run(start_due) == 0
    await give(playbooks, "payments", IntegrationStatus.HEALTHY)
    playbooks.shop.clock.forward(minutes=1)
    await give(playbooks, "payments", IntegrationStatus.DOWN)
    assert await transactions.run(start_due) == 1


async def test_the_policy_may_wait_and_name_other_measures(
    playbooks: Playbooks, monitor: HealthMonitor
) -> None:
    rules = {"onDown": {"PAYMENTS": {"after": "PT10M", "REVIEW_RETURNS": True}}}
    await playbooks.shop.publish(PolicyKind.CONTINUITY, rules)
    transactions = playbooks.shop.transactions
    await make_calls(monitor, FAILED, 5)
    await make_calls(monitor, FAILED, 5, CARRIER)
    playbooks.shop.clock.forward(minutes=9)
    assert await transactions.run(start_due) == 0
    playbooks.shop.clock.forward(minutes=1)
    assert await transactions.run(start_due) == 1
    assert [run["kind"] for run in await runs(playbooks)] == ["REVIEW_RETURNS"]


async def test_the_database_allows_one_live_run_of_an_integration(
    playbooks: Playbooks, monitor: HealthMonitor
) -> None:
    await make_calls(monitor, FAILED, 5)
    await playbooks.shop.transactions.run(start_due)
    with pytest.raises(UniqueConflict):
        async with playbooks.shop.database.writer() as session:
            await session.execute(
                "INSERT INTO playbook_run (id, playbook, status, reason, policy_scope,"
                " policy_version, end_by, started_by, started_at, integration_id)"
                " SELECT integration_id, playbook, status, reason, policy_scope, policy_version,"
                " end_by, started_by, started_at, integration_id FROM playbook_run"
            )


BREAKS = {
    "a run after its outage": (
        "UPDATE integration SET status = 'HEALTHY', outage_since_at = NULL",
        "measures of outages end with them",
        "expected ended, found ACTIVE",
    ),
    "an exception after its outage": (
        "UPDATE integration SET status = 'OFF', outage_since_at = NULL",
        "INTEGRATION_DOWN is open in outages only",
        "payments: expected no open INTEGRATION_DOWN, found OPEN",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_a_contradiction_is_named(
    playbooks: Playbooks, monitor: HealthMonitor, what: str
) -> None:
    await make_calls(monitor, FAILED, 5)
    await playbooks.shop.transactions.run(start_due)
    statement, proof, line = BREAKS[what]
    await tamper(playbooks.database.url, statement)
    named = [str(each) for each in await reconcile(playbooks.database) if each.proof == proof]
    assert any(line in each for each in named), named
