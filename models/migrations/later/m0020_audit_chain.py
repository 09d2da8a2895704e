"""Version 20: the audit chain. Each seal of an audit row covers the seal before it.

Seals are written after commit, so that writers do not wait for each other. A trigger notes every
new audit row in `audit_pending`, so no code can forget it. Rows of earlier versions are noted here
and sealed in the order of their ids. Neither table refers to `audit_entry` with a foreign key: the
check locks the audit row, and PostgreSQL writes the row again for that lock.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.migrations.dialect import Engine, append_only, render

_TABLES = (
    """CREATE TABLE audit_pending (
  audit_id {uuid} NOT NULL PRIMARY KEY
) {strict}""",
    """CREATE TABLE audit_seal (
  sequence {int} NOT NULL PRIMARY KEY CHECK (sequence >= 1),
  audit_id {uuid} NOT NULL UNIQUE,
  previous_hash {text} NOT NULL CHECK (length(previous_hash) = 64),
  hash {text} NOT NULL CHECK (length(hash) = 64),
  CHECK (hash <> previous_hash)
) {strict}""",
    """CREATE TABLE audit_chain (
  id {int} NOT NULL PRIMARY KEY CHECK (id = 1),
  sequence {int} NOT NULL DEFAULT 0 CHECK (sequence >= 0),
  hash {text} NOT NULL CHECK (length(hash) = 64),
  sealed_at {instant} NULL,
  CHECK ((sequence = 0) = (sealed_at IS NULL))
) {strict}""",
    f"INSERT INTO audit_chain (id, sequence, hash) VALUES (1, 0, '{'0' * 64}')",
    "INSERT INTO audit_pending (audit_id) SELECT id FROM audit_entry",
)


def _enqueue(engine: Engine) -> Iterator[str]:
    """Triggers that note every inserted audit row; on PostgreSQL once per statement."""
    if engine == "sqlite":
        yield (
            "CREATE TRIGGER audit_entry_enqueue AFTER INSERT ON audit_entry "
            "BEGIN INSERT INTO audit_pending (audit_id) VALUES (NEW.id); END"
        )
        return
    yield (
        "CREATE FUNCTION enqueue_audit_entries() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN INSERT INTO audit_pending (audit_id) SELECT id FROM added; RETURN NULL; END $$"
    )
    yield (
        "CREATE TRIGGER audit_entry_enqueue AFTER INSERT ON audit_entry "
        "REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION enqueue_audit_entries()"
    )


def statements(engine: Engine) -> Iterator[str]:
    """All statements of this version in order, in the engine's SQL."""
    for statement in _TABLES:
        yield render(engine, statement)
    yield from append_only(engine, "audit_seal")
    yield from _enqueue(engine)
