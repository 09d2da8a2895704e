"""Opening of exceptions: one open row for each kind and subject, however often it is reported."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

import workflows.catalog.locations
import workflows.exceptions.opening as exceptions
import workflows.policies.publishing
from domain.access.callers import Role, holder
from domain.errors import PolicyViolation
from domain.exceptions import ExceptionKind
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.catalog import a_location
from tests.builders.transactions import (
    MORNING,
    Clock,
    counts,
    events,
    rows,
    transactions_on,
)
from workflows.policies.publishing import PublishPolicy
from workflows.transactions.outcomes import Request
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

ORDER = ("Order", UUID(int=1))


async def _open(
    transactions: Transactions,
    kind: ExceptionKind = ExceptionKind.OVERSOLD,
    subject: tuple[str, object] = ORDER,
    message: str = "Two units are missing.",
    location_id: int | None = None,
) -> UUID:
    async def work(tx: Transaction) -> UUID:
        opened = await exceptions.open_exception(
            tx, kind, subject, message, location_id=location_id
        )
        assert opened is not None
        return opened

    return await transactions.run(work)


async def _clear(transactions: Transactions) -> UUID | None:
    async def work(tx: Transaction) -> UUID | None:
        return await exceptions.clear(tx, ExceptionKind.OVERSOLD, ORDER)

    return await transactions.run(work)


async def test_the_catalog_gives_owner_severity_and_time(database: Database) -> None:
    opened = await _open(transactions_on(database))
    (row,) = await rows(database, "SELECT * FROM operational_exception")
    assert (row["id"], row["kind"], row["status"]) == (opened, "OVERSOLD", "OPEN")
    assert row["subject_key"] == f"Order:{ORDER[1]}"
    assert (row["severity"], row["owner_role"]) == ("CRITICAL", "SUPERVISOR")
    assert (row["opened_at"], row["due_at"]) == (MORNING, MORNING + timedelta(hours=1))
    assert (row["occurrences"], row["message"]) == (1, "Two units are missing.")


async def test_a_policy_replaces_the_catalog_where_it_applies(database: Database) -> None:
    transactions = transactions_on(database)
    outcome = await transactions.perform(workflows.catalog.locations.upsert, a_location("LEEDS"))
    row = {"severity": "LOW", "ownerRole": "WAREHOUSE", "due": "PT2H", "escalateTo": "ADMIN"}
    command = PublishPolicy(PolicyKind.EXCEPTION, "location:LEEDS", {"kinds": {"OVERSOLD": row}})
    boss = holder(Role.ADMIN, actor="boss")
    await transactions.perform(workflows.policies.publishing.publish, Request(command, boss))
    await _open(transactions, location_id=outcome.refs["location"])
    await _open(transactions, subject=("Order", 2))
    found = await rows(
        database,
        "SELECT severity, owner_role, due_at FROM operational_exception ORDER BY due_at DESC",
    )
    assert [(row["severity"], row["owner_role"], row["due_at"] - MORNING) for row in found] == [
        ("LOW", "WAREHOUSE", timedelta(hours=2)),
        ("CRITICAL", "SUPERVISOR", timedelta(hours=1)),
    ]


async def test_a_repeat_raises_occurrences_and_keeps_the_clock(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    first = await _open(transactions)
    clock.forward(minutes=30)
    assert await _open(transactions, message="Three units are missing.") == first
    (row,) = await rows(database, "SELECT * FROM operational_exception")
    assert (row["occurrences"], row["version"]) == (2, 2)
    assert row["message"] == "Three units are missing."
    assert row["due_at"] == MORNING + timedelta(hours=1)


async def test_other_kinds_and_subjects_stand_apart(database: Database) -> None:
    transactions = transactions_on(database)
    await _open(transactions)
    await _open(transactions, ExceptionKind.ORDER_LATE)
    await _open(transactions, subject=("Order", UUID(int=2)))
    await _open(transactions, subject=("Return", UUID(int=1)))
    found = await rows(database, "SELECT occurrences FROM operational_exception")
    assert [row["occurrences"] for row in found] == [1, 1, 1, 1]


async def test_clearing_resolves_it_and_the_next_one_after_an_hour_is_new(
    database: Database,
) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    first = await _open(transactions)
    assert await _clear(transactions) == first
    assert await _clear(transactions) is None
    clock.forward(hours=1)
    second = await _open(transactions)
    assert second != first
    found = await rows(
        database,
        "SELECT id, status, resolution, resolved_at FROM operational_exception ORDER BY status",
    )
    assert [(row["id"], row["status"]) for row in found] == [
        (first, "AUTO_RESOLVED"),
        (second, "OPEN"),
    ]
    assert found[0]["resolution"].startswith("Cleared: no unit of the order is backordered")
    assert found[0]["resolved_at"] == MORNING


async def test_each_step_is_an_event_and_an_audit_row(database: Database) -> None:
    transactions = transactions_on(database)
    await _open(transactions)
    await _open(transactions)
    await _clear(transactions)
    found = await events(database, "exception.")
    assert [(e["type"], e["subject_version"], e["data"]["status"]) for e in found] == [
        ("exception.opened", 1, "OPEN"),
        ("exception.repeated", 2, "OPEN"),
        ("exception.resolved", 3, "AUTO_RESOLVED"),
    ]
    assert found[1]["data"]["occurrences"] == 2
    assert "message" not in found[0]["data"]
    assert await counts(database, "audit_entry") == {"audit_entry": 3}


async def test_opened_in_what_is_refused_it_never_was(database: Database) -> None:
    async def refused(tx: Transaction) -> None:
        async with tx.savepoint():
            await exceptions.open_exception(tx, ExceptionKind.OVERSOLD, ORDER, "No.")
            raise PolicyViolation("No.")

    async def work(tx: Transaction) -> None:
        with pytest.raises(PolicyViolation):
            await refused(tx)

    await transactions_on(database).run(work)
    assert await counts(database, "operational_exception", "event") == {
        "operational_exception": 0,
        "event": 0,
    }


async def test_many_that_find_it_at_once_open_one(database: Database) -> None:
    transactions = transactions_on(database)
    opened = await asyncio.gather(*(_open(transactions) for _ in range(8)))
    assert len(set(opened)) == 1
    (row,) = await rows(database, "SELECT occurrences FROM operational_exception")
    assert row["occurrences"] == 8
    found = await events(database, "exception.")
    assert sorted(e["subject_version"] for e in found) == list(range(1, 9))


async def test_what_comes_back_within_an_hour_is_the_same(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    first = await _open(transactions)
    await _clear(transactions)
    clock.forward(minutes=59)
    assert await _open(transactions, message="Three units are missing.") == first
    (row,) = await rows(database, "SELECT * FROM operational_exception")
    assert (row["status"], row["occurrences"], row["version"]) == ("OPEN", 2, 3)
    assert (row["resolution"], row["resolved_at"]) == (None, None)
    assert (row["opened_at"], row["due_at"]) == (MORNING, MORNING + timedelta(hours=1))
    found = await events(database, "exception.")
    assert [e["type"] for e in found] == [
        "exception.opened",
        "exception.resolved",
        "exception.reopened",
    ]
    steps = await rows(database, "SELECT action, status, note FROM exception_step ORDER BY id")
    assert [(step["action"], step["status"]) for step in steps] == [
        ("OPENED", "OPEN"),
        ("AUTO_RESOLVED", "AUTO_RESOLVED"),
        ("REOPENED", "OPEN"),
    ]
    assert steps[2]["note"] == "Three units are missing."


async def test_many_that_find_it_back_at_once_open_it_once(database: Database) -> None:
    transactions = transactions_on(database)
    first = await _open(transactions)
    await _clear(transactions)
    opened = await asyncio.gather(*(_open(transactions) for _ in range(8)))
    assert set(opened) == {first}
    (row,) = await rows(database, "SELECT occurrences, version FROM operational_exception")
    assert (row["occurrences"], row["version"]) == (9, 10)


async def test_a_kind_that_is_off_is_not_opened_there(database: Database) -> None:
    transactions = transactions_on(database)
    outcome = await transactions.perform(workflows.catalog.locations.upsert, a_location("LEEDS"))
    command = PublishPolicy(
        PolicyKind.EXCEPTION, "location:LEEDS", {"kinds": {"OVERSOLD": {"off": True}}}
    )
    boss = holder(Role.ADMIN, actor="boss")
    await transactions.perform(workflows.policies.publishing.publish, Request(command, boss))

    async def work(tx: Transaction, location_id: int | None) -> UUID | None:
        kind, message = ExceptionKind.OVERSOLD, "Two units are missing."
        return await exceptions.open_exception(tx, kind, ORDER, message, location_id=location_id)

    before = await counts(database, "event", "operational_exception", "exception_step")
    assert await transactions.run(lambda tx: work(tx, outcome.refs["location"])) is None
    assert await counts(database, "event", "operational_exception", "exception_step") == before
    assert await transactions.run(lambda tx: work(tx, None)) is not None
