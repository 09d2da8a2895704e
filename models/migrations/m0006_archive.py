"""Version 6: old events may be deleted from the log, up to a position that the transaction sets.

`event_retention.open_position` is 0 except inside such a transaction, so no other transaction sees
another value. The digest of a deleted event stays. With it, audit rows can still be checked against
their events, and an archive against the database.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

ARCHIVE = (
    """CREATE TABLE event_retention (
  id {int} NOT NULL PRIMARY KEY CHECK (id = 1),
  open_position {int} NOT NULL DEFAULT 0 CHECK (open_position >= 0)
) {strict}""",
    "INSERT INTO event_retention (id, open_position) VALUES (1, 0)",
    """CREATE TABLE archived_event (
  id {int} NOT NULL PRIMARY KEY,
  position {int} NOT NULL UNIQUE CHECK (position >= 1),
  transaction_id {uuid} NOT NULL,
  digest {text} NOT NULL CHECK (digest <> '')
) {strict}""",
)

# A row may be deleted if its remains are archived and its position is at most `open_position`.
MAY_LEAVE = {
    "event_position": (
        "EXISTS (SELECT 1 FROM event_retention r JOIN archived_event a"
        " ON a.position = OLD.position WHERE OLD.position <= r.open_position)"
    ),
    "event": (
        "EXISTS (SELECT 1 FROM event_retention r JOIN archived_event a"
        " ON a.id = OLD.id WHERE a.position <= r.open_position)"
    ),
}


def _let_go(engine: Engine, table: str, condition: str) -> Iterator[str]:
    """Triggers of a table that allow deletion where the condition holds."""
    refused = f"'{table} is append-only'"
    if engine == "sqlite":
        yield f"DROP TRIGGER {table}_no_delete"
        yield (
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN NOT {condition} "
            f"BEGIN SELECT RAISE(ABORT, {refused}); END"
        )
        return
    yield (
        f"CREATE FUNCTION refuse_change_of_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN IF TG_OP = 'DELETE' THEN IF {condition} THEN RETURN OLD; END IF; END IF; "
        f"RAISE EXCEPTION {refused} USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    yield f"DROP TRIGGER {table}_append_only ON {table}"
    yield (
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION refuse_change_of_{table}()"
    )


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in ARCHIVE:
        yield render(engine, statement)
    yield from append_only(engine, "archived_event")
    for table, condition in MAY_LEAVE.items():
        yield from _let_go(engine, table, condition)
