"""Version 22: unfinished tasks and live holds have an index in the order of their list.

Without them, a page of open tasks passes all finished ones of a higher rank, and a page of live
holds sorts all of them. An index of live holds takes the place of one of all holds, so making a
hold costs as much as before. Ended holds have been in an index of their own since version 21.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

_STATEMENTS = (
    "CREATE INDEX task_unfinished ON task (priority, seniority, id)"
    " WHERE status IN ('OPEN', 'CLAIMED')",
    "CREATE INDEX reservation_held ON reservation (created_at, id) WHERE status = 'HELD'",
    "DROP INDEX reservation_created",
)


def statements(_: Engine) -> Iterator[str]:
    """All statements of this version in order; the same on both engines."""
    yield from _STATEMENTS
