"""The driver's connection, with a list of what was prepared on it in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from models.database.locked_reads import Routine
from models.database.small_writes import PreparedWrite

# Each action has a few; further ones use the driver's way.
PREPARED_MAX: Final = 256

Prepared = PreparedWrite | Routine
_types: dict[str, Sequence[str]] = {}  # of the placeholders of statements


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that remembers its prepared writes and its temporary functions.

    Something is prepared after its second use, and after the transaction that asked for it.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        # A pooler without prepared statements may send each transaction to another server process.
        self._prepares = self._stmt_cache_enabled
        self._prepared: set[str] = set()
        self._wanted: dict[str, Prepared] = {}
        self._seen: set[str] = set()

    def has_prepared(self, wanted: Prepared) -> bool:
        """True if this was prepared here; otherwise it will be, if it is used again."""
        if wanted.name in self._prepared:
            return True
        if self._prepares and wanted.name in self._seen:
            self._wanted[wanted.name] = wanted
        elif len(self._seen) < PREPARED_MAX:
            self._seen.add(wanted.name)
        return False

    @property
    def has_wanted(self) -> bool:
        """True if something waits for `prepare_wanted`."""
        return bool(self._wanted)

    async def prepare_wanted(self) -> None:
        """Prepare what was used repeatedly. After a failure this connection prepares no more."""
        wanted, self._wanted = self._wanted, {}
        self._prepares, prepares = False, self._prepares
        texts = [
            each.definition(await self._types_of(each))
            if isinstance(each, Routine)
            else each.prepare
            for each in wanted.values()
        ]
        await self.execute("; ".join(texts))
        self._prepares = prepares
        self._prepared.update(wanted)

    async def _types_of(self, routine: Routine) -> Mapping[str, Sequence[str]]:
        for step in routine.steps:
            if step.sql not in _types:
                statement = await self.prepare(step.sql)
                _types[step.sql] = [each.name for each in statement.get_parameters()]
        return {step.sql: _types[step.sql] for step in routine.steps}


def driver_connection(lent: Connection) -> Connection | None:
    """The driver's connection of one that the pool has lent; None if it broke and went back."""
    found = getattr(lent, "_con", lent)
    return found if isinstance(found, Connection) else None


def has_prepared(lent: Connection, wanted: Prepared) -> bool:
    """True if this was prepared on a lent connection; otherwise it will be, if used again."""
    connection = driver_connection(lent)
    return connection is not None and connection.has_prepared(wanted)


def has_wanted(lent: Connection) -> bool:
    """True if something waits to be prepared on a lent connection."""
    connection = driver_connection(lent)
    return connection is not None and connection.has_wanted
