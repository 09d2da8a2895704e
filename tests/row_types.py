"""Comparison of declared row types with the rows that statements return.

The test session installs it (conftest.py). It compares every typed read of every test, and `faults`
collects the differences. A fixture fails the test that read such a row.
"""

import re
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict
from uuid import UUID

import asyncpg.pgproto.pgproto as pgproto

import models
from models.database.locked_reads import LockedReads
from models.database.model import Model
from models.database.postgres_session import PostgresSession
from models.database.sessions import Row, Session
from models.database.sql import Question
from models.database.sqlite_session import SqliteSession

faults: list[str] = []

# A column of a SELECT list: alias.column, maybe under another name, before a comma or FROM.
_SELECTED = re.compile(r"\b(\w+)\.(\w+)(?: AS (\w+))?(?=\s*,|\s+FROM\b)")
_SOURCE = re.compile(r"\b(LEFT JOIN|JOIN|FROM)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?")


def install() -> None:
    """Compare the rows of every typed read from now on."""
    rows, value = Session.rows, Session.value

    async def checked_rows(self: Session, row_type: type[Any], sql: str, *args: object) -> Any:
        found = await rows(self, row_type, sql, *args)
        compare(row_type, sql, found)
        return found

    async def checked_value(self: Session, value_type: type[Any], sql: str, *args: object) -> Any:
        found = await value(self, value_type, sql, *args)
        if type(found) not in {NoneType, *_classes(value_type)}:
            faults.append(f"{value_type.__name__} is declared, {found!r} was returned: {sql}")
        return found

    setattr(Session, "rows", checked_rows)  # noqa: B010 - a method is replaced
    setattr(Session, "value", checked_value)  # noqa: B010
    for session in (SqliteSession, PostgresSession):
        _check_questions(session)


def _check_questions(session: type[Session]) -> None:
    ask = session.ask

    def checked(self: Session, *questions: Question[Any]) -> Awaitable[tuple[Any, ...]]:
        return ask(self, *map(_compared, questions))

    lock_and_ask = session.lock_and_ask

    def checked_steps(self: Session, steps: LockedReads) -> Awaitable[Any]:
        guards, reads = (tuple(map(_compared, each)) for each in (steps.guards, steps.reads))
        return lock_and_ask(self, LockedReads(guards, _compared(steps.lock), reads))

    setattr(session, "ask", checked)  # noqa: B010
    setattr(session, "lock_and_ask", checked_steps)  # noqa: B010


def _compared(question: Question[Any]) -> Question[Any]:
    row_type, read = question.row_type, question.read
    if row_type is None:
        return question

    def compare_and_read(rows: Sequence[Row]) -> Any:
        compare(row_type, question.sql, rows)
        return read(rows)

    return replace(question, read=compare_and_read)


def compare(row_type: type, sql: str, rows: Iterable[Row]) -> None:
    """Add the differences between a declared type and the rows of a statement to `faults`."""
    if not is_typeddict(row_type):
        return
    for name in nullable_columns(row_type, sql):
        faults.append(f"{row_type.__name__}.{name} can be null in {sql}")
    columns = _columns(row_type)
    for row in rows:
        if set(row.keys()) != columns.keys():
            declared, returned = ", ".join(sorted(columns)), ", ".join(sorted(row.keys()))
            faults.append(f"{row_type.__name__} declares {declared}; {returned} in {sql}")
            return
        for name, value in row.items():
            if columns[name] and type(value) not in columns[name]:
                faults.append(f"{row_type.__name__}.{name} is not {value!r}, as returned by {sql}")
                return


@cache
def _columns(row_type: type) -> Mapping[str, frozenset[type]]:
    """The classes that values of each column may have; none for Any."""
    return {name: _classes(hint) for name, hint in get_type_hints(row_type).items()}


def _classes(hint: Any) -> frozenset[type]:
    if hint is Any:
        return frozenset()
    if get_origin(hint) in {Union, UnionType}:
        return frozenset().union(*map(_classes, get_args(hint)))
    if get_origin(hint) is Literal:
        return frozenset(map(type, get_args(hint)))
    return frozenset({UUID, pgproto.UUID}) if hint is UUID else frozenset({hint})


@cache
def nullable_columns(row_type: type, sql: str) -> tuple[str, ...]:
    """Columns that a statement can return as null and that the type declares without None."""
    tables = {alias or name: (name, join) for join, name, alias in _SOURCE.findall(sql)}
    selected: dict[str, tuple[str, str]] = {}
    for alias, column, name in _SELECTED.findall(sql):
        selected.setdefault(name or column, (alias, column))
    return tuple(
        name
        for name, classes in _columns(row_type).items()
        if classes
        and NoneType not in classes
        and not re.search(rf"\b{name} (?:IS NOT NULL|[=<>])", sql)
        and (name in selected or not re.search(rf"\bAS {name}\b", sql))
        and _is_nullable(name, selected.get(name), tables)
    )


def _is_nullable(
    name: str, selected: tuple[str, str] | None, tables: Mapping[str, tuple[str, str]]
) -> bool:
    """True if a column can be null according to the tables of its statement."""
    if selected is not None:
        alias, name = selected
        tables = {alias: tables[alias]} if alias in tables else {}
    found = [
        join == "LEFT JOIN" or _nullability()[table][name]
        for table, join in tables.values()
        if name in _nullability().get(table, {})
    ]
    return bool(found) and all(found)


@cache
def _nullability() -> Mapping[str, Mapping[str, bool]]:
    """Nullability of each column, by table and column."""
    for module in iter_modules(models.__path__, "models."):
        if not module.ispkg:
            import_module(module.name)
    return {
        model._meta.db_table: {name: field.null for name, field in model._meta.fields_map.items()}
        for model in Model.__subclasses__()
    }
