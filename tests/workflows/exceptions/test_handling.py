"""Handling of exceptions: assignment, paused clocks, and escalation of late ones."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

import workflows.access.api_keys
import workflows.exceptions.escalation as exception_escalation
import workflows.exceptions.handling as exception_handling
import workflows.exceptions.opening as exceptions
from domain.access.api_keys import CreateKey
from domain.access.callers import SYSTEM, Caller, Role, holder
from domain.exceptions import EXCEPTION_TRANSITIONS, ExceptionKind, ExceptionStatus
from models.database.database import Database
from tests.builders.transactions import MORNING, codes, counts, events, rows
from tests.builders.warehouse import ANN, SUE, Warehouse, open_warehouse
from workflows.exceptions.handling import (
    AssignException,
    ResolveException,
    StartException,
    WaitException,
)
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    opened = await open_warehouse(database)
    for name in ("ann", "sue"):
        key = Request(CreateKey(name, Role.WAREHOUSE), SYSTEM)
        await opened.shop.transactions.perform(workflows.access.api_keys.create, key)
    return opened


async def opened(
    warehouse: Warehouse, number: int = 1, kind: str = "SHORT_PICK", at: str = "LEEDS"
) -> UUID:
    [place] = await rows(warehouse.database, "SELECT id FROM location WHERE code = $1", at)

    async def work(tx: Transaction) -> UUID:
        subject = ("Order", UUID(int=number))
        message = "Two units are missing."
        exception_id = await exceptions.open_exception(
            tx, ExceptionKind(kind), subject, message, location_id=place["id"]
        )
        assert exception_id is not None
        return exception_id

    return await warehouse.shop.transactions.run(work)


async def do(warehouse: Warehouse, what: str, on: UUID, by: Caller = SUE, **facts: Any) -> Outcome:
    transactions = warehouse.shop.transactions
    if what == "assign":
        assigned = AssignException(on, facts.get("owner", "sue"))
        return await transactions.perform(exception_handling.assign, Request(assigned, by))
    if what == "start":
        return await transactions.perform(exception_handling.start, Request(StartException(on), by))
    if what == "wait":
        until = facts.get("until", warehouse.shop.clock.now + timedelta(hours=3))
        waiting = WaitException(on, until, facts.get("note", "For the supplier."))
        return await transactions.perform(exception_handling.wait, Request(waiting, by))
    resolved = ResolveException(on, facts.get("resolution", "Found behind the shelf."))
    return await transactions.perform(exception_handling.resolve, Request(resolved, by))


async def row(warehouse: Warehouse, exception_id: UUID) -> dict[str, Any]:
    [found] = await rows(
        warehouse.database, "SELECT * FROM operational_exception WHERE id = $1", exception_id
    )
    return found


async def test_from_open_to_resolved(warehouse: Warehouse) -> None:
    found = await opened(warehouse)
    for step in ("assign", "start", "wait", "start", "resolve"):
        assert not (await do(warehouse, step, found)).refusals
    end = await row(warehouse, found)
    assert (end["status"], end["owner"]) == ("RESOLVED", "sue")
    assert (end["resolution"], end["resolved_at"]) == ("Found behind the shelf.", MORNING)
    recorded = await events(warehouse.database, "exception.")
    assert [e["type"].partition(".")[2] for e in recorded] == [
        "opened",
        "assigned",
        "started",
        "waiting",
        "started",
        "resolved",
    ]
    assert [e["subject_version"] for e in recorded] == [1, 2, 3, 4, 5, 6]
    assert {(e["data"]["kind"], e["data"]["severity"]) for e in recorded} == {
        ("SHORT_PICK", "HIGH")
    }
    assert [a["actor"] for a in await warehouse.audits("exceptionResolve")] == ["sue"]


# actions that lead to each status
PATHS: dict[str, list[str]] = {
    "OPEN": [],
    "ASSIGNED": ["assign"],
    "IN_PROGRESS": ["assign", "start"],
    "WAITING": ["assign", "start", "wait"],
    "ESCALATED": ["escalate"],
    "RESOLVED": ["resolve"],
    "AUTO_RESOLVED": ["clear"],
}


async def brought(warehouse: Warehouse, number: int, status: str) -> UUID:
    """An exception in this status."""
    found = await opened(warehouse, number)
    for step in PATHS[status]:
        if step == "escalate":
            warehouse.shop.clock.forward(hours=5)
            await warehouse.shop.transactions.run(exception_escalation.escalate_overdue)
        elif step == "clear":
            await clear(warehouse, number)
        else:
            assert not (await do(warehouse, step, found)).refusals
    assert (await row(warehouse, found))["status"] == status
    return found


async def test_every_step_of_every_status(warehouse: Warehouse) -> None:
    """Every pair of a status and an action."""
    becomes = {
        "assign": "ASSIGNED",
        "start": "IN_PROGRESS",
        "wait": "WAITING",
        "resolve": "RESOLVED",
    }
    number = 0
    for status in PATHS:
        for act, target in becomes.items():
            number += 1
            found = await brought(warehouse, number, status)
            allowed = ExceptionStatus(target) in EXCEPTION_TRANSITIONS[ExceptionStatus(status)]
            wanted = [] if allowed else [("ILLEGAL_TRANSITION", ("id",))]
            assert codes(await do(warehouse, act, found)) == wanted, (status, act)
            assert (await row(warehouse, found))["status"] == (target if allowed else status)
            await clear(warehouse, number)


@pytest.mark.parametrize("status", ExceptionStatus)
async def test_what_is_late_escalates_where_its_status_may(
    warehouse: Warehouse, status: ExceptionStatus
) -> None:
    found = await brought(warehouse, 1, status)
    warehouse.shop.clock.forward(days=9)
    may = status in (
        ExceptionStatus.OPEN,
        ExceptionStatus.ASSIGNED,
        ExceptionStatus.IN_PROGRESS,
    )
    assert await warehouse.shop.transactions.run(exception_escalation.escalate_overdue) == may
    assert (await row(warehouse, found))["status"] == ("ESCALATED" if may else status)


async def clear(warehouse: Warehouse, number: int) -> None:
    async def work(tx: Transaction) -> None:
        await exceptions.clear(tx, ExceptionKind.SHORT_PICK, ("Order", UUID(int=number)))

    await warehouse.shop.transactions.run(work)


async def test_waiting_does_not_count(warehouse: Warehouse) -> None:
    found = await opened(warehouse)
    assert (await row(warehouse, found))["due_at"] == MORNING + timedelta(hours=4)
    for step in ("assign", "start"):
        await do(warehouse, step, found)
    warehouse.shop.clock.forward(hours=1)
    await do(warehouse, "wait", found, until=MORNING + timedelta(hours=9))
    warehouse.shop.clock.forward(hours=5)
    assert await warehouse.shop.transactions.run(exception_escalation.escalate_overdue) == 0
    await do(warehouse, "start", found)
    resumed = await row(warehouse, found)
    assert resumed["due_at"] == MORNING + timedelta(hours=9)
    assert (resumed["waiting_since_at"], resumed["wait_until_at"]) == (None, None)


async def test_the_clock_goes_on_at_the_time_that_was_named(warehouse: Warehouse) -> None:
    found = await opened(warehouse)
    for step in ("assign", "start"):
        await do(warehouse, step, found)
    await do(warehouse, "wait", found, until=MORNING + timedelta(hours=2))
    warehouse.shop.clock.forward(hours=3)
    assert await warehouse.shop.transactions.run(exception_escalation.resume) == 1
    assert await warehouse.shop.transactions.run(exception_escalation.resume) == 0
    resumed = await row(warehouse, found)
    assert resumed["status"] == "IN_PROGRESS"
    assert resumed["due_at"] == MORNING + timedelta(hours=6)
    assert (await events(warehouse.database, "exception.resumed"))[0]["data"][
        "status"
    ] == "IN_PROGRESS"


async def test_what_is_late_goes_to_the_next_role_once(warehouse: Warehouse) -> None:
    found = await opened(warehouse)
    await do(warehouse, "assign", found, owner="ann")
    warehouse.shop.clock.forward(hours=4)
    assert await warehouse.shop.transactions.run(exception_escalation.escalate_overdue) == 0
    warehouse.shop.clock.forward(seconds=1)
    assert await warehouse.shop.transactions.run(exception_escalation.escalate_overdue) == 1
    assert await warehouse.shop.transactions.run(exception_escalation.escalate_overdue) == 0
    late = await row(warehouse, found)
    assert (late["status"], late["owner_role"], late["owner"]) == (
        "ESCALATED",
        "SUPPLY_CHAIN",
        None,
    )
    [alert] = await events(warehouse.database, "exception.escalated")
    assert alert["data"]["ownerRole"] == "SUPPLY_CHAIN"


async def test_taking_over_restarts_the_clock_and_the_last_escalation_is_to_admin(
    warehouse: Warehouse,
) -> None:
    found = await opened(warehouse)
    warehouse.shop.clock.forward(hours=5)
    await warehouse.shop.transactions.run(exception_escalation.escalate_overdue)
    await do(warehouse, "assign", found)
    assert (await row(warehouse, found))["due_at"] == MORNING + timedelta(hours=9)
    assert await warehouse.shop.transactions.run(exception_escalation.escalate_overdue) == 0
    warehouse.shop.clock.forward(hours=5)
    await warehouse.shop.transactions.run(exception_escalation.escalate_overdue)
    assert (await row(warehouse, found))["owner_role"] == "ADMIN"


async def test_words_and_times_are_needed(warehouse: Warehouse) -> None:
    found = await opened(warehouse)
    before = await counts(warehouse.database, "event", "audit_entry")
    assert codes(await do(warehouse, "assign", found, owner=" ")) == [("INVALID", ("owner",))]
    assert codes(await do(warehouse, "resolve", found, resolution="")) == [
        ("INVALID", ("resolution",))
    ]
    assert codes(await do(warehouse, "wait", found, note="")) == [("INVALID", ("note",))]
    assert codes(await do(warehouse, "wait", found, until=MORNING)) == [("INVALID", ("until",))]
    far = MORNING + timedelta(days=91)
    assert codes(await do(warehouse, "wait", found, until=far)) == [("INVALID", ("until",))]
    assert await counts(warehouse.database, "event", "audit_entry") == before


async def test_what_is_out_of_scope_does_not_exist(warehouse: Warehouse) -> None:
    found = await opened(warehouse, at="YORK")
    here = holder(Role.WAREHOUSE, actor="lee", locations=frozenset({"LEEDS"}))
    for act in ("assign", "start", "wait", "resolve"):
        assert codes(await do(warehouse, act, found, by=here)) == [("NOT_FOUND", ("id",))]
        assert codes(await do(warehouse, act, uuid4(), by=ANN)) == [("NOT_FOUND", ("id",))]


async def test_an_owner_is_an_actor_whose_keys_reach_the_exception_or_a_role(
    warehouse: Warehouse,
) -> None:
    transactions = warehouse.shop.transactions
    for name, facts in (
        ("of York", {"locations": ("YORK",)}),
        ("of Leeds", {"locations": ("LEEDS",)}),
        ("gone", {"expires_at": warehouse.shop.clock.now + timedelta(minutes=1)}),
    ):
        key = Request(CreateKey(name, Role.WAREHOUSE, **facts), SYSTEM)
        assert not (await transactions.perform(workflows.access.api_keys.create, key)).refusals
    warehouse.shop.clock.forward(hours=1)
    found = await opened(warehouse, at="LEEDS")
    before = await row(warehouse, found)
    for owner in ("nobody", "of York", "gone"):
        assert codes(await do(warehouse, "assign", found, owner=owner)) == [
            ("NOT_FOUND", ("owner",))
        ]
    assert await row(warehouse, found) == before
    assert not (await do(warehouse, "assign", found, owner=" Of LEEDS")).refusals
    assert (await row(warehouse, found))["owner"] == "of Leeds"
    other = await opened(warehouse, number=2)
    assert not (await do(warehouse, "assign", other, owner="finance")).refusals
    assert (await row(warehouse, other))["owner"] == "FINANCE"
