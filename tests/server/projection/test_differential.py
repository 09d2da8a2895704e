"""Compiled projection against Strawberry's own executor: random documents, compared byte by byte.

Each document runs in a well-behaved world, before and after it was compiled, and in an odd world
with values of wrong kinds. `differential` works for any Strawberry schema.
"""

import asyncio
import gc
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import orjson
import pytest
from graphql import DocumentNode, ExecutionResult, GraphQLSchema, execute, parse
from graphql.execution.values import get_variable_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from resolvers.root import schema as restow_schema
from server.operations.documents import Document, DocumentCache
from server.operations.engine import Schema
from server.operations.errors import RequestRefused
from server.operations.executor import build_executor
from server.operations.limits import RequestLimits
from tests.server.random_documents import RandomDocument
from tests.server.random_world import World, Worlds
from tests.server.sample import a_schema

TIMES = 4 if os.environ.get("RESTOW_LONG") == "1" else 1
WIDE = RequestLimits(
    depth=50, fields=10_000, root_fields=100, aliases=1_000, directives=500, repeats=500
)


@dataclass
class Tally:
    """Counts of a run of the comparison."""

    seen: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        seen = self.seen
        share = 100 * seen["compiled"] / max(seen["executed"], 1)
        return (
            f"{seen['documents']} documents tried, {seen['refused']} invalid, "
            f"{seen['executed']} runs compared with Strawberry's executor: {share:.0f} % compiled "
            f"({seen['projected']} values and objects, {seen['walked again']} given back to the "
            f"walk, {seen['reads']} reads of loaders where Strawberry's executor had "
            f"{seen['strawberry reads']}), {seen['with errors']} with errors "
            f"({seen['errors']} errors compared, {seen['raced']} where siblings' loaders raced)"
        )


def encoded(result: ExecutionResult) -> bytes:
    """The response as bytes, with errors formatted by graphql-core and without memory addresses."""
    errors = [error.formatted for error in result.errors or ()]
    answer = orjson.dumps(
        {"errors": errors, "data": result.data}, default=repr, option=orjson.OPT_UTC_Z
    )
    return re.sub(rb"0x[0-9a-f]{6,}", b"0x", answer)


def places(result: ExecutionResult) -> tuple[bytes, dict[tuple[Any, ...], set[str]]]:
    """The data, and the errors grouped by the place of the null that they caused.

    Siblings that wait for loaders fail in the order in which the loaders answer. Only the first
    failure that nulls their parent is reported. For such a null only its place is the same on each
    run.
    """
    found: dict[tuple[Any, ...], set[str]] = {}
    for error in result.errors or ():
        value, place = result.data, 0
        path = error.path or []
        while value is not None and place < len(path):
            step: Any = path[place]
            value, place = value[step], place + 1
        is_own = place == len(path)
        shown = re.sub(r"0x[0-9a-f]{6,}", "0x", repr(error.formatted)) if is_own else "below it"
        found.setdefault(tuple(path[:place]), set()).add(shown)
    return orjson.dumps(result.data, default=repr, option=orjson.OPT_UTC_Z), found


async def compare(worlds: Worlds, cache: DocumentCache, random: Random, tally: Tally) -> None:
    """Compare both executors on one random document."""
    drawn = RandomDocument(worlds.schema, random)
    query_type = worlds.schema.query_type
    assert query_type is not None
    drawn.draw(query_type)
    tally.seen["documents"] += 1
    try:
        document = cache.get(drawn.text, None)
    except RequestRefused:
        tally.seen["refused"] += 1
        return
    parsed = parse(drawn.text)
    seed = random.randint(0, 10**6)
    for use, odd in ((1, 0.0), (2, 0.0), (3, random.choice([0.005, 0.05]))):
        document.uses = use
        theirs, mine = World(worlds.schema, seed, odd), World(worlds.schema, seed, odd)
        expected = await worlds.run(theirs, partial(strawberry_result, theirs, parsed, drawn))
        result, projected, again = await our_result(worlds, document, drawn, mine)
        place = f"{drawn.text}\n{drawn.variables} seed {seed} odd {odd} use {use}"
        if encoded(result) != encoded(expected):
            assert mine.context.reads, place
            assert places(result) == places(expected), place
            tally.seen["raced"] += 1
        tally.seen["executed"] += use > 1
        tally.seen["compiled"] += projected > 0
        tally.seen["projected"] += projected
        tally.seen["reads"] += mine.context.reads
        tally.seen["strawberry reads"] += theirs.context.reads
        tally.seen["walked again"] += again
        tally.seen["errors"] += len(result.errors or ())
        tally.seen["with errors"] += bool(result.errors)


def strawberry_result(world: World, parsed: DocumentNode, drawn: RandomDocument) -> Any:
    """The result of Strawberry's own executor."""
    return execute(
        world.schema,
        parsed,
        variable_values=drawn.variables,
        context_value=world.context,
        executor_class=StrawberryGraphQLCoreExecutionContext,
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
    )


async def our_result(
    worlds: Worlds, document: Document, drawn: RandomDocument, world: World
) -> tuple[ExecutionResult, int, int]:
    """The result of our executor, with the number of projected values and of those walked again."""
    variables = get_variable_values(
        worlds.schema, document.operation.variable_definitions or (), drawn.variables
    )
    if isinstance(variables, list):
        return ExecutionResult(None, variables), 0, 0
    executor = build_executor(document, variables, world.context, None)
    result = await worlds.run(world, executor.execute_operation)
    return result, executor.projected, executor.walked_again


def differential(schema: GraphQLSchema, examples: int) -> Tally:
    """Compare on `examples` random documents for `schema`, whose resolvers become stubs."""
    tally = Tally()
    cache = DocumentCache(schema, limits=WIDE, entries=50)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(min_value=0, max_value=2**63))
    def run(seed: int) -> None:
        asyncio.run(compare(worlds, cache, Random(seed), tally))

    with Worlds(schema) as worlds:
        run()
    gc.collect()  # objects that warn when they are collected do so here, not in another test
    return tally


# graphql-core cancels the siblings of a failed non-null field before they start. The awaitables
# that they hold then warn, with Strawberry's executor and with ours.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("name", "schema", "examples"),
    [("sample", a_schema(), 600 * TIMES), ("restow", restow_schema, 450 * TIMES)],
    ids=["sample", "restow"],
)
def test_random_documents_answer_as_strawberrys_executor_does(
    capsys: pytest.CaptureFixture[str], name: str, schema: Schema, examples: int
) -> None:
    tally = differential(schema.graphql_schema, examples)
    with capsys.disabled():
        print(f"\nprojection, {name} schema: {tally}")  # noqa: T201
    seen = tally.seen
    assert seen["refused"] < 0.1 * seen["documents"]
    assert seen["compiled"] > 0.7 * seen["executed"]
    assert seen["with errors"] > 0.05 * seen["executed"]
