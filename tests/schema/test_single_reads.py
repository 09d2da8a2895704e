"""Queries that read once: without a transaction, until one needs a second statement."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from domain.access.callers import Role
from models.database.database import Database
from models.database.sessions import Session
from server.operations.executor import Executor
from tests.builders.in_process_server import InProcessServer
from tests.schema.test_selections import executors as executors

ORDERS = """query ($status: OrderStatus) {
  orders(status: $status) { nodes { number fulfillments { status } } totalCount } }"""
LEVELS = "{ stockLevels { nodes { available item { sku } location { code } } } }"


@pytest.fixture
def singles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kind of each session that is opened for queries."""
    seen: list[str] = []
    for kind in ("single", "snapshot"):
        opens = getattr(Database, kind)

        def noted(
            self: Database, _kind: str = kind, _opens: Any = opens
        ) -> AbstractAsyncContextManager[Session]:
            seen.append(_kind)
            opened: AbstractAsyncContextManager[Session] = _opens(self)
            return opened

        monkeypatch.setattr(Database, kind, noted)
    return seen


async def learned(
    api: InProcessServer, executors: list[Executor], document: str, **variables: Any
) -> bool | None:
    """Send a document until its reads are known; return them."""
    for _ in range(4):
        await api.ask(document, variables)
    return executors[-1].shape.reads.are_single


async def test_a_page_that_is_read_by_one_statement_opens_no_snapshot(
    api: InProcessServer, executors: list[Executor], singles: list[str]
) -> None:
    await api.receive(9)
    first = await api.ask(LEVELS)
    assert await learned(api, executors, LEVELS) is True
    singles.clear()
    assert await api.ask(LEVELS) == first
    assert "single" in singles


async def test_a_query_that_needs_another_statement_runs_again_in_a_snapshot(
    api: InProcessServer, executors: list[Executor], singles: list[str]
) -> None:
    empty = ORDERS.replace(" totalCount", "")
    assert await learned(api, executors, empty, status="CANCELLED") is True
    await api.receive(9)
    placed = await api.place(2)
    executors.clear()
    singles.clear()
    found = await api.ask(empty, {"status": "ALLOCATED"})
    assert found["orders"]["nodes"] == [
        {
            "number": placed["number"],
            "fulfillments": [{"status": placed["fulfillments"][0]["status"]}],
        }
    ]
    assert len(executors) == 2
    assert singles.index("single") < singles.index("snapshot")
    assert executors[-1].shape.reads.are_single is False
    singles.clear()
    assert await api.ask(empty, {"status": "ALLOCATED"}) == found
    assert "single" not in singles


async def test_a_page_with_its_total_is_read_in_a_snapshot(
    api: InProcessServer, executors: list[Executor]
) -> None:
    assert await learned(api, executors, ORDERS) is not True


async def test_a_list_with_two_filters_is_planned_for_their_values(
    api: InProcessServer, executors: list[Executor], singles: list[str]
) -> None:
    """A session for one call would use one plan for all values."""
    document = """query ($queue: QueueKind, $status: TaskStatus) {
      tasks(first: 5, queue: $queue, status: $status) { nodes { priority } } }"""
    assert await learned(api, executors, document, queue="PICK") is True
    singles.clear()
    found = await api.ask(document, {"queue": "PICK", "status": "DONE"})
    assert found == {"tasks": {"nodes": []}}
    assert singles.index("single") < singles.index("snapshot")
    assert executors[-1].shape.reads.are_single is False


async def test_a_scoped_caller_reads_in_a_snapshot_and_teaches_nothing(
    api: InProcessServer, executors: list[Executor], singles: list[str]
) -> None:
    await api.receive(9)
    key = await api.a_key(Role.SUPPORT, locations=("LEEDS",))
    for _ in range(4):
        seen = await api.ask(LEVELS, key=key)
    assert [node["location"]["code"] for node in seen["stockLevels"]["nodes"]] == ["LEEDS"]
    assert executors[-1].shape.reads.are_single is None
    assert await learned(api, executors, LEVELS) is True
    singles.clear()
    assert await api.ask(LEVELS, key=key) == seen
    assert "snapshot" in singles
