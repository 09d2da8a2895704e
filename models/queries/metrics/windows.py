"""SQL that the figures of a window share: ages, durations, medians, and the caller's scope."""

from __future__ import annotations

from collections.abc import Sequence

from models.migrations.dialect import Engine
from models.queries.listing.scopes import Scope
from models.queries.listing.visibility import Visibility, bound


def younger_than(created: str, first: int, count: int) -> str:
    """The numbers of rows created after each of `count` instants, from placeholder `first` on."""
    return ", ".join(
        f"SUM(CASE WHEN {created} > ${first + place} THEN 1 ELSE 0 END) AS younger_{place}"
        for place in range(count)
    )


def seconds_between(engine: Engine, start: str, end: str) -> str:
    """The whole seconds from one instant to another. Half a millisecond hides binary fractions."""
    if engine == "postgres":
        return f"CAST(FLOOR(EXTRACT(EPOCH FROM ({end} - {start})) + 0.0005) AS bigint)"
    return f"CAST((julianday({end}) - julianday({start})) * 86400 + 0.0005 AS bigint)"


def medians(seconds: str, keys: Sequence[str], source: str) -> str:
    """The number of rows and their median duration, for each group of keys.

    Of an even number of rows, the median is the mean of the two in the middle, rounded down.
    """
    named = ", ".join(f"{expression} AS {name}" for name, expression in map(_split, keys))
    names = ", ".join(_split(key)[0] for key in keys)
    over = f"PARTITION BY {names} " if keys else ""
    grouped = f" GROUP BY {names}" if keys else ""
    head = f"{names}, " if keys else ""
    inner = f"{named}, " if keys else ""
    return (
        f"SELECT {head}MAX(number) AS rows, CAST(SUM(seconds) AS bigint) / COUNT(*) AS median"
        f" FROM (SELECT {head}seconds,"
        f" row_number() OVER ({over}ORDER BY seconds) AS place,"
        f" COUNT(*) OVER ({over.strip()}) AS number"
        f" FROM (SELECT {inner}{seconds} AS seconds FROM {source}) AS d) AS ranked"
        f" WHERE place IN ((number + 1) / 2, (number + 2) / 2){grouped}"
    )


def _split(key: str) -> tuple[str, str]:
    """The name and the expression of a key: `t.queue` is named `queue`; `x AS name` is explicit."""
    expression, has_name, name = key.partition(" AS ")
    return (name, expression) if has_name else (key.rpartition(".")[2], key)


def within(visibility: Visibility, scope: Scope, values: list[object]) -> str:
    """The conditions of a caller's scope; their values are added to `values`."""
    conditions = ""
    for condition in visibility.conditions(scope):
        text, found = bound(condition, scope)
        for value in found:
            values.append(value)
            text = text.replace("{}", f"${len(values)}", 1)
        conditions += f" AND {text}"
    return conditions


def one_of(column: str, kind: str, wanted: Sequence[object] | None, values: list[object]) -> str:
    """The condition that a column is one of the wanted values; None: no condition."""
    if wanted is None:
        return ""
    values.append(list(wanted))
    return f" AND {column} = ANY(${len(values)}::{kind}[])"
