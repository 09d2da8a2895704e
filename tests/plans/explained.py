"""Recorder of plans: explains every statement that a connection to PostgreSQL executes.

It replaces methods of the driver, so it also sees querysets, and statements of later code. Each
statement is explained just before it is executed, with its arguments and in its transaction: once
with the generic plan and once with a plan for these values. A savepoint undoes what that changes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import orjson

ROOT = str(Path(__file__).parents[2])
MODES = ("force_generic_plan", "force_custom_plan")
CALLS_MAX = 4  # explained calls of one statement; later ones have similar arguments
_EXPLAINED = re.compile(r"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
# Questions about the server itself, of the driver and of the program.
_OF_SERVER = re.compile(r"\bpg_catalog\.|\bpg_(?:class|type|stat)|clock_timestamp")
_OUTSIDE = (
    *("models/database/", "models/queries/listing/"),
    *("tests/plans/explained.py", "tests/row_types.py"),
)
_OF_TESTS = ("tests/builders/",)


@dataclass(frozen=True, slots=True)
class Cost:
    """Pages and rows that a call of a statement read, and the function that sent it."""

    pages: int
    rows: int
    code: str


@dataclass
class Recorder:
    """The most expensive call of each statement, by (statement, kind of plan)."""

    costs: dict[tuple[str, str], Cost] = field(default_factory=dict)
    _calls: dict[str, int] = field(default_factory=dict)
    _busy: set[int] = field(default_factory=set)

    async def explain(self, connection: Any, sql: str, args: Sequence[object]) -> None:
        """Explain a statement of the program, unless it was explained often enough."""
        number = id(connection)
        if number in self._busy or not _EXPLAINED.match(sql) or _OF_SERVER.search(sql):
            return
        code = sending_code()
        if code is None or self._calls.get(sql, 0) >= CALLS_MAX:
            return
        self._calls[sql] = self._calls.get(sql, 0) + 1
        self._busy.add(number)
        try:
            await self._explain(connection, sql, args, code)
        finally:
            self._busy.discard(number)

    async def _explain(self, connection: Any, sql: str, args: Sequence[object], code: str) -> None:
        values = await _literals(connection, sql, args)
        is_inside = connection.is_in_transaction()
        await connection.execute("SAVEPOINT plans" if is_inside else "BEGIN")
        # A refused statement is not measured: the program executes it again and is refused too.
        with suppress(asyncpg.PostgresError):
            await connection.execute(f"PREPARE plans AS {sql}")
            for mode in MODES:
                await connection.execute(f"SAVEPOINT plan; SET LOCAL plan_cache_mode = {mode}")
                found = await connection.fetchval(
                    f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE plans{values}"
                )
                await connection.execute("ROLLBACK TO SAVEPOINT plan")
                self._add(sql, mode, orjson.loads(found)[0]["Plan"], code)
        await connection.execute(
            "ROLLBACK TO SAVEPOINT plans; RELEASE SAVEPOINT plans" if is_inside else "ROLLBACK"
        )
        with suppress(asyncpg.InvalidSQLStatementNameError):  # it was not prepared
            await connection.execute("DEALLOCATE plans")

    def _add(self, sql: str, mode: str, plan: dict[str, Any], code: str) -> None:
        pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        known = self.costs.get((sql, mode))
        if known is None or known.pages < pages:
            self.costs[sql, mode] = Cost(pages, _rows_read(plan), code)


def _rows_read(plan: dict[str, Any]) -> int:
    """Rows that the nodes of a plan returned or threw away."""
    own = sum(count for name, count in plan.items() if name.startswith("Rows Removed"))
    rows: int = (plan["Actual Rows"] + own) * plan["Actual Loops"]
    return rows + sum(map(_rows_read, plan.get("Plans", ())))


def sending_code() -> str | None:
    """The function that sent the statement, as `module.function`; None: a test or its builder."""
    frame = sys._getframe(1)
    while (back := frame.f_back) is not None:
        frame = back
        name = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        if name.startswith(("/", ".venv", *_OUTSIDE)):
            continue
        if name.startswith(_OF_TESTS):
            return None
        return f"{name.removesuffix('.py').replace('/', '.')}.{frame.f_code.co_name}"
    return None


async def _literals(connection: Any, sql: str, args: Sequence[object]) -> str:
    """The arguments as SQL literals in parentheses; empty without arguments."""
    if not args:
        return ""
    statement = await connection.prepare(sql)
    quoted = ", ".join(
        f"quote_nullable((${place}::{kind.name})::text) AS a{place}"
        for place, kind in enumerate(statement.get_parameters(), start=1)
    )
    row = await connection.fetchrow(f"SELECT {quoted}", *args)
    return f" ({', '.join(row.values())})"


@contextmanager
def recording() -> Iterator[Recorder]:
    """Explain the statements of all connections of this process."""
    recorder = Recorder()
    execute, many = asyncpg.Connection._execute, asyncpg.Connection._executemany

    async def explained(self: Any, query: str, args: Any, *rest: Any, **named: Any) -> Any:
        await recorder.explain(self, query, args)
        return await execute(self, query, args, *rest, **named)

    async def explained_many(self: Any, query: str, args: Any, timeout: Any) -> Any:
        rows = list(args)
        if rows:
            await recorder.explain(self, query, rows[0])
        return await many(self, query, rows, timeout)

    asyncpg.Connection._execute, asyncpg.Connection._executemany = explained, explained_many
    try:
        yield recorder
    finally:
        asyncpg.Connection._execute, asyncpg.Connection._executemany = execute, many
