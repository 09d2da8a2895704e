"""Tortoise querysets beside SQL by hand: `python -m benchmarks.parts.querysets`.

CPU of this process in microseconds per call, inside one transaction, on both engines: the median of
alternated rounds. The CPU of a PostgreSQL server is not in it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from statistics import median

from benchmarks.catalog import fill_sqlite, fresh_postgres
from benchmarks.processes import postgres
from models.catalog import Supplier
from models.database.database import Database
from models.database.sessions import Session

ROWS = 1_000
ROUNDS = 7
CALLS = 200
MANY = 100
CODES = [f"S{number}" for number in range(ROWS)]

Call = Callable[[Session, int], Awaitable[object]]


async def _one_by_queryset(session: Session, number: int) -> object:
    return await Supplier.get_or_none(code=CODES[number % ROWS], using_db=session.client)


async def _one_by_hand(session: Session, number: int) -> object:
    sql = "SELECT id, code, name, version FROM supplier WHERE code = $1"
    return await session.fetch_one(sql, CODES[number % ROWS])


async def _many_by_queryset(session: Session, number: int) -> object:
    ids = list(range(1 + number, 1 + number + MANY))
    return await Supplier.filter(id__in=ids).using_db(session.client)


async def _many_by_hand(session: Session, number: int) -> object:
    ids = list(range(1 + number, 1 + number + MANY))
    sql = "SELECT id, code, name, version FROM supplier WHERE id = ANY($1::bigint[])"
    return await session.fetch(sql, ids)


async def _insert_by_queryset(session: Session, number: int) -> object:
    code = f"Q{time.perf_counter_ns()}"
    return await Supplier.create(code=code, name=f"Name {number}", using_db=session.client)


async def _insert_by_hand(session: Session, number: int) -> object:
    code = f"H{time.perf_counter_ns()}"
    await session.insert(Supplier, [{"code": code, "name": f"Name {number}", "version": 1}])
    return None


async def _update_by_queryset(session: Session, number: int) -> object:
    found = Supplier.filter(id=1 + number % ROWS).using_db(session.client)
    return await found.update(name=f"Name {number}")


async def _update_by_hand(session: Session, number: int) -> object:
    sql = "UPDATE supplier SET name = $2 WHERE id = $1"
    return await session.execute(sql, 1 + number % ROWS, f"Name {number}")


PAIRS: Mapping[str, tuple[Call, Call]] = {
    "read one by code": (_one_by_queryset, _one_by_hand),
    f"read {MANY} by id": (_many_by_queryset, _many_by_hand),
    "insert one": (_insert_by_queryset, _insert_by_hand),
    "update one": (_update_by_queryset, _update_by_hand),
}


async def _measure(url: str) -> None:
    database = Database(url)
    await database.open()
    try:
        async with database.writer() as session:
            rows = [{"code": code, "name": code, "version": 1} for code in CODES]
            await session.insert(Supplier, rows)
        async with database.writer() as session:
            for name, pair in PAIRS.items():
                spent = await _alternated(session, pair)
                queryset, by_hand = (round(median(each)) for each in spent)
                ratio = queryset / by_hand
                print(
                    f"{database.engine:<9}{name:<18}{queryset:>6} µs  {by_hand:>6} µs  {ratio:.1f}"
                )
    finally:
        await database.close()


async def _alternated(session: Session, pair: tuple[Call, Call]) -> tuple[list[float], list[float]]:
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS):
        for place in (0, 1) if number % 2 else (1, 0):
            started = time.process_time()
            for call in range(CALLS):
                await pair[place](session, call)
            spent[place].append((time.process_time() - started) / CALLS * 1e6)
    return spent


async def _main(server: str) -> None:
    with tempfile.TemporaryDirectory(prefix="restow-bench-") as folder:
        url = f"sqlite://{Path(folder) / 'bench.db'}"
        await fill_sqlite(url, 1, (1, 1, 1))
        await _measure(url)
    await _measure(await fresh_postgres(server, "querysets", 1, (1, 1, 1)))


if __name__ == "__main__":
    with postgres() as running:
        asyncio.run(_main(running))
