"""Reads of the event log by page, limited to events that the caller may see."""

from __future__ import annotations

from collections.abc import Sequence

from domain.access.callers import Caller, Role
from domain.access.permissions import EVENT_NOUNS
from domain.events.former import stored_types
from domain.events.visibility import (
    INTEGRATION_NOUN,
    KIND_NOUN,
    PLACELESS_NOUNS,
    SPREAD_NOUNS,
    WHOLE_NOUNS,
)
from models.database.sessions import Session
from models.queries.events.event_log import LoggedEvent, LoggedEventRow
from models.queries.listing.scopes import Scope

_LOGGED = """
SELECT p.position, e.id, e.type, e.occurred_at, e.actor, e.subject_type, e.subject_key,
  e.subject_version, c.code AS channel, l.code AS location, e.data
FROM event_position p JOIN event e ON e.id = p.event_id
LEFT JOIN channel c ON c.id = e.channel_id LEFT JOIN location l ON l.id = e.location_id
"""


def _readable_nouns(caller: Caller) -> list[str] | None:
    """First parts of the event types that the caller may read; None: all, even unknown ones."""
    if caller.role is Role.ADMIN:
        return None
    return [noun for noun, needed in EVENT_NOUNS.items() if caller.may(needed)]


async def events(
    session: Session,
    scope: Scope,
    caller: Caller,
    *,
    types: Sequence[str] | None,
    after: int,
    limit: int,
) -> list[LoggedEvent]:
    """Up to `limit` events of these types after a position, oldest first."""
    conditions, values = ["p.position > $1"], list[object]([after])

    def where(condition: str, value: object) -> None:
        values.append(value)
        conditions.append(condition.replace("{}", f"${len(values)}"))

    if types is not None:
        where("e.type = ANY({}::text[])", stored_types(types))
    for column, ids in (
        ("e.channel_id", scope.channel_ids),
        ("e.location_id", scope.location_ids),
    ):
        if ids is not None:
            where(f"({column} IS NULL OR {column} = ANY({{}}::bigint[]))", list(ids))
    if scope.location_ids is not None:
        spread = " OR ".join(f"e.type LIKE '{noun}.%'" for noun in SPREAD_NOUNS)
        where(
            "(e.location_id IS NOT NULL OR e.channel_id IS NULL OR e.actor = {}"
            f" OR NOT ({spread}))",
            caller.actor,
        )
        placeless = " OR ".join(f"e.type LIKE '{noun}.%'" for noun in PLACELESS_NOUNS)
        where(f"(e.actor = {{}} OR NOT ({placeless}))", caller.actor)
    if not scope.is_whole:
        whole = " OR ".join(f"e.type LIKE '{noun}.%'" for noun in WHOLE_NOUNS)
        whole += f" OR (e.type LIKE '{INTEGRATION_NOUN}.%' AND e.data ->> 'kind' = 'WEBHOOK')"
        where(f"(e.actor = {{}} OR NOT ({whole}))", caller.actor)
    if scope.hidden_kinds:
        where(
            f"NOT (e.type LIKE '{KIND_NOUN}.%' AND e.data ->> 'kind' = ANY({{}}::text[]))",
            list(scope.hidden_kinds),
        )
    nouns = _readable_nouns(caller)
    if nouns is not None:
        words = [f"e.type LIKE '{noun}.%'" for noun in nouns]
        conditions.append(f"({' OR '.join(words)})")
    rows = await session.rows(
        LoggedEventRow,
        f"{_LOGGED} WHERE {' AND '.join(conditions)} ORDER BY p.position LIMIT {limit}",
        *values,
    )
    return [LoggedEvent.from_row(row) for row in rows]
