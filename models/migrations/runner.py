"""Migrates a database to the newest version: each version once, completely, in order.

Tortoise's own migrations lose child rows and indexes on SQLite when a table is rebuilt, and omit
constraints of new tables. So versions are plain statements (docs/decisions/0003). A version never
changes after its release: its digest is stored and compared.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncpg

from models.migrations import (
    m0001_core,
    m0002_defaults,
    m0003_returns,
    m0004_refunds,
    m0005_tasks,
    m0006_archive,
    m0007_enqueue,
    m0008_indexes,
    m0009_policy_starts,
    m0010_standard_names,
    m0011_carrier_events,
    m0012_contradictions,
    m0013_causes,
    m0014_chargebacks,
    m0015_refund_parts,
    m0016_held_lines,
    m0017_code_keys,
)
from models.migrations.backfills.backfill import Backfill
from models.migrations.connected import m0044_integrations, m0050_health, m0051_messages
from models.migrations.continuity import m0047_playbooks
from models.migrations.dialect import Engine
from models.migrations.floor import (
    m0038_metrics,
    m0039_putaway_waits,
    m0040_return_bins,
    m0041_unannounced_reason,
    m0042_transfer_numbers,
    m0043_counted_missing,
    m0045_picked_units,
    m0046_transfer_parcels,
    m0049_missing_changes,
)
from models.migrations.later import (
    m0018_refund_sums,
    m0019_search_text,
    m0020_audit_chain,
    m0021_list_indexes,
    m0022_live_indexes,
    m0023_shown_facts,
    m0024_vacuum_of_holds,
    m0025_order_lists,
    m0026_list_filters,
    m0027_parcels,
    m0028_exception_steps,
    m0029_overdue_subjects,
    m0030_fulfillment_holds,
    m0031_bins,
    m0032_labels,
    m0033_item_codes,
    m0034_scans,
    m0035_waiting_events,
    m0036_counts,
    m0037_transfers,
)
from models.migrations.rollout import m0048_rollout

LOCK_KEY = 7_239_401_156


class Version(NamedTuple):
    """One version: its name, and its statements for an engine.

    `in_currency`: the statements if they depend on the base currency. The digest does not: the
    operator may change the currency until stock is received. `fill`: what Python computes after
    the statements.
    """

    name: str
    statements: Callable[[Engine], Iterator[str]]
    in_currency: Callable[[Engine, str], Iterator[str]] | None = None
    fill: Backfill | None = None

    def statements_in(self, engine: Engine, base_currency: str) -> Iterator[str]:
        """The statements for an engine and a base currency."""
        if self.in_currency is not None:
            return self.in_currency(engine, base_currency)
        return self.statements(engine)

    def digest(self, engine: Engine) -> str:
        """The digest that the stored row of this version must have."""
        every = (*self.statements(engine), *self.finish(engine))
        return hashlib.sha256("\n;\n".join(every).encode()).hexdigest()

    def finish(self, engine: Engine) -> Iterator[str]:
        """The statements that follow when the values of `fill` are stored."""
        return iter(()) if self.fill is None else self.fill.finish(engine)


VERSIONS: tuple[Version, ...] = (
    Version("0001_core", m0001_core.statements),
    Version("0002_defaults", m0002_defaults.statements, m0002_defaults.statements),
    Version("0003_returns", m0003_returns.statements),
    Version("0004_refunds", m0004_refunds.statements),
    Version("0005_tasks", m0005_tasks.statements),
    Version("0006_archive", m0006_archive.statements),
    Version("0007_enqueue", m0007_enqueue.statements),
    Version("0008_indexes", m0008_indexes.statements),
    Version("0009_policy_starts", m0009_policy_starts.statements),
    Version("0010_standard_names", m0010_standard_names.statements),
    Version("0011_carrier_events", m0011_carrier_events.statements),
    Version("0012_contradictions", m0012_contradictions.statements),
    Version("0013_causes", m0013_causes.statements),
    Version("0014_chargebacks", m0014_chargebacks.statements),
    Version("0015_refund_parts", m0015_refund_parts.statements),
    Version("0016_held_lines", m0016_held_lines.statements),
    Version("0017_code_keys", m0017_code_keys.statements, fill=m0017_code_keys.KEYS),
    Version("0018_refund_sums", m0018_refund_sums.statements),
    Version("0019_search_text", m0019_search_text.statements, fill=m0019_search_text.FILL),
    Version("0020_audit_chain", m0020_audit_chain.statements),
    Version("0021_list_indexes", m0021_list_indexes.statements),
    Version("0022_live_indexes", m0022_live_indexes.statements),
    Version("0023_shown_facts", m0023_shown_facts.statements),
    Version("0024_vacuum_of_holds", m0024_vacuum_of_holds.statements),
    Version("0025_order_lists", m0025_order_lists.statements, fill=m0025_order_lists.KEYS),
    Version("0026_list_filters", m0026_list_filters.statements),
    Version("0027_parcels", m0027_parcels.statements),
    Version("0028_exception_steps", m0028_exception_steps.statements),
    Version("0029_overdue_subjects", m0029_overdue_subjects.statements),
    Version("0030_fulfillment_holds", m0030_fulfillment_holds.statements),
    Version("0031_bins", m0031_bins.statements),
    Version("0032_labels", m0032_labels.statements),
    Version("0033_item_codes", m0033_item_codes.statements, fill=m0033_item_codes.FILL),
    Version("0034_scans", m0034_scans.statements),
    Version("0035_waiting_events", m0035_waiting_events.statements),
    Version("0036_counts", m0036_counts.statements, m0036_counts.statements_in),
    Version("0037_transfers", m0037_transfers.statements),
    Version("0038_metrics", m0038_metrics.statements),
    Version("0039_putaway_waits", m0039_putaway_waits.statements),
    Version("0040_return_bins", m0040_return_bins.statements),
    Version("0041_unannounced_reason", m0041_unannounced_reason.statements),
    Version(
        "0042_transfer_numbers",
        m0042_transfer_numbers.statements,
        fill=m0042_transfer_numbers.KEYS,
    ),
    Version("0043_counted_missing", m0043_counted_missing.statements),
    Version("0044_integrations", m0044_integrations.statements),
    Version("0045_picked_units", m0045_picked_units.statements),
    Version("0046_transfer_parcels", m0046_transfer_parcels.statements),
    Version("0047_playbooks", m0047_playbooks.statements),
    Version("0048_rollout", m0048_rollout.statements),
    Version("0049_missing_changes", m0049_missing_changes.statements),
    Version("0050_health", m0050_health.statements),
    Version("0051_messages", m0051_messages.statements),
)

_TABLE = (
    "CREATE TABLE IF NOT EXISTS schema_version"
    " (name TEXT NOT NULL PRIMARY KEY, digest TEXT NOT NULL, applied_at TEXT NOT NULL)"
)

_APPLIED = "SELECT name, digest FROM schema_version"
_HAS_FTS5 = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"
_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"


class MigrationError(Exception):
    """The database does not match the versions of this program."""


class DatabaseUnreachable(MigrationError):
    """No database answers at the address, it refuses access, or the file is not a database."""


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (asyncpg.PostgresError, sqlite3.Error, OSError) as error:
        raise DatabaseUnreachable(f"the database cannot be reached: {error}") from error


async def _connect(database_url: str) -> asyncpg.Connection[asyncpg.Record]:
    with _reaching():
        return await asyncpg.connect(database_url.replace("postgres://", "postgresql://", 1))


def sqlite_path(database_url: str) -> Path:
    """The file of a URL: `sqlite://var/x.db` is relative, `sqlite:///srv/x.db` is absolute."""
    return Path(database_url.removeprefix("sqlite://").partition("?")[0])


def _pending(applied: dict[str, str], engine: Engine) -> list[Version]:
    known = {version.name for version in VERSIONS}
    if unknown := sorted(set(applied) - known):
        raise MigrationError(
            f"the database has version {unknown[0]}, which this older program does not know"
        )
    for version in VERSIONS:
        if version.name in applied and applied[version.name] != version.digest(engine):
            raise MigrationError(f"version {version.name} was changed after it was applied")
    return [version for version in VERSIONS if version.name not in applied]


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _check_filled(version: Version, refusal: str | None) -> None:
    if refusal is not None:
        raise MigrationError(f"version {version.name} {refusal}")


async def _migrate_postgres(database_url: str, base_currency: str) -> list[str]:
    connection = await _connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)
            await connection.execute(_TABLE)
            rows = await connection.fetch("SELECT name, digest FROM schema_version")
            pending = _pending({row["name"]: row["digest"] for row in rows}, "postgres")
            for version in pending:
                for statement in version.statements_in("postgres", base_currency):
                    await connection.execute(statement)
                if version.fill is not None:
                    _check_filled(version, await version.fill.postgres(connection))
                for statement in version.finish("postgres"):
                    await connection.execute(statement)
                await connection.execute(
                    "INSERT INTO schema_version VALUES ($1, $2, $3)",
                    version.name,
                    version.digest("postgres"),
                    _now(),
                )
                await connection.execute(_CHECK_NOW)
        return [version.name for version in pending]
    finally:
        await connection.close()


# Checks that wait for the end of the transaction run after each version: PostgreSQL refuses to
# change a table for whose rows some are waiting.
_CHECK_NOW = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"


def _check_build(connection: sqlite3.Connection) -> None:
    if not connection.execute(_HAS_FTS5).fetchone():
        raise MigrationError(
            f"SQLite {sqlite3.sqlite_version} lacks FTS5, which the search of items needs: "
            "use a Python whose SQLite is built with it, or PostgreSQL"
        )


def _migrate_sqlite(database_url: str, base_currency: str) -> list[str]:
    path = sqlite_path(database_url)
    with _reaching():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # For its owner only. SQLite gives its other files the permissions of this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        with _reaching():
            connection.execute("PRAGMA journal_mode=WAL")
        _check_build(connection)
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_TABLE)
        rows = connection.execute("SELECT name, digest FROM schema_version").fetchall()
        pending = _pending(dict(rows), "sqlite")
        for version in pending:
            for statement in version.statements_in("sqlite", base_currency):
                connection.execute(statement)
            if version.fill is not None:
                _check_filled(version, version.fill.sqlite(connection))
            for statement in version.finish("sqlite"):
                connection.execute(statement)
            values = (version.name, version.digest("sqlite"), _now())
            connection.execute("INSERT INTO schema_version VALUES (?, ?, ?)", values)
        if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
            raise MigrationError(f"foreign keys without a parent row after migration: {broken[:3]}")
        connection.execute("COMMIT")
        return [version.name for version in pending]
    finally:
        connection.close()


async def migrate(
    database_url: str, base_currency: str = m0002_defaults.BASE_CURRENCY
) -> list[str]:
    """Apply the missing versions and return their names; one process at a time, all or nothing.

    The default policies of a new database name their amounts in the base currency.
    Raises MigrationError if the database is newer than this program or a version differs;
    DatabaseUnreachable if it cannot be reached.
    """
    if urlsplit(database_url).scheme == "sqlite":
        return _migrate_sqlite(database_url, base_currency)
    return await _migrate_postgres(database_url, base_currency)


async def missing(database_url: str) -> list[str]:
    """Names of the versions that this database lacks; changes nothing."""
    if urlsplit(database_url).scheme == "sqlite":
        path = sqlite_path(database_url)
        if not path.exists():
            return [version.name for version in VERSIONS]
        with _reaching():
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            with _reaching():
                has_table = connection.execute(_HAS_TABLE).fetchone()
            rows = connection.execute(_APPLIED).fetchall() if has_table else []
        finally:
            connection.close()
        return [version.name for version in _pending(dict(rows), "sqlite")]
    pg = await _connect(database_url)
    try:
        exists = await pg.fetchval("SELECT to_regclass('schema_version')")
        records = await pg.fetch(_APPLIED) if exists else []
    finally:
        await pg.close()
    return [v.name for v in _pending({r["name"]: r["digest"] for r in records}, "postgres")]
