"""Steps of people: another owner, comments, escalation before the time, and many at once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import workflows.exceptions.bulk as exception_bulk
import workflows.exceptions.escalation as exception_escalation
import workflows.exceptions.handling as exception_handling
from domain.access.callers import Caller, Role, holder
from models.database.database import Database
from tests.builders.transactions import MORNING, codes, counts, events, rows
from tests.builders.warehouse import ANN, SUE, Warehouse
from tests.workflows.exceptions.test_handling import clear, do, opened, row
from tests.workflows.exceptions.test_handling import warehouse as warehouse
from workflows.exceptions.bulk import BULK_MAX, AssignExceptions, ResolveExceptions
from workflows.exceptions.escalation import EscalateException
from workflows.exceptions.handling import CommentException
from workflows.transactions.outcomes import Outcome, Request


async def history(warehouse: Warehouse, exception_id: UUID) -> list[tuple[Any, ...]]:
    """(actor, action, status, owner, note) of each step."""
    found = await rows(
        warehouse.database,
        "SELECT actor, action, status, owner, note FROM exception_step WHERE exception_id = $1"
        " ORDER BY id",
        exception_id,
    )
    return [tuple(step.values()) for step in found]


async def comment(warehouse: Warehouse, on: UUID, text: str, by: Caller = SUE) -> Outcome:
    command = Request(CommentException(on, text), by)
    return await warehouse.shop.transactions.perform(exception_handling.comment, command)


async def escalate(warehouse: Warehouse, on: UUID, note: str = "Too big for us.") -> Outcome:
    command = Request(EscalateException(on, note), SUE)
    return await warehouse.shop.transactions.perform(exception_escalation.escalate, command)


async def test_each_step_is_in_the_history(warehouse: Warehouse) -> None:
    found = await opened(warehouse)
    for step in ("assign", "start", "wait"):
        assert not (await do(warehouse, step, found)).refusals
    assert not (await comment(warehouse, found, "They call back.")).refusals
    assert not (await do(warehouse, "resolve", found)).refusals
    assert not (await comment(warehouse, found, "It was the label.", ANN)).refusals
    assert await history(warehouse, found) == [
        ("system", "OPENED", "OPEN", None, "Two units are missing."),
        ("sue", "ASSIGNED", "ASSIGNED", "sue", None),
        ("sue", "STARTED", "IN_PROGRESS", "sue", None),
        ("sue", "WAITING", "WAITING", "sue", "For the supplier."),
        ("sue", "COMMENTED", "WAITING", "sue", "They call back."),
        ("sue", "RESOLVED", "RESOLVED", "sue", "Found behind the shelf."),
        ("ann", "COMMENTED", "RESOLVED", "sue", "It was the label."),
    ]
    recorded = await events(warehouse.database, "exception.")
    assert "They call back." not in str(recorded)


async def test_a_comment_has_words_and_a_history_has_an_end(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await opened(warehouse)
    assert codes(await comment(warehouse, found, " ")) == [("INVALID", ("text",))]
    monkeypatch.setattr(exception_handling, "STEPS_MAX", 2)
    assert not (await comment(warehouse, found, "One.")).refusals
    before = await counts(warehouse.database, "event", "exception_step")
    assert codes(await comment(warehouse, found, "Two.")) == [("LIMIT_EXCEEDED", ("id",))]
    assert await counts(warehouse.database, "event", "exception_step") == before


async def test_a_new_owner_of_a_waiting_exception_gets_the_time_that_it_waited(
    warehouse: Warehouse,
) -> None:
    found = await opened(warehouse)
    for step in ("assign", "start"):
        await do(warehouse, step, found)
    await do(warehouse, "wait", found, until=MORNING + timedelta(hours=9))
    warehouse.shop.clock.forward(hours=2)
    assert not (await do(warehouse, "assign", found, owner="ann")).refusals
    after = await row(warehouse, found)
    assert (after["status"], after["owner"]) == ("ASSIGNED", "ann")
    assert after["due_at"] == MORNING + timedelta(hours=4 + 2)
    assert (after["waiting_since_at"], after["wait_until_at"]) == (None, None)


async def test_a_person_escalates_from_role_to_role_up_to_the_admin(warehouse: Warehouse) -> None:
    found = await opened(warehouse)
    roles = []
    for _ in range(2):
        assert not (await escalate(warehouse, found)).refusals
        roles.append((await row(warehouse, found))["owner_role"])
    assert roles == ["SUPPLY_CHAIN", "ADMIN"]
    before = await counts(warehouse.database, "event", "exception_step")
    assert codes(await escalate(warehouse, found)) == [("ILLEGAL_TRANSITION", ("id",))]
    assert codes(await escalate(warehouse, found, "")) == [("INVALID", ("note",))]
    assert await counts(warehouse.database, "event", "exception_step") == before
    assert len(await events(warehouse.database, "exception.escalated")) == 2
    await clear(warehouse, 1)
    assert codes(await escalate(warehouse, found)) == [("ILLEGAL_TRANSITION", ("id",))]


async def test_what_comes_back_keeps_its_owner_and_its_escalation(warehouse: Warehouse) -> None:
    escalated, assigned = await opened(warehouse), await opened(warehouse, 2)
    await escalate(warehouse, escalated)
    await do(warehouse, "assign", assigned)
    await do(warehouse, "start", assigned)
    for number in (1, 2):
        await clear(warehouse, number)
        await opened(warehouse, number)
    first, second = await row(warehouse, escalated), await row(warehouse, assigned)
    assert (first["status"], first["owner_role"]) == ("ESCALATED", "SUPPLY_CHAIN")
    assert (second["status"], second["owner"]) == ("ASSIGNED", "sue")
    assert second["due_at"] == MORNING + timedelta(hours=4)


async def test_many_are_assigned_and_resolved_each_by_itself(warehouse: Warehouse) -> None:
    transactions = warehouse.shop.transactions
    first, second, gone = [await opened(warehouse, number) for number in (1, 2, 3)]
    elsewhere = await opened(warehouse, 4, at="YORK")
    await do(warehouse, "resolve", gone)
    lee = holder(Role.WAREHOUSE, actor="lee", locations=frozenset({"LEEDS"}))
    ids = (second, None, gone, elsewhere, first, second)
    assign = Request(AssignExceptions(ids, "ann"), lee)
    outcome = await transactions.perform(exception_bulk.assign_all, assign)
    assert outcome.refs["exceptions"] == [str(second), None, None, None, str(first), None]
    assert codes(outcome) == [
        ("NOT_FOUND", ("ids", "1")),
        ("ILLEGAL_TRANSITION", ("ids", "2")),
        ("NOT_FOUND", ("ids", "3")),
        ("INVALID", ("ids", "5")),
    ]
    assert (await row(warehouse, first))["owner"] == "ann"
    assert (await row(warehouse, elsewhere))["owner"] is None
    resolve = Request(ResolveExceptions((first, gone), "Found."), SUE)
    outcome = await transactions.perform(exception_bulk.resolve_all, resolve)
    assert outcome.refs["exceptions"] == [str(first), None]
    assert codes(outcome) == [("ILLEGAL_TRANSITION", ("ids", "1"))]
    assert (await row(warehouse, first))["resolution"] == "Found."


async def test_many_are_at_most_two_hundred_and_their_owner_exists(warehouse: Warehouse) -> None:
    transactions = warehouse.shop.transactions
    found = await opened(warehouse)
    for ids in ((), (found,) * (BULK_MAX + 1)):
        assign = Request(AssignExceptions(ids, "ann"), SUE)
        outcome = await transactions.perform(exception_bulk.assign_all, assign)
        assert codes(outcome) == [("LIMIT_EXCEEDED", ("ids",))]
    assign = Request(AssignExceptions((found,), "nobody"), SUE)
    outcome = await transactions.perform(exception_bulk.assign_all, assign)
    assert codes(outcome) == [("NOT_FOUND", ("owner",))]
    resolve = Request(ResolveExceptions((found,), ""), SUE)
    outcome = await transactions.perform(exception_bulk.resolve_all, resolve)
    assert codes(outcome) == [("INVALID", ("resolution",))]
    assert (await row(warehouse, found))["status"] == "OPEN"


async def test_a_resolved_kind_of_the_clock_is_silent_until_its_condition_ends(
    database: Database, warehouse: Warehouse
) -> None:
    late = await opened(warehouse, kind="ORDER_LATE")
    short = await opened(warehouse)
    for each in (late, short):
        await do(warehouse, "resolve", each)
    assert [(await row(warehouse, each))["silenced"] for each in (late, short)] == [1, 0]
