"""Health of integrations: figures and statuses for all processes, gates, probes and exceptions."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from domain.access.callers import Role, holder
from domain.integrations.commands import PauseIntegration, ResumeIntegration
from domain.integrations.figures import TryResult
from domain.integrations.states import IntegrationStatus
from domain.integrations.validation import PAYMENTS_CODE
from integrations.errors import IntegrationError
from integrations.monitoring import monitored
from integrations.payments.monitored import MonitoredGateway
from models.database.database import Database
from tests.builders.refunds import FIONA, FRED, RefundDesk, open_refund_desk
from tests.builders.transactions import rows, transactions_on
from tests.workflows.carriers.label_desk import ScriptedCarrier
from tests.workflows.integrations.call_desk import (
    DEAD,
    integration_row,
    make_calls,
    open_integrations,
    status_events,
    status_of,
    watching,
)
from workflows.integrations.health import HealthMonitor
from workflows.integrations.operations import pause, resume
from workflows.integrations.watch import IntegrationWatch
from workflows.reactions import REACTIONS
from workflows.refunds.payouts import Payouts
from workflows.transactions.outcomes import Request

SUCCEEDED, FAILED, THROTTLED = TryResult
ADMIN = holder(Role.ADMIN, actor="ada")


@pytest.fixture
async def desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.fixture
async def monitor(desk: RefundDesk) -> HealthMonitor:
    return await open_integrations(desk.shop)


def watch_of(desk: RefundDesk, monitor: HealthMonitor) -> IntegrationWatch:
    gateway = MonitoredGateway(desk.gateway, monitor.monitor(PAYMENTS_CODE))
    return watching(desk.shop.transactions, monitor, gateway, ScriptedCarrier())


async def health_row(database: Database) -> dict[str, Any]:
    [row] = await rows(
        database,
        "SELECT h.* FROM integration_health h JOIN integration i ON i.id = h.integration_id"
        " WHERE i.code = 'payments'",
    )
    return row


async def other_process(desk: RefundDesk) -> HealthMonitor:
    """A monitor as another process has it."""
    other = HealthMonitor(
        transactions_on(desk.database, clock=desk.shop.clock, reactions=REACTIONS)
    )
    async with desk.database.reading() as session:
        await other.refresh(session)
    return other


async def test_an_outage_is_seen_by_all_processes_and_ends(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    other, watch, clock = await other_process(desk), watch_of(desk, monitor), desk.shop.clock
    await make_calls(monitor, FAILED, 4)
    assert await status_of(desk.database) == "HEALTHY"
    assert monitor.may_call(PAYMENTS_CODE)
    clock.forward(seconds=1)
    await make_calls(other, FAILED, 1)
    assert not other.may_call("Payments")
    async with desk.database.reading() as session:
        await monitor.refresh(session)
    assert not monitor.may_call(PAYMENTS_CODE)
    row = await integration_row(desk.database)
    assert row["outage_since_at"] == clock.now
    assert await desk.open_exceptions("INTEGRATION_DOWN") == [f"Integration:{row['id']}"]
    desk.gateway.probes = [DEAD, None]
    await watch.probe()
    assert (await health_row(desk.database))["last_success_at"] is None
    clock.forward(seconds=30)
    await watch.probe()
    await watch.probe()
    assert await status_of(desk.database) == "DOWN"
    clock.forward(seconds=30)
    await watch.probe()
    assert await status_of(desk.database) == "RECOVERING"
    assert monitor.calls_max(PAYMENTS_CODE) == 1
    for _ in range(10):
        clock.forward(seconds=1)
        await watch.probe()
    assert await status_of(desk.database) == "HEALTHY"
    assert (await integration_row(desk.database))["outage_since_at"] is None
    assert await desk.open_exceptions("INTEGRATION_DOWN") == []
    assert await status_events(desk.database) == [
        "integration.down",
        "integration.recovering",
        "integration.healthy",
    ]


async def test_the_exception_says_why_and_is_cleared_by_its_own_integration(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    await make_calls(monitor, FAILED, 5)
    await make_calls(monitor, FAILED, 5, "carriers/simulator")
    found = await rows(
        desk.database,
        "SELECT message FROM operational_exception WHERE kind = 'INTEGRATION_DOWN'"
        " ORDER BY message",
    )
    assert [row["message"] for row in found] == [
        f"The integration {code} is DOWN. 5 calls in a row failed."
        " Last failure: the gateway answered 503."
        for code in ("carriers/simulator", "payments")
    ]
    reasons = (await integration_row(desk.database))["status_reasons"]
    assert "5 calls in a row failed." in str(reasons)


async def test_two_processes_add_up_one_window(desk: RefundDesk, monitor: HealthMonitor) -> None:
    other = await other_process(desk)
    for process in (monitor, other):
        for number in range(10):
            process.record(PAYMENTS_CODE, FAILED if number == 4 else SUCCEEDED, 0.1)
    await asyncio.gather(monitor.flush(), other.flush())
    assert await status_of(desk.database) == "DEGRADED"
    assert await status_events(desk.database) == ["integration.degraded"]


async def test_a_flush_without_calls_writes_nothing(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    await make_calls(monitor, SUCCEEDED, 1)
    before = await health_row(desk.database)
    desk.shop.clock.forward(seconds=10)
    await monitor.flush()
    assert await health_row(desk.database) == before


async def test_calls_are_kept_while_the_database_fails(
    desk: RefundDesk, monitor: HealthMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("no database")

    for _ in range(3):
        monitor.record(PAYMENTS_CODE, FAILED, 0.1)
    with monkeypatch.context() as patched:
        patched.setattr(desk.shop.transactions, "run", fail)
        with pytest.raises(RuntimeError):
            await monitor.flush()
    await make_calls(monitor, FAILED, 2)
    assert await status_of(desk.database) == "DOWN"


async def test_an_unknown_code_changes_nothing(desk: RefundDesk, monitor: HealthMonitor) -> None:
    await make_calls(monitor, FAILED, 9, "nobody")
    assert await rows(desk.database, "SELECT * FROM integration_health") == []


async def test_degraded_ends_with_time_alone(desk: RefundDesk, monitor: HealthMonitor) -> None:
    watch, clock = watch_of(desk, monitor), desk.shop.clock
    await make_calls(monitor, FAILED, 2)
    await make_calls(monitor, SUCCEEDED, 8)
    await watch.watch()
    assert await status_of(desk.database) == "DEGRADED"
    clock.forward(minutes=4)
    await watch.watch()
    assert await status_of(desk.database) == "DEGRADED"
    clock.forward(minutes=2)
    await watch.watch()
    assert await status_of(desk.database) == "HEALTHY"


async def approved(desk: RefundDesk, count: int) -> list[str]:
    """Approved refunds of one pound each, in the order of their approval."""
    await desk.shop.receive(100, "COAT")
    order = await desk.desk.sold(("COAT", count))
    made = []
    for _ in range(count):
        refund = await desk.create(order, "1.00")
        for actor in (FIONA, FRED)[: (await desk.find(refund))["approvals_required"]]:
            assert not (await desk.approve(refund, actor)).refusals
        desk.shop.clock.forward(seconds=1)
        made.append(str(desk.id(refund)))
    return made


async def test_waiting_refunds_degrade_and_are_counted(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    watch = watch_of(desk, monitor)
    await approved(desk, 3)
    await watch.watch()
    assert (await health_row(desk.database))["backlog"] == 3
    assert await status_of(desk.database) == "HEALTHY"
    desk.shop.clock.forward(minutes=2)
    await watch.watch()
    assert await status_of(desk.database) == "DEGRADED"
    await desk.pay()
    await watch.watch()
    row = await health_row(desk.database)
    assert (row["backlog"], row["oldest_at"]) == (0, None)


async def test_down_makes_no_payment_and_recovering_pays_in_order(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    """RECOVERING pays one refund at a time: no second call begins before the first has ended."""
    refunds = await approved(desk, 4)
    under_way: list[int] = [0, 0]

    async def meanwhile(_: str) -> None:
        under_way[0] += 1
        under_way[1] = max(under_way)
        await asyncio.sleep(0.01)
        under_way[0] -= 1

    desk.gateway.meanwhile = meanwhile
    payouts = Payouts(desk.shop.transactions, desk.gateway, health=monitor)
    watch = watch_of(desk, monitor)
    await make_calls(monitor, FAILED, 5)
    assert await payouts.work() == 0
    assert desk.gateway.sent == []
    desk.shop.clock.forward(seconds=30)
    await watch.probe()
    assert await status_of(desk.database) == "RECOVERING"
    assert await payouts.work() == 4
    assert under_way[1] == 1
    keys = await rows(
        desk.database,
        "SELECT key FROM refund_attempt ORDER BY (SELECT decided_at FROM refund r"
        " WHERE r.id = refund_id)",
    )
    assert desk.gateway.sent == [row["key"] for row in keys]
    assert len(desk.gateway.sent) == len(refunds)


async def test_the_ramp_doubles_the_calls_under_way(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    await make_calls(monitor, FAILED, 5)
    desk.shop.clock.forward(seconds=30)
    await watch_of(desk, monitor).probe()
    highest: list[int] = []
    for seconds in (0, 5, 5):
        desk.shop.clock.forward(seconds=seconds)
        under_way = [0, 0]

        async def call(_: int, under_way: list[int] = under_way) -> None:
            under_way[0] += 1
            under_way[1] = max(under_way)
            await asyncio.sleep(0.01)
            under_way[0] -= 1

        await monitor.each(PAYMENTS_CODE, range(9), 8, call)
        highest.append(under_way[1])
    assert highest == [1, 2, 4]


async def test_each_stops_when_no_call_is_allowed_and_raises_the_first_failure(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    called: list[int] = []

    async def call(item: int) -> None:
        called.append(item)
        if item == 1:
            await make_calls(monitor, FAILED, 5)
            raise ValueError(item)

    with pytest.raises(ValueError, match="1"):
        await monitor.each(PAYMENTS_CODE, range(6), 1, call)
    assert called == [0, 1]


async def test_a_probe_and_another_call_are_never_under_way_together(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    probes: list[str] = []

    async def probe() -> None:
        probes.append("probe")

    async def call(_: int) -> None:
        await monitor.alone(PAYMENTS_CODE, probe)

    await monitor.each(PAYMENTS_CODE, [1], 8, call)
    assert probes == []
    await monitor.alone(PAYMENTS_CODE, probe)
    assert probes == ["probe"]


async def test_a_client_makes_no_try_while_its_integration_is_down(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    client = monitor.monitor(PAYMENTS_CODE)
    asked: list[int] = []

    async def ask() -> None:
        asked.append(1)

    await monitored(client, ask)
    await make_calls(monitor, FAILED, 5)
    with pytest.raises(IntegrationError) as refusal:
        await monitored(client, ask)
    assert not refusal.value.was_asked
    assert len(asked) == 1


async def test_one_process_takes_each_probe(desk: RefundDesk, monitor: HealthMonitor) -> None:
    other = await other_process(desk)
    await make_calls(monitor, FAILED, 5)
    row = await integration_row(desk.database)
    down = IntegrationStatus.DOWN
    assert not await monitor.claim_probe(row["id"], down)
    desk.shop.clock.forward(seconds=30)
    taken = await asyncio.gather(*(each.claim_probe(row["id"], down) for each in (monitor, other)))
    assert sorted(taken) == [False, True]


async def test_a_pause_stops_calls_and_a_resumed_gateway_recovers(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    perform, clock = desk.shop.transactions.perform, desk.shop.clock
    watch = watch_of(desk, monitor)
    command = PauseIntegration("payments", "Maintenance.")
    assert not (await perform(pause, Request(command, ADMIN))).refusals
    await make_calls(monitor, FAILED, 9)
    assert await status_of(desk.database) == "PAUSED"
    assert not monitor.may_call(PAYMENTS_CODE)
    await watch.probe()
    clock.forward(minutes=1)
    assert not (await perform(resume, Request(ResumeIntegration("payments"), ADMIN))).refusals
    for _ in range(12):
        clock.forward(seconds=1)
        await watch.watch()
        await watch.probe()
    assert await status_of(desk.database) == "HEALTHY"


async def test_a_pause_during_an_outage_keeps_the_exception_and_off_ends_it(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    perform = desk.shop.transactions.perform
    await make_calls(monitor, FAILED, 5)
    await perform(pause, Request(PauseIntegration("payments", "Wait."), ADMIN))
    row = await integration_row(desk.database)
    assert row["status"] == "PAUSED"
    assert row["outage_since_at"] == row["status_since_at"]
    assert len(await desk.open_exceptions("INTEGRATION_DOWN")) == 1


async def test_a_status_that_a_person_changed_meanwhile_stays(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    """Failures and pauses at the same time, each in a transaction of its own."""
    perform = desk.shop.transactions.perform
    for _ in range(5):
        monitor.record(PAYMENTS_CODE, FAILED, 0.1)
    command = PauseIntegration("payments", "Wait.")
    await asyncio.gather(monitor.flush(), perform(pause, Request(command, ADMIN)))
    assert await status_of(desk.database) == "PAUSED"


async def test_figures_older_than_five_minutes_are_dropped(
    desk: RefundDesk, monitor: HealthMonitor
) -> None:
    await make_calls(monitor, SUCCEEDED, 3)
    desk.shop.clock.forward(minutes=6)
    await make_calls(monitor, SUCCEEDED, 1)
    buckets = (await health_row(desk.database))["buckets"]
    assert str(desk.shop.clock.now - timedelta(minutes=6))[:15] not in str(buckets)
