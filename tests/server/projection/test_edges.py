"""Edges in the compiled projection: one read per level, and the same answers as interpretation."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult
from graphql.execution.values import get_variable_values
from strawberry.types import Info

import server.projection.value_cache as value_cache
from domain.access.callers import ROLE_PERMISSIONS, Caller, Role
from server.operations.documents import DocumentCache
from server.operations.engine import Schema
from server.operations.executor import Executor, build_executor
from server.operations.limits import RequestLimits
from server.projection.loader import Loader
from server.projection.records import Record, column, derived, edge, many, one

SHELVES = {1: {"id": 1, "code": "A"}, 2: {"id": 2, "code": "B"}, 3: {"id": 3, "code": None}}
PARTS = {
    10: [{"size": 1, "made_at_id": 1}, {"size": 2, "made_at_id": 2}],
    11: [{"size": 3, "made_at_id": 1}],
    13: [{"size": 3, "made_at_id": None}, {"size": 2, "made_at_id": None}],
}


def shelves(loaders: Any) -> Loader[Any, Any]:
    """Shelves by id."""
    found: Loader[Any, Any] = loaders.shelves
    return found


def parts_of(loaders: Any) -> Loader[Any, Any]:
    """Parts by their owner."""
    found: Loader[Any, Any] = loaders.parts
    return found


@strawberry.type
class Shelf(Record):
    code: str


LABELLED: list[int] = []


@strawberry.type
class Label:
    """The label of a part."""

    text: str

    @staticmethod
    def of(size: int) -> "Label | None":
        """The label for a size, or None if the part is too small."""
        LABELLED.append(size)
        return Label(text=f"size {size}") if size > 1 else None


@strawberry.type
class Part(Record):
    size: int
    label: Label | None = derived(lambda part: Label.of(part.row["size"]), of=("size",))
    twice: int = derived(lambda part: part.size * 2)
    made_at: Shelf | None = edge(shelves, "made_at_id", one(Shelf))


@strawberry.type
class Thing(Record):
    title: str = column("name")
    shelf: Shelf | None = edge(shelves, "shelf_id", one(Shelf))
    spare: Shelf | None = edge(shelves, "spare_id", one(Shelf))
    parts: list[Part] = edge(parts_of, "id", many(Part))
    hidden: list[Part] = edge(
        parts_of,
        "id",
        many(Part),
        seen_by=Caller.may_see_cost,
    )

    @strawberry.field
    async def walked(self) -> str:
        """A field with a resolver that the projection cannot compile."""
        return f"walked {self.row['name']}"


@strawberry.type
class Query:
    @strawberry.field
    async def things(self, info: Info[Any, None]) -> list[Thing]:
        """All rows."""
        return [Thing.from_row(row, info.context) for row in info.context.rows]


SCHEMA = Schema(query=Query).graphql_schema


@dataclass
class SampleContext:
    """A context whose loaders record the requested keys."""

    rows: Sequence[Mapping[str, Any]]
    caller: Caller = field(default_factory=lambda: a_caller(Role.STOREFRONT))
    reads: list[tuple[str, list[Any]]] = field(default_factory=list)
    broken: str = ""

    def __post_init__(self) -> None:
        self.loaders = SimpleNamespace(
            shelves=Loader(self._read("shelves", SHELVES)),
            parts=Loader(self._read("parts", PARTS)),
        )

    def _read(self, name: str, source: Mapping[Any, Any]) -> Any:
        async def read(keys: Sequence[Any]) -> Mapping[Any, Any]:
            self.reads.append((name, sorted(keys)))
            if name == self.broken:
                raise ValueError(f"{name} cannot be read")
            return source

        return read


def a_caller(role: Role) -> Caller:
    """A caller with a role."""
    return Caller("somebody", role, ROLE_PERMISSIONS[role])


def a_thing(number: int, **facts: Any) -> dict[str, Any]:
    """A row."""
    return {"id": 9 + number, "name": f"thing {number}", "shelf_id": 1, "spare_id": None, **facts}


async def run(
    text: str, *rows: dict[str, Any], **facts: Any
) -> tuple[Any, SampleContext, Executor]:
    """Data and errors, equal for both executors, with the context and executor of the compiled
    run."""
    document = DocumentCache(SCHEMA, limits=RequestLimits()).get(text, None)
    document.uses = 2
    values = get_variable_values(SCHEMA, document.operation.variable_definitions or (), {})
    assert not isinstance(values, list)
    answers = []
    for compiled in (False, True):
        sample = SampleContext(rows, **facts)
        executor = build_executor(document, values, sample, None, compiled=compiled)
        running: Any = executor.execute_operation()
        result = await running
        assert isinstance(result, ExecutionResult)
        answers.append((result.data, [error.formatted for error in result.errors or ()]))
    assert answers[0] == answers[1]
    return answers[1], sample, executor


async def test_each_level_is_read_once_per_loader() -> None:
    text = "{ things { title shelf { code } spare { code } parts { twice madeAt { code } } } }"
    (data, errors), sample, executor = await run(text, a_thing(1), a_thing(2, spare_id=2))
    assert not errors
    assert data["things"][1] == {
        "title": "thing 2",
        "shelf": {"code": "A"},
        "spare": {"code": "B"},
        "parts": [{"twice": 6, "madeAt": {"code": "A"}}],
    }
    assert data["things"][0]["spare"] is None
    # The rows of the second level were already read for the first.
    assert sample.reads == [("shelves", [1, 2]), ("parts", [10, 11])]
    assert (executor.projected, executor.walked_again) == (1, 0)


async def test_beside_a_field_of_the_walk_each_level_is_still_read_once() -> None:
    text = "{ things { walked parts { size madeAt { code } } } }"
    (data, errors), sample, _ = await run(text, a_thing(1), a_thing(2), a_thing(3))
    assert not errors
    assert data["things"][2] == {"walked": "walked thing 3", "parts": []}
    assert sample.reads == [("parts", [10, 11, 12]), ("shelves", [1, 2])]


async def test_what_a_caller_may_not_see_is_not_read() -> None:
    (data, _), sample, _ = await run("{ things { hidden { size } } }", a_thing(1))
    assert data["things"] == [{"hidden": []}]
    assert sample.reads == []
    seeing = a_caller(Role.ADMIN)
    (data, _), sample, _ = await run("{ things { hidden { size } } }", a_thing(1), caller=seeing)
    assert data["things"] == [{"hidden": [{"size": 1}, {"size": 2}]}]


async def test_aliases_and_fragments_of_one_edge_are_kept_apart() -> None:
    text = """{ things { a: shelf { code } ...More b: shelf { kind: __typename } } }
    fragment More on Thing { a: shelf { again: code } }"""
    (data, _), _, _ = await run(text, a_thing(1))
    assert data["things"] == [{"a": {"code": "A", "again": "A"}, "b": {"kind": "Shelf"}}]


async def test_null_where_none_may_be_is_the_walks_to_tell() -> None:
    text = "{ things { title shelf { code } } }"
    (data, errors), _, executor = await run(text, a_thing(1), a_thing(2, shelf_id=3))
    assert [thing["shelf"] for thing in data["things"]] == [{"code": "A"}, None]
    assert [error["path"] for error in errors] == [["things", 1, "shelf", "code"]]
    assert executor.walked_again >= 1


@pytest.mark.parametrize("broken", ["shelves", "parts"])
async def test_a_loader_that_fails_fails_each_field_that_needs_it(broken: str) -> None:
    text = "{ things { title shelf { code } spare { code } } more: things { parts { size } } }"
    (_, errors), sample, executor = await run(text, a_thing(1), a_thing(2), broken=broken)
    assert all(error["message"] == f"{broken} cannot be read" for error in errors)
    assert len(errors) == (2 if broken == "shelves" else 1)
    assert sample.reads.count(("shelves", [1])) == 1
    assert executor.walked_again >= 1


async def test_an_edge_whose_key_is_missing_is_the_walks_to_tell() -> None:
    row = a_thing(1)
    del row["shelf_id"]
    (data, errors), _, _ = await run("{ things { title shelf { code } } }", row)
    assert data["things"] == [{"title": "thing 1", "shelf": None}]
    assert len(errors) == 1


async def test_nothing_is_read_for_cancelled_operations() -> None:
    sample = SampleContext([])
    alone = asyncio.ensure_future(sample.loaders.shelves.load(1))
    await asyncio.sleep(0)  # it has requested its keys; the read would come next
    alone.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    assert sample.reads == []
    assert await sample.loaders.shelves.load(1) == SHELVES[1]


async def test_what_the_same_columns_decide_is_worked_out_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    LABELLED.clear()
    things = a_thing(1), a_thing(2), a_thing(4)
    (data, _), _, executor = await run("{ things { parts { label { text } } } }", *things)
    assert executor.walked_again == 0
    labels = [part["label"] for thing in data["things"] for part in thing["parts"]]
    assert labels == [None, *({"text": f"size {size}"} for size in (2, 3, 3, 2))]
    walked, compiled = LABELLED[:5], LABELLED[5:]
    assert walked == [1, 2, 3, 3, 2]
    assert compiled == [1, 2, 3]
    monkeypatch.setattr(value_cache, "VALUES_MAX", 1)
    (again, _), _, _ = await run("{ things { parts { label { text } size } } }", *things)
    assert [part["label"] for thing in again["things"] for part in thing["parts"]] == labels
    assert len(value_cache.KNOWN) == 1
