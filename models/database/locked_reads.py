"""Locks and reads in one call: guards, then a lock, then reads of what others had changed before.

On PostgreSQL one statement cannot do that: it has one snapshot, so it would not see what another
transaction committed while it waited for the lock. The statements of a VOLATILE function have a
snapshot each. So these steps become a temporary function of the connection, in PL/pgSQL. It is made
from the same statements that are sent one after another before it exists, and on SQLite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

from models.database.rows import Row
from models.database.sql import Question, asking, replaced

_numbers = count(1)


class Interrupted(Exception):
    """A guard has returned a row. No later step was taken."""


@dataclass(frozen=True, slots=True)
class FromLock:
    """An argument of a read: the distinct values of this bigint column in the rows of the lock."""

    column: str


@dataclass(frozen=True, slots=True)
class LockedReads:
    """Steps of one call, in this order.

    `guards`: the call ends at the first one that returns a row. `lock`: locks rows and returns
    them. `reads`: have one snapshot, taken after the lock. Each argument is that of a question, or
    FromLock, which all reads share.
    """

    guards: Sequence[Question[Any]]
    lock: Question[Any]
    reads: Sequence[Question[Any]]

    @property
    def args(self) -> list[object]:
        """The arguments of all steps, without those from the lock."""
        steps = (*self.guards, self.lock, *self.reads)
        return [arg for step in steps for arg in step.args if not isinstance(arg, FromLock)]

    def reads_after(self, rows: Sequence[Row]) -> list[Question[Any]]:
        """The reads, with their arguments from the rows of the lock."""
        return [
            replace(read, args=tuple(_value(arg, rows) for arg in read.args)) for read in self.reads
        ]


def _value(arg: object, rows: Sequence[Row]) -> object:
    return sorted({row[arg.column] for row in rows}) if isinstance(arg, FromLock) else arg


class Step(NamedTuple):
    """A statement of a routine: its SQL and, per placeholder, the column of the lock or None."""

    sql: str
    columns: tuple[str | None, ...]


class Routine(NamedTuple):
    """A temporary function that takes all steps."""

    name: str
    guards: tuple[Step, ...]
    lock: Step
    reads: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in their order."""
        return (*self.guards, self.lock, *self.reads)

    @property
    def call(self) -> str:
        """The statement that calls it; its first column is true if a guard has interrupted it."""
        count = sum(column is None for step in self.steps for column in step.columns)
        places = ", ".join(f"${number}" for number in range(1, count + 1))
        return f"SELECT * FROM pg_temp.{self.name}({places})"

    def definition(self, types: Mapping[str, Sequence[str]]) -> str:
        """The statement that makes it. `types`: of the placeholders of each step's SQL."""
        numbers = count(1)
        declared: list[str] = []
        texts: list[str] = []
        for step in self.steps:
            places = []
            for column, kind in zip(step.columns, types[step.sql], strict=True):
                if column is None:
                    places.append(f"${next(numbers)}")
                    declared.append(kind)
                else:
                    places.append(f"locked_{column}")
            texts.append(replaced(step.sql, places))
        guards, lock, reads = (
            texts[: len(self.guards)],
            texts[len(self.guards)],
            texts[len(self.guards) + 1 :],
        )
        columns = sorted({c for step in self.reads for c in step.columns if c is not None})
        outs = [f"OUT answer_{number} json" for number in range(1, len(reads) + 1)]
        aggregated = ["coalesce(json_agg(q), '[]')"]
        aggregated += [f"coalesce(array_agg(DISTINCT q.{column}), '{{}}')" for column in columns]
        targets = ["locked", *(f"locked_{column}" for column in columns)]
        return "\n".join(
            [
                f"CREATE OR REPLACE FUNCTION pg_temp.{self.name}(",
                f"  {', '.join([*declared, 'OUT interrupted boolean', 'OUT locked json', *outs])}",
                ") LANGUAGE plpgsql VOLATILE AS $restow$",
                "#variable_conflict use_column",
                *(["DECLARE"] if columns else []),
                *(f"  locked_{column} bigint[];" for column in columns),
                "BEGIN",
                "  interrupted := true;",
                *(f"  IF EXISTS ({guard}) THEN RETURN; END IF;" for guard in guards),
                "  interrupted := false;",
                f"  SELECT {', '.join(aggregated)} INTO {', '.join(targets)} FROM ({lock}) AS q;",
                f"  {asking(tuple((read, 0) for read in reads))}",
                f"    INTO {', '.join(f'answer_{n}' for n in range(1, len(reads) + 1))};",
                "END $restow$",
            ]
        )


def routine_of(reads: LockedReads) -> Routine:
    """The routine of these steps; the same for the same statements."""
    return _routine(
        tuple(map(_step, reads.guards)), _step(reads.lock), tuple(map(_step, reads.reads))
    )


def _step(question: Question[Any]) -> Step:
    columns = (arg.column if isinstance(arg, FromLock) else None for arg in question.args)
    return Step(question.sql, tuple(columns))


@lru_cache(maxsize=64)
def _routine(guards: tuple[Step, ...], lock: Step, reads: tuple[Step, ...]) -> Routine:
    return Routine(f"restow_reads_{next(_numbers)}", guards, lock, reads)
