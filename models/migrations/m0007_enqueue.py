"""Version 7: the events of one statement are added to `event_pending` by one insert.

On PostgreSQL calling the trigger once per row was a third of the cost of writing a hold. SQLite
compiles the trigger into the insert, so its trigger stays.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine

_POSTGRES = (
    "CREATE FUNCTION enqueue_events() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN INSERT INTO event_pending (event_id) SELECT id FROM made; RETURN NULL; END $$",
    "DROP TRIGGER event_enqueue ON event",
    "CREATE TRIGGER event_enqueue AFTER INSERT ON event REFERENCING NEW TABLE AS made "
    "FOR EACH STATEMENT EXECUTE FUNCTION enqueue_events()",
    "DROP FUNCTION enqueue_event()",
)


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    if engine == "postgres":
        yield from _POSTGRES
