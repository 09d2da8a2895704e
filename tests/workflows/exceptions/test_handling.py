"""Handling of exceptions: assignment, paused clocks, and escalation of late ones."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

import workflows.exceptions.handling as exception_handling
import workflows.exceptions.opening as exceptions
from domain.access.callers import Caller, Role, holder
from domain.exceptions import EXCEPTION_TRANSITIONS, ExceptionKind, ExceptionStatus
from models.database.database import Database
from tests.builders.transactions import MORNING, codes, counts, events, rows
from tests.builders.warehouse import ANN, SUE, Floor, open_floor
from workflows.exceptions.handling import (
    AssignException,
    ResolveException,
    StartException,
    WaitException,
)
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.transaction import Transaction


@pytest.fixture
async def floor(database: Database) -> Floor:
    return await open_floor(database)


async def opened(
    floor: Floor, number: int = 1, kind: str = "SHORT_PICK", at: str = "LEEDS"
) -> UUID:
    [place] = await rows(floor.database, "SELECT id FROM location WHERE code = $1", at)

    async def work(tx: Transaction) -> UUID:
        subject = ("Order", UUID(int=number))
        message = "Two units are missing."
        return await exceptions.open(
            tx, ExceptionKind(kind), subject, message, location_id=place["id"]
        )

    return await floor.shop.transactions.run(work)


async def do(floor: Floor, what: str, on: UUID, by: Caller = SUE, **facts: Any) -> Outcome:
    transactions = floor.shop.transactions
    if what == "assign":
        assigned = AssignException(on, facts.get("owner", "sue"))
        return await transactions.perform(exception_handling.assign, Request(assigned, by))
    if what == "start":
        return await transactions.perform(exception_handling.start, Request(StartException(on), by))
    if what == "wait":
        until = facts.get("until", floor.shop.clock.now + timedelta(hours=3))
        waiting = WaitException(on, until, facts.get("note", "For the supplier."))
        return await transactions.perform(exception_handling.wait, Request(waiting, by))
    resolved = ResolveException(on, facts.get("resolution", "Found behind the shelf."))
    return await transactions.perform(exception_handling.resolve, Request(resolved, by))


async def row(floor: Floor, exception_id: UUID) -> dict[str, Any]:
    [found] = await rows(
        floor.database, "SELECT * FROM operational_exception WHERE id = $1", exception_id
    )
    return found


async def test_from_open_to_resolved(floor: Floor) -> None:
    found = await opened(floor)
    for step in ("assign", "start", "wait", "start", "resolve"):
        assert not (await do(floor, step, found)).refusals
    end = await row(floor, found)
    assert (end["status"], end["owner"]) == ("RESOLVED", "sue")
    assert (end["resolution"], end["resolved_at"]) == ("Found behind the shelf.", MORNING)
    recorded = await events(floor.database, "exception.")
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
    assert [a["actor"] for a in await floor.audits("exceptionResolve")] == ["sue"]


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


async def brought(floor: Floor, number: int, status: str) -> UUID:
    """An exception in this status."""
    found = await opened(floor, number)
    for step in PATHS[status]:
        if step == "escalate":
            floor.shop.clock.forward(hours=5)
            await floor.shop.transactions.run(exception_handling.escalate)
        elif step == "clear":
            await clear(floor, number)
        else:
            assert not (await do(floor, step, found)).refusals
    assert (await row(floor, found))["status"] == status
    return found


async def test_every_step_of_every_status(floor: Floor) -> None:
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
            found = await brought(floor, number, status)
            allowed = ExceptionStatus(target) in EXCEPTION_TRANSITIONS[ExceptionStatus(status)]
            wanted = [] if allowed else [("ILLEGAL_TRANSITION", ("id",))]
            assert codes(await do(floor, act, found)) == wanted, (status, act)
            assert (await row(floor, found))["status"] == (target if allowed else status)
            await clear(floor, number)


@pytest.mark.parametrize("status", ExceptionStatus)
async def test_what_is_late_escalates_where_its_status_may(
    floor: Floor, status: ExceptionStatus
) -> None:
    found = await brought(floor, 1, status)
    floor.shop.clock.forward(days=9)
    may = ExceptionStatus.ESCALATED in EXCEPTION_TRANSITIONS[status]
    assert await floor.shop.transactions.run(exception_handling.escalate) == may
    assert (await row(floor, found))["status"] == ("ESCALATED" if may else status)


async def clear(floor: Floor, number: int) -> None:
    async def work(tx: Transaction) -> None:
        await exceptions.clear(tx, ExceptionKind.SHORT_PICK, ("Order", UUID(int=number)))

    await floor.shop.transactions.run(work)


async def test_waiting_does_not_count(floor: Floor) -> None:
    found = await opened(floor)
    assert (await row(floor, found))["due_at"] == MORNING + timedelta(hours=4)
    for step in ("assign", "start"):
        await do(floor, step, found)
    floor.shop.clock.forward(hours=1)
    await do(floor, "wait", found, until=MORNING + timedelta(hours=9))
    floor.shop.clock.forward(hours=5)
    assert await floor.shop.transactions.run(exception_handling.escalate) == 0
    await do(floor, "start", found)
    resumed = await row(floor, found)
    assert resumed["due_at"] == MORNING + timedelta(hours=9)
    assert (resumed["waiting_since_at"], resumed["wait_until_at"]) == (None, None)


async def test_the_clock_goes_on_at_the_time_that_was_named(floor: Floor) -> None:
    found = await opened(floor)
    for step in ("assign", "start"):
        await do(floor, step, found)
    await do(floor, "wait", found, until=MORNING + timedelta(hours=2))
    floor.shop.clock.forward(hours=3)
    assert await floor.shop.transactions.run(exception_handling.resume) == 1
    assert await floor.shop.transactions.run(exception_handling.resume) == 0
    resumed = await row(floor, found)
    assert resumed["status"] == "IN_PROGRESS"
    assert resumed["due_at"] == MORNING + timedelta(hours=6)
    assert (await events(floor.database, "exception.resumed"))[0]["data"]["status"] == "IN_PROGRESS"


async def test_what_is_late_goes_to_the_next_role_once(floor: Floor) -> None:
    found = await opened(floor)
    await do(floor, "assign", found, owner="ann")
    floor.shop.clock.forward(hours=4)
    assert await floor.shop.transactions.run(exception_handling.escalate) == 0
    floor.shop.clock.forward(seconds=1)
    assert await floor.shop.transactions.run(exception_handling.escalate) == 1
    assert await floor.shop.transactions.run(exception_handling.escalate) == 0
    late = await row(floor, found)
    assert (late["status"], late["owner_role"], late["owner"]) == (
        "ESCALATED",
        "SUPPLY_CHAIN",
        None,
    )
    [alert] = await events(floor.database, "exception.escalated")
    assert alert["data"]["ownerRole"] == "SUPPLY_CHAIN"


async def test_taking_over_restarts_the_clock_and_the_last_escalation_is_to_admin(
    floor: Floor,
) -> None:
    found = await opened(floor)
    floor.shop.clock.forward(hours=5)
    await floor.shop.transactions.run(exception_handling.escalate)
    await do(floor, "assign", found)
    assert (await row(floor, found))["due_at"] == MORNING + timedelta(hours=9)
    assert await floor.shop.transactions.run(exception_handling.escalate) == 0
    floor.shop.clock.forward(hours=5)
    await floor.shop.transactions.run(exception_handling.escalate)
    assert (await row(floor, found))["owner_role"] == "ADMIN"


async def test_words_and_times_are_needed(floor: Floor) -> None:
    found = await opened(floor)
    before = await counts(floor.database, "event", "audit_entry")
    assert codes(await do(floor, "assign", found, owner=" ")) == [("INVALID", ("owner",))]
    assert codes(await do(floor, "resolve", found, resolution="")) == [("INVALID", ("resolution",))]
    assert codes(await do(floor, "wait", found, note="")) == [("INVALID", ("note",))]
    assert codes(await do(floor, "wait", found, until=MORNING)) == [("INVALID", ("until",))]
    far = MORNING + timedelta(days=91)
    assert codes(await do(floor, "wait", found, until=far)) == [("INVALID", ("until",))]
    assert await counts(floor.database, "event", "audit_entry") == before


async def test_what_is_out_of_scope_does_not_exist(floor: Floor) -> None:
    found = await opened(floor, at="YORK")
    here = holder(Role.WAREHOUSE, actor="lee", locations=frozenset({"LEEDS"}))
    for act in ("assign", "start", "wait", "resolve"):
        assert codes(await do(floor, act, found, by=here)) == [("NOT_FOUND", ("id",))]
        assert codes(await do(floor, act, uuid4(), by=ANN)) == [("NOT_FOUND", ("id",))]
