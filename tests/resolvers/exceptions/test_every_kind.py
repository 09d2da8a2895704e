"""Every kind of exception, raised by real events or by the clock, from its alert to its end.

Each is open once for its subject, is alerted on a socket, does not escalate while it waits, then
escalates once, is cleared when its condition ends, and is the same one if the condition comes back
within an hour. On PostgreSQL each third kind is followed; RESTOW_LONG=1 follows all of them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import workflows.exceptions.escalation as escalation
import workflows.exceptions.handling as handling
from domain.exceptions import ExceptionKind
from schema.fields.node import encode
from tests.builders.in_process_server import InProcessServer
from tests.builders.store import ADMIN
from tests.resolvers.exceptions.kind_cases import CASES, KindCase
from tests.resolvers.exceptions.kind_desk import KindDesk, open_kind_desk
from tests.resolvers.test_subscriptions import Screen, screen
from tests.subscriptions.log.facts import until
from workflows.exceptions.handling import (
    AssignException,
    ResolveException,
    StartException,
    WaitException,
)
from workflows.transactions.outcomes import Request

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
ALERTS = "subscription { exceptionAlerts { exception { id kind status } } }"
HALF_AN_HOUR = timedelta(minutes=30)


class Alerts:
    """The openings and escalations that a socket has received."""

    def __init__(self) -> None:
        self._seen: list[dict[str, str]] = []

    async def follow(self, client: Screen) -> None:
        while True:
            self._seen.append((await client.next())["exception"])

    async def are(self, exception_id: UUID, *statuses: str) -> None:
        """Wait until these alerts of an exception have come; there are no others."""
        name = encode("OperationalException", exception_id)
        await until(
            lambda: [each["status"] for each in self._seen if each["id"] == name] == [*statuses]
        )


@pytest.fixture
async def desk(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KindDesk]:
    """A program whose jobs run only when the test says so."""
    monkeypatch.setattr("app.JOBS", ())
    # A new measurement of the clock would take back the time by which the test has moved it.
    monkeypatch.setattr("workflows.transactions.clock.MEASURE_SECONDS", 3_600)
    api = InProcessServer(database_url)
    await api.open()
    try:
        yield await open_kind_desk(api)
    finally:
        await api.close()


def test_each_kind_has_its_case() -> None:
    assert set(CASES) == set(ExceptionKind)


async def test_each_kind_from_its_alert_to_its_end(desk: KindDesk, engine: str) -> None:
    alerts, chosen = Alerts(), list(CASES.items())
    if engine == "postgres" and not IS_LONG:
        chosen = chosen[::3]
    async with screen(desk.api) as client:
        await client.watch(desk.api, ALERTS)
        following = asyncio.create_task(alerts.follow(client))
        for kind, case in chosen:
            await desk.begin(case.units)
            try:
                await follow(desk, kind, case, alerts)
            except BaseException as error:
                error.add_note(f"The kind is {kind}.")
                raise
        following.cancel()


async def follow(desk: KindDesk, kind: ExceptionKind, case: KindCase, alerts: Alerts) -> None:
    """All that may become of one exception."""
    await case.open(desk)
    [row] = await desk.live(kind)
    await alerts.are(row["id"], "OPEN")
    await case.again(desk)
    assert [each["id"] for each in await desk.live(kind)] == [row["id"]]
    await pause(desk, row)
    await alerts.are(row["id"], "OPEN", "ESCALATED")
    if case.clear is None:
        await act(desk, handling.resolve, ResolveException(row["id"], "Settled."))
        assert (await desk.row(row["id"]))["status"] == "RESOLVED"
        return
    await case.clear(desk)
    assert (await desk.row(row["id"]))["status"] == "AUTO_RESOLVED"
    if case.back is not None:
        await case.back(desk)
        assert [each["id"] for each in await desk.live(kind)] == [row["id"]]
        assert (await desk.row(row["id"]))["status"] == "ESCALATED"
        # It opens once more: one alert.
        await alerts.are(row["id"], "OPEN", "ESCALATED", "ESCALATED")


async def pause(desk: KindDesk, row: dict[str, Any]) -> None:
    """It waits past its due time without escalating; when it goes on, it escalates once."""
    key, clock = row["id"], desk.shop.clock
    await act(desk, handling.assign, AssignException(key, "SUPPORT"))
    await act(desk, handling.start, StartException(key))
    due = (await desk.row(key))["due_at"] - clock.now
    until_at = clock.now + max(due, timedelta(0)) + 2 * HALF_AN_HOUR
    await act(desk, handling.wait, WaitException(key, until_at, "For the supplier."))
    clock.forward(seconds=(until_at - HALF_AN_HOUR - clock.now).total_seconds())
    await escalate(desk)
    assert (await desk.row(key))["status"] == "WAITING"
    await act(desk, handling.start, StartException(key))
    resumed = await desk.row(key)
    assert resumed["due_at"] > row["due_at"]
    clock.forward(seconds=max(0, (resumed["due_at"] - clock.now).total_seconds()) + 1)
    for _ in range(2):
        await escalate(desk)
    escalated = await desk.row(key)
    assert (escalated["status"], escalated["owner"]) == ("ESCALATED", None)
    assert escalated["version"] == resumed["version"] + 1


async def escalate(desk: KindDesk) -> None:
    await desk.shop.transactions.run(escalation.resume)
    while await desk.shop.transactions.run(escalation.escalate_overdue):
        pass


async def act(desk: KindDesk, action: Any, command: Any) -> None:
    await desk.done(desk.shop.transactions.perform(action, Request(command, ADMIN)))
